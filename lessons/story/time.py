"""The time picture: which lane did what at each step of a story, as a value that any front end draws.

A lane is the patching task or a CPU. A step is a stop of the story. Nothing of it is later than the furthest step that
a person has seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lessons.lanes import Did, LaneMark, TimePicture, TimeStep
from lessons.session.stepper import Stepper
from lessons.session.stops import Stops
from lessons.story.elapsed import masked
from simkernel import events as ev
from simkernel.kernel.layout import VECTOR_CALL_FUNCTION
from simkernel.sentence import cpus, data, say, without_addresses
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.narrate import events as words

AROUND = 48  # steps: about as many as a picture has room for
TASK = -1  # the lane of the patching task


def time_picture(stepper: Stepper, around: int = AROUND) -> TimePicture:
    """The picture of a story where a stepper stands; what has been seen and lies ahead of here is in it.

    Args:
        stepper: the run.
        around: how many steps on either side of here are in it.
    """
    here = stepper.simulation.position
    stops = stepper.site_story().stops(stepper.begin, max(stepper.furthest, here))
    at = len(stepper.stops())
    first = max(0, at - around)
    lanes = [TASK, *range(stepper.simulation.options.cpus)]
    names = (PATCHING_TASK, *(f"CPU{number}" for number in lanes[1:]))
    return TimePicture(names, tuple(_moments(stepper, stops, lanes, range(first, min(len(stops), at + around)))), at)


def _moments(stepper: Stepper, stops: Stops, lanes: list[int], numbers: range) -> Iterator[TimeStep]:
    """Each of these steps, counted from 0, with what every lane is in the middle of."""
    score = _Score(stepper, lanes)
    for number in numbers:
        stop = stops[number]
        happened = stop.events
        phases = [event.phase for event in happened if isinstance(event, ev.PhaseEvent)]
        phase = phases[-1] if phases else stop.during
        yield TimeStep(
            number + 1, stop.position, phase, score.row(happened, stop.position), _sentence(stepper, happened)
        )
        score.after(happened)


def _index(known: Sequence[ev.Event], position: int) -> int:
    """How many events come before the entry at a position."""
    return bisect_left(known, position, key=lambda event: event.entry)


class _Score:
    """What every lane is in the middle of, from step to step."""

    def __init__(self, stepper: Stepper, lanes: list[int]) -> None:
        self._stepper, self._lanes = stepper, lanes
        self._doing: dict[int, Did] = {}  # lane -> what it is in the middle of
        self._masked: dict[int, int] = {}  # CPU -> the position up to which its interrupts are off, and it is asked

    def row(self, happened: Sequence[ev.Event], position: int) -> tuple[LaneMark, ...]:
        """A mark a lane, for the events of a step that ended at a position."""
        masked = (cpu for cpu, until in self._masked.items() if position <= until)
        doing = dict.fromkeys(masked, Did.MASKED) | self._doing
        marks = {lane: LaneMark(did) for lane, did in doing.items()}
        for event in happened:
            for lane, mark in marks_of(event, self._stepper.whole):
                marks[lane] = replace(mark, inside=self._doing.get(lane) is Did.INSIDE)
        return tuple(marks.get(lane, LaneMark(Did.NOTHING)) for lane in self._lanes)

    def after(self, happened: Sequence[ev.Event]) -> None:
        """What each lane is in the middle of, once these have happened."""
        doing = self._doing
        for event in happened:
            match event:
                case ev.SyncSent() | ev.ParkAsked():
                    doing[TASK] = Did.WAITS
                    self._masked = dict(self._masked_while(event))
                case ev.SyncEnded() | ev.BatchReleased():
                    doing.pop(TASK, None)
                case ev.Parked():
                    doing[event.cpu] = Did.PARKED
                    if not event.waiting_for:
                        doing.pop(TASK, None)
                case ev.Unparked():
                    for lane in [lane for lane, did in doing.items() if lane == TASK or did is Did.PARKED]:
                        del doing[lane]
                case ev.PieceRead():
                    doing[event.cpu] = Did.INSIDE
                case ev.SyncAnswered() | ev.SiteRan() | ev.Int3Taken():
                    doing.pop(event.cpu, None)

    def _masked_while(self, sent: ev.SyncSent | ev.ParkAsked) -> Iterator[tuple[int, int]]:
        """(CPU, position) of those that have their interrupts off when they are asked, as far as that has been seen."""
        simulation = self._stepper.simulation
        known, end = simulation.known_events, max(self._stepper.furthest, simulation.position)
        left = dict.fromkeys(sent.cpus, end)
        waiting = set(sent.cpus)
        for at in range(_index(known, sent.entry), len(known)):
            event = known[at]
            if not waiting or event.entry >= end or isinstance(event, ev.SyncEnded | ev.Unparked):
                break
            if isinstance(event, ev.InterruptTaken) and event.vector == VECTOR_CALL_FUNCTION and event.cpu in waiting:
                waiting.discard(event.cpu)
                left[event.cpu] = event.entry
        for cpu, taken in left.items():
            if masked(self._stepper, cpu, sent.entry, taken) or (cpu in waiting and self._is_masked(cpu, end)):
                yield cpu, taken

    def _is_masked(self, cpu: int, end: int) -> bool:
        """Whether one stands at the end of what has been seen, and this CPU cannot be interrupted there."""
        snapshot = self._stepper.snapshot
        return snapshot.position == end and not snapshot.cpus[cpu].interrupts_on


def marks_of(event: ev.Event, whole: Sequence[bytes] = ()) -> Iterator[tuple[int, LaneMark]]:
    """(lane, mark) of what an event shows; the lane is TASK or the number of a CPU.

    Args:
        event: what happened.
        whole: the instructions that may be run at the site; () where nobody asks what a CPU ran.
    """
    match event:
        case ev.BatchStarted():
            yield TASK, LaneMark(Did.BEGINS)
        case ev.SiteStored():
            yield TASK, LaneMark(Did.WRITES, _in_two(event))
        case ev.SyncSent() | ev.ParkAsked():
            yield TASK, LaneMark(Did.SENDS)
            for cpu in event.cpus:
                yield cpu, LaneMark(Did.ASKED)
        case ev.SyncEnded() | ev.Unparked():
            yield TASK, LaneMark(Did.GOES_ON)
        case ev.BatchReleased():
            yield TASK, LaneMark(Did.RELEASES)
        case ev.SiteRan():
            yield event.cpu, LaneMark(Did.TORN if is_torn(event, whole) else Did.RUNS)
        case ev.CpuEvent() if type(event) in CPU_MARKS:
            yield event.cpu, LaneMark(CPU_MARKS[type(event)])
        case _:
            return


def _in_two(event: ev.SiteStored) -> str:
    """What was written in two characters: the byte, "+4" for a tail of four bytes, "×5" for all five."""
    size = len(event.new)
    return f"{event.new[0]:02X}" if size == 1 else f"+{size}" if event.first else f"×{size}"


CPU_MARKS: dict[type[ev.Event], Did] = {
    ev.PieceRead: Did.READS,
    ev.Resolved: Did.RESOLVES,
    ev.SyncAnswered: Did.ANSWERS,
    ev.Parked: Did.PARKS,
    ev.Int3Taken: Did.INT3,
    ev.Int3Claimed: Did.INT3,
    ev.Int3Done: Did.CALLS,
    ev.TraceWritten: Did.TRACES,
    ev.InterruptTaken: Did.NMI,
    ev.Oopsed: Did.DIES,
}


def is_torn(event: ev.SiteRan, whole: Sequence[bytes]) -> bool:
    """True where a CPU ran neither of the instructions that may be run there."""
    return bool(whole) and not any(event.data == one[: len(event.data)] for one in whole)


# --- in words --------------------------------------------------------------------------------------------------------


def _sentence(stepper: Stepper, happened: Sequence[ev.Event]) -> str:
    """What happened at a step, in few words: the last event's."""
    if not happened:
        return ""
    last = happened[-1]
    if isinstance(last, ev.SiteRan) and is_torn(last, stepper.whole):
        return say("CPU{} runs {}", last.cpu, data(last.data))
    return in_short(last, words.Words(stepper.image, stepper.protocol))


def in_short(event: ev.Event, spoken: words.Words) -> str:
    """An event in few words, for the line of its step; "" for one that is no step."""
    said = SAID.get(type(event))
    return "" if said is None else said(event, spoken)


def _began(event: ev.BatchStarted, spoken: words.Words) -> str:
    return say("{} begins", PATCHING_TASK)


def _stored(event: ev.SiteStored, spoken: words.Words) -> str:
    first, last = event.first, event.first + len(event.new) - 1
    if first == last:
        return say("{} writes {} at +{}", PATCHING_TASK, data(event.new), first)
    return f"{PATCHING_TASK} writes +{first} to +{last}"


def _sent(event: ev.SyncSent, spoken: words.Words) -> str:
    return say("{} sends {}", PATCHING_TASK, event.phase)


def _answered(event: ev.SyncAnswered, spoken: words.Words) -> str:
    return f"CPU{event.cpu} answers, goes on"


def _ran(event: ev.SiteRan, spoken: words.Words) -> str:
    reading = spoken.reading(event.site, event.data)
    return f"CPU{event.cpu} runs {without_addresses(reading)}"


def _done(event: ev.Int3Done, spoken: words.Words) -> str:
    if event.emulated is ev.Emulated.NOP:
        return f"CPU{event.cpu} emulates the NOP"
    return f"CPU{event.cpu} emulates the {event.emulated.value}"


SAID: dict[type[ev.Event], Callable[[Any, words.Words], str]] = {
    ev.BatchStarted: _began,
    ev.SiteStored: _stored,
    ev.SyncSent: _sent,
    ev.SyncAnswered: _answered,
    ev.SyncEnded: lambda event, spoken: f"{PATCHING_TASK} goes on",
    ev.ParkAsked: lambda event, spoken: f"{PATCHING_TASK} asks {cpus(event.cpus)} to park",
    ev.Parked: lambda event, spoken: f"CPU{event.cpu} parks",
    ev.Unparked: lambda event, spoken: f"{PATCHING_TASK} lets the CPUs go",
    ev.BatchReleased: lambda event, spoken: f"{PATCHING_TASK} releases",
    ev.PieceRead: lambda event, spoken: f"CPU{event.cpu} reads {event.data.hex(' ').upper()}",
    ev.Resolved: lambda event, spoken: f"CPU{event.cpu} runs {event.new.hex(' ').upper()} from now on",
    ev.SiteRan: _ran,
    ev.Int3Taken: lambda event, spoken: f"CPU{event.cpu} takes the int3",
    ev.Int3Claimed: lambda event, spoken: f"CPU{event.cpu} finds the site",
    ev.Int3Done: _done,
    ev.TraceWritten: lambda event, spoken: f"CPU{event.cpu} writes a trace line",
    ev.InterruptTaken: lambda event, spoken: f"an NMI comes to CPU{event.cpu}",
    ev.Oopsed: lambda event, spoken: f"the kernel dies on CPU{event.cpu}",
    ev.PlanEnded: lambda event, spoken: f"{PATCHING_TASK} has finished",
}
