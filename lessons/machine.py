"""Parts of a picture that show a machine at work: phases, the bytes of a site, CPUs, the way through history."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from lessons.picture import Part, Tone
from lessons.table import Table

HIDDEN = "?"  # the name of a phase that a question covers


class PhaseState(Enum):
    """How far a phase is."""

    DONE = "done"
    NOW = "now"
    TO_COME = "to come"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a protocol, and how far it is."""

    name: str
    stage: PhaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip(Part):
    """The phases of a change, in order.

    Attributes:
        phases: each with its stage.
        changed: the one that is under way was not at the step before.
        under_way: it has begun; False: it is the next one.
    """

    phases: tuple[Phase, ...]
    changed: bool = False
    under_way: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes(Part):
    """The bytes of a site: in memory, and what each CPU may run."""

    table: Table


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does what.

    Attributes:
        who: "CPU0".
        what: it does, as a predicate.
        changed: that was not so at the step before.
        tone: what it is.
        argument: what choosing it tells the action of the part.
        matters: it is shown where there is no room for all.
    """

    who: str
    what: str
    changed: bool = False
    tone: Tone = Tone.PLAIN
    argument: str = ""
    matters: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Doers(Part):
    """Who does what.

    Attributes:
        doers: each.
        choose: the action that choosing one leads to; "" for none.
    """

    doers: tuple[Doer, ...]
    choose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Doers):
    """What happened, the latest first: who is a place in history."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """A line of code.

    Attributes:
        offset: from the start of its function.
        text: disassembled.
        now: the CPU runs it next.
        stop: a breakpoint stands there.
        was: it stood there before the change under way.
    """

    offset: int
    text: str
    now: bool = False
    stop: bool = False
    was: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A register or a word of a stack: what it is called, its value, whether that has changed, what it means."""

    name: str
    value: int
    changed: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core(Part):
    """One CPU in full.

    Attributes:
        sentence: what it does next.
        code: around its next instruction.
        registers: of the CPU.
        stack: from its top.
    """

    sentence: str
    code: tuple[Instruction, ...]
    registers: tuple[Word, ...]
    stack: tuple[Word, ...]


class Places(Protocol):
    """Where a story's steps lie in history."""

    def within(self, first: int, last: int) -> str:
        """What lies at the positions first to last - 1: "phase", "stop", or "" for neither."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Track(Part):
    """The way of a story through history, of which any place can be chosen.

    Attributes:
        begin: the position where the story starts.
        at: where one stands.
        end: the last one that history knows.
        places: the steps on the way.
        dies: the kernel dies at the end.
        choose: the action that takes a position.
    """

    begin: int
    at: int
    end: int
    places: Places
    dies: bool
    choose: str
