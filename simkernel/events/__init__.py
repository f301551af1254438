"""Everything that can be observed, as frozen values: one vocabulary for the engine, its tests and every front end.

Events carry numbers and bytes; `sim.narrate` makes sentences of them. A subsystem, or a room that notices something of
its own, brings events of its own with their sentence.

    event       what an event is, its stamp, and the types of events by name
    patching    what the patching task does
    cpus        what CPUs do, and what happens to them

A *stop* is an event that changes the story of a site: people step from stop to stop. Which events are stops is a
property of the events themselves (`Event.stop`), so that every front end stops at the same places.
"""

from __future__ import annotations

from simkernel.events.cpus import (
    Emulated,
    ExceptionTaken,
    Int3Claimed,
    Int3Done,
    Int3Taken,
    InterruptTaken,
    Oopsed,
    Parked,
    PieceRead,
    Resolved,
    Serialized,
    SiteRan,
    Switched,
    SyncAnswered,
    TraceWritten,
)
from simkernel.events.event import (
    CpuEvent,
    Event,
    InstructionEvent,
    PhaseEvent,
    Stamp,
    event_kinds,
    event_named,
    event_types,
    put_stamp,
    with_stamp,
)
from simkernel.events.patching import (
    BatchReleased,
    BatchStarted,
    EarlyPoked,
    Logged,
    ParkAsked,
    PlanEnded,
    PlanStarted,
    RcuTasksDone,
    RcuTasksRudeDone,
    RcuTasksRudeWait,
    RcuTasksWait,
    SiteStored,
    SyncEnded,
    SyncSent,
    SyncSkipped,
    Unparked,
    WordsStored,
)

__all__ = [
    "BatchReleased",
    "BatchStarted",
    "CpuEvent",
    "EarlyPoked",
    "Emulated",
    "Event",
    "ExceptionTaken",
    "InstructionEvent",
    "Int3Claimed",
    "Int3Done",
    "Int3Taken",
    "InterruptTaken",
    "Logged",
    "Oopsed",
    "ParkAsked",
    "Parked",
    "PhaseEvent",
    "PieceRead",
    "PlanEnded",
    "PlanStarted",
    "RcuTasksDone",
    "RcuTasksRudeDone",
    "RcuTasksRudeWait",
    "RcuTasksWait",
    "Resolved",
    "Serialized",
    "SiteRan",
    "SiteStored",
    "Stamp",
    "Switched",
    "SyncAnswered",
    "SyncEnded",
    "SyncSent",
    "SyncSkipped",
    "TraceWritten",
    "Unparked",
    "WordsStored",
    "event_kinds",
    "event_named",
    "event_types",
    "put_stamp",
    "with_stamp",
]
