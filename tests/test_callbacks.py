"""What stands between a site and a callback: Linux's bytes; the list function; what a callback may change."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from simkernel import tracefs
from simkernel.ftrace.commands import RegisterOps
from simkernel.ftrace.trampolines import CallerCode, call_bytes, create_trampoline
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.sources import guest_sources
from simkernel.sim.control_files import control_files
from simkernel.sim.simulation import Simulation
from tests.guest import vitals
from tests.guest.whole_kernel import WholeKernel
from tests.linux_facts import facts
from tests.linux_facts.ftrace_64 import FUNCTIONS

COUNTS = "\tlock incq OPS_HITS(%rdx)\n"
GARBAGE = "\tmovabsq $0xdeadbeefdeadbeef, %{0}\n"
LIST_FUNC = "arch_ftrace_ops_list_func"
CALLERS = ("ftrace_caller", "ftrace_regs_caller")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_bytes_are_those_of_linuxs_own_file(name: str) -> None:
    image, linux = KernelImage.default(), facts().code[name]
    address, wanted = image.address(name), bytearray.fromhex(linux.bytes)
    for at, (symbol, addend) in linux.places.items():
        displacement = image.address(symbol) + addend - (address + int(at))
        wanted[int(at) : int(at) + 4] = displacement.to_bytes(4, "little", signed=True)
    assert image.text_of(image.symbol(name)) == bytes(wanted)
    assert {label: image.address(label) - address for label in linux.labels} == linux.labels


# --- the list function ------------------------------------------------------------------------------------------------


def test_ftrace_lookup_ip_takes_a_hash_and_an_address_and_gives_the_entry_or_null() -> None:
    kernel = WholeKernel(KernelImage.default(), cpus=1)
    place = layout.HEAP_BASE + layout.HEAP_SIZE - 0x400
    sites = [int(site) for site in kernel.image.mcount_loc[::11]]
    for size in (0, 1, 2, 5, len(sites)):
        kernel.machine.memory.write_u64(place + layout.HASH_COUNT, size)
        entries = {site: place + layout.HASH_IPS + 8 * at for at, site in enumerate(sites[:size])}
        for site, entry in entries.items():
            kernel.machine.memory.write_u64(entry, site)
        for ip in [0, *sites, sites[-1] + 1]:
            assert kernel.call("ftrace_lookup_ip", place, ip) == entries.get(ip, 0)


def test_the_list_function_has_linuxs_two_names_and_is_printed_by_the_first() -> None:
    image = KernelImage.default()
    address = image.address("ftrace_ops_list_func")
    assert [s.name for s in image.symbols if s.address == address] == [LIST_FUNC, "ftrace_ops_list_func"]
    assert image.symbolize(address) == LIST_FUNC
    simulation = Simulation.boot(image=image)
    for name in ("one", "two"):
        simulation.do(RegisterOps(name, "ftrace_ops_count", filter="vfs_read"))
    simulation.run_until_idle()
    assert f"->{LIST_FUNC}+0x0/0x" in tracefs.read(control_files(simulation), "enabled_functions")
    symbols = tracefs.read(control_files(simulation), "kallsyms").splitlines()
    found = [line.split()[2] for line in symbols if f"{address:x}" in line]
    assert found == [LIST_FUNC, "ftrace_ops_list_func"]


# --- what a callback may change ---------------------------------------------------------------------------------------


@cache
def changing(*registers: str) -> KernelImage:
    """The default kernel with an ftrace_ops_count that leaves garbage in these registers."""
    sources = [source for part in guest_sources() for source in part]
    whole = "".join(text for _, text in sources)
    assert whole.count(COUNTS) == 1
    garbage = "".join(GARBAGE.format(register) for register in registers)
    return KernelImage.from_sources([(name, text.replace(COUNTS, COUNTS + garbage)) for name, text in sources])


def traced(image: KernelImage, way: str) -> WholeKernel:
    """A kernel whose sites all call ftrace_ops_count: by a trampoline of its own, or by a shared one and the list."""
    kernel = WholeKernel(image, tick_period=60_000)
    machine, ops = kernel.machine, layout.FTRACE_OPS_BASE
    regs = "regs" in way
    machine.memory.write_u64(ops + layout.OPS_FUNC, image.address("ftrace_ops_count"))
    machine.memory.write_u64(ops + layout.OPS_NEXT, image.address("ftrace_list_end"))
    machine.memory.write_u64(image.address("ftrace_ops_list"), ops)
    if way in CALLERS:
        where, call = image.address(way), CallerCode.of(image, regs).call
        machine.code.write(call, call_bytes(call, image.address(LIST_FUNC)), fresh=True)
    else:
        where = layout.TRAMP_BASE
        code, _ = create_trampoline(machine, image, where, ops, image.address("ftrace_ops_count"), regs)
        machine.code.write(where, code, fresh=True)
    calls = [list(call_bytes(int(site), where)) for site in image.mcount_loc]
    machine.code.write_rows(image.mcount_loc, np.array(calls, dtype=np.uint8), fresh=True)
    return kernel


def ran(kernel: WholeKernel) -> list[object]:
    """The registers and all data but stacks, after a run of all tasks with timers, interrupts and NMIs."""
    for _ in range(60):
        if kernel.oopsed():
            break
        kernel.run(100, 317)
        for cpu in range(0 if kernel.oopsed() else kernel.cpus):
            kernel.nmi(cpu)
    start, end = kernel.image.address("_sdata"), kernel.image.address("_edata")
    spans = [(start, end - start), (layout.BSS_BASE, layout.TASK_STACKS - layout.BSS_BASE)]
    spans.append((layout.HEAP_BASE, layout.HEAP_SIZE))
    free = ("rax", "r10", "r11")  # a CPU may have stopped inside the callback
    registers = [{k: v for k, v in cpu.registers().items() if k not in free} for cpu in kernel.machine.cpus]
    return [registers, *(kernel.machine.memory.read(*span) for span in spans)]


@pytest.mark.keystone
@pytest.mark.parametrize("way", [*CALLERS, "own", "own regs"])
def test_a_callback_may_change_r10_and_r11(way: str) -> None:
    """The same run, bit for bit, as with a callback that changes rax instead, which every trampoline restores."""
    kernel, other = traced(changing("r10", "r11"), way), traced(changing("rax", "rax"), way)
    assert ran(kernel) == ran(other)
    assert not kernel.oopsed() and [p for p in vitals.tasks(kernel) if "wrong results" in p] == []
    assert kernel.u64(layout.FTRACE_OPS_BASE + layout.OPS_HITS) > 5_000


@pytest.mark.keystone
@pytest.mark.parametrize("register", ["rbx", "r12"])
def test_a_callback_may_not_change_what_the_callee_keeps(register: str) -> None:
    assert ran(traced(changing(register), "own")) != ran(traced(changing("rax"), "own"))
