"""Where a schedule of the explorer begins on the real simulation.

`set_stage` boots the default kernel by plain int3, has ftrace do what comes before the change, and brings every CPU to
the site; where NMIs come, to a place where it can take one. `Stage.begin` changes over to the protocol in question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simkernel.errors import GuestError, OurError
from simkernel.events import BatchStarted
from simkernel.explore.case import NMI_SITE, Case
from simkernel.explore.run_cpu import run_cpu_to_site
from simkernel.explore.world import World
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetOpsFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.patching.commands import Command, UseProtocol
from simkernel.protocol import INT3_PROTOCOL, NOP_FORMS, Variant
from simkernel.schedule import Act, Policy, Run
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.simulation import Simulation

ELSEWHERE = (NMI_SITE, "fifo_open")  # one of them is traced all the time, so that an update has one site
TICK = 200_000  # instructions between two ticks: a schedule has room between them
AROUND = 60_000  # instructions within which a CPU comes to the site again
TRIES = 20  # passages until every CPU is there with room before the next tick
APART = 97  # instructions between two of them where NMIs come


class Unplayable(GuestError):
    """The machine did not come where the schedule goes, from this start."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A simulation whose next action publishes the batch, every CPU at the site with nothing pending.

    Where only NMIs run the site, every CPU is awake with its interrupts on.

    Attributes:
        position: in history.
        passages: how often each CPU has gone on from there before.
    """

    simulation: Simulation
    case: Case
    position: int
    passages: int

    def begin(self, variant: Variant) -> int:
        """Back to here, and over to a protocol. Returns the position at which its schedules begin."""
        self.simulation.goto(self.position)
        if variant != self.simulation.options.protocol:
            self.simulation.do(UseProtocol(variant))
        return self.simulation.position

    def later(self) -> Stage:
        """Where the CPUs have come to the site once more."""
        simulation, case = self.simulation, self.case
        simulation.goto(self.position)
        for cpu in simulation.cpus:
            _bring(simulation, case, cpu)
        return between_ticks(simulation, case, self.passages + 1)


def story(change: str, function: str) -> tuple[tuple[Command, ...], Command]:
    """(what is asked of ftrace before, what changes the site and nothing else)."""
    other = next(one for one in ELSEWHERE if one != function)
    both = f"{other} {function}"
    match change:
        case "nop-call":
            return (SetFilter("filter", other), SetTracer("function")), SetFilter("filter", both)
        case "call-nop":
            return (SetFilter("filter", both), SetTracer("function")), SetFilter("filter", other)
    second = RegisterOps("second", "function_trace_call", filter=other)
    before = (SetFilter("filter", function), SetTracer("function"), second)
    return before, SetOpsFilter("second", "filter", function, append=True)


def set_stage(case: Case, model: FetchModel, cpus: int, nop: bytes) -> Stage:
    """Boot by plain int3, and come to where schedules begin.

    Raises:
        OurError: ftrace would change other bytes than the case's.
        Unplayable: a CPU does not come to the site.
    """
    options = Options(
        cpus=cpus,
        model=model,
        schedule="round-robin",
        policy=Policy.EARLY,
        protocol=_int3_on(nop),
        patch_quantum=8,  # about as many as a CPU gets that bytes are pending for, so that none is far ahead
        act_odds=STEPPING.act_odds,  # for a person who goes on from here by a seeded schedule
        tick_period=TICK,
    )
    simulation = Simulation.boot(options)
    before, change = story(case.change, case.function)
    for command in before:
        simulation.do(command)
        simulation.run_until_idle()
    simulation.do(change)
    _to_the_batch(simulation, case)
    return between_ticks(simulation, case, 0)


def between_ticks(simulation: Simulation, case: Case, passages: int) -> Stage:
    """Bring each CPU to the site, with room for a schedule before the next tick."""
    for _ in range(TRIES):
        away = [cpu for cpu in simulation.cpus if not _is_there(simulation, case, cpu)]
        if not away and simulation.clock % TICK < TICK - AROUND:
            simulation.keep_checkpoint()
            return Stage(simulation, case, simulation.position, passages)
        for cpu in away or simulation.cpus:
            _bring(simulation, case, cpu)
    raise Unplayable(f"the CPUs do not come to {case.function} between two ticks")


def _is_there(simulation: Simulation, case: Case, cpu: int) -> bool:
    """True where a schedule can begin, as far as this CPU is concerned."""
    now = simulation.cpu(cpu)
    if "tick" in now.interrupts:
        return False
    if case.nmi:
        return now.interrupts_on and not now.halted
    return now.rip == case.site


def _bring(simulation: Simulation, case: Case, cpu: int) -> None:
    """Let a CPU go on to where a schedule can begin."""
    if case.nmi:
        for _ in range(TICK):
            simulation.step(Run(cpu, APART))
            if _is_there(simulation, case, cpu):
                return
    simulation.keep_checkpoint()  # what is tried out on the way is taken back again and again
    if not run_cpu_to_site(simulation, simulation.step, cpu, case.site, 4 * TICK):
        raise Unplayable(f"CPU{cpu} does not come to {case.function}")


def _int3_on(nop: bytes) -> Variant:
    form = next(form for form, data in NOP_FORMS.items() if data == nop)
    int3 = Variant(INT3_PROTOCOL)
    return int3 if nop == INT3_PROTOCOL.nop else int3.on_nop(form)


def _to_the_batch(simulation: Simulation, case: Case) -> None:
    """The patching task alone acts, to just before it publishes the site's batch."""
    while not simulation.patching.idle and simulation.patching.ready:
        for event in simulation.step(Act()):
            if isinstance(event, BatchStarted) and event.sites == (case.site,):
                if simulation.site(case.site).change != (case.old, case.new):
                    raise OurError(f"ftrace changes {case.function} in another way than the case says")
                simulation.goto(event.entry)
                return
    raise OurError(f"no batch came to {case.function} alone")


class Stages:
    """Stages that were set once, for many schedules."""

    def __init__(self, setting: Callable[[Case, FetchModel, int, bytes], Stage] = set_stage) -> None:
        """Begin with none.

        Args:
            setting: what sets one, for a case, a model, so many CPUs and the NOP that the kernel boots with.
        """
        self._setting = setting
        self._stages: dict[tuple[object, ...], Stage] = {}

    def of(self, world: World, cpus: int) -> Stage:
        """The first stage for a world."""
        case, nop = world.case, world.protocol.nop
        key = case, world.model, cpus, nop
        if key not in self._stages:
            self._stages[key] = self._setting(case, world.model, cpus, nop)
        return self._stages[key]
