"""The engine of simkernel: a toy x86-64 kernel on several CPUs, patched by a simulated ftrace while it runs.

It knows no terminal and prints nothing. Each step of this staircase sees only the steps below it; import-linter
keeps it so (`make check`). Start at the bottom: each file begins with the idea that it stands for.

    explore         every order of events of a protocol: safe, or the shortest schedule that breaks it
    overhead        what tracing costs, on and off: counted, priced, measured on this CPU; a protocol run on it
    snapshot        all that a viewer may know at one step, frozen
    moment          a place in history as a string; breakpoints: places to halt at, both ways
    validate        every room's invariants, gathered; digest: "bit for bit the same"
    simulation      the one object that outsiders hold: boot, step, back, run
    history         checkpoints, and the pages that each changed; options: what a run is made from
    control_files   the tree of ftrace's control files, put together; oops: a dead kernel's last words
    narrate         events and instructions as English sentences
    ftrace          records, filters, ops, trampolines, the plan that an update is, the task that takes it; tracers
    trace           what guest code has recorded: types of records, the reader of the ring buffers, the text of `trace`
    poke            carries a patch protocol out on a machine (Linux: text_poke_bp_batch)
    machine         the one place where a step happens
    board           several CPUs, shared memory, the interrupts between them
    (its parts)     lane, loader, paths
    image           the guest's text, data, symbols and patch sites
    asm             the only door to Keystone
    layout          the memory map of the toy kernel; stacks: those in it
    hw              the hardware, which knows no kernel: CPUs (the only door to Unicorn), memory, what a CPU may fetch
    disasm          the only door to Capstone
    protocol        patch protocols as tables: phases, their reasons, their invariants
    schedule        who moves next
    insn            x86-64 bytes as values
    events          everything that can be observed, one vocabulary
    tracefs         a file system of control files: directories, files, open files with a position; knows no ftrace
    files           what a person names, read within bounds; room: whether there is address space enough
    verdict         whether an invariant holds
    errors          whose fault it is; child: another process of ours

A simulation runs without a viewer, so a snapshot is taken *of* it and stands above it. What is assembled is read back
through the disassembler, so `asm` stands above `disasm`.

The guest itself is assembly in `guest/*.S`. What a CPU does is guest code; Python is only the hardware and the
patching task.
"""

__version__ = "0.1.0"
