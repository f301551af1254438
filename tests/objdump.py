"""GNU objdump as an oracle: raw bytes in, one line an instruction out."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_objdump = pytest.mark.needs("objdump")


@dataclass(frozen=True)
class Line:
    """One instruction as objdump prints it; `text` without its comment, `comment` the address behind `#`."""

    address: int
    code: bytes
    text: str
    comment: int | None


def objdump(code: bytes, address: int, intel: bool = False) -> list[Line]:
    """Disassemble `code` as it stands at `address`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "code.bin"
        file.write_bytes(code)
        command = ["objdump", "-D", "-w", "-z", "-b", "binary", "-m", "i386:x86-64", f"--adjust-vma={address:#x}"]
        command += ["-M", "intel" if intel else "att", str(file)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in map(_line, printed.splitlines()) if line]


def _line(printed: str) -> Line | None:
    match = re.match(r"\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(?:\t(.*))?$", printed)
    if not match:
        return None
    text, _, comment = (match[3] or "").partition("#")
    found = re.match(r"\s*(0x[0-9a-f]+)", comment)
    return Line(
        int(match[1], 16), bytes.fromhex(match[2]), " ".join(text.split()), int(found[1], 16) if found else None
    )
