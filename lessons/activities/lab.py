"""The lab: choose a protocol, take steps out of it, predict, and see whether the kernel survives every order of events.

`Lab` holds what is chosen and what came of it; the explorer does the search and says the verdict and the schedule. A
front end shows `rows`, changes them with `turn`, `switch` and `shift`, and asks with `explore`; `watch` opens a
schedule where it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lessons.session.stepper import Stepper
from lessons.story.words import MODELS, NOT_A_CPU
from simkernel.errors import LearnerError, OurError, nearest
from simkernel.explore import Finding, Question, explore_each
from simkernel.explore.case import CHANGES, PLACES, case_of
from simkernel.explore.properties import BY_NAME, USUAL, names_of
from simkernel.explore.question import CHANGES_IN_WORDS, MAX_CPUS, NMIS_IN_WORDS, PLACES_IN_WORDS
from simkernel.explore.replay import Stages, Unplayable, replay
from simkernel.explore.search import Answer
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import NOP_FORMS, PROTOCOLS, Phase, Protocol, Variant, phase_named
from simkernel.sim.moment import open_moment

SAFE, NOT_SAFE = "safe", "not safe"
TIMES = ("left out", "", "twice")
FIRST = {
    "protocol": "int3",
    "change": "nop-call",
    "place": "inside",
    "nop": "nop5",
    "gate": "interrupt",
    "model": "byte",
    "cpus": "2",
    "nmi": "none",
    "property": "all",
}
STARTERS: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "sync 1"),
    ({"model": "pieces"}, "sync 2"),
    ({}, "sync 3"),
    ({"protocol": "one-store", "model": "pieces"}, ""),
    ({"protocol": "int3-2012", "change": "call-call"}, ""),
    ({"protocol": "stop_machine-bare"}, ""),
    ({"nop": "5x1"}, ""),
    ({"property": "not-at-once"}, ""),
    ({"protocol": "stop_machine", "property": "not-at-once"}, ""),
    ({"protocol": "stop_machine", "model": "pieces", "nmi": "come"}, ""),
    ({"model": "pieces", "nmi": "come"}, ""),
)
"""Questions to begin with: what differs from FIRST, and the step that is left out."""


def who(protocol: Protocol) -> str:
    """Who patches like this, without a remark on how that ends."""
    return protocol.era.users


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be chosen beside the steps.

    Attributes:
        name: as plain mode calls it. values: all there are. words: value -> how it is shown, where it is not itself.
        help: value -> what it means.
    """

    name: str
    values: tuple[str, ...]
    help: Callable[[str], str]
    words: Callable[[str], str] = str


SETTINGS = {
    one.name: one
    for one in (
        Setting(
            "protocol",
            tuple(PROTOCOLS),
            lambda value: PROTOCOLS[value].prose,
            lambda value: f"{value}  {who(PROTOCOLS[value])}",
        ),
        Setting(
            "change",
            CHANGES,
            lambda value: "What becomes of the five bytes: a tracer comes, another one comes, the last one goes.",
            CHANGES_IN_WORDS.__getitem__,
        ),
        Setting(
            "place",
            PLACES,
            lambda value: "Where the five bytes lie: in one cache line, or across two.",
            PLACES_IN_WORDS.__getitem__,
        ),
        Setting("nop", tuple(NOP_FORMS), lambda value: "How to do nothing in five bytes: in one instruction, or more."),
        Setting(
            "gate",
            ("interrupt", "trap"),
            lambda value: "An int3 enters its handler with interrupts " + ("on." if value == "trap" else "off."),
        ),
        Setting("model", tuple(one.value for one in FetchModel), lambda value: f"{MODELS[value]} {NOT_A_CPU}"),
        Setting("cpus", tuple(map(str, range(1, MAX_CPUS + 1))), lambda value: "How many CPUs run the five bytes."),
        Setting(
            "nmi",
            ("none", "come"),
            lambda value: (
                "NMIs come at any moment, and only they run the five bytes. These lie in one cache line then."
                if value == "come"
                else "A CPU runs the five bytes from its tasks, and no NMI comes."
            ),
            lambda value: NMIS_IN_WORDS[value == "come"],
        ),
        Setting(
            "property",
            ("all", *BY_NAME),
            lambda value: (
                "What must never happen, in any order of events."
                if value == "all"
                else f"This alone must never happen: {BY_NAME[value].broken}."
            ),
            lambda value: "all that Linux rules out" if value == "all" else value,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the lab.

    Attributes:
        name: of a setting, or of a step of the protocol. value: as it is shown. help: what it means.
        step: True for a step. on: False for one that is left out.
    """

    name: str
    value: str
    help: str
    step: bool = False
    on: bool = True


class Lab:
    """What is chosen, what was predicted, what came of it.

    Attributes:
        number: of the question that one began with, from 0. chosen: setting -> value.
        order: the protocol's steps, by name, in the order in which they are to be done; times: how often each is.
        guess: what was predicted, "" for nothing. findings: the answer, () before it; at: which of it is looked at.
        states, depth: how far a search has come; broken: the properties that it has found broken so far.
        stop_asked: set by a front end, from another thread, to end a search where it is.
    """

    def __init__(self) -> None:
        self._stages = Stages()
        self.number = 0
        self.begin()

    def begin(self, number: int = 0) -> None:
        """One of the questions to begin with; behind the last comes the first."""
        self.number = number % len(STARTERS)
        differs, left_out = STARTERS[self.number]
        self.chosen = FIRST | differs
        self._restore()
        if left_out:
            self.times[left_out] = 0
        self._forget()

    def _restore(self) -> None:
        """The protocol's own steps."""
        self.order = [phase.name for phase in self.base.phases]
        self.times = dict.fromkeys(self.order, 1)

    def _forget(self) -> None:
        """Something else is asked now."""
        self.guess = ""
        self.findings: tuple[Finding, ...] = ()
        self.at = self.states = self.depth = 0
        self.broken: tuple[str, ...] = ()
        self.stop_asked = False

    # --- what is chosen ---------------------------------------------------------------------------------------------

    @property
    def base(self) -> Protocol:
        """The protocol as it is, before anything is changed in it."""
        return PROTOCOLS[self.chosen["protocol"]]

    @property
    def variant(self) -> Variant:
        """The protocol with what is changed in it."""
        return self._variant(self.times)

    def _variant(self, times: Mapping[str, int]) -> Variant:
        """The same with each step done so often. LearnerError where that leaves no step."""
        variant = Variant(self.base)
        for name in self.order:
            if times[name] == 0:
                variant = variant.without(name)
        for at, name in enumerate([name for name in self.order if times[name]]):
            now = variant.table.phases[at].name
            if now != name:
                variant = variant.moved(name, now)
        for name in self.order:
            if times[name] == 2:
                variant = variant.twice(name)
        if self.chosen["nop"] != "nop5":
            variant = variant.on_nop(self.chosen["nop"])
        return variant.through_trap_gate() if self.chosen["gate"] == "trap" else variant

    @property
    def question(self) -> Question:
        """What is asked of the explorer."""
        chosen = self.chosen
        properties = USUAL if chosen["property"] == "all" else (chosen["property"],)
        return Question(
            self.variant,
            chosen["change"],
            chosen["place"],
            FetchModel(chosen["model"]),
            int(chosen["cpus"]),
            properties,
            nmi=chosen["nmi"] == "come",
        )

    @property
    def rows(self) -> list[Row]:
        """The settings, then the steps."""
        settings = [
            Row(name, one.words(self.chosen[name]), one.help(self.chosen[name])) for name, one in SETTINGS.items()
        ]
        return settings + [self._step_row(self.base.phase(name)) for name in self.order]

    def _step_row(self, phase: Phase) -> Row:
        times = self.times[phase.name]
        return Row(phase.name, TIMES[times], phase.why, step=True, on=times > 0)

    # --- choosing ---------------------------------------------------------------------------------------------------

    def choose(self, name: str, value: str) -> None:
        """Give a setting a value. LearnerError for one that there is not, or that does not go with the others."""
        if value not in SETTINGS[name].values:
            raise LearnerError(
                f"no {name} {value!r}; there are: {', '.join(SETTINGS[name].values)}."
                f"{nearest(value, SETTINGS[name].values)}"
            )
        before, self.chosen[name] = self.chosen[name], value
        try:
            case_of(self.chosen["change"], self.chosen["place"], nmi=self.chosen["nmi"] == "come")
        except LearnerError:
            self.chosen[name] = before
            raise
        if name == "protocol":
            self._restore()
        self._forget()

    def turn(self, name: str, by: int = 1) -> None:
        """A setting to its next value, a step to its next way: done, left out, twice."""
        if name in SETTINGS:
            values = SETTINGS[name].values
            self.choose(name, values[(values.index(self.chosen[name]) + by) % len(values)])
        else:
            self.switch(name, (self.times[name] - by) % 3)

    def switch(self, name: str, times: int) -> None:
        """Do a step so often: 0, 1 or 2 times. LearnerError for a step that the protocol has not, or for the last."""
        name = phase_named(self.base, name).name
        changed = self.times | {name: times}
        self._variant(changed)
        self.times = changed
        self._forget()

    def shift(self, name: str, by: int) -> None:
        """Do a step earlier (-1) or later (1) by one."""
        name = phase_named(self.base, name).name
        at = self.order.index(name)
        if 0 <= at + by < len(self.order):
            self.order.insert(at + by, self.order.pop(at))
            self._forget()

    def move(self, name: str, before: str) -> None:
        """Do a step before another one."""
        name, before = phase_named(self.base, name).name, phase_named(self.base, before).name
        if name != before:
            self.order.remove(name)
            self.order.insert(self.order.index(before), name)
            self._forget()

    # --- asking -----------------------------------------------------------------------------------------------------

    def explore(self, guess: str = "", heard: Callable[[], None] = lambda: None) -> None:
        """Look at every order of events; `findings` is the answer. `stop_asked` ends it.

        Args: heard: called each time that `states`, `depth` and `broken` are new.
        """
        self._forget()

        def told(so_far: Answer) -> bool:
            self.states, self.depth = so_far.states, so_far.depth
            self.broken = tuple(name for bit in so_far.violations for name in names_of(bit))
            heard()
            return self.stop_asked

        findings = explore_each(self.question, told)
        self.guess, self.findings = guess, findings

    @property
    def so_far(self) -> str:
        """How far a search is, in words."""
        found = f" Found: {', '.join(self.broken)}." if self.broken else ""
        return f"{self.states:,} states, {self.depth} steps.{found}"

    @property
    def finding(self) -> Finding | None:
        """The one that is looked at."""
        return self.findings[self.at] if self.findings else None

    def look_at(self, by: int) -> None:
        """The next finding."""
        if self.findings:
            self.at = (self.at + by) % len(self.findings)

    def watch(self) -> Stepper:
        """A stepper where the schedule of the finding begins, with the schedule ahead.

        Raises: LearnerError where there is nothing to watch, or the machine does not go that way.
        """
        finding = self.finding
        if finding is None or not finding.broken:
            raise LearnerError("there is no schedule to watch: nothing was found broken")
        try:
            played = replay(finding, self._stages)
        except Unplayable as error:
            raise LearnerError(str(error)) from error
        if finding.broken not in played.broken:
            raise OurError(f"{finding.verdict()} The machine says: {', '.join(sorted(played.broken)) or 'nothing'}.")
        title = f"{finding.question.variant.name}: {finding.broken}"
        return Stepper(open_moment(played.moment), site=finding.world.case.site, title=title)
