"""The listings of the whole kernel against GNU objdump, and against gdb's `disassemble`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from simkernel import disasm
from simkernel.image import KernelImage
from tests.objdump import Line, needs_objdump, objdump

# Spellings that differ, as (ours, GNU's). Each row is needed by a line of the kernel, which the last test here checks.
SPELLING: dict[str, str] = {}

needs_gdb = pytest.mark.skipif(not (shutil.which("gdb") and shutil.which("objcopy")), reason="gdb is not installed")


def compare(code: bytes, address: int, intel: bool = False) -> set[str]:
    """Hold every line of `code` against objdump's; returns the rows of SPELLING that were needed."""
    needed = set()
    ours = list(disasm.decode(code, address, "intel" if intel else "att"))
    theirs = objdump(code, address, intel)
    for line, gnu in zip(ours, theirs, strict=True):
        assert (line.address, line.bytes) == (gnu.address, gnu.code)
        text = line.text
        if text != gnu.text and text in SPELLING:
            needed.add(text)
            text = SPELLING[text]
        assert text == gnu.text, f"{line.address:#x}: {line.bytes.hex(' ')}"
        assert line.reference == gnu.comment
        assert line.target == _target(gnu)
    return needed


def _target(line: Line) -> int | None:
    """Where objdump says that a direct branch goes."""
    *_, mnemonic, operand = ["", *line.text.split()]
    branch = mnemonic.startswith(("j", "call", "loop"))
    return int(operand, 16) if branch and operand.startswith("0x") else None


@needs_objdump
@pytest.mark.parametrize("ibt", [False, True], ids=["plain", "ibt"])
@pytest.mark.parametrize("intel", [False, True], ids=["att", "intel"])
def test_every_line_of_the_kernel_as_built(ibt: bool, intel: bool) -> None:
    text = KernelImage.default(ibt).segments[0]
    compare(bytes(text.data), text.base, intel)


@needs_objdump
def test_a_synthetic_kernel() -> None:
    text = KernelImage.synthetic(1000).segments[-2]
    compare(bytes(text.data), text.base)


@needs_objdump
def test_every_spelling_is_needed() -> None:
    text = KernelImage.default().segments[0]
    assert compare(bytes(text.data), text.base) == set(SPELLING)


@needs_gdb
def test_listings_are_those_of_gdb(tmp_path: Path) -> None:
    image = KernelImage.default()
    text = image.segments[0]
    functions = [s for s in image.symbols if s.size and s.kind == "T"]
    file, binary = tmp_path / "kernel.elf", tmp_path / "kernel.bin"
    binary.write_bytes(text.data)
    command = ["objcopy", "-I", "binary", "-O", "elf64-x86-64", "-B", "i386:x86-64"]
    command += ["--rename-section", ".data=.text,alloc,load,readonly,code,contents"]
    command += ["--change-section-address", f".data={text.base:#x}"]
    for s in functions:
        command += ["--add-symbol", f"{s.name}=.text:{s.address - text.base:#x},function,global"]
    subprocess.run([*command, str(binary), str(file)], check=True, capture_output=True)
    chosen = [s for s in functions if s.name in ("schedule", "vfs_read", "poke_int3_handler", "ftrace_caller")]
    for symbol in chosen:
        gdb = ["gdb", "-nx", "-batch", "-ex", f"disassemble /r {symbol.name}", str(file)]
        printed = subprocess.run(gdb, check=True, capture_output=True, text=True).stdout.splitlines()
        instructions = disasm.decode(image.text_of(symbol), symbol.address)
        ours = list(disasm.listing(instructions, symbol.address, _only_functions(image), with_bytes=True))
        assert ours == printed[1 : 1 + len(ours)]


def _only_functions(image: KernelImage) -> Callable[[int], str]:
    """A symbolizer that knows what the file for gdb knows."""

    def symbolize(address: int) -> str:
        symbol = image.find(address)
        return image.symbolize(address) if symbol and symbol.kind == "T" else f"{address:#x}"

    return symbolize
