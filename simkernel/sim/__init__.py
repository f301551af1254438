"""A running kernel with its past: what outsiders hold, ask, step and go back in.

    simulation  the one door            queries      what may be asked of a CPU, a site, the patching task
    parts       what is behind it       driver       carries history's entries out
    travel      to other points         history      what happened, and checkpoints: every earlier state exactly
    options     what a run is made of   digest       one number for a state
    moment/     a run as a string       breakpoints  where a run stops
    snapshot/   all that is seen        validate     what must hold
    narrate/    sentences               oops         what Linux prints when it dies
    calls       how often functions ran callbacks    tracers that are traced

Lessons, front ends and the explorer ask a `Simulation`. Its parts are open to the rooms of this package and to tests
that look inside, by `parts.parts_of`. Code that changes state without a history, as overhead's fixed workload does, has
`parts.Parts` and no simulation.
"""
