"""What a protocol is made of: phases, their actions, and how a batch goes from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import takewhile

from msgspec import Struct

from simkernel.errors import LearnerError, nearest
from simkernel.insn import JMP8, NOP5, NOPS

NOP_FORMS = {
    "nop5": NOP5,
    "5x1": NOPS[1] * 5,
    "2+3": NOPS[2] + NOPS[3],
    "jmp+3": bytes((JMP8, 3)) + NOPS[1] * 3,
}
"""Ways to do nothing in the five bytes of a call site: one instruction (P6_NOP5), five, two, a jump over three bytes.

A jump of two bytes was the first (commit 3d083395). With three NOPs behind it, it stayed what ftrace_dyn_arch_init()
took where the CPU knew no NOP of five bytes (`ftrace_test_jmp`; dd0e545f061f first had three zeroes there). A task
can be interrupted within the middle two, and come back to bytes that have changed (the commit text of P6_NOP5: the NOP
has to be one instruction).
"""

POKE_MAX_OPCODE_SIZE = 5  # the longest instruction that is patched under running CPUs (asm/text-patching.h)
TP_VEC_MAX = 256  # entries of a batch: PAGE_SIZE / sizeof(struct text_poke_loc)


class Part(Enum):
    """What a byte of a site holds, in the words of the table."""

    OLD = "old"
    INT3 = "int3"
    NEW = "new"


OLD, INT3, NEW = Part.OLD, Part.INT3, Part.NEW
ALL_OLD, ALL_NEW = (OLD,), (NEW,)


class Which(Enum):
    """Which bytes of an instruction a write stores."""

    HEAD = "byte 0"
    TAIL = "all bytes but byte 0"
    ALL = "all bytes"


_HEAD, _TAIL = Which.HEAD, Which.TAIL


@dataclass(frozen=True, slots=True)
class Write:
    """Store bytes of every site of the batch, as one store each.

    Attributes:
        which: bytes, or the number of a single one. A shorter instruction has no such byte: nothing is stored.
        part: what they become.
        word: of these only the bytes in the first (0) or second (1) aligned word of eight that the site lies in.
    """

    which: Which | int = Which.ALL
    part: Part = NEW
    word: int | None = None

    def span(self, size: int) -> range:
        """Which bytes of an instruction of that size are stored, whatever words it lies in."""
        if isinstance(self.which, int):
            return range(self.which, max(self.which, min(self.which + 1, size)))
        return range(1, size) if self.which is _TAIL else range(1 if self.which is _HEAD else size)

    def offsets(self, site: int, size: int) -> range:
        """Which bytes of the instruction of that size at the address `site` are stored."""
        span, cut = self.span(size), 8 - site % 8
        first = max(span.start, cut) if self.word == 1 else span.start
        last = min(span.stop, cut) if self.word == 0 else span.stop
        return range(first, max(first, last))


class When(Enum):
    """When a sync is needed (`text_poke_bp_batch`: do_sync)."""

    ALWAYS = "always"
    IF_TAIL = "if some entry is longer than one byte"
    IF_HEAD = "if some entry's new first byte is not int3"


@dataclass(frozen=True, slots=True)
class SyncCores:
    """on_each_cpu(do_sync_core): ask every CPU to serialize and wait for all answers (`text_poke_sync`)."""

    when: When = When.ALWAYS

    def needed(self, tail: bool, head: bool) -> bool:
        """True where a batch needs this sync.

        Args:
            tail: some instruction of the batch is longer than one byte.
            head: some new byte 0 is not int3.
        """
        return tail if self.when is When.IF_TAIL else head if self.when is When.IF_HEAD else True


@dataclass(frozen=True, slots=True)
class Park:
    """stop_machine: every CPU stands still with interrupts off, in its stopper thread or in the IPI handler."""

    where: str = "thread"


@dataclass(frozen=True, slots=True)
class Unpark:
    """The CPUs go on; each serializes first, or not."""

    serialize: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """Drop the batch's reference and wait until no handler holds one (`bp_desc.refs`)."""

    wait: bool = True


Action = Write | SyncCores | Park | Unpark | Release


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of a protocol.

    Attributes:
        name: its own, as screens show it.
        action: what the patching task does.
        holds: what the instruction's bytes hold in memory once it is done, from byte 0 on; the last for all behind.
        resolved: True where from its end on every CPU runs exactly what memory holds here.
        linux: the kernel function that does it; empty where Linux has none.
        true_now: what may be relied on after it, in a sentence.
        why: why the step is there.
        without: what can go wrong without it.
    """

    name: str
    action: Action
    holds: tuple[Part, ...]
    resolved: bool
    linux: str
    true_now: str
    why: str
    without: str

    def memory(self, size: int, site: int = 0) -> tuple[Part, ...]:
        """What each byte holds in memory once the phase is done.

        Args:
            size: of the instruction, in bytes.
            site: its address; the second aligned word that it lies in is written in a phase of its own.
        """
        holds = (*self.holds[:size], *self.holds[-1:] * (size - len(self.holds)))
        if not isinstance(self.action, Write) or self.action.word != 0:
            return holds
        return tuple(part if at in self.action.offsets(site, size) else OLD for at, part in enumerate(holds))


class Progress(Struct, frozen=True, gc=False):
    """How far a batch has come: the phase, how many entries of it are done, whether its end is awaited."""

    phase: int = 0
    entry: int = 0
    waiting: bool = False

    @property
    def begun(self) -> bool:
        """True once the phase has done something."""
        return self.waiting or self.entry > 0


class Era(str):
    """Who uses a protocol, and when, as a text: "x86 Linux today (ftrace since 5.6)".

    Attributes:
        users: who, and when.
        remark: more about that; in brackets in the text.
        end: what becomes of it, or could; behind a colon.
    """

    __slots__ = ("end", "remark", "users")
    users: str
    remark: str
    end: str

    def __new__(cls, users: str, remark: str = "", end: str = "") -> Era:
        """An era of these parts."""
        self = super().__new__(cls, f"{users}{f' ({remark})' if remark else ''}{f': {end}' if end else ''}")
        self.users, self.remark, self.end = users, remark, end
        return self

    def __reduce__(self) -> tuple[type[Era], tuple[str, str, str]]:
        """A copy is made from the parts."""
        return Era, (self.users, self.remark, self.end)

    @property
    def without_end(self) -> Era:
        """The same for whoever is asked what becomes of it."""
        return Era(self.users, self.remark)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way to change instructions under running CPUs.

    Attributes:
        name: what the command line and the screens call it.
        era: who uses it, and when.
        source: where that is written.
        prose: one sentence on the idea.
        phases: in order.
        batched: sites that one batch may hold.
        handler: "emulate" the new instruction at an int3, or "skip" the site.
        claims: True where int3s are published in the batch, so that the guest's handler claims them.
        nop: what a call site holds while nobody traces it (`NOP_FORMS`).
        gate: "interrupt" or "trap": whether #BP enters its handler with interrupts off or on.
    """

    name: str
    era: Era
    source: str
    prose: str
    phases: tuple[Phase, ...]
    batched: int = TP_VEC_MAX
    handler: str = "emulate"
    claims: bool = True
    nop: bytes = NOP5
    gate: str = "interrupt"

    @property
    def behaviour(self) -> tuple[object, ...]:
        """All that a run by this protocol depends on: no name, and no word of prose."""
        actions = tuple(phase.action for phase in self.phases)
        return actions, self.batched, self.handler, self.claims, self.nop, self.gate

    def next_progress(self, progress: Progress, entries: int, done: int) -> Progress | None:
        """The progress after `done` more entries of a write, or after any other action; None at the end.

        Args:
            progress: the progress before.
            entries: how many the batch has.
            done: entries written now (0: all that are left).
        """
        phase = progress.phase
        if isinstance(self.phases[phase].action, Write):
            if done and progress.entry + done < entries:
                return Progress(phase, progress.entry + done, progress.waiting)
        elif not progress.waiting:
            return Progress(phase, progress.entry, True)
        return Progress(phase + 1) if phase + 1 < len(self.phases) else None

    def phase(self, name: str, spellings: Sequence[str] = ()) -> Phase:
        """The phase of that name.

        Args:
            name: in full.
            spellings: other ways to write names, for the hint at what may have been meant.

        Raises:
            LearnerError: there is none; the message has the names there are.
        """
        for phase in self.phases:
            if phase.name == name:
                return phase
        names = [phase.name for phase in self.phases]
        hint = nearest(name, (*spellings, *names))
        raise LearnerError(f"protocol {self.name} has no phase {name!r}; it has: {', '.join(names)}.{hint}")

    def ordered(self, phases: Sequence[Phase]) -> Protocol:
        """The same protocol with its phases in another order; what memory holds after each follows from the writes."""
        return replace(self, phases=_with_memory(phases))


def _with_memory(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases with `holds` as their writes in this order make it."""
    out = []
    now = [OLD] * POKE_MAX_OPCODE_SIZE
    for phase in phases:
        if isinstance(phase.action, Write):
            for at in phase.action.span(len(now)):
                now[at] = phase.action.part
        same = sum(1 for _ in takewhile(lambda part: part is now[-1], reversed(now)))
        out.append(replace(phase, holds=tuple(now[: len(now) - same + 1])))
    return tuple(out)
