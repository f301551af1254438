"""A schedule of the explorer on the real simulation: the same choices, the guest's handler, and what came of it.

`Stage` boots the default kernel by plain int3, has ftrace do what comes before the change, changes over to the protocol
in question, and brings every CPU to the site; where NMIs come, to a place where it can take one. Then each step of the
schedule becomes choices of the simulation. What a CPU does between two steps (the trampoline, the handler, the rest of
the kernel up to the next call of the function) is guest code that runs. `Witness` sees nothing but the machine, and
says by itself what was broken there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simkernel.errors import GuestError, OurError
from simkernel.events import BatchStarted, Event
from simkernel.explore.case import NMI_SITE, Case
from simkernel.explore.question import Finding
from simkernel.explore.search import CpuMoves
from simkernel.explore.sentences import Scene
from simkernel.explore.witness import Witness
from simkernel.explore.world import Mode, World
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetOpsFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.patching.commands import Command, UseProtocol
from simkernel.protocol import INT3_PROTOCOL, NOP_FORMS, Variant
from simkernel.report import Report
from simkernel.schedule import QUANTUM, Act, Choice, Nmi, Policy, Read, Resolve, Run
from simkernel.sim.breakpoints import distance
from simkernel.sim.moment import Moment
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.queries import CpuNow
from simkernel.sim.simulation import Simulation

ELSEWHERE = (NMI_SITE, "fifo_open")  # one of them is traced all the time, so that an update has one site
TICK = 200_000  # instructions between two ticks: a schedule has room between them
AROUND = 60_000  # instructions within which a CPU comes to the site again
HANDLER = 4_000  # instructions for anything that a handler does
TRIES = 20  # passages until one comes with interrupts on
PASSAGES = 36  # places to start from that are tried
APART = 97  # instructions between two of them where NMIs come


class Unplayable(GuestError):
    """The machine did not come where the schedule goes, from this start."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A simulation whose next action publishes the batch, every CPU at the site with nothing pending.

    Where only NMIs run the site, every CPU is awake with its interrupts on.

    Attributes:
        place: in history.
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
    if not _at_site(simulation, simulation.step, cpu, case.site, 4 * TICK):
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


def _at_site(simulation: Simulation, step: Callable[[Choice], object], cpu: int, site: int, bound: int) -> bool:
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


class Player:
    """Takes the explorer's steps on a stage; `witness` looks on."""

    def __init__(self, stage: Stage, world: World) -> None:
        self.simulation = stage.simulation
        self.case, self.world = stage.case, world
        self.witness = Witness(stage.simulation, stage.case)
        self._parked_at: dict[int, int] = {}
        image = self.simulation.image
        self._found = image.address("poke_int3_found")

    def play(self, scene: Scene) -> None:
        """One step. Unplayable where the machine goes another way."""
        if isinstance(scene.step, Act):
            self._need(self.simulation.patching.ready, "the patching task still waits")
            self._step(Act())
            return
        self._move(scene, scene.step)

    def _move(self, scene: Scene, step: CpuMoves) -> None:
        cpu, move = step.cpu, step.move
        before, after = scene.before[cpu], scene.after[cpu]
        match move.kind:
            case "resolve":
                assert isinstance(move.first, int)
                address = self.case.site + self.world.program.offsets[move.first][0]
                self._need(bool(self._step(Resolve(cpu, address))), f"nothing is pending at {address:#x}")
            case "read":
                self._come(cpu, before.at)
                assert isinstance(move.data, bytes)
                self._step(Read(cpu, len(move.data)))
                self._need(self._cpu(cpu).reading == after.read, "other bytes were read")
            case "run":
                self._come(cpu, before.at)
                wanted = self.world.fetched(scene.n, before)[: self.case.size - before.at]
                self._need(self._cpu(cpu).next_bytes[: len(wanted)] == wanted, "other bytes would run")
                self._step(Run(cpu, 1))
            case "nmi":
                self._step(Nmi(cpu))
                self._come(cpu, 0)
            case "end":
                self._run_while(cpu, lambda: self._cpu(cpu).nmi, HANDLER, 1)
            case "answer" | "park":
                self._interrupt(cpu, move.kind)
            case "leave":
                self._leave(cpu, before.at, str(move.first))
            case "claim":
                self._run_to(cpu, self._found)
            case "nobody":
                self._run_while(cpu, lambda: not self.simulation.halt_reason, HANDLER)
            case "done":
                to = self.case.end if self.world.protocol.handler == "skip" else self.case.new_target
                self._run_to(cpu, to)
            case "return":
                self._run_to(cpu, self.case.end)
        if after.mode is not Mode.DEAD:
            self._need(not self.simulation.halt_reason, self.simulation.halt_reason)

    def _cpu(self, cpu: int) -> CpuNow:
        return self.simulation.cpu(cpu)

    def _step(self, choice: Choice) -> list[Event]:
        self.witness.before(choice)
        events = self.simulation.step(choice)
        self.witness.after(choice, events)
        return events

    def _need(self, holds: bool, else_: str) -> None:
        if not holds:
            raise Unplayable(f"the schedule cannot be played from here: {else_}")

    def _come(self, cpu: int, at: int) -> None:
        """The CPU stands at a byte of the site; what it could run there has not changed on the way."""
        site, now = self.case.site, self.simulation.site(self.case.site)
        pending = now.pending(cpu)
        if at == 0 and self._cpu(cpu).rip != site:
            come = run_cpu_to if self.case.nmi else _at_site
            self._need(come(self.simulation, self._step, cpu, site, AROUND), f"CPU{cpu} does not come to the site")
        self._need(self._cpu(cpu).rip == site + at, f"CPU{cpu} is not at byte +{at}")
        self._need(now.pending(cpu) == pending, f"CPU{cpu} has serialized on its way to the site")

    def _run_to(self, cpu: int, address: int, bound: int = HANDLER) -> None:
        """To the instruction at `address`."""
        if self._cpu(cpu).rip == address:
            return
        found = run_cpu_to(self.simulation, self._step, cpu, address, bound)
        self._need(found, f"CPU{cpu} does not come to {address:#x}")

    def _run_while(self, cpu: int, going: Callable[[], bool], bound: int, each: int = 20) -> None:
        for _ in range(0, bound, each):
            if not going():
                return
            self._step(Run(cpu, each))
        self._need(not going(), f"CPU{cpu} does not come to an end")

    def _interrupt(self, cpu: int, kind: str) -> None:
        rip = self._cpu(cpu).rip
        self._step(Run(cpu, 1))
        if kind == "park":
            self._parked_at[cpu] = rip
            self._run_while(cpu, lambda: not self._cpu(cpu).parked, 4 * HANDLER)
            return
        self._run_to(cpu, rip)
        self._need(not self._cpu(cpu).asked, f"CPU{cpu} has not answered")

    def _leave(self, cpu: int, at: int, task: str) -> None:
        if task == "same":
            self._run_to(cpu, self._parked_at[cpu], AROUND)
            return
        self._run_while(cpu, lambda: self._cpu(cpu).parked, HANDLER, 1)


@dataclass(frozen=True, slots=True)
class Replay:
    """A schedule that was played.

    Attributes:
        simulation: at its end, the schedule behind it.
        start: the place in history at which it begins.
        broken: what the witness saw broken.
        moment: opens at the start, with the schedule ahead.
    """

    simulation: Simulation
    start: int
    broken: frozenset[str]
    moment: str


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


def replay(finding: Finding, stages: Stages | None = None, report: Report | None = None) -> Replay:
    """Play the schedule of a finding on the simulation, from the first start from which the machine goes that way.

    Args:
        finding: whose schedule it is.
        stages: those that were set before; a new one is kept there.
        report: hears how far it is, before each step; it may cancel that, and another call begins anew.

    Raises:
        Unplayable: there is no such start.
        OurError: nothing was found broken.
        Cancelled: as `report` does.
    """
    if not finding.broken:
        raise OurError("there is no schedule to replay: nothing was found broken")
    scenes, world, cpus = finding.scenes(), finding.world, finding.question.cpus
    report, why = report or Report(), ""
    report("setting the stage")
    stage = (stages or Stages()).of(world, cpus)
    while stage.passages < PASSAGES:
        simulation = stage.simulation
        start = stage.begin(finding.question.variant)
        player = Player(stage, world)
        try:
            for at, scene in enumerate(scenes):
                report(f"playing from start {stage.passages + 1}", at / len(scenes))
                player.play(scene)
        except GuestError as error:  # also where the kernel has died on the way to a step
            why = str(error)
            stage = stage.later()
            continue
        end = simulation.position
        if finding.broken == "stuck":
            player.witness.stuck()
        simulation.goto(start)
        moment = Moment.of(simulation, until=end).to_string()
        simulation.goto(end)
        return Replay(simulation, start, frozenset(player.witness.broken), moment)
    raise Unplayable(f"{finding.verdict()} It was not played: {why}")
