"""A place in a story in words and marked bytes: what every screen, plain mode and `--ascii` show, each in its own way.

    table    the five bytes: in memory, for each CPU, what they become
    lines    the patching task, each CPU and the trace, in a line each
    why      what is true now and whether it is, why, and what came of leaving it out
    say      what has just happened: the event first, the reason after
    questions  what one is asked before it is told; `asking` keeps the answers, `cover` hides what would tell them

`story_of` gathers them; all of it is made from one frozen snapshot and the events of the last step.
"""

from __future__ import annotations

from dataclasses import dataclass

from lessons.session.left_out import is_known, known, sentences
from lessons.session.missing import Missing, missing
from lessons.session.stepper import Stepper
from lessons.session.stops import Stops
from lessons.story.lines import cpu_line, trace_lines, waits_line
from lessons.story.say import said
from lessons.story.table import table_of
from lessons.story.why import Why, why_of
from lessons.table import ByteRow, Mark, Marked, Table, marked
from simkernel.protocol import Era
from simkernel.sentence import spans_of, without_addresses
from simkernel.sim.snapshot import PatchingSnapshot, Snapshot

__all__ = ["Mark", "Marked", "PhaseMark", "ByteRow", "StoryNow", "Table", "Why", "marked", "story_of"]

LEFT_OUT = "left out"  # the state of a phase that this protocol is without
NO_TRACE = "nothing yet: no traced call has written its record"


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """A phase in the bar: its name and DONE, NOW or TO_COME of `simkernel.sim.snapshot`, or LEFT_OUT."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class StoryNow:
    """All that depth *story* shows of one place.

    Attributes:
        heading: "vfs_read: nop -> call". step, steps: stops so far, and of the whole scenario (0: not known).
        steps_of: the function whose stops they are, where it is not the one that the scenario is about; else "".
        protocol, era: who patches like this, and when. phases: the bar. batch: "batch 3, 1 site", "" between batches.
        said: what has just happened, a sentence each. table: the five bytes. waits: what the patching task waits for.
        why: why it is safe, or is not. cpus: a line a CPU. trace: the last lines of the trace, or what is awaited.
        ending: the answer that the story has come to, at its end; else "".
        missing: the phase that is left out of this story and would have begun by now; None for none.
        safe_here: in which model nothing goes wrong without the phase of `why`, and in which it does; "" elsewhere.
        can_leave_out: the story can start again without the phase that is under way or next.
        snapshot: what all of it was made from.
    """

    heading: str
    step: int
    steps: int
    protocol: str
    era: Era
    phases: tuple[PhaseMark, ...]
    batch: str
    said: tuple[str, ...]
    table: Table | None
    waits: str
    why: Why
    cpus: tuple[Marked, ...]
    trace: tuple[str, ...]
    snapshot: Snapshot
    ending: str = ""
    missing: Missing | None = None
    can_leave_out: bool = False
    safe_here: str = ""
    steps_of: str = ""

    @property
    def total(self) -> int:
        """How many steps there are, where one stands at one of them; 0: not known, or one has gone on behind them."""
        return self.steps if self.step <= self.steps else 0

    @property
    def counted(self) -> str:
        """Of whom the steps are, where they are not the story's own, as a part of a sentence; "" where they are."""
        return f"; steps are those of {self.steps_of}" if self.steps_of else ""


def story_of(stepper: Stepper, stops: Stops | None = None) -> StoryNow:
    """The story where a stepper stands. `stops` where they are known already."""
    snapshot = stepper.snapshot
    patch = snapshot.patching
    stops = stepper.stops() if stops is None else stops
    gone = missing(stepper, stops)
    return StoryNow(
        heading=heading(snapshot),
        step=len(stops),
        steps=stepper.known_stops,
        protocol=patch.variant.name,
        era=patch.protocol.era,
        phases=_phases(patch),
        batch=_batch(patch),
        said=said(stepper, stops),
        table=table_of(stepper),
        waits=waits_line(snapshot),
        why=why_of(snapshot, without(stepper)) if gone is None else why_of(snapshot, gone.phase.without, gone.phase),
        cpus=tuple(cpu_line(snapshot, cpu) for cpu in snapshot.cpus),
        trace=trace_lines(snapshot) or (NO_TRACE,),
        snapshot=snapshot,
        ending=stepper.ending,
        missing=gone,
        safe_here="" if gone is not None else safe_here(stepper),
        steps_of=stepper.elsewhere,
        can_leave_out=patch.phase is not None and stepper.scenario is not None and gone is None,
    )


def _phases(patch: PatchingSnapshot) -> tuple[PhaseMark, ...]:
    """The bar: the protocol's phases, and those that it is without at their place."""
    marks = [PhaseMark(row.name, row.state) for row in patch.phases]
    names = [phase.name for phase in patch.variant.base.phases]
    for phase in patch.variant.missing:
        behind = names[names.index(phase.name) + 1 :]
        at = next((at for at, one in enumerate(marks) if one.name in behind), len(marks))
        marks.insert(at, PhaseMark(phase.name, LEFT_OUT))
    return tuple(marks)


def without(stepper: Stepper) -> str:
    """What leaving out the phase under way led to when it was run; "" where no phase is, or nobody has run it yet."""
    phase = stepper.simulation.patching.phase
    if phase is None or stepper.scenario is None or not is_known(stepper.scenario, phase.name):
        return ""
    return " ".join(sentences(known(stepper.scenario, phase.name), phase.name, stepper.scenario.options.model))


def safe_here(stepper: Stepper) -> str:
    """Where the phase under way is needed in another model only: in which it is not, and in which it is."""
    phase, scenario = stepper.simulation.patching.phase, stepper.scenario
    if phase is None or scenario is None:
        return ""
    died, model = known(scenario, phase.name), scenario.options.model
    if died is None or died.model is model or died.survived:
        return ""
    return (
        f"In the model {model.value}, this run's, nothing goes wrong without {phase.name}; "
        f"in the model {died.model.value} it does."
    )


def heading(snapshot: Snapshot) -> str:
    """The function and what becomes of its first instruction."""
    site = snapshot.site
    if site is None:
        return f"{len(snapshot.map.states)} functions"
    if site.old is None or site.new is None:
        return f"{site.name}: {_short(site.memory.text)}"
    old, new = _short(site.old.text), _short(site.new.text)
    if old == new == "call":  # then what differs is whom it calls
        old, new = (spans_of(without_addresses(text))[-1].text for text in (site.old.text, site.new.text))
        return f"{site.name}: calls {old} -> {new}"
    return f"{site.name}: {old} -> {new}"


def _short(text: str) -> str:
    return "NOP" if text == "nop" else text.split(" ")[0] if text else "no instruction"


def _batch(patch: PatchingSnapshot) -> str:
    if not patch.batch:
        return ""
    sites = len(patch.sites)
    return f"batch {patch.batch}, {sites} site{'s' if sites > 1 else ''}"
