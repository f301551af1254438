"""Boot, stepped: what happens from power-on, and the sites that ftrace_init turns into NOPs on the way."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.events import Event, Switched
from simkernel.kernel import KernelImage
from simkernel.schedule import Act
from simkernel.sim.narrate import sentence
from simkernel.sim.options import RUNNING, Options
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.site import NOP, site_map

SITES_A_STEP = 16  # that ftrace_init converts between two pictures
KEPT = 12  # lines that a picture holds


@dataclass(frozen=True, slots=True)
class BootPicture:
    """Where boot stands.

    Attributes:
        lines: what happened, a sentence each, the latest last. converted, sites: NOPs so far, of all sites.
        map: of all sites. cpus: that are powered on. clock: instructions. done: every CPU runs tasks.
    """

    lines: tuple[str, ...]
    converted: int
    sites: int
    map: SiteMap
    cpus: int
    clock: int
    done: bool


def _to_itself(event: Event) -> bool:
    """The first task of a CPU is its idle task, and so is what ran there before."""
    return isinstance(event, Switched) and event.previous == event.next


class Booting:
    """A machine that is switched on. Nobody looks at single instructions yet: the patching task acts when it can."""

    def __init__(self, image: KernelImage, options: Options) -> None:
        self.simulation = Simulation(image, options.paced(RUNNING))
        self.said: list[tuple[int, str]] = []  # the clock and the sentence of each event

    def step(self) -> bool:
        """To the next thing that happens: an event, or some more sites converted. False once boot is over."""
        simulation = self.simulation
        while not simulation.booted() and not simulation.halt_reason:
            early = simulation.patching.total > 0 and simulation.patching.ready
            events = simulation.step(Act(SITES_A_STEP)) if early else simulation.step()
            protocol = simulation.patching.protocol
            said = (
                (event.clock, sentence(event, simulation.image, protocol)) for event in events if not _to_itself(event)
            )
            self.said += said
            if early or events:
                break
        return not simulation.booted() and not simulation.halt_reason

    @property
    def picture(self) -> BootPicture:
        simulation = self.simulation
        sites = site_map(simulation)
        return BootPicture(
            lines=tuple(text for _, text in self.said[-KEPT:]),
            converted=sites.count(NOP),
            sites=len(sites.states),
            map=sites,
            cpus=len(simulation.cpus),
            clock=simulation.clock,
            done=simulation.booted(),
        )
