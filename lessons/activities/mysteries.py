"""The machine that answers the two mysteries: cue by cue, forwards and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from lessons.activities.boot import Booting
from lessons.activities.change import Change, Figures
from simkernel.hw.fetch import FetchModel
from simkernel.report import Report
from simkernel.schedule import Policy
from simkernel.sim import breakpoints as bp
from simkernel.sim.calls import CallsSoFar
from simkernel.sim.log import Point
from simkernel.sim.options import Options, load_image
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.site import NOP

FUNCTION = "schedule"
SLICE = 25_000  # instructions between two reports
WATCHED = 400_000  # instructions within which CPU0 runs the function a few times
COUNTED = 500_000  # instructions for which the calls are counted
OPTIONS = Options(model=FetchModel.BYTE, policy=Policy.EARLY)
ASK, SEEN, BOOTED, HOW, ON, TRACED, OFF, QUIET, WHY, WORRY = range(10)  # the cues
CHANGES = (ON, OFF)  # those that are stepped
WORKED = (TRACED, QUIET)  # those that say what came of a change


@dataclass(frozen=True, slots=True)
class Place:
    """Where one can be.

    Attributes:
        cue: which.
        point: of the machine's history.
        step: of a change that is stepped.
    """

    cue: int
    point: Point
    step: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What has been counted so far.

    Attributes:
        ran: how often CPU0 has run the function's first instruction.
        called: how often it made the call that gdb shows.
        at_boot: sites that the second machine wrote when it booted.
        cpus_at_boot: that ran then, at most.
        booted: the state of its sites.
        on: of the change that turned tracing on.
        uncalled: functions that nobody called while it went on.
        late: calls that were recorded when tracing was off, which had begun before.
        quiet: instructions, and calls that were counted in them, once tracing was off.
    """

    ran: int = 0
    called: int = 0
    at_boot: int = 0
    cpus_at_boot: int = 0
    booted: SiteMap = SiteMap(b"")
    on: Figures = Figures(0, 0, (), ())
    uncalled: int = 0
    late: int = 0
    quiet: tuple[int, int] = (0, 0)


class Mysteries:
    """A kernel, and how far one has come with the two questions.

    Attributes:
        image: the kernel.
        simulation: the machine that answers.
        calls: how often each function was called, as far as it was traced.
        found: what was counted.
        answers: the number of the answer that was given, by the cue that asked.
        changes: the two changes, by their cue, once they have begun.
        at: the number of the place where one is, of those where one was.
    """

    def __init__(self) -> None:
        self.image = load_image(OPTIONS)
        self.simulation = Simulation.boot(OPTIONS, self.image)
        self.calls = CallsSoFar(self.simulation)
        self.found = Tally()
        self.answers: dict[int, int] = {}
        self.changes: dict[int, Change] = {}
        self._places = [Place(ASK, self.simulation.point)]
        self.at = 0

    # --- where one is -----------------------------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        """Where one is."""
        return self._places[self.at]

    @property
    def cue(self) -> int:
        """Which cue that is."""
        return self.place.cue

    @property
    def known(self) -> int:
        """At how many places one has been."""
        return len(self._places)

    @property
    def change(self) -> Change | None:
        """The change in which one is."""
        return self.changes.get(self.cue)

    @property
    def sites(self) -> int:
        """How many sites there are."""
        return len(self.image.mcount_loc)

    def go(self, at: int) -> None:
        """Stand at a place where one was."""
        self.at = at
        if self.change is not None:
            self.change.go(self.place.step)
        else:
            self.simulation.goto_point(self.place.point)

    def begin_anew(self) -> None:
        """Stand at the first question, as who has seen no change yet."""
        self.go(0)
        for change in self.changes.values():
            change.seen = 0

    def _reach(self, cue: int, step: int = 0) -> None:
        """Stand at a new place."""
        self._places.append(Place(cue, self.simulation.point, step))
        self.at += 1

    def forward(self, report: Report) -> None:
        """To the next place: one where one was, or what comes of the machine's work."""
        if self.at + 1 < len(self._places):
            self.go(self.at + 1)
            return
        change = self.change
        if change is not None and not change.at_end:
            change.forward(report)
            self._reach(self.cue, change.at)
            return
        WORK[self.cue](self, report)

    def to_the_next_phase(self, report: Report) -> None:
        """At least one step on, to where another phase begins, or out of the change."""
        cue, phase = self.cue, self._phase
        self.forward(report)
        while self.cue == cue and self._phase == phase:
            self.forward(report)

    @property
    def _phase(self) -> str:
        return "" if self.change is None else self.change.here.phase

    def to_the_end(self, report: Report) -> None:
        """Through the change, to what there is to say of it."""
        cue = self.cue
        while self.cue == cue:
            known = next((at for at, place in enumerate(self._places) if place.cue > cue), None)
            if known is not None:
                self.go(known)
            else:
                self.forward(report)

    # --- what the machine does --------------------------------------------------------------------------------------

    def _watch(self, report: Report) -> None:
        """Count how often CPU0 runs the function's first instruction, and how often the call of the listing."""
        simulation = self.simulation
        places = [bp.AtAddress(self.site, 0), bp.AtAddress(self.image.address("__fentry__"), 0)]
        first, end = simulation.clock, simulation.clock + WATCHED
        hits: Counter[bp.Breakpoint] = Counter()
        while simulation.clock < end:
            report(f"the machine runs; CPU0 has come to {FUNCTION}() {hits[places[0]]:,} times",
                   (simulation.clock - first) / WATCHED)  # fmt: skip
            slice_end = min(end, simulation.clock + SLICE)
            while (hit := bp.run_to(simulation, places, slice_end - simulation.clock)) is not None:
                hits[hit.breakpoint] += 1
                if simulation.clock >= slice_end:
                    break
        self.found = replace(self.found, ran=hits[places[0]], called=hits[places[1]])
        self._reach(SEEN)

    @property
    def site(self) -> int:
        """Of the function that gdb lists."""
        return self.image.site_of(self.image.symbol(FUNCTION))

    def _boot(self, report: Report) -> None:
        """A second machine, from power-on, whose sites fill as ftrace_init writes them."""
        second = Booting(self.image, OPTIONS)
        done = most = 0
        more = True
        while more:
            more = second.step()
            written = second.sites.count(NOP)
            if written > done:
                done, most = written, max(most, len(second.simulation.cpus))
                report("the machine boots once more", done / self.sites)
        self.found = replace(self.found, at_boot=done, cpus_at_boot=most, booted=second.sites)
        second.simulation.close()
        self._reach(BOOTED)

    def _begin(self, report: Report) -> None:
        """Give the command that changes every site."""
        cue, tracer = (ON, "function") if self.cue == HOW else (OFF, "nop")
        self.changes[cue] = Change(self.simulation, tracer)
        self._reach(cue)

    def _count_on(self, report: Report) -> None:
        """Count the calls for a while, once every function is traced."""
        figures, called = self.changes[ON].figures, self.calls.by_site()
        uncalled = sum(not called[int(site)] for site in self.image.mcount_loc)
        self._count(report)
        self.found = replace(self.found, on=figures, uncalled=uncalled)
        self._reach(TRACED)

    def _count_off(self, report: Report) -> None:
        """Count the calls for a while, once none is traced."""
        off = self.calls.by_site().total()
        self.simulation.run(SLICE)  # calls that were under way are over then
        before, clock = self.calls.by_site().total(), self.simulation.clock
        self._count(report)
        calls = self.calls.by_site().total() - before
        self.found = replace(self.found, late=before - off, quiet=(self.simulation.clock - clock, calls))
        self._reach(QUIET)

    def _count(self, report: Report) -> None:
        simulation = self.simulation
        first, end = simulation.clock, simulation.clock + COUNTED
        while simulation.clock < end and not simulation.halt_reason:
            report(f"calls are counted for {COUNTED:,} instructions", (simulation.clock - first) / COUNTED)
            simulation.run(SLICE)

    def _say_more(self, report: Report) -> None:
        """The next cue needs no machine."""
        self._reach(self.cue + 1)


WORK: dict[int, Callable[[Mysteries, Report], None]] = {
    ASK: Mysteries._watch,
    SEEN: Mysteries._boot,
    BOOTED: Mysteries._say_more,
    HOW: Mysteries._begin,
    ON: Mysteries._count_on,
    TRACED: Mysteries._begin,
    OFF: Mysteries._count_off,
    QUIET: Mysteries._say_more,
    WHY: Mysteries._say_more,
}
"""What leads from each cue to the next one, where one comes there first."""
