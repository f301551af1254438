"""Charts and plots as values: what each bar and each point says, whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass

FAR = 20  # times as long as the next: a bar that is cut off


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        title: before it.
        value: its length.
        text: the figure, at its end.
        against: beside the figure, what it is against the first bar: "+5.6 %", "x 5.1", "not measurable".
        interval: where the value lies.
        name: of the variant that it is about, "" for none.
    """

    title: str
    value: float
    text: str
    against: str = ""
    interval: tuple[float, float] | None = None
    name: str = ""

    @property
    def end(self) -> float:
        """The end of what is drawn of it, with its interval."""
        return max(self.value, self.interval[1]) if self.interval else self.value


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one answer (exact, modelled or measured, never two of them).

    Attributes:
        heading: which.
        bars: from the top; the others are held against the first one.
        sentence: what the bars allow to be said.
        means: what a bar is.
        name: what they show, for the name of their file.
        marked: the name of the bar that they are about.
    """

    heading: str
    bars: tuple[Bar, ...]
    sentence: str
    means: str = ""
    name: str = ""
    marked: str = "nop"


@dataclass(frozen=True, slots=True)
class Plot:
    """One quantity against another.

    Attributes:
        heading: which answer, and how it is had.
        across, up: what the axes are, with their units.
        points: (across, up), what was counted.
        sentence: what the points allow to be said.
        means: what a point is.
        stairs: (across, up) where each step begins, and the last one ends; () for a line from point to point.
        marks: (across, up, text) of the points that matter.
        logarithmic: both axes have powers of ten at equal distances.
        name: what it shows, for the name of its file.
    """

    heading: str
    across: str
    up: str
    points: tuple[tuple[float, float], ...]
    sentence: str
    means: str
    stairs: tuple[tuple[float, float], ...] = ()
    marks: tuple[tuple[float, float, str], ...] = ()
    logarithmic: bool = True
    name: str = ""


def small_print(chart: Chart) -> list[str]:
    """What the bars allow to be said, what a bar is, and which bar goes on beyond the edge, where one does."""
    cut = [f"Cut off at the edge, for it is many times as long: {bar.title}." for bar in chart.bars
           if bar.end > edge(chart)]  # fmt: skip
    return [one for one in (chart.sentence, chart.means, *cut) if one]


def edge(chart: Chart) -> float:
    """Where the picture ends: the longest bar's end, but for a bar that would make all others too short to be seen."""
    ends = sorted(bar.end for bar in chart.bars)
    return 1.25 * ends[-2] if len(ends) > 2 and ends[-1] > FAR * ends[-2] > 0 else ends[-1] or 1.0
