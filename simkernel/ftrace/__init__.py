"""The simulated ftrace: which functions call which trampolines, and how to get from here to there.

    records      struct dyn_ftrace: one record a site, in guest memory, read as arrays
    filters      the patterns of set_ftrace_filter
    ops          struct ftrace_ops: one an interested party; their hashes
    tracers      what `current_tracer` can be
    targets      which function each site calls, and what its record counts
    trampolines  copies of ftrace_caller with one ops built in
    steps        what an update changes of ftrace's own, as steps that can be looked at, stepped and run
    update       what registering, unregistering and filtering change (kernel/trace/ftrace.c)
    core         the subsystem: its state, its plans, and what becomes of it where one fails; needs: what of others
    report       the texts: ftrace_bug, enabled_functions
    files        its control files; now: what may be asked of it
    validate     what has to be true of sites and records
    commands     what a person may ask for

The core never patches running code. It makes plans; the patching task carries them out.
"""
