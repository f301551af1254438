"""Bars and plots as SVG, for slides."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from lessons.chart import Bar, Chart, Plot, edge, small_print

WIDTH = 860
ROW, BAR_LEFT, BAR_RIGHT = 58, 250, 190
HEIGHT = 400
LEFT, RIGHT, TOP, BOTTOM = 130, 40, 120, 50  # of a plot's axes, within the picture without its small print
SMALL = 132  # characters of the small print in a line of the picture
LINE = 18


def chart_svg(chart: Chart) -> str:
    """The chart as a picture for slides."""
    small = [row for one in small_print(chart) for row in textwrap.wrap(one, SMALL)]
    height = 70 + ROW * len(chart.bars) + LINE * len(small) + 12
    scale = (WIDTH - BAR_LEFT - BAR_RIGHT) / edge(chart)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="34" font-size="18" font-weight="bold">{escape(chart.heading)}</text>',
    ]
    for at, bar in enumerate(chart.bars):
        out += _svg_bar(bar, 60 + ROW * at, scale)
    for at, one in enumerate(small):
        out.append(f'<text x="20" y="{80 + ROW * len(chart.bars) + LINE * at}" font-size="12">{escape(one)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _svg_bar(bar: Bar, top: int, scale: float) -> list[str]:
    """A bar's elements, from `top` down: its title and code, the bar, its interval as a line with ends, its text."""
    from simkernel.overhead.variants import VARIANTS

    code = VARIANTS[bar.name].what if bar.name else ""
    whole = bar.value * scale
    length = min(whole, WIDTH - BAR_LEFT - BAR_RIGHT)
    out = [
        f'<text x="20" y="{top + 19}">{escape(bar.title)}</text>',
        f'<text x="20" y="{top + 42}" font-size="11" fill="#555555" font-family="monospace">{escape(code)}</text>',
        f'<rect x="{BAR_LEFT}" y="{top}" width="{length:.1f}" height="28" fill="#4477aa"/>',
    ]
    end = BAR_LEFT + length
    if whole > length + 1:  # it goes on: two gaps where it is cut off
        gaps = "".join(f"M{end - back} {top + 30}l8 -32" for back in (24, 14))
        out.append(f'<path d="{gaps}" stroke="#ffffff" stroke-width="4" fill="none"/>')
    elif bar.interval is not None:
        low, high = (BAR_LEFT + max(0.0, edge) * scale for edge in bar.interval)
        line = f"M{low:.1f} {top + 14}H{high:.1f}M{low:.1f} {top + 7}v14M{high:.1f} {top + 7}v14"
        out.append(f'<path d="{line}" stroke="#222222" stroke-width="2" fill="none"/>')
        end = max(end, high)
    return [*out, f'<text x="{end + 8:.1f}" y="{top + 19}">{escape(f"{bar.text} {bar.against}")}</text>']


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
