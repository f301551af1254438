"""What tracing costs, in answers that are never mixed: counted, priced by a table, and seen on this CPU.

workload    a fixed piece of work for one CPU: the same system calls in every variant, ticks off
variants    the same kernel with another beginning of its functions, or with tracing on
exact       instructions, bytes of code and memory accesses of the workload, counted one by one
growth      the same, as the number of traced functions grows
sites       what enabling every site takes, as the number of sites grows; published: figures of others beside it
quiet       a kernel at rest, whose CPUs do nothing but answer the patching task
forms       instructions by the form that a cost table tells apart
modelled    the exact counts, priced in cycles by a table with a source for each line (costs.toml)
native      the doors to this very machine: executable memory, CPUs, signals, membarrier
code        machine code for it, as bytes with their listing
patching    a protocol's table carried out on it, in a child process
children    runs such children, and says what came of them
mix         bodies of a kernel's sizes, with the instructions that the exact count has seen it run
tracing     the guest's own tracer as native code
bodies      the variants as native code: such bodies behind another beginning
measured    how long they take on this CPU, and what of that is noise
apart       the same in a process of its own
"""
