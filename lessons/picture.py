"""What there is to see of an activity: a picture of typed parts, which each front end draws in its own way.

A part says what something is, never how it looks: no colours, no columns, no widths. A front end has one renderer a
part, so it knows parts and never activities.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lessons.chart import Chart, Plot
from lessons.lanes import TimePicture
from simkernel.sim.snapshot import SiteMap


class Tone(Enum):
    """What a paragraph or a line is in its picture."""

    PLAIN = "plain"
    STRONG = "strong"  # the one sentence that matters
    DIM = "dim"
    GOOD = "good"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a picture.

    Attributes:
        name: the part's, once in its picture.
        title: of the rule above it; "" for none.
        called: what one calls it where it has no title; "" for its name.
        help: what it shows, and what can be done with it.
        beside: it stands at the right where the screen is wide.
        across: it stands above both sides then; only what comes first can.
        apart: a blank row stands above it, where there is room for one.
        low: it and what follows it stand at the foot, so that they stay in their place whatever is told above.
        keeps: lines for which there is room, where there are rows for it, also while it has fewer: then what follows
            stays in its place from step to step.
    """

    name: str
    title: str = ""
    called: str = ""
    help: str = ""
    beside: bool = False
    across: bool = False
    apart: bool = False
    low: bool = False
    keeps: int = 0


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences.

    Attributes:
        text: the sentences, as text or as a `Sentence` with spans.
        label: what stands before them, "Why sync 1"; "" for nothing.
        tone: what it is.
    """

    text: str
    label: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose(Part):
    """Paragraphs, from the top; what does not fit is below.

    Attributes:
        paragraphs: from the top.
        whole: where one of them is new all are said, those too that another page has.
    """

    paragraphs: tuple[Paragraph, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Part):
    """Sentences of what has happened, the latest last; what does not fit is above."""

    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Part):
    """Lines that others have laid out: gdb's, the kernel's; their columns stay where they are.

    Attributes:
        lines: from the top.
        broken: the numbers of those that say what is wrong, from 0.
    """

    lines: tuple[str, ...]
    broken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Part):
    """Every site at once, a cell each, by address.

    Attributes:
        sites: the state of each.
        before: the state of each at the step before; None where nothing has changed.
        words: what a state is called here, for each of `SITE_STATES`; () for their own names.
        taken: the numbers of the sites whose int3 a CPU has taken since the step before.
        choose: the action that takes the number of a site, from 0; "" for none.
        cells: False where it is only counted how many are in each state.
    """

    sites: SiteMap
    before: SiteMap | None = None
    words: tuple[str, ...] = ()
    taken: tuple[int, ...] = ()
    choose: str = ""
    cells: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabs(Part):
    """Several pictures of which one is seen; each is chosen by its number.

    Attributes:
        choices: what each is called.
        at: the one that is seen.
        numbered: a digit chooses one.
    """

    choices: tuple[str, ...]
    at: int
    numbered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Part):
    """Bars of a chart.

    Attributes:
        chart: what each says.
        cursor: the bar that is explained; None for none.
        end: the value at the right edge; a bar that is longer goes on beyond it.
    """

    chart: Chart
    cursor: int | None
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes(Part):
    """The time picture.

    Attributes:
        time: what each lane did at each step.
        other: where it stands beside it is a graph, in which time goes downwards, each step with its sentence;
            elsewhere a score, where time goes to the right. True: the other way round.
    """

    time: TimePicture
    other: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be answered or chosen.

    Attributes:
        key: the key for it.
        text: what it is.
        given: it is the answer that a person gave.
        verdict: whether it is so, once that is told; "" before.
        tone: what it is.
    """

    key: str
    text: str
    given: bool = False
    verdict: str = ""
    tone: Tone = Tone.PLAIN

    @property
    def sentence(self) -> str:
        """The choice as a sentence."""
        if not self.verdict:
            return f"{self.key}: {self.text}"
        return f"{'Your answer, ' if self.given else ''}{self.key}, {self.verdict}: {self.text}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Part):
    """A question with its choices; it stays until it is answered, and then it may tell what is so.

    Attributes:
        text: the question.
        choices: what may be answered; once it is answered, what was, and what is so.
        given: what one reasons from, a sentence each.
        why: why that is so, once it is told; "" before.
    """

    text: str
    choices: tuple[Choice, ...]
    given: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table that can be chosen.

    Attributes:
        cells: a text a column.
        help: what it means, shown while it is chosen.
        tone: what it is.
        argument: what choosing it tells the action; "" for its number.
        whole: the cells where nothing has to fit; () where they are whole.
        done: a person has been through what it leads to; None where that is no question, here or in the whole table.
    """

    cells: tuple[str, ...]
    help: str = ""
    tone: Tone = Tone.PLAIN
    argument: str = ""
    whole: tuple[str, ...] = ()
    done: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Part):
    """A table, or those of its rows that are near the one that is chosen.

    Attributes:
        columns: their headings; () for none. Where there is no room for all, the last ones go.
        rows: from the top.
        cursor: which of these rows is chosen; None where none can be.
        first: the number of the first of these rows in the table, from 0.
        total: how many rows the table has; 0 where these are all.
        choose: the action that choosing a row leads to; "" for `POINT`, which needs a cursor.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    cursor: int | None = None
    first: int = 0
    total: int = 0
    choose: str = ""


class ByteKind(Enum):
    """Whose byte it is, while old bytes of a site become new ones."""

    SAME = "same"  # the old and the new one are equal
    OLD = "old"
    NEW = "new"
    INT3 = "int3"


@dataclass(frozen=True, slots=True)
class Byte:
    """A byte of a site.

    Attributes:
        value: what it is; None where there is none.
        kind: whose it is.
        pending: other values that may be run instead, from now on.
    """

    value: int | None
    kind: ByteKind = ByteKind.SAME
    pending: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A step of a schedule.

    Attributes:
        who: takes it: the patching task or a CPU.
        text: what it does, in few words.
        sentence: the same, whole.
        rows: the bytes that each of the schedule's columns holds after it.
        column: the one whose bytes the step is about.
        tone: what it is.
    """

    who: str
    text: str
    sentence: str
    rows: tuple[tuple[Byte, ...], ...]
    column: int
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves(Part):
    """A schedule as a table, with the bytes of a site after each move.

    Attributes:
        columns: whose bytes: memory's, then those that each CPU may run; in the move of a CPU that runs, what it runs.
        moves: in their order.
        cursor: the move that is explained.
    """

    columns: tuple[str, ...]
    moves: tuple[Move, ...]
    cursor: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All that there is to see.

    Attributes:
        title: of the activity, its part of the breadcrumb.
        place: where one is in it: "step 4 of 24"; "" for nowhere.
        parts: from the top.
        survival: the names of parts, the one that goes last first; those that are not named go before all these.
        keys: the names of the actions of which the key line tells, the one that goes last first.
        plot: the same for slides, where that is no chart of bars.
        hints: the words beside keys, by the names of actions, where they are others here.
        path: what follows the title in the breadcrumb: what is different from what the title names.
        brief: the place in less room: "step 4/24"; "" where it takes no less.
        notes: what is to be known of it besides what its words mean.
    """

    title: str
    parts: tuple[Part, ...]
    place: str = ""
    survival: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    plot: Plot | None = None
    path: tuple[str, ...] = ()
    brief: str = ""
    hints: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def figure(self) -> Chart | Plot | None:
        """What can be written into a file as a slide: the plot, else the first bars."""
        bars = (part.chart for part in self.parts if isinstance(part, Bars))
        return self.plot if self.plot is not None else next(bars, None)
