"""Which guest sources make a kernel, in which order. `guest/ORDER` is the list."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources

from simkernel.errors import OurError

Source = tuple[str, str]


def guest_sources() -> tuple[list[Source], list[Source]]:
    """(core, subsystems): the (file name, text) pairs of the default kernel, in the order of assembly."""
    guest = resources.files("simkernel") / "guest"
    parts: dict[str, list[Source]] = {"core": [], "subsystem": []}
    for line in (guest / "ORDER").read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in parts:
            raise OurError(f"guest/ORDER: '{line}' is not 'core FILE' or 'subsystem FILE'")
        parts[words[0]].append((words[1], (guest / words[1]).read_text(encoding="utf-8")))
    return parts["core"], parts["subsystem"]


def sources_hash(sources: Sequence[Source], layout: dict[str, int]) -> str:
    """SHA-256 over what an assembly depends on: names, texts (line ends made equal) and the memory map."""
    digest = hashlib.sha256()
    for name, text in sources:
        digest.update(f"{name}\0{text.replace(chr(13), '')}\0".encode())
    digest.update(repr(sorted(layout.items())).encode())
    return digest.hexdigest()
