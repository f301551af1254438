"""Calls in the guest are calls in Linux, or the caller's source says `Simplified:` and names the callee.

Only calls of traced functions count: those a trace shows. LINUX_SOURCE names a tree of Linux 6.12.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from simkernel import disasm, tracefs
from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage
from simkernel.sim.control_files import control_files
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.linux_calls import LinuxCalls
from tests.linux_source import in_source
from tests.test_names import ROOT, listed, needs_source

# Calls through a pointer that is handed over far from both: the member, and by what in which file.
THROUGH = {
    ("__sysvec_apic_timer_interrupt", "hrtimer_interrupt"): (
        "event_handler",
        "tick_switch_to_oneshot",
        "kernel/time/tick-oneshot.c",
    ),
    ("__flush_smp_call_function_queue", "do_sync_core"): ("func", "on_each_cpu", "arch/x86/kernel/alternative.c"),
    ("process_one_work", "vmstat_update"): ("current_func", "INIT_DEFERRABLE_WORK", "mm/vmstat.c"),
    ("vfs_getattr_nosec", "ext4_file_getattr"): ("getattr", "getattr", "fs/ext4/file.c"),
    ("new_sync_read", "generic_file_read_iter"): ("read_iter", "ramfs_file_operations", "fs/ramfs/file-mmu.c"),
    ("new_sync_write", "generic_file_write_iter"): ("write_iter", "ramfs_file_operations", "fs/ramfs/file-mmu.c"),
}


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
    """(caller, callee) of each line of a trace of all functions: calls through pointers are in it too."""
    simulation = Simulation.boot(Options(cpus=2, seed=1))
    simulation.do(SetTracer("function"))
    found = set()
    for _ in range(60):
        simulation.run(10_000)
        found |= set(re.findall(r": ([\w.]+) <-([\w.]+)$", tracefs.read(control_files(simulation), "trace"), re.M))
    jumped = {(a, c) for a, b in written() for d, c in written() if b == d}  # who jumps leaves its caller's address
    return {(caller, callee) for callee, caller in found} - (jumped - written())


def simplified(caller: str, callee: str) -> bool:
    """True if a note of the caller names the callee."""
    image = KernelImage.default()
    return any(re.search(rf"\b{callee}\b", note) for note in image.simplified(image.symbol(caller)))


def in_linux(linux: LinuxCalls, caller: str, callee: str) -> bool:
    (status, _, file), (_, _, callee_file) = listed()[caller], listed()[callee]
    if status == "ours" or not file.endswith((".c", ".h")):
        return False
    apart = {in_source(name) for name, (status, _, _) in listed().items() if status != "inline"}
    caller, callee = in_source(caller), in_source(callee)
    words = linux.words(caller, file, apart)
    if (caller, callee) in THROUGH:
        member, by, where = THROUGH[caller, callee]
        handed = re.search(rf"\b{by}\b[^;}}]*?\b{callee}\b", linux.text(where))
        return bool(handed and re.search(rf"->{member}\b", words))
    return linux.calls(caller, callee, callee_file, words)


def test_a_caller_that_is_not_in_linux_says_so() -> None:
    assert len(written()) > 300
    assert [edge for edge in written() if listed()[edge[0]][0] == "ours" and not simplified(*edge)] == []


@needs_source
def test_a_run_shows_calls_through_pointers_too() -> None:
    assert len(seen()) > 100
    assert {("new_sync_read", "ext4_file_read_iter"), ("__wake_up_common", "autoremove_wake_function")} <= seen()
    assert seen() & written()


@needs_source
def test_each_call_is_linuxs_or_is_marked() -> None:
    linux = LinuxCalls(Path(ROOT))
    edges = sorted(written() | seen())
    assert [edge for edge in edges if not simplified(*edge) and not in_linux(linux, *edge)] == []
    assert not in_linux(linux, "tick_nohz_handler", "update_wall_time")
    assert not in_linux(linux, "__filemap_get_folio", "_raw_spin_lock_irq")
    assert not in_linux(linux, "rcu_sched_clock_irq", "rcu_core")
    assert in_linux(linux, "ksys_read", "vfs_read") and in_linux(linux, "vfs_read", "rw_verify_area")
