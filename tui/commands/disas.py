"""`simkernel disas`: a function's instructions in gdb's layout, in one of its three states."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import click

from simkernel.errors import LearnerError
from tui.options import KERNEL, MACHINE, OneOf, Options, takes_options
from tui.output import emit_json
from tui.session import boot, carry_out, image_of

if TYPE_CHECKING:
    from simkernel.asm import Symbol
    from simkernel.disasm import Instruction
    from simkernel.kernel import KernelImage

AS_BUILT, BOOTED, TRACED = "as-built", "booted", "traced"


def code_in_state(options: Options, state: str, name: str) -> tuple[KernelImage, Symbol, bytes]:
    """A function's bytes in a state, and the kernel they come from."""
    from simkernel.ftrace.commands import SetFilter, SetTracer

    if state == AS_BUILT:
        image = image_of(options)
        symbol = image.symbol(name)
        return image, symbol, image.text_of(symbol)
    simulation = boot(options)
    image = simulation.image
    symbol = image.symbol(name)
    if state == TRACED:
        if not symbol.traced:
            raise LearnerError(f"{name} is notrace: no site stands at its start; show it with --booted")
        carry_out(simulation, options, SetFilter("filter", name), SetTracer("function"))
    return image, symbol, simulation.read(symbol.address, symbol.size)


@click.command
@click.argument("function", metavar="FUNC")
@click.option("--syntax", type=OneOf(("att", "intel")), default="att", show_default=True, help="Spelling.")
@click.option("--bytes", "with_bytes", is_flag=True, help="Print each instruction's bytes too.")
@click.option("--as-built", "state", flag_value=AS_BUILT, help="The image as the compiler leaves it: call __fentry__.")
@click.option("--booted", "state", flag_value=BOOTED, default=BOOTED, help="Memory after boot: the NOP (the default).")
@click.option("--traced", "state", flag_value=TRACED, help="Memory while the function is traced: the call.")
@takes_options(KERNEL, MACHINE)
def command(function: str, syntax: str, with_bytes: bool, state: str, options: Options, as_json: bool) -> None:
    """Disassemble FUNC in gdb's layout.

    The three states are three readings of one address: the file, memory, and memory while traced. Below it stands what
    the function does otherwise than Linux.
    """
    from simkernel import disasm

    image, symbol, code = code_in_state(options, state, function)
    instructions = list(disasm.decode(code, symbol.address, "intel" if syntax == "intel" else "att"))
    if as_json:
        emit_json({"function": symbol.name, "address": symbol.address, "state": state, "syntax": syntax,
                   "instructions": [as_value(one, symbol.address) for one in instructions],
                   "simplified": image.simplified(symbol)})  # fmt: skip
        return
    click.echo(f"Dump of assembler code for function {symbol.name}:")
    for line in disasm.listing(instructions, symbol.address, partial(place_name, image), with_bytes):
        click.echo(line)
    click.echo("End of assembler dump.")
    for note in image.simplified(symbol):
        click.echo(click.wrap_text(f"Simplified: {note}", shutil.get_terminal_size().columns, "", "  "))


def place_name(image: KernelImage, address: int) -> str:
    """What stands in angle brackets: symbol+offset, and what /proc/kallsyms calls all that ftrace allocates."""
    from simkernel.kernel.layout import TRAMP_BASE, TRAMP_SIZE

    return "ftrace_trampoline" if 0 <= address - TRAMP_BASE < TRAMP_SIZE else image.symbolize(address)


def as_value(one: Instruction, start: int) -> dict[str, object]:
    """An instruction as JSON."""
    return {
        "address": one.address,
        "offset": one.address - start,
        "bytes": one.bytes.hex(" "),
        "text": one.text,
        "target": one.target,
    }
