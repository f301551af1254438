"""Patch protocols as tables.

How does one change five bytes that other CPUs are running? Not by writing them: a store of five bytes is no single
event for a CPU that reads instructions (it may lie across two cache lines), and until a CPU serializes, nothing is
promised about which of the bytes it runs. x86 Linux does it in steps (`text_poke_bp_batch()` in
arch/x86/kernel/alternative.c, 6.12 [`smp_text_poke_batch_finish()` since 6.16]):

1. *write int3*: the first byte becomes `cc`. One byte is one event. Who runs the site from now on traps; the handler
   finds the site in the batch and does what the new instruction would do.
2. *sync 1*: an interrupt to every CPU. An interrupt is answered between two instructions, and its handler
   serializes: whoever has answered runs `cc` here, and is not in the middle of the old instruction.
3. *write tail*: bytes 1 to 4 become the new ones. Nobody runs them: byte 0 is `cc`.
4. *sync 2*: every CPU has the new tail before it can meet the new head.
5. *write head*: byte 0 becomes the new one. The site is whole again.
6. *sync 3*: nobody runs `cc` here any more; so no int3 of this batch can still be taken.
7. *release*: the last handler that uses the batch has left it; its memory may be used again.

A protocol knows no CPU and no memory. It is an ordered tuple of phases; `Progress` says how far a batch has come and
`Protocol.after` what comes next. `poke.py` carries the phases out; screens and lessons are drawn from the same table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from simkernel.errors import LearnerError
from simkernel.insn import NOP5

TP_VEC_MAX = 256  # entries of a batch: PAGE_SIZE / sizeof(struct text_poke_loc)


class Part(Enum):
    """What a byte of a site holds, in the words of the table."""

    OLD = "old"
    INT3 = "int3"
    NEW = "new"


OLD, INT3, NEW = Part.OLD, Part.INT3, Part.NEW
ALL_OLD, ALL_NEW = (OLD,) * 5, (NEW,) * 5


@dataclass(frozen=True, slots=True)
class Write:
    """Store bytes first..last-1 of every site of the batch: `part` of the instruction, as one store each.

    `word`: of these only the bytes in the first (0) or second (1) aligned word of eight that the site lies in.
    """

    first: int
    last: int
    part: Part = NEW
    word: int | None = None

    def offsets(self, site: int) -> range:
        """Which bytes of the site at that address are stored."""
        cut = 8 - site % 8
        first = max(self.first, cut) if self.word == 1 else self.first
        last = min(self.last, cut) if self.word == 0 else self.last
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
        memory: what the five bytes hold in memory once it is done.
        settled: True where from its end on every CPU runs exactly what memory holds here.
        linux: the kernel function that does it; empty where Linux has none.
        true_now: what may be relied on after it, in a sentence.
        why: why the step is there.
        without: what can go wrong without it.
    """

    name: str
    action: Action
    memory: tuple[Part, ...]
    settled: bool
    linux: str
    true_now: str
    why: str
    without: str


class Progress(NamedTuple):
    """How far a batch has come: the phase, how many entries of it are done, whether its end is awaited."""

    phase: int = 0
    entry: int = 0
    waiting: bool = False


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
        nop: the five bytes that a site boots with.
    """

    name: str
    era: str
    source: str
    prose: str
    phases: tuple[Phase, ...]
    batched: int = TP_VEC_MAX
    handler: str = "emulate"
    claims: bool = True
    nop: bytes = NOP5

    def after(self, progress: Progress, entries: int, done: int) -> Progress | None:
        """The progress after `done` more entries of a write, or after any other action; None at the end.

        Args:
            entries: how many the batch has; done: entries written now (0: all that are left).
        """
        action = self.phases[progress.phase].action
        if isinstance(action, Write) and done and progress.entry + done < entries:
            return progress._replace(entry=progress.entry + done)
        if not isinstance(action, Write) and not progress.waiting:
            return progress._replace(waiting=True)
        return Progress(progress.phase + 1) if progress.phase + 1 < len(self.phases) else None

    def without(self, name: str) -> Protocol:
        """The same protocol with the phase of that name left out."""
        if all(phase.name != name for phase in self.phases):
            names = ", ".join(phase.name for phase in self.phases)
            raise LearnerError(f"protocol {self.name} has no phase {name!r}; it has: {names}")
        kept = tuple(phase for phase in self.phases if phase.name != name)
        return replace(self, name=f"{self.name} without {name}", era="nobody: an experiment", phases=kept)


ALTERNATIVE_C = "arch/x86/kernel/alternative.c (6.12)"

INT3_PROTOCOL = Protocol(
    name="int3",
    era="x86 Linux today (since about 5.6)",
    source=f"text_poke_bp_batch() in {ALTERNATIVE_C}; batching: lkml 1910.2/03198, 18 Oct 2019",
    prose="A breakpoint stands in for the site while its other bytes change; its handler does the new instruction.",
    phases=(
        Phase(
            name="write int3",
            action=Write(0, 1, INT3),
            memory=(INT3, OLD, OLD, OLD, OLD),
            settled=False,
            linux="text_poke_bp_batch(), first step",
            true_now="Byte 0 is int3 in memory. A CPU that runs it takes the exception and does the new instruction.",
            why="One byte changes in one event, wherever the site lies. It keeps CPUs away from the four others.",
            without="CPUs run the site while its tail changes: half old, half new.",
        ),
        Phase(
            name="sync 1",
            action=SyncCores(),
            memory=(INT3, OLD, OLD, OLD, OLD),
            settled=True,
            linux="text_poke_sync() -> do_sync_core()",
            true_now="Every CPU has answered between two instructions: each runs int3 here, none half of the old one.",
            why="A CPU may have begun to read the old instruction before the int3 was there.",
            without="A CPU with the old byte 0 can take new bytes behind it.",
        ),
        Phase(
            name="write tail",
            action=Write(1, 5),
            memory=(INT3, NEW, NEW, NEW, NEW),
            settled=False,
            linux="text_poke_bp_batch(), second step",
            true_now="Bytes 1 to 4 are the new ones in memory. Nobody runs them: byte 0 is int3 for every CPU.",
            why="The tail has to be whole before a head gives it a meaning.",
            without="The new head would stand before the old tail: a call to nowhere.",
        ),
        Phase(
            name="sync 2",
            action=SyncCores(When.IF_TAIL),
            memory=(INT3, NEW, NEW, NEW, NEW),
            settled=True,
            linux="text_poke_sync(), if some entry has a tail",
            true_now="Every CPU has answered: each has the new tail before it can meet the new head.",
            why='The kernel\'s comment: Intel says it is "very likely not necessary"; "better safe than sorry".',
            without="By what manuals promise, a CPU could take the new head and still an old tail.",
        ),
        Phase(
            name="write head",
            action=Write(0, 1),
            memory=ALL_NEW,
            settled=False,
            linux="text_poke_bp_batch(), third step",
            true_now="The five bytes are the new instruction. A CPU runs it, or still takes the int3: the same effect.",
            why="Again one byte, one event: from here the site needs no handler.",
            without="Every call would go through an exception for ever.",
        ),
        Phase(
            name="sync 3",
            action=SyncCores(When.IF_HEAD),
            memory=ALL_NEW,
            settled=True,
            linux="text_poke_sync(), if some head was written",
            true_now="Every CPU has answered: none takes this int3 any more, and none is before its handler's count.",
            why="The handler can only claim an int3 while the batch is there.",
            without="A late int3 finds no batch: the kernel dies of its own breakpoint.",
        ),
        Phase(
            name="release",
            action=Release(),
            memory=ALL_NEW,
            settled=True,
            linux="atomic_cond_read_acquire(&bp_desc.refs, !VAL)",
            true_now="No handler holds the batch: its memory may be used for the next one.",
            why="A handler that has found its entry still reads it.",
            without="The next batch would overwrite an entry that a handler is reading.",
        ),
    ),
)

STOP_MACHINE = Protocol(
    name="stop_machine",
    era="x86 until 2012",
    source="ftrace_run_update_code() in kernel/trace/ftrace.c; commit 08d636b6 ended it for x86 (3.5)",
    prose="Every CPU stands still while the bytes change.",
    claims=False,
    phases=(
        Phase(
            name="park",
            action=Park(),
            memory=ALL_OLD,
            settled=True,
            linux="stop_machine() -> multi_cpu_stop()",
            true_now="Every CPU spins in its stopper thread with interrupts off; none runs a traced function.",
            why="Who does not run the code cannot run half of it.",
            without="It would be five bytes under running CPUs.",
        ),
        Phase(
            name="write",
            action=Write(0, 5),
            memory=ALL_NEW,
            settled=False,
            linux="ftrace_modify_code() (until 3.4)",
            true_now="The five bytes are the new instruction in memory.",
            why="This is the change.",
            without="Nothing changes.",
        ),
        Phase(
            name="go on",
            action=Unpark(),
            memory=ALL_NEW,
            settled=True,
            linux="multi_cpu_stop(), with sync_core() since commit 0e00f7ae",
            true_now="Each CPU has serialized: it runs the new bytes.",
            why="A thread is left by a return, and a return does not serialize.",
            without="The machine would stand still for ever.",
        ),
    ),
)

NAIVE = Protocol(
    name="naive",
    era="nobody: it crashes",
    source="Intel SDM vol. 3, Handling Self- and Cross-Modifying Code; erratum W108",
    prose="Five stores, one byte after the other, and no wait.",
    claims=False,
    phases=tuple(
        Phase(
            name=f"write byte {at}",
            action=Write(at, at + 1),
            memory=(NEW,) * (at + 1) + (OLD,) * (4 - at),
            settled=False,
            linux="",
            true_now=f"Bytes 0 to {at} are new in memory, the rest is old: a CPU that comes by runs the mixture.",
            why="It is the plainest way to change five bytes.",
            without="The byte would stay as it was.",
        )
        for at in range(5)
    ),
)

PROTOCOLS = {protocol.name: protocol for protocol in (INT3_PROTOCOL, STOP_MACHINE, NAIVE)}


def protocol_named(name: str) -> Protocol:
    """The protocol of that name, LearnerError with the names there are."""
    try:
        return PROTOCOLS[name]
    except KeyError:
        raise LearnerError(f"no protocol {name!r}; there are: {', '.join(PROTOCOLS)}") from None
