"""The one object that outsiders hold: boot a kernel, step it, go back; `SimulationNow` has what they ask it.

A simulation is a machine, the patching task with its subsystems, and a history. Nothing changes its state but history
entries: choices (what moves next and how) and commands (what a person or script asked for). The same options, seed and
entries give the same state, in every process; so a position in history can be named (`moment.py`) and returned to.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from simkernel.errors import GuestError
from simkernel.events import Event
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command
from simkernel.patching.subsystem import Subsystem
from simkernel.report import Report
from simkernel.schedule import Choice, Run
from simkernel.sim.history import HISTORY_BYTES
from simkernel.sim.log import Point
from simkernel.sim.now import SimulationNow
from simkernel.sim.options import Options, load_image
from simkernel.sim.parts import SUBSYSTEMS
from simkernel.sim.travel import Found, Search

BOOT_INSTRUCTIONS = 2_000_000  # a kernel that has not come up by then never will; and
BOOT_INSTRUCTIONS_A_SITE = 100  # for ftrace_init's work


class Simulation(SimulationNow):
    """A running toy kernel with its past. Make one with `Simulation.boot`."""

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

    # --- forward ----------------------------------------------------------------------------------------------

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

    def keep_checkpoint(self) -> None:
        """Keep one here for good: going back here will be cheap. Some are kept for a time by themselves."""
        self._history.keep_for_good()

    def foresee(self, made: Iterable[tuple[int, Choice | Command]]) -> None:
        """Forget what lies ahead: history will have these entries, made by hand, at these positions, which ascend."""
        self._history.foresee(made, self.halt_reason)

    def forget_ahead(self) -> None:
        """History knows no more than led here; what came next may be another."""
        self._history.forget_ahead(self.halt_reason)

    # --- within an entry ----------------------------------------------------------------------------------------

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
