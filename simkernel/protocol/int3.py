"""The breakpoint protocols: text_poke_bp_batch() of today, and ftrace's own from 2012 to 2019."""

from __future__ import annotations

from simkernel.protocol.table import ALL_NEW, INT3, NEW, OLD, Phase, Protocol, Release, SyncCores, When, Which, Write

ALTERNATIVE_C = "arch/x86/kernel/alternative.c (6.12)"

INT3_PROTOCOL = Protocol(
    name="int3",
    era="x86 Linux today (ftrace since 5.6)",
    source=f"text_poke_bp_batch() in {ALTERNATIVE_C}; ftrace uses it since commit 768ae4406a5c (Nov 2019, in 5.6)",
    prose="A breakpoint stands in for the site while its other bytes change; its handler does the new instruction.",
    phases=(
        Phase(
            name="write int3",
            action=Write(Which.HEAD, INT3),
            holds=(INT3, OLD),
            resolved=False,
            linux="text_poke_bp_batch(), first step",
            true_now="Byte 0 is int3 in memory. A CPU that runs it takes the exception and does the new instruction.",
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
            true_now="The tail is the new one in memory. Nobody runs it: byte 0 is int3 for every CPU.",
            why="The tail has to be whole before the new byte 0 stands in front of it.",
            without="The new byte 0 would stand before the old tail: neither instruction.",
        ),
        Phase(
            name="sync 2",
            action=SyncCores(When.IF_TAIL),
            holds=(INT3, NEW),
            resolved=True,
            linux='text_poke_sync(): according to Intel "very likely not necessary", but "better safe than sorry"',
            true_now="Every CPU has answered: each has the new tail before it can meet the new byte 0.",
            why="By what manuals allow, a CPU could meet the new byte 0 with old bytes behind it.",
            without="As manuals allow, a CPU could run the new byte 0 with old bytes behind it: neither instruction.",
        ),
        Phase(
            name="write head",
            action=Write(Which.HEAD),
            holds=ALL_NEW,
            resolved=False,
            linux="text_poke_bp_batch(), third step",
            true_now="Memory holds the new instruction. Each CPU runs it, or, as manuals allow, takes the int3.",
            why="Again one byte, changed as a whole: a CPU that reads it needs no handler any more.",
            without="Byte 0 stays int3, and the batch goes: the next int3 finds no batch, and the kernel dies.",
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
            why="The batch may go once no int3 handler reads it. After sync 3 none does, but Linux makes sure.",
            without="Nothing, where sync 3 is there: it leaves no handler behind.",
        ),
    ),
)

FTRACE_C = "arch/x86/kernel/ftrace.c (3.5 to 5.5)"

INT3_2012 = Protocol(
    name="int3-2012",
    era="x86 Linux from 2012 to 2019 (ftrace 3.5 to 5.1)",
    source=f"ftrace_replace_code() in {FTRACE_C}; commit 08d636b6d4fb; the bug: N. Stange's report, mended in May 2019",
    prose="The same writes and syncs, but the handler skips the site: it does neither the old nor the new.",
    handler="skip",
    phases=(
        Phase(
            name="add breakpoints",
            action=Write(Which.HEAD, INT3),
            holds=(INT3, OLD),
            resolved=False,
            linux="add_breakpoints()",
            true_now="Byte 0 is int3 in memory. A CPU that runs it goes on behind the site.",
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
            true_now="The tail is the new one in memory. Nobody runs it.",
            why="The tail has to be whole before the new byte 0 stands in front of it.",
            without="The new head would stand before the old tail.",
        ),
        Phase(
            name="sync 2",
            action=SyncCores(),
            holds=(INT3, NEW),
            resolved=True,
            linux="run_sync()",
            true_now="Every CPU has answered: each has the new tail before it can meet the new byte 0.",
            why="By what manuals allow, a CPU could take the new head and still an old tail.",
            without="As manuals allow, a CPU could take the new head and still an old tail.",
        ),
        Phase(
            name="finish update",
            action=Write(Which.HEAD),
            holds=ALL_NEW,
            resolved=False,
            linux="finish_update()",
            true_now="Memory holds the new instruction. A CPU runs it, or still takes the int3 and does neither.",
            why="Again one byte, changed as a whole.",
            without="Byte 0 stays int3: once ftrace is done nobody claims it, and the kernel dies.",
        ),
        Phase(
            name="sync 3",
            action=SyncCores(),
            holds=ALL_NEW,
            resolved=True,
            linux="run_sync()",
            true_now="Every CPU has answered: none takes this int3 any more.",
            why="The handler claims int3s only while modifying_ftrace_code is set.",
            without="A late int3 is nobody's: the kernel dies of its own breakpoint.",
        ),
        Phase(
            name="done",
            action=Release(wait=False),
            holds=ALL_NEW,
            resolved=True,
            linux="atomic_dec(&modifying_ftrace_code)",
            true_now="int3s are again none of ftrace's.",
            why="Nobody waits for handlers: after the last sync there are none.",
            without="The handler would go on to ask ftrace about every int3.",
        ),
    ),
)
"""ftrace of 5.2 to 5.5 did these writes and syncs with a handler that calls (commit 9e298e860408 of May 2019, by
int3_emulate_call() of 4b33dadf3766): as `int3` here, but not in batches.

`Simplified:` Linux changed all sites at once and looked an int3 up among all of them; ours are batches of 256."""
