"""A running kernel with its past: what outsiders hold, ask, step and go back in.

simulation    the one door          history     checkpoints: every earlier state exactly
options       what a run is made of  digest      one number for a state
moment/       a run as a string     breakpoints where a run stops
snapshot/     all that is seen      validate    what must hold
narrate/      sentences             oops        what Linux prints when it dies
callbacks     tracers that are traced
"""
