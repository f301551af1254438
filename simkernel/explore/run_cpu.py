"""Runs one CPU, and no other, to an instruction of the real simulation: the way to where a step is taken."""

from __future__ import annotations

from collections.abc import Callable

from simkernel.schedule import QUANTUM, Choice, Run
from simkernel.sim.breakpoints import distance
from simkernel.sim.simulation import Simulation

TRIES = 20  # passages until one comes with interrupts on


def run_cpu_to_site(simulation: Simulation, step: Callable[[Choice], object], cpu: int, site: int, bound: int) -> bool:
    """Run one CPU, and no other, to the next time that it is about to run the site with interrupts on."""
    for _ in range(TRIES):
        if not run_cpu_to(simulation, step, cpu, site, bound):
            return False
        if simulation.cpu(cpu).interrupts_on:
            return True
    return False


def run_cpu_to(simulation: Simulation, step: Callable[[Choice], object], cpu: int, address: int, bound: int) -> bool:
    """Run one CPU until it is about to run the instruction at `address`, at least one instruction on.

    The last instruction on the way is a choice of its own, so that it is looked at. False beyond so many instructions.
    """
    for _ in range(0, bound, QUANTUM):
        away = None if simulation.cpu(cpu).asleep else _distance(simulation, cpu, address)
        if away is not None:
            for n in (away - 1, 1):
                if n:
                    step(Run(cpu, n))
            return simulation.cpu(cpu).rip == address
        if simulation.halt_reason:
            return False
        step(Run(cpu, QUANTUM))
    return False


def _distance(simulation: Simulation, cpu: int, address: int) -> int | None:
    """How many instructions of one choice bring the CPU before the one at `address`; tried out, and taken back."""
    here, now = simulation.position, simulation.cpu(cpu)
    if not now.pending:
        return distance(simulation, Run(cpu, QUANTUM), address)
    away = 0
    while away < QUANTUM and not simulation.halt_reason:
        simulation.step(Run(cpu, 1))
        away += 1
        if now.rip == address:
            break
    found = now.rip == address
    simulation.goto(here)
    return away if found else None
