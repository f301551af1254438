"""Patch protocols as tables.

How does one change an instruction that other CPUs are running? Not by writing it: a store of its bytes is no single
event for a CPU that reads instructions (it may lie across two cache lines), and until a CPU serializes, nothing is
promised about which of the bytes it runs. x86 Linux does it in steps (`text_poke_bp_batch()` in
arch/x86/kernel/alternative.c, 6.12 [`smp_text_poke_batch_finish()` since 6.16]):

1. *write int3*: the first byte becomes `cc`. One byte is one event. Who runs the site from now on traps; the handler
   finds the site in the batch and does what the new instruction would do.
2. *sync 1*: an interrupt to every CPU. An interrupt is answered between two instructions, and its handler
   serializes: whoever has answered runs `cc` here, and is not in the middle of the old instruction.
3. *write tail*: all other bytes become the new ones. Nobody runs them: byte 0 is `cc`.
4. *sync 2*: every CPU has the new tail before it can meet the new head. Not needed where no instruction has a tail.
5. *write head*: byte 0 becomes the new one. The site is whole again.
6. *sync 3*: nobody runs `cc` here any more; so no int3 of this batch can still be taken.
7. *release*: the last handler that uses the batch has left it; its memory may be used again.

A protocol knows no CPU and no memory. It is an ordered tuple of phases; `Progress` says how far a batch has come and
`Protocol.next_progress` what comes next. `patching/` carries the phases out; screens and lessons are drawn from the
same table.

    table       what a protocol is made of; forms of the NOP
    int3        x86 Linux today, and from 2012 to 2019
    stopped     x86 Linux before: every CPU stands still, but NMIs come; with and without serializing; in a thread, in
                the interrupt
    stores      plain stores in this order or that: naive, one store, head first, tail first, an aligned word
    gallery     all of these by name
    variant     one of them with changes, as a value: a phase left out, done twice or moved; another NOP, another gate
    spelling    the door at which a typed or stored name becomes a variant
"""

from __future__ import annotations

from simkernel.protocol.gallery import PROTOCOLS
from simkernel.protocol.int3 import INT3_2012, INT3_PROTOCOL
from simkernel.protocol.spelling import name_of, parse, phase_named
from simkernel.protocol.stopped import STOP_MACHINE, STOP_MACHINE_BARE, STOP_MACHINE_IPI, STOP_MACHINE_IPI_BARE
from simkernel.protocol.stores import ATOMIC8, HEAD_FIRST, NAIVE, ONE_STORE, TAIL_FIRST
from simkernel.protocol.table import (
    ALL_NEW,
    ALL_OLD,
    INT3,
    NEW,
    NOP_FORMS,
    OLD,
    POKE_MAX_OPCODE_SIZE,
    TP_VEC_MAX,
    Action,
    Era,
    Park,
    Part,
    Phase,
    Progress,
    Protocol,
    Release,
    SyncCores,
    Unpark,
    When,
    Which,
    Write,
)
from simkernel.protocol.variant import Change, Moved, OnNop, TrapGate, Twice, Variant, Without

__all__ = [
    "ALL_NEW",
    "ALL_OLD",
    "ATOMIC8",
    "HEAD_FIRST",
    "INT3",
    "INT3_2012",
    "INT3_PROTOCOL",
    "NAIVE",
    "NEW",
    "NOP_FORMS",
    "OLD",
    "ONE_STORE",
    "POKE_MAX_OPCODE_SIZE",
    "PROTOCOLS",
    "STOP_MACHINE",
    "STOP_MACHINE_BARE",
    "STOP_MACHINE_IPI",
    "STOP_MACHINE_IPI_BARE",
    "TAIL_FIRST",
    "TP_VEC_MAX",
    "Action",
    "Change",
    "Era",
    "Moved",
    "OnNop",
    "Park",
    "Part",
    "Phase",
    "Progress",
    "Protocol",
    "Release",
    "SyncCores",
    "TrapGate",
    "Twice",
    "Unpark",
    "Variant",
    "When",
    "Which",
    "Without",
    "Write",
    "name_of",
    "parse",
    "phase_named",
]
