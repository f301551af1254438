"""A history of so many steps; and, run as a program, how much memory that or a large kernel takes.

python -m tests.bench.long history|enable
"""

from __future__ import annotations

import sys

from simkernel.ftrace.commands import SetTracer, TracingOn
from simkernel.overhead.quiet import at_rest, carry_out
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.bench.memory import peak

STEPS = 100_000


def history(steps: int = STEPS) -> Simulation:
    """A simulation that has taken so many steps, tracing being switched on and off all the while."""
    simulation = Simulation.boot(Options())
    tracer = "nop"
    while simulation.position < steps:
        if simulation.patching.idle:
            tracer = "nop" if tracer == "function" else "function"
            simulation.do(SetTracer(tracer))
        simulation.step()
    return simulation


def enable(sites: int = 200_000) -> None:
    simulation = at_rest(sites)
    carry_out(simulation, TracingOn(False))
    carry_out(simulation, SetTracer("function"))


if __name__ == "__main__":
    {"history": history, "enable": enable}[sys.argv[1]]()
    print(peak())
