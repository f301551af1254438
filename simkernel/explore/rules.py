"""What the hardware and the kernel promise, each promise under a name, so that a test can break it.

The explorer's answers are worth as much as these rules. `tests/explore/test_rules.py` breaks each of them in turn and
sees to it that some verdict changes; a rule that nothing misses is either not carried out or not needed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Rules:
    """True: as it is on the machine.

    Attributes:
        interrupt_gate: #BP enters its handler with interrupts off (SYSG(X86_TRAP_BP) in arch/x86/kernel/idt.c, 6.12).
        cells_in_order: stores to one cell arrive in the order in which they were made.
        ack_after_serializing: a CPU answers a sync only when it has serialized (do_sync_core, then csd_unlock).
        waits_for_if: no interrupt comes while interrupts are off.
        inc_not_zero: a handler takes no reference where there is none (try_get_desc).
        release_waits: the record goes when no handler holds it (atomic_cond_read_acquire(&bp_desc.refs, !VAL)).
        sorted_batch: the batch is sorted by address, as its binary search needs it (text_poke_queue).
        returns_behind: the emulated call's return address is behind the site (int3_emulate_call).
        between_instructions: an interrupt comes between two instructions, not between two reads of one.
        nmi_if_off: an NMI comes while interrupts are off (SDM vol. 3, Nonmaskable Interrupt), to a parked CPU too.
        nmi_alone: while a CPU handles an NMI, no other interrupt comes to it: its gate has turned interrupts off.
    """

    interrupt_gate: bool = True
    cells_in_order: bool = True
    ack_after_serializing: bool = True
    waits_for_if: bool = True
    inc_not_zero: bool = True
    release_waits: bool = True
    sorted_batch: bool = True
    returns_behind: bool = True
    between_instructions: bool = True
    nmi_if_off: bool = True
    nmi_alone: bool = True


RULES = tuple(field.name for field in fields(Rules))
