"""The hardware: CPUs, memory and what each CPU may fetch of it. It knows registers, pages and gates, and no kernel.

    x86         what every x86-64 CPU has: pages, cache lines, exception vectors
    memory      guest data, one for all CPUs; code_map: where code lies
    fetch       which bytes of the code each CPU may run; straight: how far it gets without a look in between
    engine      the only door to Unicorn, with registers; counting, countdown and way: how instructions are counted
    fault       which exceptions stop a CPU
    cpu         one CPU
    exceptions  how a CPU enters a handler through the guest's gate; interrupts: what is on its way to a CPU
    state       what a machine remembers besides memory, code and registers
    machine     all of these, and the one place where a step happens
    observer    the contracts with the kernel that runs, and with whoever watches

A symbol, a place in the memory map, a protocol, a site: all that is known above.
"""
