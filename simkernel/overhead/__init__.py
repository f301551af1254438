"""What tracing costs, counted on the simulated machine: exact figures, for one stated piece of work.

workload    a fixed piece of work for one CPU: the same system calls in every variant, ticks off
variants    the same kernel with another beginning of its functions, or with tracing on
exact       instructions, bytes of code and memory accesses of the workload, counted one by one
"""
