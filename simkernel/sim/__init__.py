"""A running kernel with its past: what outsiders hold, ask, step and go back in.

    simulation  the one door: moves it  now          what may be asked of it; nothing there moves it
    parts       what is behind it       queries      the same of a CPU, a site, the patching task
    travel      to other points         driver       carries history's entries out
    options     what a run is made of   history      what happened, and checkpoints: every earlier state exactly
    moment/     a run as a string       digest       one number for a state
    snapshot/   all that is seen        breakpoints  where a run stops
    narrate/    sentences               validate     what must hold
    calls       how often functions ran callbacks    tracers that are traced
    oops        what Linux prints when it dies

Lessons, front ends and the explorer ask a `Simulation`. Its parts are open to the rooms of this package and to tests
that look inside, by `parts.parts_of`. Code that changes state without a history, as overhead's fixed workload does, has
`parts.Parts` and no simulation.
"""
