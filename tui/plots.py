"""What grows with the number of sites: rows of text, and pictures with both axes in powers of ten."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from simkernel.overhead.published import published
from simkernel.protocol import INT3_PROTOCOL, SyncCores
from tui.bars import LINE, SMALL, Bar, Chart

if TYPE_CHECKING:
    from simkernel.overhead.published import Published
    from simkernel.overhead.sites import Patched

WIDTH, HEIGHT = 860, 400
LEFT, RIGHT, TOP, BOTTOM = 130, 40, 120, 50  # of the axes, within the picture without its small print


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure of somebody else's, at so many sites."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One quantity against another, both in powers of ten.

    Attributes:
        heading: which answer. across, up: what the axes are. points: (across, up, what stands there).
        marks: published figures at their places across. small: the small print below.
    """

    heading: str
    across: str
    up: str
    points: tuple[tuple[float, float, str], ...]
    marks: tuple[Mark, ...]
    small: tuple[str, ...]


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
             (_sync_sentence(rows[-1]), credit)),
    )  # fmt: skip


def _sync_sentence(row: Patched) -> str:
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
        f"Others have published, of Linux on real machines: times, not {plot.up}.",
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


def sites_lines(rows: Sequence[Patched]) -> list[str]:
    """The table, and the published figures under a heading of their own."""
    out = [
        "EXACT and MODELLED: every site enabled at once, against the number of sites. CPUs at rest, tracing_on 0.",
        "Counted: batches, stores and syncs. Modelled: the patch time, in instructions of the patching task.",
        "",
        f"{'sites':>9} {'batches':>9} {'stores':>9} {'syncs':>7} {'patch time':>13} {'a site':>8}",
    ]
    for row in rows:
        out.append(
            f"{row.sites:>9,} {row.batches:>9,} {row.stores:>9,} {row.syncs:>7,} {row.price:>13,} "
            f"{row.price / row.sites:>8,.0f}"
        )
    return [
        *out,
        "",
        _sync_sentence(rows[-1]),
        f"In each row {others_sentence(rows[-1])}.",
        f"Below {rows[0].records} sites, a filter chooses among that many functions.",
        "What the CPUs take to answer is not in the patch time.",
        *published_lines(published("patching") + published("workload")),
    ]


def others_sentence(row: Patched) -> str:
    """What enabling takes besides the sites' own syncs."""
    barriers = f"{row.barriers} barrier IPI{'s' if row.barriers != 1 else ''}"
    return f"{row.others} more syncs, for the trampolines, and {barriers} (ftrace_sync_ipi(): smp_rmb() only)"


def published_lines(figures: Sequence[Published]) -> list[str]:
    """Figures of others, each with its source."""
    out = ["", "PUBLISHED by others, about real machines. Nothing above is reckoned from it.", ""]
    for one in figures:
        out += [one.text, f"    Source: {one.source}"]
    return out


def plot_svg(plot: Plot) -> str:
    """The plot as a picture for slides."""
    small = [row for one in plot.small for row in textwrap.wrap(one, SMALL)]
    height = HEIGHT + LINE * len(small) + 16
    scale = _Scale.of(plot)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="34" font-size="18" font-weight="bold">{escape(plot.heading)}</text>',
        *_axes(plot, scale),
        *_marks(plot, scale),
    ]
    places = [(scale.across(x), scale.up(y), text) for x, y, text in plot.points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _text in places)
    out.append(f'<polyline points="{line}" fill="none" stroke="#4477aa" stroke-width="2"/>')
    for x, y, text in places:
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#4477aa"/>')
        anchor, beside = ("end", -8) if x > LEFT else ("start", 4)
        out.append(f'<text x="{x + beside:.1f}" y="{y - 8:.1f}" text-anchor="{anchor}">{escape(text)}</text>')
    for at, one in enumerate(small):
        out.append(f'<text x="20" y="{HEIGHT + 16 + LINE * at}" font-size="12">{escape(one)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places in the picture; the axes go from a power of ten to a power of ten."""

    first: int
    last: int
    low: int
    high: int

    @classmethod
    def of(cls, plot: Plot) -> _Scale:
        across, up = [x for x, _y, _text in plot.points], [y for _x, y, _text in plot.points]
        return cls(floor(log10(min(across))), ceil(log10(max(across))), floor(log10(min(up))), ceil(log10(max(up))))

    def across(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (log10(value) - self.first) / (self.last - self.first)

    def up(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(value) - self.low) / (self.high - self.low)


def _axes(plot: Plot, scale: _Scale) -> list[str]:
    """A line for each power of ten, with its number, and what the axes are."""
    out = []
    for power in range(scale.first, scale.last + 1):
        x = scale.across(10.0**power)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10**power:,}</text>')
    for power in range(scale.low, scale.high + 1):
        y = scale.up(10.0**power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    out.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - BOTTOM + 38}" text-anchor="end">{escape(plot.across)}</text>')
    out.append(f'<text x="20" y="{TOP - 16}">{escape(plot.up)}</text>')
    return out


def _marks(plot: Plot, scale: _Scale) -> list[str]:
    """A dashed line at each published figure; the rightmost text stands highest, so that no line crosses one."""
    out = []
    for at, mark in enumerate(sorted(plot.marks, key=lambda mark: -mark.at)):
        x, y = scale.across(mark.at), 54 + 15 * at
        anchor, beside = ("end", -5) if x > WIDTH / 2 else ("start", 5)
        out.append(f'<path d="M{x:.1f} {y - 8}V{HEIGHT - BOTTOM}" stroke="#bb5533" stroke-dasharray="4 4"/>')
        out.append(
            f'<text x="{x + beside:.1f}" y="{y + 3}" text-anchor="{anchor}" font-size="12" fill="#bb5533">'
            f"{escape(mark.text)}</text>"
        )
    return out
