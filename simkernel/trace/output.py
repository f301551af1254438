"""What the text `trace` has whatever the tracer: the heading, and of each line task, CPU, flags and time.

Mirrors kernel/trace/trace.c and trace_output.c (6.12): `print_func_help_header_irq()`, `trace_print_context()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simkernel.trace.records import Record

COLUMNS = """\
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |"""


@dataclass(frozen=True, slots=True)
class View:
    """What a text depends on besides the records.

    Attributes:
        tracer: the current tracer's name.
        cpus: how many are online.
        comms: pid -> comm.
        symbol: the name of the function at an address, None where there is none.
        dead: ftrace has killed itself.
    """

    tracer: str
    cpus: int
    comms: Mapping[int, str]
    symbol: Callable[[int], str | None]
    dead: bool = False

    def name(self, address: int) -> str:
        """`seq_print_ip_sym()` without offset: the function's name, or the number."""
        if not address:
            return "0"
        return self.symbol(address) or f"0x{address:08x}"

    def task(self, pid: int) -> str:
        """The comm of a task (`trace_find_cmdline()`)."""
        return self.comms.get(pid, "<...>") if pid else "<idle>"


def heading(view: View, entries: int, written: int) -> list[str]:
    """The lines that begin with `#`."""
    lines = [f"# tracer: {view.tracer}", "#"]
    if view.dead:
        lines += ["# WARNING: FUNCTION TRACING IS CORRUPTED", "#          MAY BE MISSING FUNCTION EVENTS"]
    return [*lines, f"# entries-in-buffer/entries-written: {entries}/{written}   #P:{view.cpus}", "#", COLUMNS]


def context(view: View, record: Record) -> str:
    """`trace_print_context()`: task, CPU, flags, time, and a colon.

    `Simplified:` the clock counts the instructions of all CPUs together, one nanosecond each; they run side by side.
    """
    microseconds = (record.ts // view.cpus + 500) // 1_000  # ns2usecs()
    seconds, rest = divmod(microseconds, 1_000_000)
    task = f"{view.task(record.pid):>16}-{record.pid:<7d}"
    return f"{task} [{record.cpu:03d}] {latency(record)} {seconds:5d}.{rest:06d}: "


def latency(record: Record) -> str:
    """The five characters of `trace_print_lat_fmt()`.

    `Simplified:` one word of this kernel says both TIF_NEED_RESCHED and PREEMPT_NEED_RESCHED, hence `N`; it has no soft
    interrupts and does not disable migration.
    """
    hardirq = {(True, True): "Z", (True, False): "z", (False, True): "h"}.get((record.nmi, record.hardirq), ".")
    depth = min(record.preempt_depth, 15)
    return "".join(
        (
            "d" if record.irqs_off else ".",
            "N" if record.need_resched else ".",
            hardirq,
            f"{depth:x}" if depth else ".",
            ".",
        )
    )
