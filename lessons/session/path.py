"""What a person watches, in its order: the stories of the path, each a scenario or one that is changed."""

from __future__ import annotations

from dataclasses import dataclass

from lessons.session.content import SCENARIOS, STORIES
from lessons.session.named_step import NamedStep, is_named_step, named
from lessons.session.scenarios import Scenario
from lessons.session.stepper import Stepper
from simkernel.protocol import Era
from simkernel.protocol.variant import Variant

WITHOUT = "without"


@dataclass(frozen=True, slots=True)
class PathStory:
    """A story of the path.

    Attributes:
        name: as `step` takes it.
        start: the step at which it begins.
    """

    name: str
    start: NamedStep

    @classmethod
    def of(cls, name: str) -> PathStory:
        """The story of that name."""
        return cls(name, NamedStep.parse(name) if is_named_step(name) else NamedStep(name, 0))

    @property
    def scenario(self) -> Scenario:
        """The scenario, without the changes."""
        return SCENARIOS[self.start.scenario]

    @property
    def title(self) -> str:
        """The scenario's, and what is changed in it."""
        return ", ".join((self.scenario.title, *self._words()))

    @property
    def question(self) -> str:
        """The scenario's, or the one about the change."""
        if not self.start.changes:
            return self.scenario.question
        return f"What goes wrong {', '.join(reversed(self._words()))}?"

    @property
    def protocol(self) -> Variant:
        """The scenario's, without the phases that the story leaves out."""
        out = self.scenario.options.protocol
        for change in self.start.changes:
            kind, _, value = change.partition(":")
            out = out.without(value.replace("-", " ")) if kind == WITHOUT else out
        return out

    @property
    def era(self) -> Era:
        """Who patches like this, and when; what becomes of it only where a phase is left out: then its name says it."""
        era = self.protocol.table.era
        return era if self.protocol.missing else era.without_end

    @property
    def stops(self) -> int:
        """How many steps it has; 0: nobody has counted them."""
        return dict(self.scenario.changed).get(self.name, 0) if self.start.changes else self.scenario.stops

    def _words(self) -> list[str]:
        """Each change in words."""
        parted = (change.partition(":") for change in self.start.changes)
        return [
            f"{kind} {value.replace('-', ' ')}" if kind == WITHOUT else f"{kind} {value}" for kind, _, value in parted
        ]


PATH = tuple(PathStory.of(name) for name in STORIES)
"""All of them."""


def story_of(stepper: Stepper) -> PathStory | None:
    """The story of the path that a stepper is in; None where it is in none, or in a run that nobody can name."""
    here, scenario = named(stepper), stepper.scenario
    if scenario is None or (not here.changes and stepper.variant != scenario.options.protocol):
        return None  # opened where a phase is left out: the way there is not known
    same = (one for one in PATH if (one.start.scenario, one.start.changes) == (here.scenario, here.changes))
    return next(same, None)


def reached(stepper: Stepper) -> PathStory | None:
    """The story of the path at whose end a stepper is; None elsewhere."""
    return story_of(stepper) if stepper.simulation.halt_reason or stepper.ending else None


def behind(story: PathStory | None) -> PathStory | None:
    """What a person watches after a story; None behind the last one, and behind none."""
    return dict(zip(PATH, PATH[1:], strict=False)).get(story) if story is not None else None


def count(story: PathStory) -> int:
    """How many steps a story has, as it is run to its end."""
    stepper = story.start.open()
    while not stepper.simulation.halt_reason and not stepper.ending and stepper.forward():
        stepper.looked()
    return len(stepper.stops())
