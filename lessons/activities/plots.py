"""What grows with the number of sites, as values: each point, and what others have published beside it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from lessons.chart import Bar, Chart, Mark, Plot
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
    return (
        f"{row.syncs:,} syncs for {row.sites:,} sites: {row.batches:,} batches of at most {most} sites "
        f"share {each} each."
    )


def plot_chart(plot: Plot) -> Chart:
    """The plot as bars, their lengths in powers of ten; published figures stand below, and have no bar."""
    values = [up for _across, up, _text in plot.points]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    rows = [
        (across, 0, Bar(sites_title(across), log10(up) - low, f"{text} {plot.up}")) for across, up, text in plot.points
    ]
    rows += [(mark.at, 1, _published_bar(mark)) for mark in plot.marks]
    return Chart(
        plot.heading,
        tuple(bar for _across, _kind, bar in sorted(rows, key=lambda row: (row[1], row[0]))),
        plot.small[0],
        f"A bar is the {plot.up} for so many {plot.across}. Each number of its scale is ten times the one before.",
        tuple((float(power - low), _short(power)) for power in range(low, high + 1)),
        f"Published, of real machines: times, not {plot.up}.",
        len(plot.marks),
    )


def _short(power: int) -> str:
    """A power of ten in few characters: 1, 10, 100, 1k ... 100G."""
    return f"{10 ** (power % 3)}{' kMG'[power // 3]}".replace(" ", "")


def sites_title(sites: float) -> str:
    return f"{sites:,.0f} site" if sites == 1 else f"{sites:,.0f} sites"


def published_title(sites: float) -> str:
    return f"{sites:,.0f} in Linux"


def _published_bar(mark: Mark) -> Bar:
    return Bar(published_title(mark.at), None, f"published: {mark.text.removeprefix(f'{mark.at:,.0f} ')}")


def others_sentence(row: Patched) -> str:
    """What enabling takes besides the sites' own syncs."""
    barriers = f"{row.barriers} barrier IPI{'s' if row.barriers != 1 else ''}"
    return f"{row.others} more syncs, for the trampolines, and {barriers} (ftrace_sync_ipi(): smp_rmb() only)"
