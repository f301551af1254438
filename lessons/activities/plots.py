"""What grows with the number of sites, as values: each point, and what others have published beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lessons.chart import Mark, Plot
from simkernel.overhead.published import published
from simkernel.protocol import INT3_PROTOCOL, SyncCores

if TYPE_CHECKING:
    from simkernel.overhead.sites import Patched


def sites_plots(rows: Sequence[Patched]) -> tuple[Plot, Plot]:
    """The patch time, modelled, and the syncs, counted, against sites."""
    figures = published("patching")
    marks = tuple(Mark(float(one.sites), one.short) for one in figures if one.sites)
    credit = "Dashed: times that others have published, of real machines. Their heights mean nothing."
    time = tuple((float(row.sites), float(row.price), f"{row.price:,}") for row in rows)
    syncs = tuple((float(row.sites), float(row.syncs), f"{row.syncs:,}") for row in rows)
    each = f"{rows[-1].price / rows[-1].sites:,.0f} instructions a site, at the prices that the patching task states."
    return (
        Plot("MODELLED: patch time against sites", "sites, all enabled at once", "instructions", time, marks,
             (f"At {rows[-1].sites:,} sites: {each} No clock measured it.", credit)),
        Plot("EXACT: syncs against sites", "sites, all enabled at once", "syncs", syncs, marks,
             (sync_sentence(rows[-1]), credit)),
    )  # fmt: skip


def sync_sentence(row: Patched) -> str:
    """What the syncs of so many sites come from."""
    each, most = sum(isinstance(phase.action, SyncCores) for phase in INT3_PROTOCOL.phases), INT3_PROTOCOL.batched
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
    return f"{row.others} more syncs, for the trampolines, and {barriers} (ftrace_sync_ipi(): smp_rmb() only)"
