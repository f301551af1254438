"""What is asked in the lab: a protocol with phases left out, doubled and moved, and what else can be chosen.

`Setup` holds it. A front end shows its `rows`, changes them by `turn`, `choose`, `switch` and `shift`; `question` is
what the explorer is asked then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lessons.story.words import MODELS, NOT_A_CPU
from simkernel.errors import LearnerError, nearest
from simkernel.explore import Question
from simkernel.explore.case import CHANGES, PLACES, case_of
from simkernel.explore.properties import BY_NAME, USUAL, property_named
from simkernel.explore.question import CHANGES_IN_WORDS, MAX_CPUS, NMIS_IN_WORDS, PLACES_IN_WORDS
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import NOP_FORMS, PROTOCOLS, Phase, Protocol, Variant, phase_named

TIMES = ("left out", "once", "twice")  # how often a phase is done
ALL = "all"
FIRST = {
    "protocol": "int3",
    "change": "nop-call",
    "place": "inside",
    "nop": "nop5",
    "gate": "interrupt",
    "model": "byte",
    "cpus": "2",
    "nmi": "none",
    "property": ALL,
    "states": "1000000",
}
STARTERS: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "sync 1"),
    ({"model": "pieces"}, "sync 2"),
    ({}, "sync 3"),
    ({"protocol": "one-store", "model": "pieces"}, ""),
    ({"protocol": "int3-2012", "change": "call-call"}, ""),
    ({"protocol": "stop_machine-bare"}, ""),
    ({"nop": "5x1"}, ""),
    ({"property": "at-once"}, ""),
    ({"protocol": "stop_machine", "property": "at-once"}, ""),
    ({"protocol": "stop_machine", "model": "pieces", "nmi": "come"}, ""),
    ({"model": "pieces", "nmi": "come"}, ""),
)
"""Questions to begin with: what differs from FIRST, and the phase that is left out."""


def who(protocol: Protocol) -> str:
    """Who patches like this, without a remark on how that ends."""
    users = protocol.era.users
    return users[0].upper() + users[1:]


def holding(names: Iterable[str]) -> str:
    """Properties as sentences, each with its name behind it."""
    clauses = ((name, BY_NAME[name].holds) for name in names)
    return " ".join(f"{clause[0].upper()}{clause[1:]} ({name})." for name, clause in clauses)


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be chosen besides the phases.

    Attributes:
        name: the row's, and of the action that sets it.
        values: all there are.
        help: value -> what it means.
        words: value -> how it is shown, where it is not itself.
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
            lambda value: f"{who(PROTOCOLS[value])}. {PROTOCOLS[value].prose}",
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
                f"What has to hold in every order of events. {holding(USUAL)}"
                if value == ALL
                else f"This alone has to hold: {BY_NAME[value].holds}."
            ),
            lambda value: "all that Linux keeps" if value == ALL else value,
        ),
        Setting(
            "states",
            ("10000", "100000", "1000000"),
            lambda value: f"The search gives up after {int(value):,} states, and shows what it has found by then.",
            lambda value: f"{int(value):,}",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class SetupRow:
    """A phase of the protocol, or a setting.

    Attributes:
        name: its own.
        value: how it is chosen, as it is shown.
        help: what that means.
        phase: True for a phase.
        on: False for a phase that is left out.
    """

    name: str
    value: str
    help: str
    phase: bool = False
    on: bool = True


class Setup:
    """What is chosen.

    Attributes:
        number: of the question that one began with, from 0.
        chosen: setting -> value.
        order: the protocol's phases, by name, in the order in which they will be done.
        times: how often each of them is.
    """

    def __init__(self) -> None:
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

    def _restore(self) -> None:
        """The protocol's own phases."""
        self.order = [phase.name for phase in self.base.phases]
        self.times = dict.fromkeys(self.order, 1)

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
        """The same with each phase done so often. LearnerError where that leaves none."""
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
        properties = USUAL if chosen["property"] == ALL else (chosen["property"],)
        return Question(
            self.variant,
            chosen["change"],
            chosen["place"],
            FetchModel(chosen["model"]),
            int(chosen["cpus"]),
            properties,
            int(chosen["states"]),
            nmi=chosen["nmi"] == "come",
        )

    @property
    def rows(self) -> list[SetupRow]:
        """The phases, then the settings."""
        settings = [
            SetupRow(name, one.words(self.chosen[name]), one.help(self.chosen[name])) for name, one in SETTINGS.items()
        ]
        return [self._phase_row(self.base.phase(name)) for name in self.order] + settings

    def _phase_row(self, phase: Phase) -> SetupRow:
        times = self.times[phase.name]
        return SetupRow(phase.name, TIMES[times], phase.why, phase=True, on=times > 0)

    # --- choosing ---------------------------------------------------------------------------------------------------

    def choose(self, name: str, value: str) -> None:
        """Give a setting a value. LearnerError for one that there is not, or that does not go with the others."""
        if name == "property" and value != ALL:
            property_named(value)
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

    def turn(self, name: str, by: int = 1) -> None:
        """A setting to its next value, a phase to its next way: done, left out, twice."""
        if name in SETTINGS:
            values = SETTINGS[name].values
            self.choose(name, values[(values.index(self.chosen[name]) + by) % len(values)])
        else:
            self.switch(name, (self.times[name] - by) % 3)

    def switch(self, name: str, times: int) -> None:
        """Do a phase so often: 0, 1 or 2 times. LearnerError for one that the protocol has not, or for the last."""
        name = phase_named(self.base, name).name
        changed = self.times | {name: times}
        self._variant(changed)
        self.times = changed

    def shift(self, name: str, by: int) -> None:
        """Do a phase earlier (-1) or later (1) by one."""
        name = phase_named(self.base, name).name
        at = self.order.index(name)
        if 0 <= at + by < len(self.order):
            self.order.insert(at + by, self.order.pop(at))

    def move(self, name: str, before: str) -> None:
        """Do a phase before another one."""
        name, before = phase_named(self.base, name).name, phase_named(self.base, before).name
        if name != before:
            self.order.remove(name)
            self.order.insert(self.order.index(before), name)
