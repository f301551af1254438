"""Changing code that other CPUs run: the patching task, and `text_poke` with its protocols.

subsystem    the contract of whoever patches code: ftrace, and what comes beside it
commands     what a person may ask for
plan         what a command changes, as steps; what a step is
steps        the steps that any subsystem uses
task         carries plans out, one action at a time
poke         batches of sites, carried out by a protocol (`text_poke_bp_batch()`)
validate     what has to be true of the batch under way
log          the kernel log
"""
