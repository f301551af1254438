"""Calls in the guest are calls in Linux, or the caller's source says `Simplified:` and names the callee.

Only calls of traced functions count: those a trace shows. What Linux's calls are `tests/linux_facts` knows.
"""

from __future__ import annotations

import re
from functools import cache

from simkernel import disasm
from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.trace.entries.function import FunctionRecord
from simkernel.trace.ringbuffer import merged
from tests.guest.names import listed
from tests.linux_facts import facts, words


@cache
def written() -> set[tuple[str, str]]:
    """(caller, callee) of each direct call of a traced function, and of each jump to one."""
    image = KernelImage.default()
    starts = {symbol.address: symbol.name for symbol in image.functions()}
    found = set()
    for symbol in (one for one in image.symbols if one.size and one.kind in "Tt"):
        for instruction in disasm.decode(image.text_of(symbol), symbol.address):
            callee = starts.get(instruction.target or 0, symbol.name)
            if callee != symbol.name:
                found.add((symbol.name, callee))
    return found


@cache
def seen() -> set[tuple[str, str]]:
    """(caller, callee) of each record of a trace of all functions: calls through pointers are in it too."""
    simulation = Simulation.boot(Options(cpus=3, seed=1, patch_quantum=200))
    simulation.do(SetTracer("function"))
    assert simulation.run_until_idle()
    pairs = set()
    for _ in range(100):
        simulation.run(20_000)
        records = merged(parts_of(simulation).machine.memory, 3)
        pairs |= {(one.parent_ip, one.ip) for one in records if isinstance(one, FunctionRecord)}
    name = simulation.image.symbolize
    found = {(name(caller).partition("+")[0], name(callee)) for caller, callee in pairs}
    jumped = {(a, c) for a, b in written() for d, c in written() if b == d}  # who jumps leaves its caller's address
    return found - (jumped - written())


def simplified(caller: str, callee: str) -> bool:
    """True if a note of the caller names the callee."""
    image = KernelImage.default()
    return any(re.search(rf"\b{callee}\b", note) for note in image.simplified(image.symbol(caller)))


def in_linux(caller: str, callee: str) -> bool:
    status, _, file = listed()[caller]
    return status != "ours" and file.endswith((".c", ".h")) and callee in words(facts().calls, caller)


def test_a_caller_that_is_not_in_linux_says_so() -> None:
    assert len(written()) > 300
    assert [edge for edge in written() if listed()[edge[0]][0] == "ours" and not simplified(*edge)] == []


def test_a_run_shows_calls_through_pointers_too() -> None:
    assert len(seen()) > 100
    assert {("new_sync_read", "ext4_file_read_iter"), ("__wake_up_common", "autoremove_wake_function")} <= seen()
    assert seen() & written()


def test_each_call_is_linuxs_or_is_marked() -> None:
    edges = sorted(written() | seen())
    assert [edge for edge in edges if not simplified(*edge) and not in_linux(*edge)] == []
    assert not in_linux("tick_nohz_handler", "update_wall_time")
    assert not in_linux("__filemap_get_folio", "_raw_spin_lock_irq")
    assert not in_linux("rcu_sched_clock_irq", "rcu_core")
    assert in_linux("ksys_read", "vfs_read") and in_linux("vfs_read", "rw_verify_area")
