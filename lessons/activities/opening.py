"""The two mysteries: seven cues, each a question or a sentence with figures of this run, and what stands beside it.

Why does the call at the start of every function not slow the kernel down, and how can it be turned on everywhere almost
at once? `Mysteries` runs a kernel for it: `press` takes a key and starts what it asks for, `work` does a slice of that,
`Cue` is the picture. No front end adds a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lessons.activities.boot import Booting
from simkernel import disasm
from simkernel.errors import GuestError
from simkernel.events import BatchReleased, BatchStarted, Event, Int3Taken, ParkAsked, SyncSent
from simkernel.ftrace.commands import SetTracer
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import SyncCores, Write
from simkernel.schedule import Policy, Run
from simkernel.sentence import cpus
from simkernel.sim import breakpoints as bp
from simkernel.sim.calls import Calls
from simkernel.sim.options import Options, load_image
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import SiteMap
from simkernel.sim.snapshot.patching import PatchingSnapshot, patching_snapshot
from simkernel.sim.snapshot.site import CALL, CHANGING, INT3, NOP, site_map

FUNCTION = "schedule"
COSTS = "C"  # leads from the answer to what tracing costs, as it does on the screen of a story
LISTED = 5  # instructions of gdb's listing
SLICE = 25_000  # instructions between two pictures: a ring buffer of 1,024 records cannot fill up meanwhile
WATCHED = 400_000  # instructions within which CPU0 runs the function a few times
COUNTED = 500_000  # instructions for which the calls are counted
COUNTS = 6  # rows of the table of counts
OPTIONS = Options(model=FetchModel.BYTE, policy=Policy.EARLY)

ON_THE_WAY = {4: "Every function is being changed", 5: "Every function is being changed back"}
STAND_IN = {
    4: "A place marked with ! has a stand-in of one byte: it makes the call while the others change.",
    5: "A place marked with ! has a stand-in of one byte: it leaves the call out while the others change.",
}
BEGUN = "At a place marked with ~ nothing is written yet."
WRITTEN = "At a place marked with ~ all five bytes are written."
ANSWERS = {"y": "You said yes. It does not.", "n": "You said no, and it does not.", "?": "It does not."}


@dataclass(frozen=True, slots=True)
class Cue:
    """One picture of the mysteries.

    Attributes:
        number: 1 to 7. lines: sentences. listing: gdb's, of the file; "" where it is not shown.
        rows: (label, five bytes, what they are). map: of all functions. counts: (function, calls), most called first.
        keys: (key, what it does). working: more is to come without a key. part: of that, 0 to 1, None where unknown.
    """

    number: int
    lines: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]
    listing: tuple[str, ...] = ()
    rows: tuple[tuple[str, bytes, str], ...] = ()
    map: SiteMap | None = None
    counts: tuple[tuple[str, int], ...] = ()
    working: bool = False
    part: float | None = None


class Mysteries:
    """A kernel, and how far one has come with its two questions."""

    def __init__(self) -> None:
        self.image = load_image(OPTIONS)
        self.simulation = Simulation.boot(OPTIONS, self.image)
        self.site = self.image.site_of(self.image.symbol(FUNCTION))
        self.number = 1
        self._answer = ""
        self._changed = False  # cues 4 and 5: every place is what it is to become
        self._work: Iterator[None] | None = None
        self._until: tuple[int, int] | None = None  # from which clock to which the machine runs, where that is known
        self._map: SiteMap | None = None
        self._calls = Calls(self.simulation)
        self._ran = self._called = 0  # cue 2: by CPU0
        self._at_boot = self._cpus_at_boot = 0
        self._waits = self._parked = 0
        self._time: tuple[int, ...] = ()  # cue 4: of each CPU while the places changed, in instructions
        self._met: tuple[int, ...] = ()  # how often each CPU came to a place in the middle of its change
        self._quiet: tuple[int, int] = (0, 0)  # cue 5: instructions, calls counted

    # --- keys -------------------------------------------------------------------------------------------------------

    def press(self, key: str) -> bool:
        """Take a key; False where it means nothing here. What it started goes on with `work`."""
        if self.number == 1 and key in ANSWERS:
            self._answer = ANSWERS[key]
            self._begin(2, self._watch())
        elif self.number == 2 and key == "enter":
            self._begin(3, self._boot())
        elif self.number == 3 and key in ("t", "enter"):
            self._begin(4, self._trace())
        elif self.number == 4 and key in ("t", "enter"):
            self._begin(5, self._untrace())
        elif self.number in (5, 6) and key == "enter":
            self.number += 1
        else:
            return False
        return True

    def _begin(self, number: int, work: Iterator[None]) -> None:
        self._finish()
        self.number, self._work, self._until = number, work, None

    def _finish(self) -> None:
        while self.work():
            pass

    def work(self) -> bool:
        """A slice of what was asked for; False once nothing is left of it."""
        if self._work is not None and next(self._work, self) is self:
            self._work = None
        return self._work is not None

    # --- what runs --------------------------------------------------------------------------------------------------

    def _watch(self) -> Iterator[None]:
        """Count how often CPU0 runs the function's first instruction, and how often the call of the listing."""
        simulation = self.simulation
        fentry = self.image.address("__fentry__")
        end = simulation.clock + WATCHED
        self._until = (simulation.clock, end)
        while simulation.clock < end:
            slice_end = min(end, simulation.clock + SLICE)
            places = [bp.AtAddress(self.site, 0), bp.AtAddress(fentry, 0)]
            while (hit := bp.run_to(simulation, places, slice_end - simulation.clock)) is not None:
                self._called += hit.breakpoint == places[1]
                self._ran += hit.breakpoint == places[0]
                if simulation.clock >= slice_end:
                    break
            yield

    def _boot(self) -> Iterator[None]:
        """A second machine, from power-on, whose sites fill as ftrace_init writes them."""
        second = Booting(self.image, OPTIONS)
        self._map = second.sites
        more = True
        while more:
            before = self._map.count(NOP)
            more = second.step()
            self._map = second.sites
            if written := self._map.count(NOP) - before:
                self._at_boot += written
                self._cpus_at_boot = max(self._cpus_at_boot, len(second.simulation.cpus))
                yield

    def _trace(self) -> Iterator[None]:
        """Trace every function; count the calls meanwhile and for a while after."""
        simulation = self.simulation
        self._map = site_map(simulation)
        first, entries = simulation.logged, simulation.position
        yield from self._do("function")
        self._waits = shared_waits(simulation.since(first))
        self._parked = sum(isinstance(event, ParkAsked) for event in simulation.since(first))
        self._time = time_given(simulation, entries)
        traps = [event.cpu for event in simulation.since(first) if isinstance(event, Int3Taken)]
        self._met = tuple(traps.count(cpu) for cpu in simulation.cpus)
        yield from self._count_calls()

    def _untrace(self) -> Iterator[None]:
        """The way back; then a while in which nothing is to be counted."""
        yield from self._do("nop")
        before, clock = self._calls.by_site.total(), self.simulation.clock
        yield from self._count_calls()
        self._quiet = (self.simulation.clock - clock, self._calls.by_site.total() - before)

    def _do(self, tracer: str) -> Iterator[None]:
        simulation = self.simulation
        simulation.do(SetTracer(tracer))
        self._changed = False
        while not simulation.patching.idle:
            if simulation.halt_reason:
                raise GuestError(simulation.halt_reason)
            yield from self._count(SLICE)
        self._changed = True

    def _count_calls(self) -> Iterator[None]:
        clock = self.simulation.clock
        self._until = (clock, clock + COUNTED)
        yield from self._count(COUNTED)

    def _count(self, clock: int) -> Iterator[None]:
        """Run, and count the records that guest code writes."""
        simulation = self.simulation
        end = simulation.clock + clock
        while simulation.clock < end and not simulation.halt_reason:
            simulation.run(SLICE)
            self._calls.look()
            self._map = site_map(simulation)
            yield

    # --- what one sees ----------------------------------------------------------------------------------------------

    @property
    def cue(self) -> Cue:
        """The picture as it is now."""
        if self._work is not None:
            return self._cue(self._under_way(), (), working=True)
        lines, keys = TEXTS[self.number](self)
        return self._cue(lines, keys if self.number == 1 else (*keys, ("?", "what the words mean")))

    def _cue(self, lines: tuple[str, ...], keys: tuple[tuple[str, str], ...], working: bool = False) -> Cue:
        number = self.number
        return Cue(
            number=number,
            lines=lines,
            keys=keys,
            listing=self.listing() if number <= 2 else (),
            rows=self._rows() if number == 2 and not working else (),
            map=self._map if number in (3, 4, 5) else None,
            counts=self._most_called() if number in (4, 5) else (),
            working=working,
            part=self._part if working else None,
        )

    @property
    def _part(self) -> float | None:
        """How much is done of what is under way; None where it is not known how long it takes."""
        if self.number == 3:
            return None if self._map is None else self._map.count(NOP) / self.places
        if self._until is None:
            return None
        first, last = self._until
        return min(1.0, (self.simulation.clock - first) / (last - first))

    def _under_way(self) -> tuple[str, ...]:
        if self.number == 2:
            return (
                f"The machine runs for {WATCHED:,} instructions; the calls are counted.",
                f"CPU0 has come to the first instruction {self._ran:,} times so far.",
            )
        if self.number == 3:
            return ("The machine boots once more.",)
        if self._changed:
            what = "traced" if self.number == 4 else "as before"
            return (f"Every function is {what}. For {COUNTED:,} instructions the calls are counted.",)
        patch = patching_snapshot(self.simulation)
        changed = self._map is not None and self._map.count(CALL if self.number == 5 else NOP) < self.places
        return (f"{ON_THE_WAY[self.number]}, while the CPUs run.", *self._marked(patch), who_does_what(patch, changed))

    def _marked(self, patch: PatchingSnapshot) -> tuple[str, ...]:
        """What the marks of the map mean that are on it for this moment only."""
        if self._map is None:
            return ()
        new = patch.last_done is not None  # at least one round of writes is over: the first byte comes last
        meant = {INT3: STAND_IN[self.number], CHANGING: WRITTEN if new else BEGUN}
        return tuple(text for state, text in meant.items() if self._map.count(state))

    def listing(self) -> tuple[str, ...]:
        """gdb's listing of the function in the file, its first lines."""
        symbol = self.image.symbol(FUNCTION)
        code = list(disasm.decode(self.image.text_of(symbol), symbol.address))[:LISTED]
        rows = disasm.listing(code, symbol.address, self.image.symbolize)
        return (f"Dump of assembler code for function {FUNCTION}:", *rows, "   ...")

    def _rows(self) -> tuple[tuple[str, bytes, str], ...]:
        file = self.image.text_of(self.image.symbol(FUNCTION))[:MCOUNT_INSN_SIZE]
        memory = self.simulation.read(self.site, MCOUNT_INSN_SIZE)
        return (("in the file", file, "call __fentry__"), ("in memory", memory, "does nothing"))

    def _most_called(self) -> tuple[tuple[str, int], ...]:
        most = sorted(self._calls.by_site.items(), key=lambda one: -one[1])[:COUNTS]
        return tuple((self.image.symbolize(site), count) for site, count in most)

    @property
    def places(self) -> int:
        return len(self.image.mcount_loc)


Said = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
ON = (("enter", "go on"),)


def _first(m: Mysteries) -> Said:
    return (
        f"A small kernel runs here, on a simulated machine with {OPTIONS.cpus} CPUs.",
        f"gdb says that its function {FUNCTION}() begins with a call.",
        f"Does this machine make that call each time {FUNCTION}() runs?",
    ), (("y", "yes"), ("n", "no"), ("?", "let it run, and see"), ("s", "I know ftrace: to the scenarios"))


def _second(m: Mysteries) -> Said:
    return (
        m._answer,
        "In memory there is one instruction that does nothing.",
        f"CPU0 has run it {m._ran:,} times and made {m._called:,} calls.",
    ), ON


def _third(m: Mysteries) -> Said:
    from simkernel.overhead.published import published  # not before it is asked for

    real = max(one.sites for one in published("patching"))
    who = "before a second CPU ran" if m._cpus_at_boot == 1 else f"with {m._cpus_at_boot} CPUs running"
    return (
        f"At boot, {who}, ftrace wrote that instruction over all {m._at_boot:,} calls.",
        "The compiler had put them there for ftrace, the part of the kernel that traces functions.",
        "The build had left a list of these calls.",
        f"This kernel is small: Linux on real machines has had {real:,} of them.",
        "Press t: trace every function.",
    ), (("t", "trace every function"),)


def _fourth(m: Mysteries) -> Said:
    stopped = "no CPU was stopped" if not m._parked else f"the CPUs were stopped {m._parked} times"
    return (
        f"{m.places:,} places changed while the CPUs ran; {stopped}.",
        f"Meanwhile the CPUs had time for {sum(m._time):,} instructions of their own.",
        "Press t again.",
    ), (("t", "turn it off again"),)


def _fifth(m: Mysteries) -> Said:
    ran, calls = m._quiet
    return (
        f"The counts stand still: {calls:,} more calls in {ran:,} instructions.",
        "The work of the CPUs goes on.",
    ), ON


def _sixth(m: Mysteries) -> Said:
    first = next(iter(disasm.decode(m.simulation.read(m.site, MCOUNT_INSN_SIZE), m.site)))
    count = "one instruction" if first.size == MCOUNT_INSN_SIZE else "more than one instruction"
    return (
        f"Why is it not slow? Turned off, each function runs {count} more, of {first.size} bytes.",
        "How can all of it be turned on almost at once?",
        f"There is a list, made at build time, of {m.places:,} places; {MCOUNT_INSN_SIZE} bytes change at each.",
        f"After each round of writes an interrupt asks every CPU for an answer: "
        f"{m._waits} waits serve all {m.places:,} places.",
    ), (("enter", "go on"), (COSTS, "what tracing costs: counted, priced, measured"))


def _seventh(m: Mysteries) -> Said:
    most = max(m._met)
    cpu = len(m._met) - 1 - m._met[::-1].index(most)
    return (
        f"One thing should worry you: CPU{cpu} was running this code while its bytes changed.",
        f"It came to a place in the middle of its change {most:,} times.",
        "Enter: one function in slow motion. Esc: all scenarios.",
    ), (("enter", "one function in slow motion"), ("escape", "all scenarios"))


TEXTS = {1: _first, 2: _second, 3: _third, 4: _fourth, 5: _fifth, 6: _sixth, 7: _seventh}


def who_does_what(patch: PatchingSnapshot, changed: bool) -> str:
    """Who makes the change, and what it is at: a round of writes, or the wait after it; `changed`: places are."""
    who = f"{patch.task}, the task that makes the change,"
    kind = Write if patch.phase is not None and isinstance(patch.phase.action, Write) else SyncCores
    rounds = [row.phase for row in patch.phases if isinstance(row.phase.action, kind)]
    if not patch.total or patch.phase not in rounds:
        return f"{who} {'ends it' if changed else 'prepares it'}."
    number = f"{rounds.index(patch.phase) + 1} of {len(rounds)}"
    if kind is Write:
        return f"{who} writes at {patch.total:,} places: round {number}."
    return f"{who} waits for an answer of {cpus(patch.waits_for) if patch.waits_for else 'every CPU'}: wait {number}."


def shared_waits(events: list[Event]) -> int:
    """How many syncs the largest batch had: its sites share them."""
    largest, waits, inside = 0, 0, False
    for event in events:
        if isinstance(event, BatchStarted) and len(event.sites) > largest:
            largest, waits, inside = len(event.sites), 0, True
        elif isinstance(event, BatchReleased):
            inside = False
        elif isinstance(event, SyncSent) and inside:
            waits += 1
    return waits


def time_given(simulation: Simulation, first: int) -> tuple[int, ...]:
    """How many instructions each CPU had time for from a position in history on."""
    given = [0] * simulation.options.cpus
    for entry in simulation.entries[first : simulation.position]:
        if isinstance(entry.what, Run):
            given[entry.what.cpu] += entry.what.n
    return tuple(given)
