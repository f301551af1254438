"""The demo's story: one function of any kernel is traced, by any protocol, and what it is about is seen to happen.

Twice it is chosen what moves next, as a scenario does: the first write comes while a CPU has read one byte of the site,
where the model has such reads; and after the first sync (without syncs: after that write) the patching task waits
until a CPU has run the site. What does not come about is left out; all else is drawn from the seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from lessons.session.director import Acts, Director, Goes, Reads, Through, come_near
from lessons.session.scenarios import BOUND, Scenario, begin, to_the_batch
from lessons.session.stepper import Stepper
from simkernel.errors import LearnerError
from simkernel.events import SiteRan, TraceWritten
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.ftrace.now import FtraceNow
from simkernel.ftrace.ops import GLOBAL_OPS
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.protocol import Park, Protocol, SyncCores, Write
from simkernel.report import Report
from simkernel.schedule import Run
from simkernel.sim.moment import Moment, story_at
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.simulation import Simulation

FAVOURITE = "vfs_read"
A_LOOK = 50_000  # instructions in which it is counted which functions are called
A_READ = 200_000  # instructions within which a CPU comes to the site, if it calls the function often
TRACED = 200_000  # instructions within which two CPUs call it, or the run has less to show


@dataclass(frozen=True, slots=True)
class Demo:
    """A story that has come to its start.

    Attributes:
        name: of the function.
        stepper: there.
        chosen: what was chosen in it, a sentence each.
    """

    name: str
    stepper: Stepper
    chosen: tuple[str, ...]


def start(name: str, options: Options, patience: int, report: Report, image: KernelImage | None = None) -> Demo:
    """The story of one function where its change is about to begin.

    Args:
        name: the function.
        options: of the simulation; its pace is that of stories.
        patience: instructions after which one waits no longer for what comes next.
        report: is told what is under way.
        image: the kernel; None: the one that the options name.

    Raises:
        LearnerError: there is no such function, or no site at its start.
        GuestError: the kernel dies, or the patching task waits too long.
    """
    scenario = Scenario(
        name="demo",
        title=f"Trace {name}",
        question="How do five bytes change while CPUs run them?",
        function=name,
        before=(SetFilter("filter", name),),
        commands=(SetTracer("function"),),
        options=options.paced(STEPPING),
        patience=patience,
    )
    simulation = begin(scenario, report, image)
    site = simulation.image.site_of(simulation.image.symbol(name))
    reader = _reader(simulation, site)
    here = simulation.position
    simulation, met = _play(simulation, site, reader)
    end = simulation.position
    simulation.goto(here)
    stepper = Stepper(simulation, scenario, site)
    stepper.patience = patience
    stepper.opens = Moment.of(simulation, until=end).to_string()
    return Demo(name, stepper, tuple(_said(name, simulation.patching.protocol, reader, met)))


def way_back(stepper: Stepper, report: Report) -> Stepper:
    """The story of the same function's return to a NOP, where that is about to begin.

    Args:
        stepper: the first one, behind its end.
        report: is told what is under way.

    Raises:
        GuestError: the kernel dies, or the patching task waits too long.
    """
    simulation, scenario, site = stepper.simulation, stepper.scenario, stepper.site
    assert scenario is not None and site is not None
    simulation.run_until_idle(BOUND)
    off = SetTracer("nop")
    simulation.do(off)
    to_the_batch(simulation, site, scenario.patience, report)
    back = Stepper(simulation, replace(scenario, commands=(off,)), site)
    back.patience = stepper.patience
    return back


def _reader(simulation: Simulation, site: int) -> int | None:
    """Let a CPU come to the site before its change; which one, None where a CPU reads no bytes, or none comes."""
    if simulation.options.model is not FetchModel.PIECES or _parks(simulation.patching.protocol):
        return None
    return _come_near(simulation, site)


def _come_near(simulation: Simulation, site: int) -> int | None:
    """Let a CPU come to the site, which it runs next; which one, None where none comes soon."""
    for cpu in simulation.cpus:
        others = [one for one in simulation.cpus if one != cpu]
        away = come_near(simulation, site, cpu, others, A_READ)
        if away is not None:
            if away:
                simulation.step(Run(cpu, away))
            return cpu if simulation.cpu(cpu).rip == site else None
    return None


def _play(simulation: Simulation, site: int, reader: int | None) -> tuple[Simulation, bool]:
    """Have bash-201 write while `reader` reads, then wait until a CPU has run the site.

    Returns:
        The simulation afterwards; whether a CPU has.
    """
    protocol = simulation.patching.protocol
    if _parks(protocol):
        return simulation, False
    director, names = Director(simulation, site), [*(phase.name for phase in protocol.phases), ""]
    director.play([Through(_first(protocol, Write))])
    reads = () if reader is None else (Reads(reader, 1),)
    runs = () if reader is None else (Goes(reader, SiteRan),)
    director.play([*reads, Acts(), *runs])
    behind = names[names.index(_held_after(protocol)) + 1]
    if behind:
        director.play([Through(behind)])
    before = simulation.fork()
    if _run_it(simulation, site) is not None:
        before.close()
        return simulation, True
    simulation.close()
    return before, False


def _run_it(simulation: Simulation, site: int) -> int | None:
    """Let a CPU come to the site and run it, whatever that leads to; which one, None where none comes."""
    cpu = _come_near(simulation, site)
    if cpu is not None:
        simulation.step(Run(cpu, 1))
    return cpu


def _parks(protocol: Protocol) -> bool:
    """True where the CPUs wait while the site changes: none of them runs it, or reads it."""
    return any(isinstance(phase.action, Park) for phase in protocol.phases)


def _first(protocol: Protocol, *kinds: type) -> str:
    """The first phase with an action of one of these kinds."""
    return next(phase.name for phase in protocol.phases if isinstance(phase.action, kinds))


def _held_after(protocol: Protocol) -> str:
    """The phase behind which a CPU that runs the site shows what the protocol is about."""
    syncs = any(isinstance(phase.action, SyncCores) for phase in protocol.phases)
    return _first(protocol, SyncCores if syncs else Write)


def _said(name: str, protocol: Protocol, reader: int | None, met: bool) -> list[str]:
    """What was chosen, a sentence each."""
    out: list[str] = []
    if reader is not None:
        out.append(f"{PATCHING_TASK} writes for the first time while CPU{reader} has read byte 0 only.")
    if met:
        out.append(f"After {_held_after(protocol)}, {PATCHING_TASK} waits until a CPU has run {name}.")
    if not out:
        return ["What moves next is drawn from the seed."]
    return ["Chosen by hand here:", *out, "All else is drawn from the seed."]


def favourite(image: KernelImage, options: Options, report: Report) -> str:
    """A function worth watching: vfs_read, or the one that the kernel's tasks call most.

    Args:
        image: the kernel.
        options: of the simulation in which that is counted.
        report: is told what is under way.

    Raises:
        LearnerError: the kernel has no function that can be traced.
    """
    names = image.function_names()
    if FAVOURITE in names:
        return FAVOURITE
    if not names:
        raise LearnerError("this kernel has no function that can be traced")
    report("looking for a function that is called")
    simulation = Simulation.boot(options, image)
    simulation.do(SetTracer("function"))
    simulation.run_until_idle(BOUND)
    simulation.run(A_LOOK)
    called = Counter(one.site for one in simulation.records())
    simulation.close()
    return image.symbolize(called.most_common(1)[0][0]) if called else names[0]


def until_traced_on_two(stepper: Stepper, lines: int) -> None:
    """Let the machine run until two CPUs (or the only one) have written into the last lines of the trace.

    Args:
        stepper: at the end of a change; its story goes on behind that.
        lines: how many lines of the trace are looked at.
    """
    wanted = min(2, stepper.simulation.options.cpus)
    looked: TraceWritten | None = None

    def there(now: Simulation) -> bool:
        nonlocal looked
        before, looked = looked, now.last_event(TraceWritten)
        return looked is not before and len({record.cpu for record in now.records(lines)}) >= wanted

    stepper.simulation.run_until(there, TRACED)
    stepper.looked()


def opened(simulation: Simulation) -> Stepper:
    """The story that a moment is about: of the change under way or next, else of the last one.

    Args:
        simulation: at the moment.
    """
    story, site = story_at(simulation), simulation.patching.next_site
    if story is None or (site is not None and site != story[0]):
        story = (_site_of_interest(simulation) if site is None else site), simulation.position
    name = simulation.image.symbolize(story[0])
    scenario = Scenario("demo", f"Change {name}", "What comes next?", name, (), options=simulation.options)
    return Stepper(simulation, scenario, *story)


def _site_of_interest(simulation: Simulation) -> int:
    """Where there was no change yet: the first site that the filter names, else the kernel's."""
    ops = simulation.subsystem(FtraceNow).state.get(GLOBAL_OPS)
    chosen = ops.hash.filter if ops is not None else simulation.image.mcount_loc
    return int(chosen[0] if len(chosen) else simulation.image.mcount_loc[0])
