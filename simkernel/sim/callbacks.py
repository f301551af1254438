"""Callbacks that are traced by their own ops: whose a site is, and how deep they are in themselves."""

from __future__ import annotations

from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.kernel.stacks import stacks_from
from simkernel.sim.now import SimulationNow
from simkernel.sim.oops import is_text
from simkernel.sim.parts import parts_of


def traces_itself(simulation: SimulationNow, site: int) -> str:
    """The name of the ops whose callback's own site this is, and that wants it traced; "" where there is none."""
    symbol = simulation.image.find(site)
    if symbol is None:
        return ""
    ips = simulation.image.mcount_loc
    wanted = ips == site
    return next(
        (
            ops.name
            for ops in parts_of(simulation).subsystem(FtraceCore).state().ops
            if ops.func == symbol.address and ops.hash.matches(ips)[wanted].any()
        ),
        "",
    )


def unreturned(simulation: SimulationNow, cpu: int, site: int) -> int:
    """How many calls of a site's function stand on a CPU's stacks, from the site's own call on.

    A site stands at its function's start: above what its call has pushed lies the function's own return address. So
    the saved RIP of a `struct pt_regs` does not count, whose neighbour is CS.
    """
    kernel = parts_of(simulation).kernel
    read = kernel.machine.memory.read_u64
    return sum(
        read(at) == site + MCOUNT_INSN_SIZE and is_text(kernel.image, read(at + 8))
        for _, places in stacks_from(kernel.machine.cpus[cpu].rsp, read)
        for at in places[:-1]
    )
