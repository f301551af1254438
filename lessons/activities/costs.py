"""What tracing costs: bars of one answer at a time, each explained, and the way from answer to answer."""

from __future__ import annotations

from typing import Any

from lessons.activities.overhead import ANSWERS, CLOSER, MEASURED, SYNCS, Overhead
from lessons.activities.overhead_words import Explained, explained, notes, picture_line, row_explained, waiting
from lessons.activities.plots import sites_table, sync_sentence
from lessons.activity import CHOOSE, POINT, Action, Activity, Argument, Result
from lessons.chart import Chart
from lessons.picture import Bars, Paragraph, Part, Picture, Prose, Row, Rows, Tabs, Tone
from lessons.session.number import number
from simkernel.overhead.published import published
from simkernel.report import Report

ANSWER = Argument("answer", lambda: [*ANSWERS])
NUMBERS = {str(number): name for number, name in enumerate(ANSWERS, 1)}
HELP = {
    "answers": "What is shown: figures that are counted, priced by a table, or measured here. A digit chooses.",
    "awaited": "What the figures need first: they are counted or measured only when you ask.",
    "meaning": "What is compared here, and what a bar or a row of it is.",
    "bars": "A bar for each way in which a function can begin: up and down choose one, and it is explained below.",
    "sentence": "What the figures say, in a sentence.",
    "notes": "Of which work the figures are, and where prices and figures of others come from.",
    "sites": "A row for each number of sites: up and down choose one, and it is explained below.",
    "published": "What others have measured on real machines, with their sources: none of it was measured here.",
    "explained": "The bar or row that is chosen: its bytes, where it has some, and what it stands for.",
}
"""What F1 says of the part with the focus."""


class Costs(Activity):
    """What tracing costs.

    Attributes:
        overhead: what is counted and measured so far, and what one looks at.
    """

    name = "overhead"
    actions = (
        Action("next", "Next answer", "Another answer: counted, priced by a table, or measured here."),
        Action("back", "Answer before", "The answer before this one."),
        Action(CHOOSE, "Answer", "Go to an answer by its number or its name.", argument=ANSWER),
        Action("enter", "Begin", "Count or measure what is awaited here."),
        Action("down", "Next bar", "Explain the next bar: its bytes, a sentence, its figures.", hint="explain"),
        Action("up", "Bar before", "Explain the bar before."),
        Action(POINT, "Explain a bar", "Explain the bar with a number, from 0.", argument=Argument("number")),
        Action("more", "More variants", "Every way in which a function can begin, or the first four again."),
        Action("picture", "Next picture", "Measured: one function, few, or many. Of sites: their syncs, or the time."),
        Action("zoom", "Zoom", f"Cut bars off that are over {CLOSER} times as long as the first, or show all of them."),
    )

    def __init__(self) -> None:
        self.overhead = Overhead()

    def start(self, report: Report) -> Result:
        """Count what takes no time worth asking for."""
        return self._work(report)

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        overhead = self.overhead
        match action.name:
            case "next" | "back":
                overhead.turn(1 if action.name == "next" else -1)
            case "choose":
                overhead.look_at(NUMBERS.get(argument, argument))
            case "down" | "up":
                overhead.move(1 if action.name == "down" else -1)
            case "point":
                overhead.move(number(argument, "a bar") - overhead.cursor)
            case "more":
                overhead.more()
            case "picture":
                overhead.other()
            case "zoom":
                overhead.closer = not overhead.closer
        return self._work(report, asked=action.name == "enter")

    def _work(self, report: Report, asked: bool = False) -> Result:
        """Get what is awaited, if it was asked for or takes little time."""
        if self.overhead.can_work and (asked or ANSWERS[self.overhead.name].at_once):
            self.overhead.work(report)
        return Result()

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here."""
        overhead = self.overhead
        unfit = {"enter"} if not overhead.can_work else set()
        if overhead.awaited:
            unfit |= {"down", "up", POINT, "more", "picture", "zoom"}
        unfit |= set() if overhead.has_variants else {"more"}
        unfit |= set() if overhead.picture else {"picture"}
        unfit |= {"zoom"} if overhead.chart is None else set()
        return tuple(action for action in self.actions if action.name not in unfit)

    def why_not(self, action: Action) -> str:
        """What is awaited has no bars yet; else there is none of it here."""
        if self.overhead.can_work:
            return f"{action.title}: nothing is there yet; Enter {self._work_in_words}s it"
        return super().why_not(action)

    @property
    def _work_in_words(self) -> str:
        """What is done for what is awaited."""
        return "measure" if self.overhead.name == MEASURED else "count"

    def picture(self) -> Picture:
        """The bars or the table and what is said of them, else what is awaited."""
        overhead = self.overhead
        tabs = Tabs(
            name="answers",
            called="kinds of figures",
            help=HELP["answers"],
            choices=tuple(ANSWERS),
            at=list(ANSWERS).index(overhead.name),
        )
        parts: tuple[Part, ...] = (self._awaited(),)
        if overhead.chart is not None:
            parts = self._bars(overhead.chart)
        elif not overhead.awaited:
            parts = self._sites()
        return Picture(
            title="What tracing costs",
            place=ANSWERS[overhead.name].how,
            parts=(tabs, *parts),
            survival=("bars", "sites", "awaited", "answers", "sentence", "explained", "published", "meaning", "notes"),
            keys=("next", "back", "enter", "down", "more"),
            hints=(("enter", self._work_in_words),),
            plot=overhead.plot,
        )

    def _awaited(self) -> Prose:
        """What is awaited, and how to have it."""
        overhead = self.overhead
        said = [Paragraph(text, tone=Tone.STRONG) for text in waiting(overhead)]
        if overhead.can_work:
            said.append(Paragraph(f"Enter: {self._work_in_words}. Esc: back."))
        return Prose(
            name="awaited",
            help=HELP["awaited"],
            paragraphs=tuple(said),
            whole=True,
        )

    def _bars(self, chart: Chart) -> tuple[Part, ...]:
        overhead = self.overhead
        at = min(overhead.cursor, len(chart.bars) - 1)
        means = [one for one in (picture_line(overhead), chart.means) if one]
        if any(bar.end > overhead.end for bar in chart.bars):
            means.append("A bar that ends in an arrow is longer than there is room for.")
        more = tuple(Paragraph(one, tone=Tone.DIM) for one in notes(overhead))
        return (
            Prose(
                name="meaning",
                called="what a bar is",
                help=HELP["meaning"],
                paragraphs=tuple(Paragraph(one) for one in means),
            ),
            Bars(
                name="bars",
                help=HELP["bars"],
                title=chart.heading,
                chart=chart,
                cursor=at,
                end=overhead.end,
            ),
            Prose(
                name="sentence",
                called="in short",
                help=HELP["sentence"],
                paragraphs=(Paragraph(chart.sentence, tone=Tone.STRONG),),
            ),
            _about(explained(overhead, chart.bars[at])),
            Prose(
                name="notes",
                help=HELP["notes"],
                title="where these figures come from",
                paragraphs=more,
            ),
        )

    def _sites(self) -> tuple[Part, ...]:
        """The table of sites, and apart from it what others have published."""
        overhead = self.overhead
        at = min(overhead.cursor, len(overhead.patched) - 1)
        syncs = overhead.picture == SYNCS
        columns, cells = sites_table(overhead.patched, syncs)
        figures = [Paragraph(f"{one.text} Source: {one.source}.", tone=Tone.DIM) for one in published("patching")]
        heading = "EXACT: syncs, counted" if syncs else "MODELLED: patch time, by stated prices"
        return (
            Prose(
                name="meaning",
                called="what a bar is",
                help=HELP["meaning"],
                paragraphs=(Paragraph(picture_line(overhead)),),
            ),
            Rows(
                name="sites",
                help=HELP["sites"],
                title=heading,
                columns=columns,
                rows=tuple(map(Row, cells)),
                cursor=at,
            ),
            Prose(
                name="sentence",
                called="in short",
                help=HELP["sentence"],
                paragraphs=(Paragraph(sync_sentence(overhead.patched[-1]), tone=Tone.STRONG),),
            ),
            _about(row_explained(overhead, overhead.patched[at])),
            Prose(
                name="published",
                help=HELP["published"],
                title="published by others, of real machines: times",
                paragraphs=tuple(figures),
            ),
        )

    def data(self) -> dict[str, Any]:
        """The answer by name, how its figures are had, and which of its pictures this is."""
        overhead = self.overhead
        return {
            "answer": overhead.name,
            "method": ANSWERS[overhead.name].how,
            "which": overhead.picture or None,
        }


def _about(about: Explained) -> Prose:
    """What is chosen, explained: its bytes, where it has some, then sentences."""
    code = [Paragraph(about.code, tone=Tone.DIM)] if about.code else []
    return Prose(
        name="explained",
        help=HELP["explained"],
        title=about.title,
        paragraphs=(*code, Paragraph(" ".join(about.sentences))),
    )
