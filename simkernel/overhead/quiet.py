"""A kernel at rest, and a patching task whose CPUs do nothing but answer it: what a change costs by itself."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from simkernel.errors import GuestError
from simkernel.events import Event
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.kernel.image import Segment
from simkernel.patching.commands import Command
from simkernel.schedule import QUANTUM, Act, Run
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation

IPI = 600  # instructions, more than any sync IPI takes: the CPU then halts again
MOST_ROUNDS = 1_000  # of all CPUs, until the tasks sleep; a few dozen are needed


@dataclass(frozen=True, slots=True)
class Carried:
    """A command carried out: what happened, and `price`, the instructions of the clock that the patching task paid."""

    events: list[Event]
    price: int


def without_walk(image: KernelImage) -> KernelImage:
    """The image with no root to walk from: its walkers sleep, as the default kernel's do."""
    count, segments = image.address("synth_roots_count"), []
    for segment in image.segments:
        data, at = bytearray(segment.data), count - segment.base
        if 0 <= at < len(data):
            data[at : at + 8] = bytes(8)
        segments.append(Segment(segment.base, bytes(data), segment.executable))
    return dataclasses.replace(image, segments=tuple(segments))


def at_rest(functions: int, cpus: int = 4, model: FetchModel = FetchModel.PIECES) -> Simulation:
    """A booted kernel of so many traced functions, without ticks, whose tasks all sleep: every CPU is halted.

    It is the default kernel where that has as many, else a synthetic one.

    Raises:
        GuestError: it finds no rest.
    """
    default = KernelImage.default()
    image = default if functions <= len(default.mcount_loc) else without_walk(KernelImage.synthetic(functions))
    simulation = Simulation.boot(Options(cpus=cpus, model=model, tick_period=0), image)
    for _ in range(MOST_ROUNDS):
        awake = [cpu for cpu in simulation.cpus if not simulation.cpu(cpu).asleep]
        if not awake:
            return simulation
        for cpu in awake:
            simulation.step(Run(cpu, QUANTUM))
    raise GuestError("the tasks do not come to rest")


def carried_out(simulation: Simulation, command: Command) -> Carried:
    """Give a command and carry it out: the patching task acts, and whoever it waits for moves.

    A CPU that was halted moves until it is again; an int3 that it meets on the way ends its choice only.
    """
    events, price = simulation.do(command), 0
    patching, step, cpus = simulation.patching, simulation.step, [simulation.cpu(cpu) for cpu in simulation.cpus]
    move, act, rested = [Run(cpu.number, IPI) for cpu in cpus], Act(), [cpu.halted for cpu in cpus]
    while not patching.idle:
        before = simulation.clock
        while patching.ready:
            events += step(act)
        price += simulation.clock - before
        for cpu in patching.waits_for:
            events += step(move[cpu])
            while not (halted := cpus[cpu].halted) and rested[cpu]:
                events += step(move[cpu])
            rested[cpu] = halted
    return Carried(events, price)


def carry_out(simulation: Simulation, command: Command) -> list[Event]:
    """The same; the events alone."""
    return carried_out(simulation, command).events
