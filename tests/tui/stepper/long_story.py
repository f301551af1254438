"""A long story: the patching task waits in the middle of a change, and CPUs take its int3 again and again."""

from __future__ import annotations

from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from simkernel.schedule import Run
from simkernel.sim.parts import parts_of


def long_story(events: int) -> Stepper:
    """A stepper in the phase after sync 1, with so many events behind it; most are stops of its site."""
    stepper = Stepper.start("one")
    for _ in range(3):
        apply(stepper, "next-phase")
    go_on(stepper, events)
    return stepper


def go_on(stepper: Stepper, events: int) -> None:
    """Let the CPUs run until there are so many events."""
    simulation = stepper.simulation
    while simulation.logged < events:
        cpu = simulation.position % len(simulation.cpus)
        simulation.step(Run(cpu, parts_of(simulation).limit(cpu)))
    stepper.looked()
