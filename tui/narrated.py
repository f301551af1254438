"""A run told as it goes: each stop of one site's change, its five bytes, and what each CPU may run."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.plain import phase_lines, site_lines

if TYPE_CHECKING:
    from simkernel.events import Event
    from simkernel.protocol import Phase
    from simkernel.sim.simulation import Simulation
    from simkernel.sim.snapshot import SiteSnapshot, Snapshot

TURNS = 400  # choices of 2,000 instructions, within which a CPU runs the site if the function is called at all

A_READ = 200_000  # instructions of the clock, within which a CPU comes to the site if the function is called often
SHOWN = 40  # lines of the trace at most
WIDTH, INDENT = 80, "    "


def filled(text: str, indent: str = INDENT) -> str:
    """A text as lines of at most `WIDTH` columns, those after the first one further to the right."""
    later = f"{indent}  "
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def no_pause() -> None:
    """Go on at once."""


@dataclass
class Narrator:
    """Follows one site and says what happens to it.

    Attributes:
        say: takes each line. stops: of the site's change, as values for JSON.
        hold_after: the phase after which the patching task is held back until a CPU meets the change; "": none.
        pause: called before each phase is told.
    """

    simulation: Simulation
    site: int
    say: Callable[[str], None]
    hold_after: str = ""
    pause: Callable[[], None] = no_pause
    stops: list[dict[str, Any]] = field(default_factory=list)
    _snapshot: Snapshot | None = None
    _phase: Phase | None = None
    _table: tuple[str, ...] = ()

    def look(self) -> SiteSnapshot:
        """The site as it is now."""
        from simkernel.sim.snapshot import Snapshot

        self._snapshot = Snapshot.of(self.simulation, self._snapshot, self.site)
        assert self._snapshot.site is not None
        return self._snapshot.site

    def table(self, always: bool = False) -> None:
        """Print the site's bytes, unless they stand above already."""
        lines = tuple(site_lines(self.look()))
        if always or lines != self._table:
            for line in lines:
                self.say(f"{INDENT}{line}")
        self._table = lines

    def until_idle(self, instructions: int) -> None:
        """Go on stop by stop until the patching task and the schedule ahead are done; tell what concerns the site."""
        from simkernel.events import BatchStarted, SiteStored, SyncEnded

        end = self.simulation.clock + instructions
        while not self._done() and not self.simulation.halt_reason and self.simulation.clock < end:
            before = self.concerns()
            events = self._to_the_next_stop(end)
            if before or self.concerns():
                self._tell(events)
                if self.hold_after and any(isinstance(one, BatchStarted) for one in events):
                    events += self._write_between_bytes(end)
                held = (isinstance(one, SyncEnded | SiteStored) and one.phase == self.hold_after for one in events)
                if self.hold_after and any(held):
                    self._wait_for_a_cpu()
        if self._phase is not None and not self.simulation.halt_reason:
            self.say(filled(f"{self._claim()}: {self._phase.true_now}"))
        self._phase = None

    def _to_the_next_stop(self, end: int) -> list[Event]:
        """What happens up to the next stop, or until the patching task is done."""
        simulation = self.simulation
        events: list[Event] = []
        while not any(event.stop for event in events) and not simulation.halt_reason and simulation.clock < end:
            events = simulation.step()
            if self._done():
                break
        return events

    def _done(self) -> bool:
        """True where the patching task is done, and so is what was made by hand to come next."""
        return self.simulation.patching.idle and not self.simulation.directed

    def _write_between_bytes(self, end: int) -> list[Event]:
        """Let a CPU read byte 0 of the site, and the patching task write before the CPU reads on.

        Returns:
            What has happened and was told; nothing where no store may come between the reads of a CPU.
        """
        from lessons.session.director import come_near
        from simkernel.events import SiteStored
        from simkernel.hw.fetch import FetchModel
        from simkernel.schedule import Act, Read, Run

        simulation, told = self.simulation, self.simulation.logged
        cpus = simulation.cpus if simulation.options.model is FetchModel.PIECES else ()
        for cpu in cpus:
            others = [one for one in cpus if one != cpu]
            away = come_near(simulation, self.site, cpu, others, min(A_READ, end - simulation.clock))
            if away is None:
                continue
            if away:
                simulation.step(Run(cpu, away))
            if not simulation.cpu(cpu).readable:
                break
            self.say(f"{INDENT}(This demo has bash-201 write while CPU{cpu} has read byte 0 only.)")
            simulation.step(Read(cpu))
            self._tell(list(simulation.since(told)))
            events: list[Event] = []
            while not any(isinstance(one, SiteStored) for one in events) and simulation.patching.busy:
                events = simulation.step(Act())
                self._tell(events)
            return events
        return []

    def _wait_for_a_cpu(self) -> None:
        """Let the CPUs run in turn, and not the patching task, until one has taken the int3 or died."""
        from simkernel.events import Int3Taken
        from simkernel.schedule import QUANTUM, Run

        for turn in range(TURNS):
            events = self.simulation.step(Run(turn % self.simulation.options.cpus, QUANTUM))
            if (
                any(isinstance(one, Int3Taken) and self._of_the_site(one) for one in events)
                or self.simulation.halt_reason
            ):
                self.say(f"{INDENT}(This demo holds bash-201 back here until a CPU has run the site.)")
                self._tell(events)
                return

    def concerns(self) -> bool:
        """True while the batch under way holds the site, and while what comes next was made by hand."""
        if self.simulation.directed:
            return True
        return self.simulation.site(self.site).in_batch

    def _tell(self, events: list[Event]) -> None:
        from simkernel.events import SyncSkipped
        from simkernel.sim.narrate import sentence

        for event in events:
            if not (event.stop or isinstance(event, SyncSkipped)) or not self._of_the_site(event):
                continue
            phase = self._phase_of(event)
            self._heading(phase)
            text = sentence(event, self.simulation.image, self.simulation.patching.protocol)
            self.say(filled(text))
            site = self.look()
            self.stops.append(
                {
                    "phase": phase,
                    "clock": event.clock,
                    "text": text,
                    "memory": site.memory.data.hex(" "),
                    "may_run": [[sorted(set(values)) for values in one.options] for one in site.cpus],
                }
            )
            self.table()

    def _of_the_site(self, event: Event) -> bool:
        """False for what happens at another site, for trace lines of other functions, and for what is no phase's."""
        from lessons.session.stops import is_at
        from simkernel.events import PhaseEvent

        if isinstance(event, PhaseEvent) and self._named(event.phase) is None:
            return False  # a sync between batches, as ftrace_sync_ipi
        return is_at(event, self.simulation.site(self.site).addresses)

    def _phase_of(self, event: Event) -> str:
        """The phase that an event belongs to: its own, else the one that was under way."""
        from simkernel.events import BatchReleased, PhaseEvent

        if isinstance(event, BatchReleased):
            return self.simulation.patching.protocol.phases[-1].name
        return event.phase if isinstance(event, PhaseEvent) else event.during

    def _heading(self, name: str) -> None:
        """Begin a phase, unless it is the one under way; before the first one there is none."""
        phase = self._named(name)
        if phase is None or phase == self._phase:
            return
        if self._phase is not None:
            self.say(filled(f"{self._claim()}: {self._phase.true_now}"))
        self.pause()
        self.say("")
        heading, why = phase_lines(self.simulation.patching.protocol, phase)
        self.say(filled(heading, ""))
        self.say(filled(why))
        self._phase = phase

    def _claim(self) -> str:
        """What the table says holds here; of a protocol that is changed it need not."""
        variant = self.simulation.patching.variant
        return f"Holds in {variant.base.name}" if variant.changes else "Holds"

    def _named(self, name: str) -> Phase | None:
        """The protocol's phase of that name, None where it has none."""
        return next((one for one in self.simulation.patching.protocol.phases if one.name == name), None)


def trace_tail(simulation: Simulation, least: int = 8, most: int = SHOWN) -> list[str]:
    """The last lines of the file `trace`: so many that two CPUs are among them, where two wrote any."""
    from simkernel.ftrace.now import FtraceNow
    from simkernel.trace import line_of

    records = simulation.records(most)
    count = least
    while count < len(records) and len({record.cpu for record in records[-count:]}) < 2:
        count += 1
    view = simulation.subsystem(FtraceNow).trace_view
    return [line_of(view, record) for record in records[-count:]]
