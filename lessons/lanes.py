"""The time picture as a value: which lane did what at each step of a story. A lane is the patching task or a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Did(Enum):
    """What a lane did at a step, or is in the middle of."""

    NOTHING = "nothing"
    BEGINS = "begins"
    WRITES = "writes"
    SENDS = "sends IPIs"
    ASKED = "an IPI is sent to it"
    WAITS = "waits"
    GOES_ON = "goes on"
    RELEASES = "releases"
    READS = "reads"
    INSIDE = "in the middle of an instruction"
    RUNS = "runs"
    TORN = "runs neither instruction"
    RESOLVES = "a byte is resolved"
    ANSWERS = "answers"
    MASKED = "interrupts off"
    INT3 = "int3"
    CALLS = "the new instruction, by the handler"
    TRACES = "a trace line"
    NMI = "an NMI"
    PARKS = "parks"
    PARKED = "waits in a loop, interrupts off"
    DIES = "oops"


@dataclass(frozen=True, slots=True)
class LaneMark:
    """What a lane did at a step.

    Attributes:
        did: what.
        text: what it wrote, in two characters: "CC", "+4"; else "".
        inside: it was in the middle of an instruction, which it had begun to read.
        trapped: it had taken an int3 before, within the same step.
    """

    did: Did
    text: str = ""
    inside: bool = False
    trapped: bool = False


@dataclass(frozen=True, slots=True)
class TimeStep:
    """A step of the picture.

    Attributes:
        step: its number, from 1.
        position: in history.
        phase: of which it is a part, "" between batches.
        marks: one a lane.
        sentence: what happened, in few words.
    """

    step: int
    position: int
    phase: str
    marks: tuple[LaneMark, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class TimePicture:
    """Lanes, and what each did at each step.

    Attributes:
        lanes: the names, the patching task's first.
        moments: from the first step to the furthest that was seen.
        at: the step at which one stands, 0 for the start.
    """

    lanes: tuple[str, ...]
    moments: tuple[TimeStep, ...]
    at: int

    def sentences(self) -> list[str]:
        """A sentence a step up to where one stands; of the first lane also that it waits, until the last has answered.

        Where they do not begin with the first step, the first sentence says so.
        """
        shown = [one for one in self.moments if one.step <= self.at]
        later = shown[0].step if shown and shown[0].step > 1 else 0
        out = [f"Steps {later} to {shown[-1].step}; those before them are not here."] if later else []
        asked: set[int] | None = None  # the lanes that have not answered; None: it is not known who was asked
        for one in shown:
            if one.marks[0].did is Did.SENDS:
                asked = {lane for lane, mark in enumerate(one.marks) if mark.did is Did.ASKED}
            elif asked is not None:
                asked -= {lane for lane, mark in enumerate(one.marks) if mark.did is Did.ANSWERS}
            waits = one.marks[0].did is Did.WAITS and asked != set()
            out.append(f"Step {one.step}: {one.sentence}{f'; {self.lanes[0]} waits' if waits else ''}.")
        return out
