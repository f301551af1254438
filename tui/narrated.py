"""A run told as it goes: each beat of one site's change, its five bytes, and what each CPU may run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.plain import phase_lines, site_lines

if TYPE_CHECKING:
    from simkernel.protocol import Phase
    from simkernel.simulation import Simulation
    from simkernel.snapshot import SiteView, Snapshot


@dataclass
class Narrator:
    """Follows one site and says what happens to it.

    Attributes:
        say: takes each line. beats: of the site's change, as values for JSON.
    """

    simulation: Simulation
    site: int
    say: Callable[[str], None]
    beats: list[dict[str, Any]] = field(default_factory=list)
    _snapshot: Snapshot | None = None
    _phase: Phase | None = None
    _table: tuple[str, ...] = ()

    def look(self) -> SiteView:
        """The site as it is now."""
        from simkernel.snapshot import Snapshot

        self._snapshot = Snapshot.of(self.simulation, self._snapshot, self.site)
        assert self._snapshot.site is not None
        return self._snapshot.site

    def table(self, always: bool = False) -> None:
        """Print the site's bytes, unless they stand above already."""
        lines = tuple(site_lines(self.look()))
        if always or lines != self._table:
            for line in lines:
                self.say(f"        {line}")
        self._table = lines

    def until_idle(self, instructions: int) -> None:
        """Go on beat by beat until the patching task is done, telling what concerns the site."""
        end = self.simulation.machine.clock + instructions
        while not self.simulation.task.idle and not self.simulation.outcome and self.simulation.machine.clock < end:
            before = self.concerns()
            events = self.simulation.step_beat(end - self.simulation.machine.clock)
            if before or self.concerns():
                self._tell(events)
        self._phase = None

    def concerns(self) -> bool:
        """True while the batch under way holds the site."""
        batch = self.simulation.task.poke.state.batch
        return batch is not None and self.site in batch.sites.tolist()

    def _tell(self, events: list[Any]) -> None:
        from simkernel.narrate import sentence

        for event in events:
            if not (event.is_beat or type(event).__name__ == "SyncSkipped") or not self._of_the_site(event):
                continue
            self._heading(event.during)
            text = sentence(event, self.simulation.image, self.simulation.task.poke.protocol)
            self.say(f"    {text}")
            site = self.look()
            self.beats.append(
                {
                    "phase": event.during,
                    "clock": event.clock,
                    "text": text,
                    "memory": site.memory.data.hex(" "),
                    "may_run": [[sorted(set(values)) for values in one.options] for one in site.cpus],
                }
            )
            self.table()

    def _of_the_site(self, event: Any) -> bool:
        """False for what happens at another site, and for trace lines of other functions."""
        place = getattr(event, "site", getattr(event, "ip", None))
        if type(event).__name__ in ("Int3Taken", "Int3Claimed", "Int3Done", "Settled", "PieceRead"):
            place = event.address
        return place is None or 0 <= place - self.site < 5

    def _heading(self, during: str) -> None:
        protocol = self.simulation.task.poke.protocol
        phase = next((one for one in protocol.phases if one.name == during), None)
        if phase is None or phase == self._phase:
            return
        if self._phase is not None:
            self.say(f"    Now true: {self._phase.true_now}")
        self.say("")
        for line in phase_lines(protocol, phase):
            self.say(line)
        self._phase = phase


def trace_lines_of(simulation: Simulation, site: int, count: int) -> Iterator[str]:
    """The last lines of the trace that a function wrote, in ftrace's format."""
    from simkernel import tracefs

    name = simulation.image.symbolize(site)
    lines = tracefs.read(simulation, "trace").splitlines()
    yield from [line for line in lines if not line.startswith("#") and f": {name} <-" in line][-count:]
