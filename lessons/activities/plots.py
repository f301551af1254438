"""What grows with the number of sites, as values: each point, and what others have published beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lessons.chart import Plot
from simkernel.protocol import INT3_PROTOCOL, SyncCores

if TYPE_CHECKING:
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.sites import Patched

SYNCS_A_BATCH = sum(isinstance(phase.action, SyncCores) for phase in INT3_PROTOCOL.phases)
MOST = 0.9  # of what tracing all functions costs: a title names the fewest that bring as much
ACROSS = "sites, all enabled at once"


def sites_plots(rows: Sequence[Patched]) -> tuple[Plot, Plot]:
    """The patch time, modelled, and the syncs, counted, against sites."""
    last, most = rows[-1], INT3_PROTOCOL.batched
    each = SYNCS_A_BATCH
    edges = range(1, last.sites + 1, most)
    stairs = (*((float(at), float(each * (at // most + 1))) for at in edges), (float(last.sites), float(last.syncs)))
    full = ((float(most), float(each), f"{most} sites: {each} syncs"),) if last.sites >= most else ()
    return (
        Plot(
            "MODELLED: patch time, in instructions of the patching task",
            ACROSS,
            "patch time: instructions of the patching task",
            tuple((float(row.sites), float(row.price)) for row in rows),
            f"Patch time: {last.price / last.sites:,.0f} instructions a site, for {last.sites:,} sites",
            "Each action of the patching task has a stated price. No clock measured it. Both axes are logarithmic.",
            name="patch-time",
        ),
        Plot(
            "EXACT: syncs, counted at the points",
            ACROSS,
            "syncs: waits until every CPU has answered",
            tuple((float(row.sites), float(row.syncs)) for row in rows),
            f"{each} syncs for up to {most} sites; {last.syncs:,} for {last.sites:,}",
            f"The line: {each} syncs for each batch of at most {most} sites. Both axes are logarithmic.",
            stairs,
            full,
            name="syncs",
        ),
    )


def growth_plot(rows: Sequence[tuple[int, Exact]]) -> Plot:
    """Instructions of the workload, against traced functions."""
    first, last = rows[0][1].instructions, rows[-1][1].instructions
    most = next((traced, row) for traced, row in rows if row.instructions - first >= MOST * (last - first))
    share = 100 * (most[1].instructions - first) / ((last - first) or 1)
    return Plot(
        "EXACT: instructions, counted at the points",
        "traced functions, those called most often first",
        "instructions of the same work",
        tuple((float(traced), float(row.instructions)) for traced, row in rows),
        f"{most[0]} of {rows[-1][0]} functions bring {share:.0f} % of what tracing all of them costs",
        "What a traced function costs depends on how often it is called.",
        marks=((float(most[0]), float(most[1].instructions), f"{most[0]} functions"),),
        logarithmic=False,
        name="growth",
    )


def sync_sentence(row: Patched) -> str:
    """What the syncs of so many sites come from."""
    each, most = SYNCS_A_BATCH, INT3_PROTOCOL.batched
    sites = f"{row.sites:,} site{'s' if row.sites != 1 else ''}"
    if row.batches == 1:
        return f"{row.syncs:,} syncs for {sites}: up to {most} sites are one batch and share them."
    return f"{row.syncs:,} syncs for {sites}: {row.batches:,} batches of at most {most} sites share {each} each."


def sites_table(rows: Sequence[Patched], syncs: bool) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Columns and cells of what is counted, where syncs are asked for, else of what is modelled."""
    if syncs:
        return ("sites", "batches", "stores", "syncs"), tuple(
            (f"{row.sites:,}", f"{row.batches:,}", f"{row.stores:,}", f"{row.syncs:,}") for row in rows
        )
    return ("sites", "patch time, instructions", "a site"), tuple(
        (f"{row.sites:,}", f"{row.price:,}", f"{row.price / row.sites:,.0f}") for row in rows
    )


def others_sentence(row: Patched) -> str:
    """What enabling takes besides the sites' own syncs."""
    barriers = f"{row.barriers} barrier IPI{'s' if row.barriers != 1 else ''}"
    once = f"{row.others} more syncs for ftrace's trampolines, once, however many sites change"
    return f"{once}, and {barriers} (ftrace_sync_ipi(): smp_rmb() only)"
