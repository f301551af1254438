"""A subsystem in one file: `Light("schedule")` makes the site of a function a jump to the next instruction.

It shows what a subsystem has to bring, and shares the patching task with ftrace. It knows of its sites alone: where it
finds one that ftrace has changed, its plan fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from simkernel.errors import LearnerError
from simkernel.events import CpuEvent, Event
from simkernel.hw.observer import Observer
from simkernel.hw.state import OpenRun
from simkernel.kernel import KernelImage
from simkernel.kernel.running import RunningKernel
from simkernel.patching.commands import Command, Name
from simkernel.patching.log import KernelLog
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure, Plan, Step, Turn
from simkernel.patching.site import Form, Kind, Patch, Site
from simkernel.patching.steps import Note, PokeOne, Verify
from simkernel.patching.subsystem import Subsystem
from simkernel.patching.text_poke import TextPoke
from simkernel.patching.validate import name_at
from simkernel.schedule import QUANTUM
from simkernel.sentence import Sentence, cpu, say
from simkernel.sentence import data as data_of
from simkernel.tracefs import File, lines, text_file
from simkernel.verdict import Verdict

LIT = b"\xe9\0\0\0\0"  # jmp to the next instruction
LAMP = Kind("lamp", (Form("NOP", b"\x0f\x1f"), Form("jump", b"\xe9")))


@dataclass(frozen=True, slots=True)
class Light(Command):
    """The site of a function becomes a jump; with `on` False a NOP again."""

    tag: ClassVar[str] = "light"
    function: Name
    on: bool = True


class Lit(Event, frozen=True, kw_only=True):
    """A site is another now."""

    stop: ClassVar[bool] = True
    site: int
    on: bool

    @property
    def at(self) -> int:
        return self.site

    def sentence(self, place: Callable[[int], Sentence]) -> Sentence:
        return say("The lamp at {} is {}.", place(self.site), "on" if self.on else "off")


class Passed(CpuEvent, frozen=True, kw_only=True):
    """A CPU has run the jump of a lamp that is on, for the `count`-th time since power-on."""

    site: int
    count: int

    @property
    def at(self) -> int:
        return self.site

    def sentence(self, place: Callable[[int], Sentence]) -> Sentence:
        return say("{} passes the lamp at {}.", cpu(self.cpu), place(self.site))


@dataclass(frozen=True, slots=True)
class LampState:
    """The sites that are lit, ascending; how many plans have failed."""

    lit: tuple[int, ...] = ()
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Switch(Step):
    """The change is done: the state says so, and an event."""

    site: int
    on: bool

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        return Turn([Lit(site=self.site, on=self.on)])

    def after(self, state: LampState) -> LampState:
        others = {site for site in state.lit if site != self.site}
        return replace(state, lit=tuple(sorted(others | {self.site} if self.on else others)))


class Passing(Observer):
    """Notices who passes a lamp that is on; meanwhile CPUs run one instruction at a time."""

    def __init__(self, lamps: Lamps) -> None:
        self._lamps, self._count = lamps, 0

    def limit(self, cpu: int) -> int:
        return 1 if self._lamps.state().lit else QUANTUM

    def closed(self, run: OpenRun) -> list[Event]:
        if run.rip not in self._lamps.state().lit or run.data[:1] != LIT[:1]:
            return []
        self._count += 1
        return [Passed(cpu=run.choice.cpu, site=run.rip, count=self._count)]

    def state(self) -> int:
        return self._count

    def restore(self, state: int) -> None:
        self._count = state


class LampsNow:
    """What outsiders may ask of the lamps."""

    def __init__(self, lamps: Lamps) -> None:
        self._lamps = lamps

    @property
    def lit(self) -> tuple[int, ...]:
        """The sites that are lit, ascending."""
        return self._lamps.state().lit


class Lamps(Subsystem):
    """All lamps of a kernel."""

    name: ClassVar[str] = "lamps"
    commands: ClassVar[tuple[type[Command], ...]] = (Light,)

    def __init__(self, image: KernelImage, nop: bytes) -> None:
        self.image, self.nop = image, nop
        self._state = LampState()

    @classmethod
    def of(cls, kernel: RunningKernel, nop: bytes, log: KernelLog) -> Lamps:
        return cls(kernel.image, nop)

    def now(self) -> LampsNow:
        return LampsNow(self)

    def control_files(self) -> Mapping[str, File]:
        return {"lamps": text_file("lamps", "the lamps that are on", self._names)}

    def _names(self) -> str:
        return lines(self.image.symbolize(site) for site in self._state.lit)

    def observer(self) -> Observer:
        return Passing(self)

    def verdicts(self, kernel: RunningKernel, batch: Patches | None, updating: bool) -> Sequence[Verdict]:
        """Every lamp that is on has its jump, but in a batch."""
        for site in self._state.lit:
            changing = batch is not None and batch.at(site) is not None
            if not changing and (held := kernel.machine.code.read(site, len(LIT))) != LIT:
                text = say("the lamp at {} is on, its site holds {}", name_at(self.image, site), data_of(held))
                return (Verdict("lamps", False, text, address=site),)
        return (Verdict("lamps", True, say("{} lamps are on", len(self._state.lit))),)

    def state(self) -> LampState:
        return self._state

    def restore(self, state: LampState) -> None:
        self._state = state

    def check(self, command: Command) -> None:
        assert isinstance(command, Light)
        self.image.site_of(self.image.symbol(command.function))

    def plan(self, command: Command) -> Plan:
        assert isinstance(command, Light)
        site = self.image.site_of(self.image.symbol(command.function))
        if (site in self._state.lit) == command.on:
            raise LearnerError(f"the lamp at {command.function} is {'on' if command.on else 'off'} already")
        old, new = (self.nop, LIT) if command.on else (LIT, self.nop)
        patch = Patch(Site(site, len(LIT), LAMP), old, new)
        title = f"light {command.function}"
        steps = (
            Verify(Patches.of([patch])),
            PokeOne(patch, title),
            Switch(site, command.on),
            Note(f"lamps: {len(self._state.lit) + (1 if command.on else -1)} lit"),
        )
        return Plan(title, steps)

    def step_done(self, step: Step) -> None:
        self._state = step.after(self._state)

    def fail(self, failure: Failure) -> list[str]:
        self._state = replace(self._state, failures=self._state.failures + 1)
        return [f"lamps: the site at {failure.site:#x} is not what it should be"]
