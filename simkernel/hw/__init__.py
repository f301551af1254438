"""The hardware: CPUs, memory and what each CPU may fetch of it. It knows registers, pages and gates, and no kernel.

    x86         what every x86-64 CPU has: pages, cache lines, exception vectors
    memory      guest data, one for all CPUs
    fetch       which bytes of the code each CPU may run
    cpu         the only door to Unicorn: one CPU
    exceptions  how a CPU enters a handler through the guest's gate

A symbol, a place in the memory map, a protocol, a site: all that is known above.
"""
