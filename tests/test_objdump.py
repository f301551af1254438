"""The listings of the whole kernel against GNU objdump, and against gdb's `disassemble`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import capstone
import pytest

from simkernel import disasm, insn
from simkernel.disasm import gnu
from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage, layout
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.objdump import Line, needs_objdump, objdump
from tests.test_disasm import CODE

needs_gdb = pytest.mark.needs("gdb", "objcopy")


def compare(code: bytes, address: int, intel: bool = False) -> None:
    """Hold every line of `code` against objdump's: address, length, bytes, text, where it points."""
    ours = list(disasm.decode(code, address, "intel" if intel else "att"))
    for line, gnu_line in zip(ours, objdump(code, address, intel), strict=True):
        assert (line.address, line.bytes) == (gnu_line.address, gnu_line.code)
        assert line.text == gnu_line.text, f"{line.address:#x}: {line.bytes.hex(' ')}"
        assert line.reference == gnu_line.comment
        assert line.target == _target(gnu_line)


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
@pytest.mark.parametrize("ibt", [False, True], ids=["plain", "ibt"])
def test_every_line_of_the_kernel_booted_and_traced(ibt: bool) -> None:
    """What memory holds after boot (NOPs), and with every function traced (calls), trampolines too."""
    simulation = Simulation.boot(Options(cpus=1, ibt=ibt, patch_quantum=128))
    machine, text = parts_of(simulation).machine, simulation.image.segments[0]
    for tracer, mnemonic in (("nop", "nopl"), ("function", "call")):
        simulation.do(SetTracer(tracer))
        assert simulation.run_until_idle()
        code = machine.code.read(text.base, len(text.data))
        for intel in (False, True):
            compare(code, text.base, intel)
        site = int(simulation.image.mcount_loc[0]) - text.base
        assert next(disasm.decode(code[site:], 0)).mnemonic == mnemonic
    trampoline = machine.code.read(layout.TRAMP_BASE, 0x100)
    (first,) = (i for i in disasm.decode(code[site : site + insn.CALL_INSN_SIZE], text.base + site))
    assert first.target == layout.TRAMP_BASE
    code_end = trampoline.rindex(bytes((insn.RET,))) + 1
    compare(trampoline[:code_end], layout.TRAMP_BASE)


@needs_objdump
def test_a_synthetic_kernel() -> None:
    text = KernelImage.synthetic(1000).segments[-2]
    compare(bytes(text.data), text.base)


def test_every_row_of_the_spelling_tables_is_needed() -> None:
    """By a line of the kernel as Capstone spells it, or by a line of test_disasm."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.syntax = capstone.CS_OPT_SYNTAX_ATT
    text = bytes(KernelImage.default().segments[0].data)
    names = {name.split()[-1] for code in (text, *CODE) for _, _, name, _ in engine.disasm_lite(code, 0)}
    stems = {name[:-1] for name in names}
    assert names >= set(gnu._NEVER)
    assert stems >= gnu._SIZED | gnu._SHIFTS | set(gnu._STRINGS)


@needs_gdb
def test_listings_are_those_of_gdb(tmp_path: Path) -> None:
    image = KernelImage.default()
    text = image.segments[0]
    functions = [s for s in image.symbols if s.size and s.kind in "Tt"]
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
        return image.symbolize(address) if symbol and symbol.kind in "Tt" else f"{address:#x}"

    return symbolize
