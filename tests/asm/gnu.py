"""GNU as as an oracle: the bytes that it makes of a source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

needs_gnu_as = pytest.mark.needs("as", "objcopy")


def gnu_bytes(folder: Path, text: str, section: str = ".text") -> tuple[bytes, str]:
    """What GNU as makes of a source's section, and what it says on stderr; no bytes where it refuses."""
    source, made, out = folder / "given.s", folder / "given.o", folder / "given.bin"
    source.write_text(text, encoding="utf-8")
    made.unlink(missing_ok=True)
    done = subprocess.run(["as", "--64", "-o", made, source], capture_output=True, text=True, check=False)
    if done.returncode or not made.exists():
        return b"", done.stderr
    subprocess.run(["objcopy", "-O", "binary", "-j", section, made, out], check=True, capture_output=True)
    return out.read_bytes() if out.exists() else b"", done.stderr
