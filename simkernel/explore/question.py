"""One question to the explorer and its answer, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from simkernel.errors import LearnerError
from simkernel.explore.case import Case, case_of
from simkernel.explore.effects import Bench
from simkernel.explore.properties import BY_VIOLATION, USUAL, violations_of
from simkernel.explore.search import STATES, Search, Step
from simkernel.explore.sentences import Scene, scenes, sentence
from simkernel.explore.world import World
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import Protocol, Variant
from simkernel.report import Report

MAX_CPUS = 4
PLACES_IN_WORDS = {"inside": "inside a cache line", "across": "across two cache lines"}
NMIS_IN_WORDS = {False: "no NMI comes", True: "with NMIs"}
CHANGES_IN_WORDS = {"nop-call": "NOP -> CALL", "call-call": "CALL -> CALL", "call-nop": "CALL -> NOP"}
"""The changes of a call site; any other is said as `Case.change` has it."""


@dataclass(frozen=True, slots=True)
class Question:
    """Is this protocol safe for this change, in this model?

    Attributes:
        variant: the protocol, and what is changed in it.
        model: of fetching.
        cpus: 1 to 4.
        change, place: of a call site of the default kernel, see `case.py`.
        properties: what has to hold, by name.
        bound: states after which the search gives up.
        nmi: NMIs come, and nothing else runs the site; False: none comes.
        on: another site, and its change, in the place of what `change`, `place` and `nmi` say.
    """

    variant: Variant
    change: str = "nop-call"
    place: str = "inside"
    model: FetchModel = FetchModel.BYTE
    cpus: int = 2
    properties: tuple[str, ...] = USUAL
    bound: int = STATES
    nmi: bool = False
    on: Case | None = None

    @property
    def protocol(self) -> Protocol:
        """The table of `variant`."""
        return self.variant.table

    @property
    def case(self) -> Case:
        """What changes. LearnerError where there is no such site."""
        return self.on or case_of(self.change, self.place, self.protocol.nop, nmi=self.nmi)

    def world(self) -> World:
        """Where the search takes place."""
        if not 1 <= self.cpus <= MAX_CPUS:
            raise LearnerError(f"{self.cpus} CPUs: the explorer takes 1 to {MAX_CPUS}")
        note_new = bool({"forward", "at-once"} & set(self.properties))
        return World(self.protocol, self.case, self.model, bench=_bench(self.case), note_new=note_new)


@lru_cache(maxsize=64)  # more than the table of ablations has cases; each holds an engine
def _bench(case: Case) -> Bench:
    """The instructions that have been tried out at the site of a case: what they do is the same in every search."""
    return Bench(case)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to a question.

    Attributes:
        world: where it was looked for.
        states: how many were looked at.
        depth: no schedule of up to so many steps breaks anything else.
        finished: whether all were.
        broken: the violation that was met first, "" for none.
        schedule: a shortest one that leads to it.
    """

    question: Question
    world: World
    states: int
    depth: int
    finished: bool
    broken: str
    schedule: tuple[Step, ...]

    @property
    def safe(self) -> bool:
        """True where all was looked at and nothing broken."""
        return self.finished and not self.broken

    def scenes(self) -> tuple[Scene, ...]:
        """The schedule, played."""
        return tuple(scenes(self.world, self.question.cpus, self.schedule))

    def sentences(self) -> list[str]:
        """One sentence for each step of the schedule."""
        return [sentence(self.world, scene) for scene in self.scenes()]

    def verdict(self) -> str:
        """What was asked about, and the answer."""
        answer = self.answer()
        return f"{self.subject()}: {answer[0].lower()}{answer[1:]}"

    def subject(self) -> str:
        """What was asked about: the protocol, the change, its place, the CPUs, the model, NMIs."""
        asked, case = self.question, self.world.case
        cpus = "1 CPU" if asked.cpus == 1 else f"{asked.cpus} CPUs"
        return (
            f"{asked.variant.name}, {CHANGES_IN_WORDS.get(case.change, case.change)} {PLACES_IN_WORDS[case.place]}, "
            f"{cpus}, in model {asked.model.value}, {NMIS_IN_WORDS[case.nmi]}"
        )

    def answer(self) -> str:
        """The answer in a sentence or two, with all that was looked for."""
        asked = self.question
        if self.broken:
            when = (
                f"After {len(self.schedule)} move{'s' * (len(self.schedule) > 1)}"
                if self.schedule
                else "From the start"
            )
            return f"Not safe. {when} {BY_VIOLATION[self.broken].broken} ({self.broken})."
        if not self.finished:
            return (
                f"Not finished. No schedule of up to {self.depth} steps breaks anything; "
                f"{self.states:,} states were looked at, and there are more."
            )
        word = "Safe" if set(USUAL) <= set(asked.properties) else "Keeps what was asked"
        what = "this holds" if len(asked.properties) == 1 else "these hold"
        return f"{word}. In all {self.states:,} states {what}: {', '.join(asked.properties)}."


def explore(question: Question, report: Report | None = None) -> Finding:
    """The answer with the shortest schedule that breaks one of the properties, if there is one.

    Args:
        question: what is asked.
        report: as for `Search.run`.

    Raises:
        Cancelled: as `report` does.
    """
    return _explore(question, True, report)[0]


def explore_each(question: Question, report: Report | None = None) -> tuple[Finding, ...]:
    """The shortest schedule for each property that can be broken, shortest first; where none can, that answer.

    Args:
        question: what is asked.
        report: as for `Search.run`.

    Raises:
        Cancelled: as `report` does.
    """
    return _explore(question, False, report)


def _explore(question: Question, first_only: bool, report: Report | None) -> tuple[Finding, ...]:
    world = question.world()
    answer = Search(world, question.cpus, question.properties).run(first_only, question.bound, report)
    found = sorted(answer.violations.values(), key=lambda one: (len(one.steps), one.bit))
    broken = [(violations_of(one.bit)[0], one.steps) for one in found] or [("", ())]
    return tuple(
        Finding(question, world, answer.states, answer.depth, answer.finished, name, steps) for name, steps in broken
    )
