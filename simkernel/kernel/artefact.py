"""The packaged kernel: what Keystone made of `guest/*.S`, so that nobody else needs Keystone.

`guest/default.kernel` is a zlib stream: one line of JSON (sources' hash; for each of the two kernels, without and with
endbr64, its symbols and the sizes of its parts), then text and data of each. Sites are read from the data, between
`__start_mcount_loc` and `__stop_mcount_loc`.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from importlib import resources

import numpy as np

from simkernel.asm import Assembly, Symbol, assemble, available
from simkernel.errors import OurError
from simkernel.kernel import layout
from simkernel.kernel.sources import Source, guest_sources, sources_hash

NAME = "default.kernel"


def source_hash() -> str:
    """The hash of the sources as they are now."""
    return sources_hash(_sources(), layout.assembler_constants())


def _sources() -> list[Source]:
    core, subsystems = guest_sources()
    return [*core, *subsystems]


def assemble_default(ibt: bool) -> Assembly:
    """The default kernel, assembled afresh; needs Keystone."""
    return assemble(_sources(), layout.target(), ibt=ibt)


def pack(kernels: dict[bool, Assembly], hashed: str) -> bytes:
    """The uncompressed artefact."""
    header = {"source_hash": hashed, "kernels": [_header(ibt, kernel) for ibt, kernel in sorted(kernels.items())]}
    body = b"".join(kernel.text + kernel.data for _ibt, kernel in sorted(kernels.items()))
    return json.dumps(header, separators=(",", ":")).encode() + b"\n" + body


def _header(ibt: bool, kernel: Assembly) -> dict[str, object]:
    return {
        "ibt": ibt,
        "base": kernel.base,
        "text": len(kernel.text),
        "data_base": kernel.data_base,
        "data": len(kernel.data),
        "symbols": [[s.address - kernel.base, s.name, s.size, s.kind, int(s.traced)] for s in kernel.symbols],
    }


def unpack(raw: bytes) -> tuple[str, dict[bool, Assembly]]:
    """The sources' hash and the kernels of an uncompressed artefact."""
    line, _, body = raw.partition(b"\n")
    header = json.loads(line)
    kernels = {}
    for entry in header["kernels"]:
        base, text_size, data_base, data_size = entry["base"], entry["text"], entry["data_base"], entry["data"]
        text, data, body = body[:text_size], body[text_size : text_size + data_size], body[text_size + data_size :]
        symbols = tuple(Symbol(base + at, name, size, kind, bool(t)) for at, name, size, kind, t in entry["symbols"])
        where = {s.name: s.address for s in symbols if s.name.endswith("_mcount_loc")}
        table = data[where["__start_mcount_loc"] - data_base : where["__stop_mcount_loc"] - data_base]
        sites = tuple(int(site) for site in np.frombuffer(table, dtype="<u8"))
        kernels[bool(entry["ibt"])] = Assembly(base, text, data_base, data, symbols, sites)
    return str(header["source_hash"]), kernels


def compressed(raw: bytes) -> bytes:
    """The artefact as it lies in the package."""
    return zlib.compress(raw, 9)


def packaged() -> bytes | None:
    """The artefact of this package, uncompressed, or None if there is none."""
    file = resources.files("simkernel") / "guest" / NAME
    return zlib.decompress(file.read_bytes()) if file.is_file() else None


@dataclass(frozen=True, slots=True)
class Default:
    """The default kernel: what the assembler made, and the sources that it made it of, with their hash."""

    assembly: Assembly
    sources: list[Source]
    source_hash: str


def read_default(ibt: bool) -> Default:
    """The default kernel. If its sources have been edited since it was packaged it is assembled anew.

    Raises:
        OurError: the sources were edited and there is no Keystone to assemble them.
    """
    raw, sources = packaged(), _sources()
    now = sources_hash(sources, layout.assembler_constants())
    if raw is not None:
        hashed, kernels = unpack(raw)
        if hashed == now:
            return Default(kernels[ibt], sources, now)
    if not available():
        raise OurError("the packaged kernel is not that of guest/*.S, and there is no Keystone to assemble it anew")
    return Default(assemble_default(ibt), sources, now)
