"""The one object that outsiders hold: boot a kernel, step it, go back, ask what happened.

A simulation is a machine, the patching task with its subsystems, and a history. Nothing changes its state but history
entries: choices (what moves next and how) and commands (what a person or script asked for). The same options, seed and
entries give the same state, in every process; so a place in history can be named (`moment.py`) and returned to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simkernel.errors import Cancelled, GuestError, LearnerError
from simkernel.events import Event, Stamp, stamped
from simkernel.ftrace.core import FtraceCore
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command
from simkernel.patching.subsystem import Subsystem
from simkernel.schedule import Act, Choice, RoundRobin, Run, Schedule, ScheduleState, Seeded
from simkernel.sim.checkpoints import Checkpoint
from simkernel.sim.history import HISTORY_BYTES, History
from simkernel.sim.log import CHOICES, Entry, EventKind, Turns, Window
from simkernel.sim.oops import Oops, read_oops
from simkernel.sim.options import Options, load_image
from simkernel.sim.parts import SUBSYSTEMS, Kind, Parts
from simkernel.sim.past import Past
from simkernel.sim.queries import CpuNow, PatchingNow, SiteNow
from simkernel.trace import Record
from simkernel.trace.ringbuffer import merged

A_RECALL = 4_096  # entries, or events, on either side of a forgotten one that are had again with it
A_LOOK = 128  # entries of a replay between two looks at its progress
BOOT_INSTRUCTIONS = 2_000_000  # a kernel that has not come up by then never will; and
BOOT_INSTRUCTIONS_A_SITE = 100  # for ftrace_init's work


Progress = Callable[[int, int], bool | None]
"""Told (how much is done, of how much) of what takes long, again and again; True from it ends that."""


class MappedRegion(NamedTuple):
    """A stretch of guest memory: address, bytes, and whether CPUs run what lies there."""

    base: int
    size: int
    code: bool


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An entry that has run in part: what `Simulation._close` will need."""

    entry: Entry
    drawn: ScheduleState | None
    stamp: Stamp
    events: tuple[Event, ...] = ()


class Simulation:
    """A running toy kernel with its past. Make one with `Simulation.boot`."""

    def __init__(
        self,
        image: KernelImage,
        options: Options,
        subsystems: Sequence[type[Subsystem]] = SUBSYSTEMS,
        history_bytes: int = HISTORY_BYTES,
    ) -> None:
        """Power a machine on.

        Args:
            image: the kernel.
            options: what the simulation is made from.
            subsystems: who patches code, in the order in which they boot.
            history_bytes: what history takes at most; what it forgets is replayed when it is asked for.
        """
        options.validate()
        self.image = image
        self.options = options
        self.subsystems = tuple(subsystems)
        self.parts = Parts(image, options, subsystems)
        self.kernel, self.machine, self.task = self.parts.kernel, self.parts.machine, self.parts.task
        self.core = self.subsystem(FtraceCore)
        self.patching = PatchingNow(self.parts)
        self._cpus = tuple(CpuNow(self.parts, cpu) for cpu in range(options.cpus))
        self.scheduler = self._new_schedule()
        state = ScheduleState(random=options.seed)
        self._history = History(self.machine, self.task, state, history_bytes)
        self._open: OpenEntry | None = None
        self.keep_checkpoint()

    def _new_schedule(self) -> Schedule:
        o = self.options
        if o.schedule == "round-robin":
            return RoundRobin(o.policy, o.quantum, o.patch_quantum)
        return Seeded(o.policy, o.quantum, o.patch_quantum, o.nmi_odds, act_odds=o.act_odds)

    @classmethod
    def boot(
        cls,
        options: Options | None = None,
        image: KernelImage | None = None,
        subsystems: Sequence[type[Subsystem]] = SUBSYSTEMS,
        history_bytes: int = HISTORY_BYTES,
    ) -> Simulation:
        """A simulation whose kernel has booted: ftrace has its records, every CPU runs its first task.

        Args:
            options: what it is made from; None: the defaults.
            image: the kernel; None: the one that the options name.
            subsystems: who patches code, in the order in which they boot.
            history_bytes: what history takes at most.

        Raises:
            LearnerError: the options cannot be.
            GuestError: the kernel does not come up.
        """
        options = options or Options()
        options.validate()
        simulation = cls(image or load_image(options), options, subsystems, history_bytes)
        bound = BOOT_INSTRUCTIONS + BOOT_INSTRUCTIONS_A_SITE * len(simulation.image.mcount_loc)
        simulation.run_until(cls.booted, bound)
        if not simulation.booted():
            raise GuestError(f"the kernel has not come up: {simulation.machine.halt_reason or 'it runs on and on'}")
        return simulation

    def fork(self) -> Simulation:
        """The same again: the same state and past, and a future of its own; nothing that changes is shared.

        It goes back as far as this one does. Each CPU takes a GiB of address space until it is closed (`close`).
        """
        fork = Simulation(self.image, self.options, self.subsystems, self._history.nbytes)
        fork._history.share(self._history)
        fork.scheduler, fork._open = self.scheduler, self._open
        return fork

    def close(self) -> None:
        """Give the CPUs' memory back now; nothing may be asked of the machine afterwards."""
        for cpu in self.machine.cpus:
            cpu.close()
        self.machine.watch_with()  # the observers know the machine: without them nothing here knows itself

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def subsystem(self, kind: type[Kind]) -> Kind:
        """The subsystem of a kind.

        Raises:
            LearnerError: this simulation has none.
        """
        return self.parts.subsystem(kind)

    def booted(self) -> bool:
        """True once every CPU runs tasks."""
        return self.parts.booted()

    # --- what has happened ------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """How many history entries have happened."""
        return self._history.log.position

    @property
    def entries(self) -> Past[Entry]:
        """Every entry that history knows, those ahead of this place too."""
        return self._history.log.entries(self._recall)

    @property
    def logged(self) -> int:
        """How many events have happened: so many of the first of `known_events`."""
        return self._history.log.logged

    @property
    def known_events(self) -> Past[Event]:
        """Every event that history knows, those ahead of this place too."""
        return self._history.log.events(self._history.log.known, self._recall)

    @property
    def log(self) -> Past[Event]:
        """Every event up to this place."""
        return self._history.log.events(self._history.log.logged, self._recall)

    def since(self, first: int) -> list[Event]:
        """The log from its event `first` on."""
        return self.log[first:]

    def events_between(self, first: int, last: int) -> list[Event]:
        """What happened in the entries `first` to `last - 1`, up to this place."""
        return self._history.log.events_between(first, last, self._recall)

    def last_event(self, kind: type[EventKind]) -> EventKind | None:
        """The last event of a kind up to this place; None where there was none."""
        return self._history.log.last_event(kind)

    def made(self, first: int, last: int) -> list[tuple[int, Choice | Command]]:
        """(place, entry) of what was made by hand, commands too, in the entries `first` to `last - 1`."""
        return self._history.log.made.between(first, last)

    @property
    def turns(self) -> Turns:
        """Where history took another way, for whoever remembers what it was."""
        return self._history.log.turns

    @property
    def known_end(self) -> str:
        """The outcome to which history leads, as far as it is known; "" where it goes on."""
        return self._history.log.end

    # --- what the machine holds ----------------------------------------------------------------------------------

    @property
    def clock(self) -> int:
        """The machine's clock, in instructions of all CPUs together."""
        return self.machine.clock

    @property
    def regions(self) -> list[MappedRegion]:
        """All of the guest's memory: the data, then the code."""
        data = [MappedRegion(one.base, one.size, False) for one in self.machine.memory.regions]
        return data + [MappedRegion(one.base, one.size, True) for one in self.machine.code.map.regions]

    def read(self, address: int, size: int, as_cpu: int | None = None) -> bytes:
        """What memory holds in `size` bytes from an address; of code with `as_cpu` what that CPU runs there.

        Raises:
            GuestError: the bytes are not all of one mapped region.
        """
        code = self.machine.code
        if not code.map.holds(address):
            return self.machine.memory.read(address, size)
        if size > code.map.room(address):
            raise GuestError(f"{size} bytes at {address:#x} are not all code")
        offset = code.map.offset(address)
        held = code.memory if as_cpu is None else code.views[as_cpu].code
        return held[offset : offset + size].tobytes()

    @property
    def cpus(self) -> Sequence[int]:
        """The CPUs that are powered on."""
        return self.parts.cpus

    def cpu(self, number: int) -> CpuNow:
        """A CPU, powered on or not, to be asked at any time."""
        return self._cpus[number]

    def site(self, address: int) -> SiteNow:
        """The site at an address, to be asked at any time."""
        return SiteNow(self.parts, address)

    def records(self, last: int | None = None) -> list[Record]:
        """The finished trace records of all CPUs that no reader has consumed, oldest first.

        Args:
            last: only so many of the newest; only these cost something.
        """
        return merged(self.machine.memory, self.options.cpus, last)

    @property
    def oops(self) -> Oops | None:
        """What Linux prints where the kernel has died; None while it lives."""
        return read_oops(self.kernel)

    # --- forward ----------------------------------------------------------------------------------------------

    @property
    def schedule_state(self) -> ScheduleState:
        """What the schedule's next choice depends on besides the machine."""
        return self._history.schedule

    @property
    def last_run(self) -> Run | None:
        """The run that ran last, the one under way included; None where the last entry was no run."""
        if self.machine.open is not None:
            return self.machine.open.choice
        what = self.entries[self.position - 1].what if self.position else None
        return what if isinstance(what, Run) else None

    @property
    def directed(self) -> bool:
        """True where the entry that comes next was made by hand: not the schedule's, and known already."""
        return self._history.log.made.at(self.position) is not None

    @property
    def outcome(self) -> str:
        """Why nothing can move any more ("oops on CPU1"); "" while it can."""
        return self.machine.halt_reason

    def draw(self, schedule: Schedule, state: ScheduleState) -> tuple[Choice, ScheduleState]:
        """What a schedule in that state would have happen next, and its state after that; nothing has happened."""
        return schedule.choose(state, self.parts)

    def step(self, choice: Choice | None = None) -> list[Event]:
        """One history entry: the choice given, else the next one of history, else the schedule's. Returns its events.

        A choice given by hand, where history knows another way, makes history forget what lay ahead.
        """
        if self._open is not None:
            return self._finish_open()
        return self._enter(*self._next(choice))

    def step_through(self, choice: Run) -> list[int]:
        """Carry out a choice, given by hand: the address of each instruction that the CPU ran, in order."""
        addresses: list[int] = []
        unwatch = self.machine.cpus[choice.cpu].observe(addresses.append)
        try:
            self.step(choice)
        finally:
            unwatch()
        return addresses

    def do(self, command: Command) -> list[Event]:
        """Carry out a command: it becomes a history entry; the patching task will do the work.

        Raises:
            LearnerError: the command asks for what cannot be; nothing has changed then.
        """
        if self._open is not None:
            self._finish_open()
        return self._enter(Entry(command, True), None)

    def _next(self, choice: Choice | None) -> tuple[Entry, ScheduleState | None]:
        """The entry that comes next, and the schedule's state after it where the schedule drew it."""
        if choice is not None:
            return Entry(choice, True), None
        log = self._history.log
        if log.position < log.length and (what := log.made.at(log.position)) is not None:
            return Entry(what, True), None
        drawn, state = self.draw(self.scheduler, self._history.schedule)
        return Entry(drawn, False), state

    def _enter(self, entry: Entry, drawn: ScheduleState | None) -> list[Event]:
        if self.machine.halt_reason:
            raise GuestError(f"nothing moves any more: {self.outcome}")
        what = entry.what
        if isinstance(what, CHOICES):
            events = self.machine.step(what)
        elif isinstance(what, Act):
            events = self.task.act(what.entries)
        else:
            events = self.task.command(what)
        return self._close(entry, drawn, stamped(events, self._stamp()) if events else events)

    def _stamp(self, ahead: int = 0) -> Stamp:
        """That of the entry that comes next, which ends so many instructions of the clock from now."""
        return Stamp(self.position, self.machine.clock + ahead, *self.task.poke.during)

    def _close(self, entry: Entry, drawn: ScheduleState | None, events: list[Event]) -> list[Event]:
        """Note an entry that has happened, and what it did: events that are stamped."""
        self._history.close(entry, drawn, events, self.machine.halt_reason)
        return events

    def run_until(self, predicate: Callable[[Simulation], bool], instructions: int) -> bool:
        """Step until the predicate holds, there is an outcome, or the clock has passed so many instructions.

        Returns:
            True where the predicate holds.
        """
        end = self.machine.clock + instructions
        while not predicate(self):
            if self.outcome or self.machine.clock >= end:
                return False
            self.step()
        return True

    def run(self, instructions: int) -> None:
        """Let the machine's clock pass so many instructions, or less where there is an outcome."""
        self.run_until(lambda _: False, instructions)

    def settle_down(self, instructions: int = 50_000_000) -> bool:
        """Run until the patching task has nothing left to do; True where that came within the bound."""
        return self.run_until(lambda simulation: simulation.patching.idle, instructions)

    def step_phase(self, instructions: int = 5_000_000) -> bool:
        """Run until the patching task is in another phase, or between batches; True where it came to that."""
        before = self._phase_now()
        return self.run_until(lambda _: self._phase_now() != before, instructions)

    def _phase_now(self) -> tuple[int, str]:
        return self.patching.batches, self.patching.phase_name

    # --- backward ---------------------------------------------------------------------------------------------

    def back(self, entries: int = 1) -> None:
        """So many history entries back; to the beginning where there are fewer."""
        self.goto(max(0, self.position - entries))

    def back_phase(self) -> None:
        """To where the phase under way began; where that is here, to where the one before it began."""
        behind: Event | None = None
        for event in reversed(self.log):
            if behind is not None and behind.during != event.during and behind.entry < self.position:
                return self.goto(behind.entry)
            behind = event
        return self.goto(0)

    def goto(self, place: int, progress: Progress | None = None) -> None:
        """To the place in history before entry `place` (0: power-on), forwards or backwards.

        Args:
            place: an entry.
            progress: called on a long way; where it ends that, the simulation stays where it was.

        Raises:
            LearnerError: history has no such place.
            Cancelled: `progress` has ended the way.
        """
        if not 0 <= place <= self._history.log.length:
            raise LearnerError(f"history has places 0 to {self._history.log.length}, not {place}")
        here, nearest = self.place, self._history.checkpoints.before(place)
        with self._history.checkpoints.pinned(here[0]):
            if place < self.position or self._open is not None or nearest.place > self.position:
                self._restore(nearest)
            start = self.position
            while self.position < place:
                self.step()
                if progress and not (self.position - start) % A_LOOK and progress(self.position - start, place - start):
                    self.goto_place(here)
                    raise Cancelled(f"stopped on the way to the place {place}; nothing has moved")

    def checkpoint_places(self, place: tuple[int, int]) -> list[int]:
        """The entries at which a checkpoint is kept, up to a place: where going back is cheap."""
        return [entry for entry in self._history.checkpoints.places() if (entry, 0) < place]

    def keep_checkpoint(self) -> None:
        """Keep one here for good: going back to this place will be cheap. Some are kept for a time by themselves."""
        self._history.keep()
        self._history.checkpoints.pin(self.position)

    def foresee(self, made: Iterable[tuple[int, Choice | Command]]) -> None:
        """History will have these entries, made by hand, at these places, which ascend; what lay ahead is forgotten."""
        self._history.foresee(made, self.outcome)

    def forget_ahead(self) -> None:
        """History knows no more than led here; what came next may be another."""
        self._history.forget_ahead(self.outcome)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._history.restore(checkpoint)
        self._open = None

    def _recall(self, place: int | None, event: int | None) -> None:
        """Have the stretch of history around an entry, or an event, in the log again; and come back."""
        log, checkpoints = self._history.log, self._history.checkpoints
        here, held = self.place, log.window
        if place is None:
            assert event is not None
            place = checkpoints.before_event(event).place
        with checkpoints.pinned(here[0]):
            self._restore(checkpoints.before(max(0, place - A_RECALL)))
            log.window = Window.at(log.position, log.logged)
            while log.position <= place or (event is not None and log.logged <= event):
                self.step()
            log.window.whole = True
            end = min(log.length, log.position + A_RECALL)
            while log.position < end:
                self.step()
            log.recalled = log.window
            self.goto_place(here)
            log.window = held

    # --- within an entry ----------------------------------------------------------------------------------------

    @property
    def place(self) -> tuple[int, int]:
        """(entry, instructions of it that have run): where history stands."""
        return self.position, self.machine.open.done if self._open and self.machine.open else 0

    def step_instruction(self, breakpoints: frozenset[int] = frozenset(), n: int = 1) -> list[Event]:
        """One instruction of the next entry's CPU; the whole entry where that is not a run of several.

        With breakpoints: up to `n` instructions, but none at a breakpoint unless it is the first.
        """
        events: list[Event] = []
        if self._open is None:
            entry, drawn = self._next(None)
            if not isinstance(entry.what, Run) or entry.what.n == 1:
                return self._enter(entry, drawn)
            if self.outcome:
                raise GuestError(f"nothing moves any more: {self.outcome}")
            self._open = OpenEntry(entry, drawn, self._stamp(ahead=entry.what.n))
            events += self.machine.begin(entry.what)
        events += self.machine.advance(n, breakpoints)
        events = stamped(events, self._open.stamp)
        known = (*self._open.events, *events)
        self._open = replace(self._open, events=known)
        run = self.machine.open
        if run is not None and (run.ended or run.done >= run.choice.n):
            events += self._finish_open()[len(known) :]
        return events

    def _finish_open(self) -> list[Event]:
        opened, run = self._open, self.machine.open
        assert opened is not None and run is not None
        left = stamped([*self.machine.advance(run.choice.n), *self.machine.finish()], opened.stamp)
        self._open = None
        return self._close(opened.entry, opened.drawn, [*opened.events, *left])

    def goto_place(self, place: tuple[int, int]) -> None:
        """To an entry and a number of instructions within it (`place`)."""
        self.goto(place[0])
        while self.position == place[0] and self.place[1] < place[1]:
            self.step_instruction()

    def back_instruction(self) -> None:
        """Undo the instruction that ran last (the whole entry where that was not a run of several)."""
        entry, done = self.place
        if done > 1:
            self.goto_place((entry, done - 1))
        elif done == 1 or entry == 0:
            self.goto(entry)
        else:
            self.goto(entry - 1)
            count = 0
            while self.position < entry:
                self.step_instruction()
                count += 1
            if count > 1:
                self.goto_place((entry - 1, count - 1))
            else:
                self.goto(entry - 1)
