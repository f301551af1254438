"""Why a verdict is as it is: a sentence for each of the gallery's, in every model, place and change.

The search says *what* can happen; these sentences say why it can, or cannot. They are written by hand, so
`tests/explore/test_ablation.py` holds them against the search: each cell of the table finds the sentence of the verdict
that was computed for it, and no sentence is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simkernel.explore.properties import USUAL
from simkernel.explore.question import Finding
from simkernel.protocol import (
    ATOMIC8,
    HEAD_FIRST,
    INT3_2012,
    INT3_PROTOCOL,
    NAIVE,
    ONE_STORE,
    STOP_MACHINE,
    STOP_MACHINE_BARE,
    STOP_MACHINE_IPI,
    STOP_MACHINE_IPI_BARE,
    TAIL_FIRST,
    Variant,
)

SAFE = "safe"


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence, and for which cells it is said.

    Attributes:
        variants: the protocols, experiments too.
        verdicts: SAFE, or names of violations.
        change, place: "" for any.
        nmi: whether NMIs come, None for either.
    """

    text: str
    variants: tuple[Variant, ...]
    verdicts: tuple[str, ...]
    change: str = ""
    place: str = ""
    nmi: bool | None = None


def verdict_of(findings: Sequence[Finding]) -> str:
    """The verdict that has to be explained: a tearing, else what is broken soonest (findings stand in that order)."""
    broken = [one.broken for one in findings if one.broken]
    return "torn" if "torn" in broken else broken[0] if broken else SAFE


def why(findings: Sequence[Finding]) -> str:
    """The sentence for the findings of one question; "" where none is known.

    One is known for the gallery's protocols, asked for all that Linux keeps, by a search that came to an answer.
    """
    asked, verdict = findings[0].question, verdict_of(findings)
    if asked.properties != USUAL or not (findings[0].finished or findings[0].broken):
        return ""
    for one in REASONS:
        if (
            asked.variant in one.variants
            and verdict in one.verdicts
            and one.change in ("", asked.change)
            and one.place in ("", asked.place)
            and one.nmi in (None, asked.nmi)
        ):
            return one.text
    return ""


INT3, INT3_OF_2012 = map(Variant, (INT3_PROTOCOL, INT3_2012))
STOPPED, BARE, IPI, IPI_BARE = map(Variant, (STOP_MACHINE, STOP_MACHINE_BARE, STOP_MACHINE_IPI, STOP_MACHINE_IPI_BARE))
INT3_PARTS, STOPPED_PARTS = ((one.on_nop("5x1"), one.on_nop("2+3")) for one in (INT3, STOPPED))
PARTS = (*INT3_PARTS, *STOPPED_PARTS)
JUMP = (INT3.on_nop("jmp+3"), STOPPED.on_nop("jmp+3"))
TRAPS = INT3.through_trap_gate()
PARKS = (
    STOPPED,
    BARE,
    IPI,
    IPI_BARE,
    *STOPPED_PARTS,
    JUMP[1],
    STOPPED.without("unpark"),
)
NO_INT3 = (INT3.without("write int3"), INT3_OF_2012.without("add breakpoints"))
NO_SYNC_1 = (INT3.without("sync 1"), INT3_OF_2012.without("sync 1"))
NO_TAIL = (INT3.without("write tail"), INT3_OF_2012.without("add update"))
NO_SYNC_2 = (INT3.without("sync 2"), INT3_OF_2012.without("sync 2"))
NO_HEAD = (INT3.without("write head"), INT3_OF_2012.without("finish update"))
NO_SYNC_3 = (INT3.without("sync 3"), INT3_OF_2012.without("sync 3"))
NO_PARK = STOPPED.without("park")
NO_DONE = INT3_OF_2012.without("done")
SKIPS = (INT3_OF_2012, *(both[1] for both in (NO_SYNC_1, NO_TAIL, NO_SYNC_2, NO_HEAD, NO_SYNC_3)), NO_DONE)
BYTE_BY_BYTE, ALL_AT_ONCE, ALIGNED = map(Variant, (NAIVE, ONE_STORE, ATOMIC8))
TWO_STORES = (Variant(HEAD_FIRST), Variant(TAIL_FIRST))

REASONS = (
    Reason(
        "A parked CPU takes NMIs, too: the NMI's handler runs the site while its bytes change.",
        PARKS,
        ("torn",),
        nmi=True,
    ),
    Reason(
        "A parked CPU takes NMIs, too, but in this model it fetches the one store whole.",
        PARKS,
        (SAFE,),
        nmi=True,
    ),
    Reason(
        "An NMI can come before the IRET at the interrupt's end: the CPU has not serialized yet.",
        (IPI_BARE,),
        ("late",),
        nmi=True,
    ),
    Reason(
        "A CPU answers no sync in an NMI handler: the sync ends after the handler has passed the NOP's parts.",
        INT3_PARTS,
        (SAFE,),
        "nop-call",
        nmi=True,
    ),
    Reason(
        "Interrupts are off in an NMI handler, whichever gate its int3 goes through: the CPU answers no sync there.",
        (TRAPS,),
        (SAFE,),
        nmi=True,
    ),
    Reason(
        "The int3 keeps CPUs off the bytes that change; no sync ends while a CPU may still run older bytes.",
        (INT3,),
        (SAFE,),
    ),
    Reason(
        "Nothing keeps CPUs off the site while its tail changes: they run bytes of both instructions.",
        NO_INT3,
        ("torn",),
    ),
    Reason(
        "Two calls differ in their tails only, and here CPUs fetch that store whole.",
        NO_INT3,
        (SAFE,),
        "call-call",
    ),
    Reason(
        "The tail changes while a CPU may still run the old byte 0: at least one new byte follows it.",
        NO_SYNC_1,
        ("torn",),
    ),
    Reason(
        "Here no CPU runs the new tail behind the old byte 0: the int3 was stored before the tail.",
        NO_SYNC_1,
        (SAFE,),
    ),
    Reason("The new byte 0 is followed by the old tail for good.", NO_TAIL, ("torn",)),
    Reason(
        "Handlers have emulated the new call; without the tail the site holds the old call again.",
        NO_TAIL[:1],
        ("back",),
        "call-call",
    ),
    Reason(
        "Byte 0 changes while a CPU may still run the old tail: at least one old byte follows it.",
        NO_SYNC_2,
        ("torn",),
    ),
    Reason(
        "A CPU reads the tail after byte 0, and the new tail was stored before it.",
        NO_SYNC_2,
        (SAFE,),
    ),
    Reason(
        "Byte 0 stays int3 and the batch is released: no handler would claim the next int3.", NO_HEAD, ("released",)
    ),
    Reason(
        "The batch is released while a CPU may still take the int3, or before its handler has found it.",
        NO_SYNC_3,
        ("unclaimed", "released"),
    ),
    Reason(
        "After sync 3 no CPU is in the int3 handler: the release has nothing to wait for.",
        (INT3.without("release"),),
        (SAFE,),
    ),
    Reason(
        "Done waits for no CPU: without it the int3 handler goes on asking ftrace, which claims this int3.",
        (NO_DONE,),
        (SAFE,),
    ),
    Reason(
        "A CPU that takes the int3 skips the site: both instructions are calls, and it makes neither.",
        SKIPS,
        ("neither",),
        "call-call",
    ),
    Reason(
        "A CPU that takes the int3 skips the site: it does what the NOP does.",
        (INT3_OF_2012,),
        (SAFE,),
    ),
    Reason(
        "No NMI comes, so no CPU runs the site while it changes; every CPU serializes before it goes on.",
        (STOPPED, IPI),
        (SAFE,),
    ),
    Reason("No CPU is parked: the bytes change under running CPUs.", (NO_PARK,), ("torn",)),
    Reason(
        "No CPU is parked, and none serializes: a CPU may run the old bytes after the end.",
        (NO_PARK,),
        ("late",),
    ),
    Reason(
        "No CPU is parked, but in this model every CPU fetches the one store whole.",
        (NO_PARK,),
        (SAFE,),
    ),
    Reason(
        "Nothing was written: every CPU still executes the old instruction.", (STOPPED.without("write"),), ("late",)
    ),
    Reason("Nothing tells the parked CPUs to go on: they wait for ever.", (STOPPED.without("unpark"),), ("stuck",)),
    Reason(
        "No NMI comes, so no CPU runs the site while it changes; in this model CPUs run what memory holds.",
        (BARE,),
        (SAFE,),
    ),
    Reason(
        "A CPU leaves its stopper thread by a return, which does not serialize: it may still run old bytes.",
        (BARE,),
        ("torn", "neither", "late"),
    ),
    Reason(
        "No NMI comes, so no CPU runs the site while it changes; the IRET at the interrupt's end serializes.",
        (IPI_BARE,),
        (SAFE,),
    ),
    Reason("Between two of its stores memory itself holds a torn instruction.", (BYTE_BY_BYTE,), ("torn",)),
    Reason("In this model every CPU fetches the whole store from the moment it is made.", (ALL_AT_ONCE,), (SAFE,)),
    Reason(
        "One store is not one event for instruction fetch: a CPU runs old and new bytes together.",
        (ALL_AT_ONCE,),
        ("torn",),
    ),
    Reason(
        "No sync follows the last store: afterwards a CPU still does what the old instruction does.",
        (ALL_AT_ONCE, ALIGNED, *TWO_STORES),
        ("late",),
    ),
    Reason(
        "Two calls differ in their tails only, but a CPU may run a part of that store without the rest.",
        TWO_STORES,
        ("torn",),
        "call-call",
    ),
    Reason(
        "Two calls differ in their tails only, and in this model every CPU fetches that store whole.",
        TWO_STORES,
        (SAFE,),
        "call-call",
    ),
    Reason(
        "Between the two stores memory itself holds a torn instruction.",
        TWO_STORES,
        ("torn",),
    ),
    Reason("The site lies in one aligned word: one store, and in this model CPUs fetch it whole.", (ALIGNED,), (SAFE,)),
    Reason(
        "The site lies in one aligned word: one store, which Intel promises to be atomic for data reads only.",
        (ALIGNED,),
        ("torn",),
        place="inside",
    ),
    Reason(
        "The site lies across two aligned words: between the two stores memory holds a torn instruction.",
        (ALIGNED,),
        ("torn",),
        place="across",
    ),
    Reason(
        "With interrupts on, a CPU in the int3 handler answers the last sync before it holds a reference.",
        (TRAPS,),
        ("unclaimed", "released"),
    ),
    Reason(
        "A CPU is between two parts of the NOP, and goes on in the middle of a call.",
        PARTS,
        ("torn",),
        "nop-call",
    ),
    Reason("There is no NOP of several instructions that a CPU can be between.", (*PARTS, *JUMP), (SAFE,), "call-call"),
    Reason(
        "A call is one instruction: no CPU is inside it when it becomes the parts of a NOP.",
        PARTS,
        (SAFE,),
        "call-nop",
    ),
    Reason("The jump is one instruction: no CPU runs the three bytes behind it.", JUMP, (SAFE,)),
)
