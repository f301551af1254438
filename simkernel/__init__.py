"""The engine of simkernel: a toy x86-64 kernel on several CPUs, patched by a simulated ftrace while it runs.

It knows no terminal and prints nothing. Each step of this staircase sees only the steps below it; import-linter
keeps it so (`make check`). Start at the bottom: each file begins with the idea that it stands for.

    moment          a place in history as a string that opens the very same state
    snapshot        all that a viewer may know at one step, frozen
    digest          one digest over all state
    validate        the invariants, apart from the fast path
    simulation      the one object that outsiders hold: boot, step, back, run, history
    oops            a kernel oops in Linux's format
    tracefs         ftrace's control files as a table: name -> read, write
    narrate         events and instructions as English sentences
    tracers         one file a tracer
    ringbuffer      reads the per-CPU ring buffers that guest code writes
    ftrace          records, filters, ops, trampolines, and the plan that an update is
    poke            carries a patch protocol out on a machine (Linux: text_poke_bp_batch)
    machine         several CPUs, shared memory, exceptions, interrupts: the one place where a step happens
    cpu             the only door to Unicorn: one CPU
    fetch           which bytes each CPU may run
    image           the guest's text, data, symbols and patch sites
    asm, disasm     the only doors to Keystone and to Capstone
    protocol        patch protocols as tables: phases, their reasons, their invariants
    schedule        who moves next
    insn, layout    x86-64 bytes as values; the memory map
    events          everything that can be observed, one vocabulary
    errors          whose fault it is

The guest itself is assembly in `guest/*.S`. What a CPU does is guest code; Python is only the hardware and the
patching task.
"""

__version__ = "0.1.0"
