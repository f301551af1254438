"""Changing code that other CPUs run: the patching task, and `text_poke` with its protocols.

subsystem    the contract of whoever patches code: ftrace, and what comes beside it
commands     what a person may ask for
plan         what a command changes, as steps; what a step is
steps        the steps that any subsystem uses
task         carries plans out, one action at a time
text_poke    carries batches out by a protocol (`text_poke_bp_batch()`)
patches      changes of many sites as arrays, and the vector that the guest's handler searches
site         a site, its kind, a patch; emulation: what the handler does in its place
active       an observer: what CPUs do at the sites of the batch under way
needs        what plans need of a machine
validate     what has to be true of the batch under way
log          the kernel log
"""
