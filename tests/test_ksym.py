"""`%pS` names an address and a size as kallsyms does: a symbol reaches to the next one, over the padding behind it."""

from __future__ import annotations

import random
import re

import pytest

from simkernel import tracefs
from simkernel.ftrace import ops as fl
from simkernel.ftrace.commands import RegisterOps, SetTracer
from simkernel.ftrace.needs import symbol_text
from simkernel.kernel import KernelImage, layout
from simkernel.sim.control_files import control_files
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

PRINTED = re.compile(r"([a-z_]\w*)\+0x([0-9a-f]+)/0x([0-9a-f]+)")


def kernel(functions: int, ibt: bool = False) -> KernelImage:
    return KernelImage.synthetic(functions) if functions else KernelImage.default(ibt)


def kallsyms(image: KernelImage) -> dict[int, list[str]]:
    """What /proc/kallsyms lists, by address: no names that only the host looks for, and no sizes."""
    listed: dict[int, list[str]] = {}
    for symbol in image.symbols:
        if symbol.kind != ".":
            listed.setdefault(symbol.address, []).append(symbol.name)
    return listed


def walked(listed: dict[int, list[str]]) -> list[tuple[int, int, str]]:
    """(start, size, name) by a plain walk: a symbol reaches to the next address that has one; the last is the end."""
    starts = sorted(listed)
    pairs = zip(starts, starts[1:], strict=False)
    return [(start, after - start, plainest(listed[start])) for start, after in pairs]


def plainest(names: list[str]) -> str:
    """Of the names of one address the first with the fewest underscores: compare_symbols(), scripts/kallsyms.c."""
    return min(names, key=lambda name: len(name) - len(name.lstrip("_")))


@pytest.mark.parametrize("ibt", [False, True])
def test_every_address_of_the_kernel_is_called_as_a_walk_over_its_symbols_calls_it(ibt: bool) -> None:
    image = kernel(0, ibt)
    rows = walked(kallsyms(image))
    assert rows[0][2] == "startup_64"
    for start, size, name in rows:
        for address in range(start, start + size):
            assert symbol_text(image, address) == f"{name}+{address - start:#x}/{size:#x}", hex(address)
    for address in (rows[0][0] - 1, image.address("_edata"), 0, layout.TRAMP_BASE, 2**64 - 1):
        assert symbol_text(image, address) == f"{address:#x}"


def test_generated_functions_reach_to_the_next_one() -> None:
    image = kernel(3000)
    text = image.segments[-2]
    generated = {address: names for address, names in kallsyms(image).items() if address >= layout.SYNTH_BASE}
    starts = [*sorted(generated), text.base + len(text.data)]
    draw = random.Random(3)
    for index in [0, 1, len(starts) - 2, *(draw.randrange(len(starts) - 1) for _ in range(500))]:
        start, size = starts[index], starts[index + 1] - starts[index]
        (name,) = generated[start]
        for offset in {0, 5, size - 1, draw.randrange(size)}:
            assert symbol_text(image, start + offset) == f"{name}+{offset:#x}/{size:#x}"
    assert symbol_text(image, starts[-1]) == f"{starts[-1]:#x}"
    assert symbol_text(image, image.address("vfs_read")) == symbol_text(kernel(0), image.address("vfs_read"))


def test_files_and_oops_print_the_sizes_of_that_walk() -> None:
    simulation = Simulation.boot(Options(), KernelImage.default())
    image = simulation.image
    sizes = {name: size for _, size, name in walked(kallsyms(image))}
    simulation.do(SetTracer("function"))
    simulation.do(RegisterOps("two", "ftrace_ops_count", fl.FTRACE_OPS_FL_SAVE_REGS, "vfs_*"))
    simulation.run_until_idle(4_000_000)
    assert simulation.patching.idle
    texts = [tracefs.read(control_files(simulation), name) for name in ("enabled_functions", "touched_functions")]
    machine = parts_of(simulation).machine
    regs = machine.cpus[0].rsp - 0x400 & ~0xF
    padding = image.address("process_one_work") - 2  # behind worker_thread's last byte
    machine.memory.write(regs, bytes(layout.FRAME_SIZE))
    machine.memory.write_u64(regs + layout.PT_RIP, padding)
    machine.memory.write_u64(regs + layout.PT_RSP, machine.cpus[0].rsp)
    parts_of(simulation).kernel.percpu.write(0, layout.PCPU_OOPS_REGS, regs)
    machine.memory.write_u64(image.address("oops_in_progress"), 1)
    oops = simulation.oops
    assert oops is not None and "RIP: 0000:worker_thread+0x3e/0x40" in oops.text
    printed = PRINTED.findall("\n".join([*texts, oops.text]))
    assert len({name for name, _, _ in printed}) > 3
    for name, offset, size in printed:
        assert int(size, 16) == sizes[name] >= int(offset, 16), name  # %pB: an entry's address is the end of another


def test_screens_and_trace_call_the_padding_as_printk_does() -> None:
    image = KernelImage.default()
    end = image.symbol("vfs_read").address + image.symbol("vfs_read").size
    assert image.find(end) is None, "find() says what a function's own bytes are, as gdb does"
    assert image.symbolize(end) == "vfs_read+0x75"
    assert image.symbolize(image.address("ftrace_call") + 5).startswith("ftrace_caller+"), "as gdb's <+n>"
