"""What it takes to enable every site of a kernel, as the number of its sites grows.

Batches, stores and syncs are counted on the simulated machine; the patch time is modelled: the instructions of the
clock that the patching task pays for its stores, syncs and passes over the records, at the prices stated in
`text_poke.py` and `patching/steps.py`. Neither is time on this computer. The CPUs are at rest: they answer each sync at
once, and what that takes them is not in the patch time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from simkernel.events import BatchReleased, BatchStarted, SiteStored, SyncAnswered, SyncSent
from simkernel.ftrace.commands import SetFilter, SetTracer, TracingOn
from simkernel.kernel.layout import TP_VEC_MAX
from simkernel.overhead.quiet import at_rest, carried_out

SITES = (1, 10, 100, TP_VEC_MAX, TP_VEC_MAX + 1, 1_000, 10_000, 50_749, 200_000)
"""As many as fit into a batch, and one more.

50,749: what a small virtual machine with Linux 6.18 says in its boot log ("ftrace: allocating 50749 entries").
"""
CPUS = 4
BARRIER = "ftrace_sync_ipi"  # the function that such an IPI runs (ftrace_modify_all_code())


@dataclass(frozen=True, slots=True)
class Patched:
    """Every one of so many sites enabled, from NOP to call.

    Attributes:
        sites: changed.
        records: of the kernel, that the plan looks at.
        batches, stores, syncs: for the sites.
        others: syncs for the trampoline and the words that it reads.
        barriers: IPIs for these words that ask for a read barrier only (ftrace_sync_ipi() in kernel/trace/ftrace.c).
        answers: of CPUs, to all of the IPIs.
        price: the patch time, instructions.
    """

    sites: int
    records: int
    batches: int
    stores: int
    syncs: int
    others: int
    barriers: int
    answers: int
    price: int


def patch_sites(sites: int) -> Patched:
    """Enable so many sites: all of a synthetic kernel, or by a filter so many of the default kernel's."""
    simulation = at_rest(sites, CPUS)
    functions = simulation.image.functions() if sites < len(simulation.image.mcount_loc) else []
    carried_out(simulation, TracingOn(False))
    if functions:
        carried_out(simulation, SetFilter("filter", " ".join(symbol.name for symbol in functions[:sites])))
    carried = carried_out(simulation, SetTracer("function"))
    counted: Counter[str] = Counter()
    mine, of_sites = frozenset(simulation.image.mcount_loc.tolist()), False
    for event in carried.events:
        match event:
            case BatchStarted(sites=changed):
                of_sites = mine.issuperset(changed)
                counted["batches"] += of_sites
                counted["sites"] += len(changed) * of_sites
            case SiteStored(sites=stored):
                counted["stores"] += len(stored) * of_sites
            case SyncSent(phase=phase) if phase == BARRIER:
                counted["barriers"] += 1
            case SyncSent():
                counted["syncs" if of_sites else "others"] += 1
            case SyncAnswered():
                counted["answers"] += 1
            case BatchReleased():
                of_sites = False
    return Patched(records=len(mine), price=carried.price, **counted)


def over_sites(show: Callable[[str], None] = lambda text: None) -> list[Patched]:
    """The same for each number in SITES."""
    rows = []
    for sites in SITES:
        show(f"{sites:,} sites")
        rows.append(patch_sites(sites))
    return rows
