"""Charts and plots as values: what each bar and each point says, whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass

FAR = 20  # times as long as the next: a bar that is cut off


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        title: before it. value: its length, None for no number. text: at its end. interval: where the value lies.
        name: of the variant that it is about, "" for none.
    """

    title: str
    value: float | None
    text: str
    interval: tuple[float, float] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one answer (exact, modelled or measured, never two of them).

    Attributes:
        heading: which. sentence: what the bars allow to be said. means: what a bar is.
        scale: (value, number) of an axis above the bars, where their lengths are not their figures.
        apart, others: a heading, and how many of the last bars stand below it: figures of others.
    """

    heading: str
    bars: tuple[Bar, ...]
    sentence: str
    means: str = ""
    scale: tuple[tuple[float, str], ...] = ()
    apart: str = ""
    others: int = 0

    @property
    def rows(self) -> list[int | None]:
        """The bars by number in the order of rows, None for the heading among them."""
        own = len(self.bars) - self.others
        return [*range(own), *[None] * bool(self.others), *range(own, len(self.bars))]


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


def small_print(chart: Chart) -> list[str]:
    """What the bars allow to be said, and what a bar is."""
    return [one for one in (chart.sentence, chart.means) if one]


def cut_print(chart: Chart) -> list[str]:
    """The same, and which bar goes on beyond the edge, where one does."""
    end = edge(chart)
    cut = [bar.title for bar in chart.bars if (bar.value or 0.0) > end]
    return small_print(chart) + [f"Cut off at the edge, for it is many times as long: {title}." for title in cut]


def edge(chart: Chart) -> float:
    """Where the picture ends: the longest bar's end, but for a bar that would make all others too short to be seen."""
    if chart.scale:
        return longest(chart)
    ends = sorted(max(bar.value or 0.0, bar.interval[1] if bar.interval else 0.0) for bar in chart.bars)
    return 1.25 * ends[-2] if len(ends) > 2 and ends[-1] > FAR * ends[-2] > 0 else longest(chart)


def longest(chart: Chart) -> float:
    """The end of the scale, else of the longest bar or interval."""
    if chart.scale:
        return chart.scale[-1][0]
    ends = [bar.value or 0.0 for bar in chart.bars] + [bar.interval[1] for bar in chart.bars if bar.interval]
    return max(ends) or 1.0
