"""stop_machine: no task runs the bytes while they change. And what serializing is worth when the CPUs go on.

Interrupts are off meanwhile, but an NMI comes all the same, and may run what changes: "stop_machine() does _not_
protect code against NMI and MCE" (comment of text_poke_smp() in arch/x86/kernel/alternative.c, 3.0). Linux used it
twice:

* ftrace, until 3.4: the CPUs go on without serializing, as in `stop_machine-bare`; and NMIs were dealt with. The
  patching CPU waited for those under way, and each that came then wrote the same bytes itself before it ran any
  (commit 17666f02b118, "ftrace: nmi safe code modification"). Commit 08d636b6d4fb (3.5) put the int3 in its place.
* text_poke_smp(), for jump labels and optimized kprobes, and not for code that an NMI runs: each CPU executes
  sync_core() since commit 0e00f7aed6af (March 2011), as in `stop_machine`.

`Simplified:` the hand-shake with NMIs is not carried out here. And the patching task is none of the CPUs here, so each
of them may go on without an IRET; the commit says that in Linux the scheduler's IRET serializes the others, and that
the CPU which called text_poke_smp() is the one that may go on without.
"""

from __future__ import annotations

from dataclasses import replace

from simkernel.protocol.table import ALL_NEW, ALL_OLD, Era, Park, Phase, Protocol, Unpark, Write

STOP_MACHINE = Protocol(
    name="stop_machine",
    era=Era("x86 jump labels from 2011 to 2013", "text_poke_smp()"),
    source="stop_machine_text_poke() in arch/x86/kernel/alternative.c, with sync_core() since commit 0e00f7aed6af",
    prose="Every CPU waits in a loop with interrupts off while the bytes change.",
    claims=False,
    phases=(
        Phase(
            name="park",
            action=Park(),
            holds=ALL_OLD,
            resolved=True,
            linux="stop_machine() -> stop_machine_cpu_stop() [multi_cpu_stop() since 3.13]",
            true_now="Every CPU is in its stopper thread with interrupts off. An NMI can still come.",
            why="A CPU that does not run the code cannot run half of it.",
            without="The bytes would change under running CPUs.",
        ),
        Phase(
            name="write",
            action=Write(),
            holds=ALL_NEW,
            resolved=False,
            linux="stop_machine_text_poke() -> text_poke()",
            true_now="Memory holds the new instruction. An NMI handler on a parked CPU may run old bytes, too.",
            why="This is the change.",
            without="Nothing changes.",
        ),
        Phase(
            name="unpark",
            action=Unpark(),
            holds=ALL_NEW,
            resolved=True,
            linux="sync_core() in stop_machine_text_poke(), since commit 0e00f7aed6af",
            true_now="Each CPU has serialized: it runs the new bytes.",
            why="A CPU leaves its stopper thread by a return. That does not serialize, so each CPU serializes first.",
            without="The CPUs would wait for ever.",
        ),
    ),
)


def _variant(name: str, *, era: Era, source: str, prose: str, where: str, serialize: bool) -> Protocol:
    """stop_machine with the CPUs parked elsewhere, or let go in another way."""
    park, write, unpark = STOP_MACHINE.phases
    write = replace(write, linux="" if where == "ipi" else "ftrace_modify_code() (until 3.4)")
    if where == "ipi":
        park = replace(
            park,
            action=Park(where),
            linux="",
            true_now="Every CPU is in the interrupt with interrupts off. An NMI can still come.",
        )
        unpark = replace(unpark, linux="", why="An interrupt ends in an IRET, and that serializes.")
    if not serialize:
        unpark = replace(
            unpark,
            action=Unpark(serialize=False),
            resolved=where == "ipi",
            linux="stop_machine_cpu_stop() returns" if where == "thread" else "",
            true_now="Each CPU goes on." if where == "thread" else "Each CPU leaves the interrupt by an IRET.",
            why=unpark.why if where == "ipi" else "A CPU leaves its stopper thread by a return. It does not serialize.",
        )
    return replace(STOP_MACHINE, name=name, era=era, source=source, prose=prose, phases=(park, write, unpark))


STOP_MACHINE_BARE = _variant(
    "stop_machine-bare",
    era=Era("x86 Linux until 2012", "ftrace up to 3.4, which also dealt with NMIs"),
    source="ftrace_run_update_code() -> ftrace_modify_code(); text_poke_smp() before commit 0e00f7aed6af",
    prose="Every CPU waits with interrupts off while the bytes change, and goes on without serializing.",
    where="thread",
    serialize=False,
)
STOP_MACHINE_IPI = _variant(
    "stop_machine-ipi",
    era=Era("used by no kernel", end="on_each_cpu() could"),
    source="arch/x86/include/asm/sync_core.h: IRET serializes",
    prose="Every CPU waits in the interrupt that asked it to, and serializes before it goes on.",
    where="ipi",
    serialize=True,
)
STOP_MACHINE_IPI_BARE = _variant(
    "stop_machine-ipi-bare",
    era=Era("used by no kernel", end="on_each_cpu() could"),
    source="SDM vol. 3, Serializing Instructions: IRET is one",
    prose="Every CPU waits in the interrupt that asked it to; the IRET at its end serializes.",
    where="ipi",
    serialize=False,
)
