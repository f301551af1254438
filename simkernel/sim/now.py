"""What may be asked of a simulation: what has happened, what the machine holds, what may come next.

Nothing here moves it: whoever only looks (snapshots, digests, moments, the tree of control files) takes a
`SimulationNow`. A question about a part of history that is no longer held has that part replayed, and the simulation
is where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from simkernel.errors import GuestError, LearnerError
from simkernel.events import Event
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command
from simkernel.patching.subsystem import Subsystem
from simkernel.schedule import Choice, RoundRobin, Run, Schedule, ScheduleState, Seeded
from simkernel.sim.driver import Driver
from simkernel.sim.history import HISTORY_BYTES, History
from simkernel.sim.log import Entry, EventKind, Point, Rewrites
from simkernel.sim.oops import Oops, read_oops
from simkernel.sim.options import Options
from simkernel.sim.parts import SUBSYSTEMS, Parts
from simkernel.sim.past import Past
from simkernel.sim.queries import CpuNow, PatchingNow, SiteNow
from simkernel.sim.travel import Travel
from simkernel.trace import Record
from simkernel.trace.ringbuffer import merged

Now = TypeVar("Now")


class MappedRegion(NamedTuple):
    """A stretch of guest memory: address, bytes, and whether CPUs run what lies there."""

    base: int
    size: int
    code: bool


class SimulationNow:
    """A simulation, to be asked at any time.

    Attributes:
        image: the kernel.
        options: what the simulation is made from.
        subsystems: those that patch code, in the order in which they boot.
        patching: the patching task, to be asked.
    """

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
        self._history.keep_for_good()

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

    @property
    def point(self) -> Point:
        """Where history is, to the instruction."""
        return self._driver.point

    def checkpoint_positions(self, point: Point) -> list[int]:
        """The positions before a point at which a checkpoint is kept: where going back is cheap."""
        return self._travel.checkpoints_before(point)

    # --- what the machine holds -------------------------------------------------------------------------------------

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

    @property
    def oops(self) -> Oops | None:
        """What Linux prints where the kernel has died; None while it lives."""
        return read_oops(self._parts.kernel)

    @property
    def halt_reason(self) -> str:
        """Why nothing can move any more ("oops on CPU1"); "" while it can."""
        return self._parts.machine.halt_reason

    # --- what may come next -----------------------------------------------------------------------------------------

    @property
    def directed(self) -> bool:
        """True where the entry that comes next was made by hand: not the schedule's, and known already."""
        return self._history.log.made.at(self.position) is not None

    @property
    def last_run(self) -> Run | None:
        """The run that ran last, the one under way included; None where the last entry was no run."""
        if self._parts.machine.open is not None:
            return self._parts.machine.open.choice
        what = self.entries[self.position - 1].what if self.position else None
        return what if isinstance(what, Run) else None

    @property
    def schedule(self) -> Schedule:
        """What makes the choices that nobody makes by hand."""
        return self._driver.schedule

    @property
    def schedule_state(self) -> ScheduleState:
        """What the schedule's next choice depends on besides the machine."""
        return self._history.schedule

    def draw(self, schedule: Schedule, state: ScheduleState) -> tuple[Choice, ScheduleState]:
        """What a schedule in that state would have happen next, and its state after that; nothing has happened."""
        return schedule.choose(state, self._parts)


def _schedule_of(options: Options) -> Schedule:
    o = options
    if o.schedule == "round-robin":
        return RoundRobin(o.policy, o.quantum, o.patch_quantum)
    return Seeded(o.policy, o.quantum, o.patch_quantum, o.nmi_odds, act_odds=o.act_odds)
