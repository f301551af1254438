"""The breakpoint protocols: text_poke_bp_batch() of today, and ftrace's own from 2012 to 2019."""

from __future__ import annotations

from simkernel.protocol.table import (
    ALL_NEW,
    INT3,
    NEW,
    OLD,
    Era,
    Phase,
    Protocol,
    Release,
    SyncCores,
    When,
    Which,
    Write,
)

ALTERNATIVE_C = "arch/x86/kernel/alternative.c (6.12)"

INT3_PROTOCOL = Protocol(
    name="int3",
    era=Era("x86 Linux today", "ftrace since 5.6; with an int3 of its own since 3.5"),
    source=f"text_poke_bp_batch() in {ALTERNATIVE_C}; ftrace uses it since commit 768ae4406a5c (in 5.6), "
    "before that an int3 of its own, since commit 08d636b6d4fb (in 3.5)",
    prose="An int3 replaces byte 0 while the other bytes change; its handler emulates the new instruction.",
    phases=(
        Phase(
            name="write int3",
            action=Write(Which.HEAD, INT3),
            holds=(INT3, OLD),
            resolved=False,
            linux="text_poke_bp_batch(), first step",
            true_now="Byte 0 is int3 in memory. The handler of a CPU that takes it emulates the new instruction.",
            why="One byte changes as a whole, wherever it lies. The int3 keeps CPUs away from the others.",
            without="CPUs run the site while its tail changes: half old, half new.",
        ),
        Phase(
            name="sync 1",
            action=SyncCores(),
            holds=(INT3, OLD),
            resolved=True,
            linux="text_poke_sync() -> do_sync_core()",
            true_now="Every CPU has answered between two instructions: each runs int3 here, none half of the old one.",
            why="A CPU may have begun to read the old instruction before the int3 was there.",
            without="A CPU with the old byte 0 can take new bytes behind it.",
        ),
        Phase(
            name="write tail",
            action=Write(Which.TAIL),
            holds=(INT3, NEW),
            resolved=False,
            linux="text_poke_bp_batch(), second step",
            true_now="The tail is the new one in memory. No CPU runs it: byte 0 is int3 for every CPU.",
            why="The tail has to be complete before the new byte 0 is written in front of it.",
            without="A CPU would run the new byte 0 with the old tail: neither instruction.",
        ),
        Phase(
            name="sync 2",
            action=SyncCores(When.IF_TAIL),
            holds=(INT3, NEW),
            resolved=True,
            linux='text_poke_sync(): according to Intel "very likely not necessary", but "better safe than sorry"',
            true_now="Every CPU has answered: each has the new tail before it can meet the new byte 0.",
            why="No manual promises that a CPU that runs the new byte 0 runs the new tail.",
            without="No manual promises that a CPU runs the new bytes behind byte 0: it may run neither instruction.",
        ),
        Phase(
            name="write head",
            action=Write(Which.HEAD),
            holds=ALL_NEW,
            resolved=False,
            linux="text_poke_bp_batch(), third step",
            true_now="Memory holds the new instruction. A CPU runs it; no manual rules out that it takes the int3.",
            why="Again one byte, changed as a whole: a CPU that reads it needs no handler any more.",
            without="Byte 0 stays int3, and the batch is released: the next int3 finds no batch, and the kernel dies.",
        ),
        Phase(
            name="sync 3",
            action=SyncCores(When.IF_HEAD),
            holds=ALL_NEW,
            resolved=True,
            linux="text_poke_sync(), if some head was written",
            true_now="Every CPU has answered: byte 0 is the new one for each, and none takes this int3 any more.",
            why="Until it has answered, a CPU may still take the int3: then its handler needs the batch.",
            without="A late int3 finds no batch: the kernel dies of its own breakpoint.",
        ),
        Phase(
            name="release",
            action=Release(),
            holds=ALL_NEW,
            resolved=True,
            linux="atomic_cond_read_acquire(&bp_desc.refs, !VAL)",
            true_now="No handler holds the batch: its memory may be used for the next one.",
            why="The batch may be released once no handler reads it. After sync 3 none does, but Linux makes sure.",
            without="Nothing, where sync 3 is there: it leaves no handler behind.",
        ),
    ),
)

FTRACE_C = "arch/x86/kernel/ftrace.c (3.5 to 5.5)"

INT3_2012 = Protocol(
    name="int3-2012",
    era=Era("x86 Linux from 2012 to 2019", "ftrace 3.5 to 5.1"),
    source=f"ftrace_replace_code() in {FTRACE_C}; commit 08d636b6d4fb; the bug: N. Stange's report, mended in May 2019",
    prose="The same writes and syncs, but the handler skips the site and executes neither instruction.",
    handler="skip",
    phases=(
        Phase(
            name="add breakpoints",
            action=Write(Which.HEAD, INT3),
            holds=(INT3, OLD),
            resolved=False,
            linux="add_breakpoints()",
            true_now="Byte 0 is int3 in memory. The handler of a CPU that takes it skips the site.",
            why="One byte changes as a whole. The int3 keeps CPUs away from the others.",
            without="CPUs run the site while its tail changes: half old, half new.",
        ),
        Phase(
            name="sync 1",
            action=SyncCores(),
            holds=(INT3, OLD),
            resolved=True,
            linux="run_sync()",
            true_now="Every CPU has answered between two instructions: each runs int3 here.",
            why="A CPU may have begun to read the old instruction before the int3 was there.",
            without="A CPU with the old byte 0 can take new bytes behind it.",
        ),
        Phase(
            name="add update",
            action=Write(Which.TAIL),
            holds=(INT3, NEW),
            resolved=False,
            linux="add_update_code()",
            true_now="The tail is the new one in memory. No CPU runs it.",
            why="The tail has to be complete before the new byte 0 is written in front of it.",
            without="A CPU would run the new head with the old tail.",
        ),
        Phase(
            name="sync 2",
            action=SyncCores(),
            holds=(INT3, NEW),
            resolved=True,
            linux="run_sync()",
            true_now="Every CPU has answered: each has the new tail before it can meet the new byte 0.",
            why="No manual promises that a CPU that runs the new head runs the new tail.",
            without="No manual promises that a CPU runs the new tail behind the head: it may run neither instruction.",
        ),
        Phase(
            name="finish update",
            action=Write(Which.HEAD),
            holds=ALL_NEW,
            resolved=False,
            linux="finish_update()",
            true_now="Memory holds the new instruction. A CPU runs it; no manual rules out that it takes the int3.",
            why="Again one byte, changed as a whole.",
            without="Byte 0 stays int3: once ftrace is done no handler claims it, and the kernel dies.",
        ),
        Phase(
            name="sync 3",
            action=SyncCores(),
            holds=ALL_NEW,
            resolved=True,
            linux="run_sync()",
            true_now="Every CPU has answered: none takes this int3 any more.",
            why="The handler claims int3s only while modifying_ftrace_code is set.",
            without="No handler claims a late int3: the kernel dies of its own breakpoint.",
        ),
        Phase(
            name="done",
            action=Release(wait=False),
            holds=ALL_NEW,
            resolved=True,
            linux="atomic_dec(&modifying_ftrace_code)",
            true_now="ftrace claims no int3 any more.",
            why="It waits for no handler: after the last sync no CPU is in one.",
            without="The handler would go on to ask ftrace about every int3.",
        ),
    ),
)
"""ftrace of 5.2 to 5.5 did these writes and syncs with a handler that calls (commit 9e298e860408 of May 2019, by
int3_emulate_call() of 4b33dadf3766): as `int3` here, but not in batches.

`Simplified:` Linux changed all sites at once and looked an int3 up among all of them; ours are batches of 256."""
