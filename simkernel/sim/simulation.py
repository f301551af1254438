"""The one object that outsiders hold: boot a kernel, step it, go back, ask what happened.

A simulation is a machine, the patching task with its subsystems, and a history. Nothing changes its state but history
entries: choices (what moves next and how) and commands (what a person or script asked for). The same options, seed and
entries give the same state, in every process; so a position in history can be named (`moment.py`) and returned to.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from simkernel.errors import GuestError, LearnerError
from simkernel.events import Event
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command
from simkernel.patching.subsystem import Subsystem
from simkernel.report import Report
from simkernel.schedule import Choice, RoundRobin, Run, Schedule, ScheduleState, Seeded
from simkernel.sim.driver import Driver
from simkernel.sim.history import HISTORY_BYTES, History
from simkernel.sim.log import Entry, EventKind, Point, Rewrites
from simkernel.sim.oops import Oops, read_oops
from simkernel.sim.options import Options, load_image
from simkernel.sim.parts import SUBSYSTEMS, Parts
from simkernel.sim.past import Past
from simkernel.sim.queries import CpuNow, PatchingNow, SiteNow
from simkernel.sim.travel import Found, Search, Travel
from simkernel.trace import Record
from simkernel.trace.ringbuffer import merged

BOOT_INSTRUCTIONS = 2_000_000  # a kernel that has not come up by then never will; and
BOOT_INSTRUCTIONS_A_SITE = 100  # for ftrace_init's work
Now = TypeVar("Now")


class MappedRegion(NamedTuple):
    """A stretch of guest memory: address, bytes, and whether CPUs run what lies there."""

    base: int
    size: int
    code: bool


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
            subsystems: those that patch code, in the order in which they boot.
            history_bytes: what history takes at most; what it forgets is replayed when it is asked for.
        """
        options.validate()
        self.image = image
        self.options = options
        self.subsystems = tuple(subsystems)
        self._parts = Parts(image, options, subsystems)
        self.patching = PatchingNow(self._parts)
        self._cpus = tuple(CpuNow(self._parts, cpu) for cpu in range(options.cpus))
        state = ScheduleState(random=options.seed)
        self._history = History(self._parts.machine, self._parts.task, state, history_bytes)
        self._driver = Driver(self._parts, self._history, _schedule_of(options))
        self._travel = Travel(self._driver, self._history)
        self.keep_checkpoint()

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
            subsystems: those that patch code, in the order in which they boot.
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
            raise GuestError(f"the kernel has not come up: {simulation.halt_reason or 'it runs on and on'}")
        return simulation

    def fork(self) -> Simulation:
        """The same again: the same state and past, and a future of its own; nothing that changes is shared.

        It goes back as far as this one does. Each CPU takes a GiB of address space until it is closed (`close`).
        """
        fork = Simulation(self.image, self.options, self.subsystems, self._history.nbytes)
        fork._history.share(self._history)
        fork._driver.schedule, fork._driver.open = self._driver.schedule, self._driver.open
        return fork

    def close(self) -> None:
        """Give the CPUs' memory back now; nothing may be asked of the machine afterwards."""
        for cpu in self._parts.machine.cpus:
            cpu.close()
        self._parts.machine.watch_with()  # the observers know the machine: without them nothing here knows itself

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def subsystem(self, now: type[Now]) -> Now:
        """What may be asked of a subsystem, at any time.

        Args:
            now: the class of what answers, as `FtraceNow` (`patching.subsystem.Subsystem.now`).

        Raises:
            LearnerError: no subsystem here has such a one.
        """
        for one in self._parts.task.subsystems:
            if isinstance(answers := one.now(), now):
                return answers
        raise LearnerError(f"no subsystem of this simulation answers as {now.__name__}")

    def booted(self) -> bool:
        """True once every CPU runs tasks."""
        return self._parts.booted()

    # --- what has happened ------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """How many history entries have happened."""
        return self._history.log.position

    @property
    def entries(self) -> Past[Entry]:
        """Every entry that history knows, those ahead of here too."""
        return self._history.log.entries(self._travel.recall)

    @property
    def logged(self) -> int:
        """How many events have happened: of `known_events` that many are behind, the rest lie ahead."""
        return self._history.log.logged

    @property
    def known_events(self) -> Past[Event]:
        """Every event that history knows, those ahead of here too."""
        return self._history.log.events(self._history.log.known, self._travel.recall)

    @property
    def log(self) -> Past[Event]:
        """Every event up to here."""
        return self._history.log.events(self._history.log.logged, self._travel.recall)

    def since(self, first: int) -> list[Event]:
        """The log from its event `first` on."""
        return self.log[first:]

    def events_between(self, first: int, last: int) -> list[Event]:
        """What happened in the entries `first` to `last - 1`, up to here."""
        return self._history.log.events_between(first, last, self._travel.recall)

    def last_event(self, kind: type[EventKind]) -> EventKind | None:
        """The last event of a kind up to here; None where there was none."""
        return self._history.log.last_event(kind)

    def by_hand(self, first: int, last: int) -> list[tuple[int, Choice | Command]]:
        """(position, entry) of what was made by hand, commands too, in the entries `first` to `last - 1`."""
        return self._history.log.made.between(first, last)

    def count_by_hand(self, first: int, last: int) -> int:
        """How many of the entries `first` to `last - 1` were made by hand."""
        return self._history.log.made.count(first, last)

    def has_command(self, first: int, last: int) -> bool:
        """True where one of the entries `first` to `last - 1` is a command."""
        return self._history.log.made.has_command(first, last)

    @property
    def rewrites(self) -> Rewrites:
        """Where history took another way, for whoever remembers what it was."""
        return self._history.log.rewrites

    @property
    def known_end(self) -> str:
        """The halt to which history leads, as far as it is known; "" where it goes on."""
        return self._history.log.end

    # --- what the machine holds ----------------------------------------------------------------------------------

    @property
    def clock(self) -> int:
        """The machine's clock, in instructions of all CPUs together."""
        return self._parts.machine.clock

    @property
    def regions(self) -> list[MappedRegion]:
        """All of the guest's memory: the data, then the code."""
        data = [MappedRegion(one.base, one.size, False) for one in self._parts.machine.memory.regions]
        return data + [MappedRegion(one.base, one.size, True) for one in self._parts.machine.code.map.regions]

    def read(self, address: int, size: int, as_cpu: int | None = None) -> bytes:
        """What memory holds in `size` bytes from an address; of code with `as_cpu` what that CPU runs there.

        Raises:
            GuestError: the bytes are not all of one mapped region.
        """
        code = self._parts.machine.code
        if not code.map.holds(address):
            return self._parts.machine.memory.read(address, size)
        if size > code.map.room(address):
            raise GuestError(f"{size} bytes at {address:#x} are not all code")
        offset = code.map.offset(address)
        held = code.memory if as_cpu is None else code.views[as_cpu].code
        return held[offset : offset + size].tobytes()

    @property
    def cpus(self) -> Sequence[int]:
        """The CPUs that are powered on."""
        return self._parts.cpus

    def cpu(self, number: int) -> CpuNow:
        """A CPU, powered on or not, to be asked at any time."""
        return self._cpus[number]

    def site(self, address: int) -> SiteNow:
        """The site at an address, to be asked at any time."""
        return SiteNow(self._parts, address)

    def records(self, last: int | None = None) -> list[Record]:
        """The finished trace records of all CPUs that no reader has consumed, oldest first.

        Args:
            last: only that many of the newest; the call costs no more than these. None: all.
        """
        return merged(self._parts.machine.memory, self.options.cpus, last)

    @property
    def oops(self) -> Oops | None:
        """What Linux prints where the kernel has died; None while it lives."""
        return read_oops(self._parts.kernel)

    # --- forward ----------------------------------------------------------------------------------------------

    @property
    def schedule(self) -> Schedule:
        """What makes the choices that nobody makes by hand."""
        return self._driver.schedule

    @property
    def schedule_state(self) -> ScheduleState:
        """What the schedule's next choice depends on besides the machine."""
        return self._history.schedule

    @property
    def last_run(self) -> Run | None:
        """The run that ran last, the one under way included; None where the last entry was no run."""
        if self._parts.machine.open is not None:
            return self._parts.machine.open.choice
        what = self.entries[self.position - 1].what if self.position else None
        return what if isinstance(what, Run) else None

    @property
    def directed(self) -> bool:
        """True where the entry that comes next was made by hand: not the schedule's, and known already."""
        return self._history.log.made.at(self.position) is not None

    @property
    def halt_reason(self) -> str:
        """Why nothing can move any more ("oops on CPU1"); "" while it can."""
        return self._parts.machine.halt_reason

    def draw(self, schedule: Schedule, state: ScheduleState) -> tuple[Choice, ScheduleState]:
        """What a schedule in that state would have happen next, and its state after that; nothing has happened."""
        return schedule.choose(state, self._parts)

    def step(self, choice: Choice | None = None) -> list[Event]:
        """One history entry: the choice given, else the next one of history, else the schedule's. Returns its events.

        A choice given by hand, where history knows another way, makes history forget what lay ahead.
        """
        return self._driver.step(choice)

    def step_through(self, choice: Run) -> list[int]:
        """Carry out a choice, given by hand: the address of each instruction that the CPU ran, in order."""
        addresses: list[int] = []
        unwatch = self._parts.machine.cpus[choice.cpu].observe(addresses.append)
        try:
            self.step(choice)
        finally:
            unwatch()
        return addresses

    @contextmanager
    def looking(self, cpu: int, address: int) -> Iterator[list[int]]:
        """Note `address` in the list each time that the CPU is about to run the instruction there, in any choice."""
        met: list[int] = []
        unwatch = self._parts.machine.cpus[cpu].observe(met.append, (address,))
        try:
            yield met
        finally:
            unwatch()

    def do(self, command: Command) -> list[Event]:
        """Carry out a command: it becomes a history entry; the patching task will do the work.

        Raises:
            LearnerError: the command asks for what cannot be; nothing has changed then.
        """
        return self._driver.do(command)

    def run_until(self, predicate: Callable[[Simulation], bool], instructions: int) -> bool:
        """Step until the predicate holds, the machine halts, or the clock has passed `instructions`.

        Returns:
            True where the predicate holds.
        """
        machine = self._parts.machine
        end = machine.clock + instructions
        while not predicate(self):
            if machine.halt_reason or machine.clock >= end:
                return False
            self.step()
        return True

    def run(self, instructions: int) -> None:
        """Let the machine's clock pass `instructions`, or less where it halts."""
        self.run_until(lambda _: False, instructions)

    def run_until_idle(self, instructions: int = 50_000_000) -> bool:
        """Run until the patching task has nothing left to do; True where that came within the bound."""
        task = self._parts.task
        return self.run_until(lambda _: task.idle, instructions)

    # --- backward ---------------------------------------------------------------------------------------------

    def back(self, entries: int = 1) -> None:
        """Go back by a number of history entries; to the beginning where there are fewer."""
        self.goto(max(0, self.position - entries))

    def back_until(self, predicate: Callable[[Simulation], bool], report: Report | None = None) -> bool:
        """Go back to the last position before this one where the predicate holds.

        Args:
            predicate: asked at each position, of this simulation as it was there.
            report: called on a long way; where it cancels that, the simulation stays where it was.

        Returns:
            True where there is such a position; else nothing has moved.

        Raises:
            Cancelled: `report` has cancelled the way.
        """

        def search(until: Point) -> Generator[tuple[Point, bool] | None]:
            while self.point < until:
                yield (self.point, True) if predicate(self) else None
                if self.position == until.position:
                    return
                self.step()

        return self.back_to_last(search, report) is not None

    def back_to_last(self, search: Search[Found], report: Report | None = None) -> Found | None:
        """Go back to the last point before this one that a search finds; None, and nothing moves, where it finds none.

        Args:
            search: is called at one checkpoint after the other, the latest first, with the point up to which to look.
            report: called on a long way; where it cancels that, the simulation stays where it was.

        Raises:
            Cancelled: `report` has cancelled the way.
        """
        return self._travel.back_to_last(search, report)

    def goto(self, position: int, report: Report | None = None) -> None:
        """Go to a position in history (0: power-on), forwards or backwards.

        Args:
            position: how many entries have happened there.
            report: called on a long way; where it cancels that, the simulation stays where it was.

        Raises:
            LearnerError: history has no such position.
            Cancelled: `report` has cancelled the way.
        """
        self._travel.goto(position, report)

    def checkpoint_positions(self, point: Point) -> list[int]:
        """The positions before a point at which a checkpoint is kept: where going back is cheap."""
        return self._travel.checkpoints_before(point)

    def keep_checkpoint(self) -> None:
        """Keep one here for good: going back here will be cheap. Some are kept for a time by themselves."""
        self._history.keep()
        self._history.checkpoints.pin(self.position)

    def foresee(self, made: Iterable[tuple[int, Choice | Command]]) -> None:
        """Forget what lies ahead: history will have these entries, made by hand, at these positions, which ascend."""
        self._history.foresee(made, self.halt_reason)

    def forget_ahead(self) -> None:
        """History knows no more than led here; what came next may be another."""
        self._history.forget_ahead(self.halt_reason)

    # --- within an entry ----------------------------------------------------------------------------------------

    @property
    def point(self) -> Point:
        """Where history is, to the instruction."""
        return self._driver.point

    def step_instruction(self, breakpoints: frozenset[int] = frozenset(), n: int = 1) -> list[Event]:
        """One instruction of the next entry's CPU; the whole entry where that is not a run of several.

        With breakpoints: up to `n` instructions, but none at a breakpoint unless it is the first.
        """
        return self._driver.step_instruction(breakpoints, n)

    def goto_point(self, point: Point) -> None:
        """Go to a point in history, forwards or backwards."""
        self._travel.goto_point(point)

    def back_instruction(self) -> None:
        """Undo the instruction that ran last (the whole entry where that was not a run of several)."""
        self._travel.back_instruction()


def _schedule_of(options: Options) -> Schedule:
    o = options
    if o.schedule == "round-robin":
        return RoundRobin(o.policy, o.quantum, o.patch_quantum)
    return Seeded(o.policy, o.quantum, o.patch_quantum, o.nmi_odds, act_odds=o.act_odds)
