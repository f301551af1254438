"""The two mysteries: why does the call at the start of every function not slow the kernel down, and how does ftrace
turn it on everywhere almost at once?

Each is a question first, and a machine answers it: its figures are this run's. The change of every site is stepped.
One goes back cue by cue, and the machine goes back with one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lessons.activities import opening_words as words
from lessons.activities.boot import Boot
from lessons.activities.change import Change
from lessons.activities.mysteries import (
    ASK,
    BOOTED,
    CHANGES,
    FUNCTION,
    HOW,
    OFF,
    ON,
    OPTIONS,
    QUIET,
    SEEN,
    TRACED,
    WHY,
    WORKED,
    WORRY,
    Mysteries,
)  # fmt: skip
from lessons.activities.story import Story
from lessons.activity import CHOOSE, Action, Activity, Argument, Result, by
from lessons.picture import Lanes, Listing, Map, Paragraph, Part, Picture, Prose, Question, Row, Rows, Tone
from lessons.story.lines import site_words
from simkernel import disasm
from simkernel.errors import Cancelled, LearnerError
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.report import Report
from simkernel.sentence import say
from simkernel.sim.snapshot.patching import patching_snapshot

COUNTS, MOST = 5, 3  # functions in the table of counts; those that are named within a change
STORY = "one"  # the scenario that comes next
HELP = {
    "said": "What has just happened, or what was counted.",
    "meanwhile": "Whom the task that writes waits for, and what the CPUs did since the step before.",
    "choices": "A digit answers; you may go on without an answer.",
    "listing": "What gdb shows of the function: it reads the file of the kernel, not the memory of the machine.",
    "bytes": "The first five bytes of the function: in the file, which gdb reads, and in memory, which a CPU runs.",
    "map": "Every site, a cell each where they differ: which hold a NOP, an int3 or a call.",
    "sums": "What was counted while the sites changed.",
    "time": "Who did what: a lane for the task that writes, dotted while it waits, and one for each CPU.",
    "counts": "How often each function was called since it is traced.",
}
"""What F1 says of the part with the focus."""


class Opening(Activity):
    """The two mysteries.

    Attributes:
        run: the machine, and where one is.
    """

    name = "mysteries"
    actions = (
        Action("next", "Next", "Go on: to what the machine does, within the change to its next step."),
        Action("back", "Back", "Where you were before; the machine goes back, too."),
        Action("enter", "Next phase", "Within the change: to the next phase. Else go on.", "phase"),
        Action("trace", "Trace, or not", "Trace every function; once they are traced: turn it off again."),
        Action("run", "Run", "Step after step by itself; any key pauses."),
        Action("last", "To the end", "To the end of the change.", "to the end"),
        Action("first", "To the start", "Back to the first question."),
        Action(CHOOSE, "Answer", "Answer a question by its number, or go where a number leads.",
               argument=Argument("number")),
    )  # fmt: skip

    def __init__(self) -> None:
        self.run = Mysteries()

    # --- what is asked for ------------------------------------------------------------------------------------------

    def start(self, report: Report) -> Result:
        """Begin at the first question; who left on the way goes on there, and is told so."""
        if self.run.cue == WORRY:
            self.run.begin_anew()
        return Result(say("You left here. {} leads to the first question.", by("first")) if self.run.at else "")

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out; one that is cancelled leaves one where one was."""
        before, cue, known = self.run.at, self.run.cue, self.run.known
        try:
            result = self._do(action.name, argument, report)
        except Cancelled:
            self.run.go(before)
            raise
        worked = self.run.known > known and self.run.cue != cue and self.run.cue in WORKED
        return replace(result, turned=worked)

    def _do(self, name: str, argument: str, report: Report) -> Result:
        match name:
            case "choose":
                return self._choose(argument, report)
            case "back" | "first":
                self.run.go(0 if name == "first" else self.run.at - 1)
            case "trace" if self.run.cue == TRACED:
                self.run.forward(report)
                self.run.to_the_end(report)
            case "enter" if self.run.cue in CHANGES:
                self.run.to_the_next_phase(report)
            case "last":
                self.run.to_the_end(report)
            case "enter" | "next" if self.run.cue == WORRY:
                return Result(opens=Story.of(STORY))
            case "run":
                self.run.forward(report)
                return Result(goes_on=self.run.cue in CHANGES)
            case _:
                asked = self.run.cue
                self.run.forward(report)
                if asked in (ASK, HOW) and asked not in self.run.answers:
                    return Result(words.LEFT_OPEN)
        return Result()

    def _choose(self, argument: str, report: Report) -> Result:
        keys = [one.key for one in words.choices(self.run) if one.key.isdigit()]
        if argument not in keys:
            raise LearnerError(f"no answer {argument!r} here; there are: {', '.join(keys)}")
        if self.run.cue == BOOTED:
            return Result(opens=Boot(self.run.image, OPTIONS))
        if self.run.cue == WHY:
            from lessons.activities.costs import Costs  # nothing of it is loaded before it is asked for

            return Result(opens=Costs())
        asked = self.run.cue
        self.run.forward(report)
        self.run.answers[asked] = int(argument)
        return Result()

    # --- what may be asked for --------------------------------------------------------------------------------------

    def offered(self) -> tuple[Action, ...]:
        """The actions that lead anywhere from here."""
        unfit = set() if self.run.at else {"back", "first"}
        if self.run.cue not in CHANGES:
            unfit |= {"run", "last"}
        if self.run.cue not in (BOOTED, TRACED):
            unfit |= {"trace"}
        if not any(one.key.isdigit() for one in words.choices(self.run)):
            unfit |= {CHOOSE}
        return tuple(action for action in self.actions if action.name not in unfit)

    def why_not(self, action: Action) -> str:
        """Why an action leads nowhere from here."""
        return words.why_not(self.run, action.name)

    # --- what there is to see ---------------------------------------------------------------------------------------

    def picture(self) -> Picture:
        """The cue: what it says, and what stands beside it."""
        changing = self.run.cue in CHANGES
        parts = self._changing() if self.run.change is not None else (*self._shown(), self._said(), *self._choices())
        return Picture(
            title="Two mysteries",
            place=words.place(self.run),
            parts=parts,
            survival=("said", "choices", "map", "meanwhile", "time", "bytes", "sums", "counts", "listing"),
            hints=(("trace", "trace every function" if self.run.cue == BOOTED else "turn it off"),),
            keys=("next", "back", *(("enter", "run", "last") if changing else ("trace",)), "first"),
        )

    def _said(self) -> Prose:
        """The sentences of a cue; the last one is what matters, but for a question's."""
        *before, last = words.TEXTS[self.run.cue](self.run)
        tone = Tone.PLAIN if self.run.cue in (ASK, HOW) else Tone.STRONG
        return Prose(
            name="said",
            called="what happened",
            help=HELP["said"],
            paragraphs=(*map(Paragraph, before), Paragraph(last, tone=tone)),
        )

    def _choices(self) -> tuple[Part, ...]:
        asked = words.asked(self.run)
        return (
            (
                Question(
                    name="choices",
                    called="question",
                    help=HELP["choices"],
                    text=asked,
                    choices=words.choices(self.run),
                ),
            )
            if asked
            else ()
        )

    def _shown(self) -> tuple[Part, ...]:
        """What the sentences speak of."""
        run, cue = self.run, self.run.cue
        if cue in (ASK, SEEN):
            listing = Listing(name="listing", help=HELP["listing"], title="gdb, of the file", lines=self.listing())
            if cue == ASK:
                return (listing,)
            return (listing, _rows("bytes", f"where {FUNCTION}() begins", (), self._bytes()))
        if cue == BOOTED:
            title = "every site, at the end of boot"
            return (Map(name="map", help=HELP["map"], title=title, sites=run.found.booted),)
        if cue in (TRACED, QUIET):
            return (self._map(run.changes[ON if cue == TRACED else OFF]), self._counts())
        if cue == WHY:
            rounds = ("round", "written", "then the task waits for")
            return (_rows("sums", "tracing turned on", rounds, words.rounds(run)),)
        if cue == WORRY:
            columns = ("", *(f"CPU{cpu}" for cpu in run.simulation.cpus), "all")
            return (_rows("sums", "while the sites changed", columns, words.cpus_sums(run)),)
        return ()

    def _changing(self) -> tuple[Part, ...]:
        """A change on its way: the map, what has happened, and who does what."""
        change = self.run.changes[self.run.cue]
        patch = patching_snapshot(self.run.simulation)
        happened = (Paragraph(words.happened(change, patch), tone=Tone.STRONG),)
        said = words.step(change, patch, self._most_called(MOST), self.run.calls.by_site().total())
        return (
            replace(self._map(change), words=site_words(patch)),
            Prose(
                name="said",
                called="what happened",
                help=HELP["said"],
                paragraphs=happened,
            ),
            Prose(
                name="meanwhile",
                called="who waits",
                help=HELP["meanwhile"],
                paragraphs=said,
            ),
            Lanes(
                name="time",
                help=HELP["time"],
                title="who does what",
                beside=True,
                time=change.time,
            ),
        )

    def _map(self, change: Change) -> Map:
        """The sites at a step of a change; behind its end as that left them."""
        at = change.at if self.run.cue in CHANGES else len(change.steps) - 1
        here, before = change.steps[at], change.steps[max(0, at - 1)]
        taken = here.taken if self.run.cue in CHANGES else ()
        return Map(
            name="map",
            help=HELP["map"],
            title="every site",
            sites=here.sites,
            before=before.sites,
            taken=taken,
        )

    def listing(self) -> tuple[str, ...]:
        """gdb's listing of the function in the file."""
        symbol = self.run.image.symbol(FUNCTION)
        code = list(disasm.decode(self.run.image.text_of(symbol), symbol.address))
        rows = disasm.listing(code, symbol.address, self.run.image.symbolize)
        return (f"Dump of assembler code for function {FUNCTION}:", *rows, "End of assembler dump.")

    def _bytes(self) -> tuple[Row, ...]:
        file = self.run.image.text_of(self.run.image.symbol(FUNCTION))[:MCOUNT_INSN_SIZE]
        memory = self.run.simulation.read(self.run.site, MCOUNT_INSN_SIZE)
        both = (("in the file", file, "call __fentry__"), ("in memory", memory, "nop: it does nothing"))
        return tuple(Row((label, data.hex(" ").upper(), text)) for label, data, text in both)

    def _counts(self) -> Rows:
        most, calls = self._most_called(COUNTS), self.run.calls.by_site()
        rest = calls.total() - sum(count for _, count in most)
        others = (f"the other {self.run.sites - len(most):,}", rest), (f"all {self.run.sites:,}", calls.total())
        rows = tuple(Row((name, f"{count:,}")) for name, count in (*most, *others))
        return _rows("counts", "traced calls so far, most called first", ("FUNC", "COUNT"), rows)

    def _most_called(self, rows: int) -> list[tuple[str, int]]:
        """The functions that were called most, with their calls so far."""
        most = sorted(self.run.calls.by_site().items(), key=lambda one: -one[1])[:rows]
        return [(self.run.image.symbolize(site), count) for site, count in most]

    @property
    def reached(self) -> str:
        """Its own name, at its end."""
        return self.name if self.run.cue == WORRY else ""

    def data(self) -> dict[str, Any]:
        """The number of the cue, and what was answered so far, by the number of its question."""
        return {"cue": self.run.cue + 1, "answers": [self.run.answers.get(cue) for cue in (ASK, HOW)]}


def _rows(name: str, title: str, columns: tuple[str, ...], rows: tuple[Row, ...]) -> Rows:
    """A table of a page."""
    return Rows(name=name, help=HELP[name], title=title, columns=columns, rows=rows)
