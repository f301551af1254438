"""What tracing costs, in answers that are never mixed: counted, priced by a table, and seen on this CPU.

workload    a fixed piece of work for one CPU: the same system calls in every variant, ticks off
variants    the same kernel with another beginning of its functions, or with tracing on
exact       instructions, bytes of code and memory accesses of the workload, counted one by one
growth      the same, as the number of traced functions grows
forms       instructions by the form that a cost table tells apart
modelled    the exact counts, priced in cycles by a table with a source for each line (costs.toml)
native      the doors to this very machine: executable memory, CPUs, signals, membarrier
code        machine code for it, as bytes with their listing
patching    a protocol's table carried out on it, in a child process
bodies      the variants as native code: functions of a kernel's sizes behind another beginning
measured    how long they take on this CPU, and what of that is noise
children    runs such children, and says what came of them
"""
