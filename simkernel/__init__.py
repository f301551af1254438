"""The engine of simkernel: a toy x86-64 kernel on several CPUs, patched by a simulated ftrace while it runs.

It knows no terminal and prints nothing. Each step of this staircase sees only the steps below it; import-linter
keeps it so (`make check`). Start at the bottom: each file begins with the idea that it stands for.

    explore         every order of events of a protocol: safe, or the shortest schedule that breaks it
    overhead        what tracing costs, on and off: counted, priced, measured on this CPU; a protocol run on it
    sim             a running kernel with its past: the one object that outsiders hold, history, moments, snapshots
    ftrace          records, filters, ops, trampolines, the plan that an update is; tracers
    trace           what guest code has recorded: types of records, the reader of the ring buffers, the text of `trace`
    patching        sites and patches, text_poke, the patching task, the contract of whoever patches code
    kernel          a kernel as a value, its memory map, its contract with the host, its loader and its observers
    asm             the only door to Keystone
    hw              the hardware, which knows no kernel: CPUs (the only door to Unicorn), memory, what a CPU may fetch
    disasm          the only door to Capstone
    protocol        patch protocols as tables: phases, their reasons, their invariants
    schedule        choices, and the schedules that make them
    insn            x86-64 bytes as values
    events          everything that can be observed, one vocabulary
    tracefs         a file system of control files: directories, files, open files with a position; knows no ftrace
    files           what a person names, read within bounds; room: whether there is address space enough;
                    report: how far long work is, and how it is cancelled
    verdict         whether an invariant holds; sentence: a text and what its parts are
    errors          whose fault it is; child: another process of ours

What is assembled is read back through the disassembler, so `asm` is above `disasm`. `docs/design.md` has the contracts
between the rooms, and one patch from command to bytes and back.

The guest itself is assembly in `guest/*.S`. What a CPU does is guest code; Python is only the hardware and the
patching task.
"""

__version__ = "0.1.0"
