"""Where one starts: all that there is to do, and the place where one left the last time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from lessons.activities.boot import Boot
from lessons.activities.lab import Lab
from lessons.activities.opening import STORY as OPENING_LEADS_TO
from lessons.activities.opening import Opening
from lessons.activities.story import Story
from lessons.activities.story_actions import NO_STORIES
from lessons.activity import CHOOSE, POINT, Action, Activity, Argument, PlainText, Query, Result
from lessons.kept import Kept
from lessons.picture import Paragraph, Picture, Prose, Row, Rows, Tone
from lessons.session.content import STORIES
from lessons.session.named_step import NamedStep, is_named_step
from lessons.session.number import is_number
from lessons.session.path import PATH, PathStory
from lessons.session.prepared import Prepared
from simkernel.errors import LearnerError, nearest
from simkernel.ftrace.filters import a_few
from simkernel.report import Report
from simkernel.sim.options import Options, load_image

GO_ON = "go on"
HELP = {
    "list": "All that there is to watch: up and down choose, Enter begins. A mark: you have seen its end.",
    "about": "What the chosen one asks, how long it is, and who patches like this.",
}
"""What F1 says of the part with the focus."""


@dataclass(frozen=True, slots=True)
class StartEntry:
    """One thing to do.

    Attributes:
        name: on the command line.
        title, question: what it is and asks.
        begin: begins it.
        about: more of it, "" for nothing.
    """

    name: str
    title: str
    question: str
    begin: Callable[[], Activity]
    about: str = ""


def _costs() -> Activity:
    from lessons.activities.costs import Costs  # it imports much

    return Costs()


def _boot() -> Activity:
    return Boot(load_image(Options()), Options())


LAB = "Which order of events breaks a protocol, once a step of it is left out?"
MYSTERIES = "Why is the call that gdb shows not slow? How can all be traced at once?"


KEYS = "a number or a name begins that one, p or Enter the chosen one, down and up choose"
ASKS = "What do you want to watch?"
NAMES = (NO_STORIES[0], *(story.name for story in PATH), *NO_STORIES[1:])
TITLES = ("Two mysteries", *(story.title for story in PATH), "The lab", "What tracing costs", "Boot")


@cache
def function_names() -> tuple[str, ...]:
    """The functions of the usual kernel that can be traced."""
    return tuple(load_image(Options()).function_names())


ENDS = (Opening.name, *STORIES)  # the entries to whose end a person can come


class Start(Activity):
    """A list of all that there is to do.

    Attributes:
        at: the entry that is chosen.
    """

    name = "start"
    actions = (
        Action("enter", "Begin", "Begin what is chosen.", "begin"),
        Action("down", "Next one", "Choose the next one.", "choose"),
        Action("up", "One before", "Choose the one before."),
        Action("first", "First one", "Choose the first one."),
        Action("last", "Last one", "Choose the last one."),
        Action(
            "search",
            "Find",
            "Choose one by a part of its name; or watch how a function comes to be traced.",
            argument=Argument("part of a name"),
        ),
        Action(
            "begin",
            "Watch",
            "Begin one by its name; or watch how a function comes to be traced.",
            argument=Argument("name", lambda: [*TITLES, *function_names()]),
        ),
        Action(
            CHOOSE,
            "Begin by number",
            "Begin one by its number, or by its name; 0 goes on where you left.",
            argument=Argument("number or name", lambda: [*map(str, range(1, len(NAMES) + 1)), *NAMES]),
        ),
        Action(POINT, "Begin one", "Begin one by its number, from 0.", argument=Argument("number")),
    )

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept if kept is not None and kept.moment else None
        self._seen = set(kept.seen if kept is not None else ())
        self._story: Activity | None = None  # which has come to the place that is kept, in this session
        self._left: dict[str, Activity] = {}  # what is as one left it
        self._prepared = Prepared()  # for every story that is begun here
        self.at = 0 if self._kept is not None or not self._seen else self._next()

    @property
    def is_first(self) -> bool:
        """Nobody was here before: one begins with the two questions."""
        return self._kept is None

    @property
    def entries(self) -> tuple[StartEntry, ...]:
        """All, from the top."""
        kept, story = self._kept, self._story
        left = () if kept is None else (
            StartEntry(
                GO_ON, "Go on where you left", f"{kept.title}, step {kept.step}", lambda: story or Story.left(kept)
            ),
        )  # fmt: skip
        costs = "How much is it when off, and when on? Counted, priced, measured here."
        boot = "How did the calls that the build left become NOPs?"
        return (
            *left,
            StartEntry("mysteries", TITLES[0], MYSTERIES, Opening),
            *(entry_of(story, self._prepared) for story in PATH),
            StartEntry("lab", TITLES[-3], LAB, Lab),
            StartEntry("overhead", TITLES[-2], costs, _costs),
            StartEntry("boot", TITLES[-1], boot, _boot),
        )

    @property
    def _first(self) -> int:
        """The number of the first entry: 0 goes on, so all others keep their numbers."""
        return 0 if self._kept is not None else 1

    def _next(self, after: str = "") -> int:
        """The first story whose end nobody has come to, of those behind one, else of all; if none, the first entry."""
        names = [story.name for story in PATH]
        first = names.index(OPENING_LEADS_TO) if after == Opening.name else 0
        first = names.index(after) + 1 if after in names else first
        name = next((name for name in (*names[first:], *names) if name not in self._seen), "")
        return next((at for at, entry in enumerate(self.entries) if entry.name == name), 0)

    def named(self, name: str) -> Activity:
        """The entry of that name, or the step of a story that is named.

        Raises:
            LearnerError: there is none.
        """
        for at, entry in enumerate(self.entries):
            if entry.name == name:
                self.at = at
                return self._begun(entry)
        check_name(name)
        return Story.of(name, self._prepared)

    def start(self, report: Report) -> Result:
        """Do nothing; plain mode tells the list."""
        return Result(tell=self.listed)

    def is_choice(self, word: str) -> bool:
        """A number, the name of an entry, or a step that is named."""
        return super().is_choice(word) or is_named_step(word)

    @property
    def answers(self) -> Mapping[str, Query]:
        """The list."""
        return {"w": Query("the list", self.listed)}

    def listed(self) -> PlainText:
        """The list, numbered from 1."""
        entries = self.entries
        names = ("" if one.name == GO_ON else f" ({one.name})" for one in entries)
        rows = (
            f"{number}. {one.title}{name}: {one.question}"
            for number, (one, name) in enumerate(zip(entries, names, strict=True), self._first)
        )
        return PlainText((ASKS, *rows, f"{self._first + self.at} is chosen."), together=False, keys=KEYS)

    def returned(self, left: Activity) -> None:
        """Offer to go on with what one has left; what is chosen stays chosen."""
        if self._kept is None:
            self.at += 1
        self._kept, self._story = left.kept(), left

    def saw(self, story: str) -> None:
        """Mark it, and choose what comes next."""
        self._seen.add(story)
        self.at = self._next(story)

    def do(self, action: Action, argument: str, report: Report) -> Result:
        """Carry an action out."""
        last = len(self.entries) - 1
        match action.name:
            case "enter":
                return Result(opens=self._begun(self.entries[self.at]))
            case "search":
                return self._find(argument)
            case "begin":
                return self._begin(argument)
            case "choose" if not is_number(argument):
                return self._begin(argument)
            case "choose":
                first = self._first
                if not first <= int(argument) <= first + last:
                    raise LearnerError(f"there is no number {argument!r}; there are {first} to {first + last}")
                self.at = int(argument) - first
                return Result(opens=self._begun(self.entries[self.at]))
            case "down":
                self.at = min(last, self.at + 1)
            case "up":
                self.at = max(0, self.at - 1)
            case "first":
                self.at = 0
            case "last":
                self.at = last
            case _:
                if not is_number(argument) or int(argument) > last:
                    raise LearnerError(f"there is no number {argument!r}; there are 0 to {last}")
                self.at = int(argument)
                return Result(opens=self._begun(self.entries[self.at]))
        return Result(tell=self._said_of_chosen)

    def _said_of_chosen(self) -> PlainText:
        """The one that is chosen."""
        one = self.entries[self.at]
        return PlainText(tuple(filter(None, (f"{self._first + self.at}. {one.title}.", one.question, one.about))))

    def _begun(self, entry: StartEntry) -> Activity:
        """Begin an entry: a story anew, what has no machine of its own as one left it."""
        if (left := self._left.get(entry.name)) is not None:
            return left
        begun = entry.begin()
        if isinstance(begun, Story):
            self._like_the_last(begun)
        if entry.name not in (GO_ON, *STORIES):
            self._left[entry.name] = begun
        return begun

    def _find(self, part: str) -> Result:
        """Choose the entry with that in its name; where there is none, begin with the function that has it in its own.

        Raises:
            LearnerError: there is none, or there are several functions.
        """
        names = [f"{one.name} {one.title}".lower() for one in self.entries]
        found = next((at for at, name in enumerate(names) if part.lower() in name), None)
        if found is not None:
            self.at = found
            return Result()
        functions = [one for one in function_names() if part.lower() in one.lower()]
        if part in functions or len(functions) == 1:
            return self._trace(part if part in functions else functions[0])
        if functions:
            raise LearnerError(f"{part!r} is part of {a_few(functions)}: name one function")
        raise LearnerError(f"nothing here is called {part!r}.{nearest(part, [one.name for one in self.entries])}")

    def _begin(self, name: str) -> Result:
        """Begin an entry by its name or its title, or the story of a function by its name; else find it by a part."""
        entry = next((one for one in self.entries if name in (one.name, one.title)), None)
        if entry is not None:
            return Result(opens=self._begun(entry))
        if is_named_step(name):
            return Result(opens=Story.of(name, self._prepared))
        return self._trace(name) if name in function_names() else self._find(name)

    def _trace(self, function: str) -> Result:
        return Result(opens=self._like_the_last(Story.tracing(function, self._prepared)))

    def _like_the_last(self, story: Story) -> Story:
        """A story that begins, with what a person chose for all of them in the last one."""
        if isinstance(self._story, Story):
            story.looks_as(self._story)
        return story

    def picture(self) -> Picture:
        """The list, and what the chosen one asks."""
        entries = self.entries
        chosen = entries[min(self.at, len(entries) - 1)]
        rows = tuple(
            Row((one.title,), help=one.question, done=one.name in self._seen if one.name in ENDS else None)
            for one in entries
        )
        about = [Paragraph(chosen.question), *([Paragraph(chosen.about, tone=Tone.DIM)] if chosen.about else [])]
        return Picture(
            title="simkernel",
            parts=(
                Prose(
                    name="asks",
                    called="question",
                    paragraphs=(Paragraph(ASKS, tone=Tone.STRONG),),
                ),
                Rows(
                    name="list",
                    help=HELP["list"],
                    columns=(),
                    rows=rows,
                    cursor=self.at,
                ),
                Prose(
                    name="about",
                    called="what is chosen",
                    help=HELP["about"],
                    apart=True,
                    paragraphs=tuple(about),
                ),
            ),
            survival=("about", "list", "asks"),
            keys=("enter", "down", "search"),
        )


def check_name(name: str) -> None:
    """Nothing, where something has that name, or a step of a story.

    Raises:
        LearnerError: there is none; with the name that is most like it.
    """
    names = [entry.name for entry in Start().entries]
    if is_named_step(name):
        NamedStep.parse(name)
    elif name not in names:
        raise LearnerError(f"no scenario {name!r}; there are: {', '.join(names)}.{nearest(name, names)}")


def entry_of(story: PathStory, prepared: Prepared) -> StartEntry:
    """The entry of a story, which `prepared` begins: how long it takes to watch, who patches like this and when."""
    steps = f"{story.stops} steps. " if story.stops else ""
    return StartEntry(
        story.name,
        story.title,
        story.question,
        partial(Story.of, story.name, prepared),
        f"{steps}Protocol {story.protocol.name}: {story.era}.",
    )
