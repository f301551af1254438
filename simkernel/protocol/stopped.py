"""stop_machine: nobody runs the bytes while they change. And what serializing is worth when they go on."""

from __future__ import annotations

from dataclasses import replace

from simkernel.protocol.table import ALL_NEW, ALL_OLD, Park, Phase, Protocol, Unpark, Write

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


def _variant(name: str, *, era: str, source: str, prose: str, where: str, serialize: bool) -> Protocol:
    """stop_machine with the CPUs parked elsewhere, or let go in another way."""
    park, write, go_on = STOP_MACHINE.phases
    if where == "ipi":
        park = replace(
            park,
            action=Park(where),
            linux="",
            true_now="Every CPU spins in the interrupt with interrupts off; none runs a traced function.",
        )
    if not serialize:
        go_on = replace(
            go_on,
            action=Unpark(serialize=False),
            settled=where == "ipi",
            linux="multi_cpu_stop(), before commit 0e00f7ae" if where == "thread" else "",
            true_now="Each CPU goes on." if where == "thread" else "Each CPU leaves the interrupt by an IRET.",
        )
    return replace(STOP_MACHINE, name=name, era=era, source=source, prose=prose, phases=(park, write, go_on))


STOP_MACHINE_BARE = _variant(
    "stop_machine-bare",
    era="x86 Linux until 2011",
    source="commit 0e00f7ae put a sync_core() in, because a worker thread is left without an IRET",
    prose="Every CPU stands still while the bytes change, and goes on without serializing.",
    where="thread",
    serialize=False,
)
STOP_MACHINE_IPI = _variant(
    "stop_machine-ipi",
    era="used by nobody: on_each_cpu() could",
    source="arch/x86/include/asm/sync_core.h: IRET serializes",
    prose="Every CPU stands still in the interrupt that asked it to, and serializes before it goes on.",
    where="ipi",
    serialize=True,
)
STOP_MACHINE_IPI_BARE = _variant(
    "stop_machine-ipi-bare",
    era="used by nobody: on_each_cpu() could",
    source="SDM vol. 3, Serializing Instructions: IRET is one",
    prose="Every CPU stands still in the interrupt that asked it to; the IRET at its end serializes.",
    where="ipi",
    serialize=False,
)
