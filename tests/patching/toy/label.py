"""Jump labels of several sizes, as one subsystem: `Branch("key_inside key_wide")` makes their NOPs jumps, in one batch.

As `jump_label_update()` of Linux queues them (`arch_jump_label_transform_queue()`, arch/x86/kernel/jump_label.c).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simkernel.kernel.running import RunningKernel
from simkernel.patching.commands import Command, Patterns
from simkernel.patching.log import KernelLog
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure, Plan, Step
from simkernel.patching.site import Patch, Site
from simkernel.patching.steps import PokeMany, Verify
from simkernel.patching.subsystem import Subsystem
from tests.explore.jumps import SIZES, jump_label
from tests.patches import LABELS, label_patch


@dataclass(frozen=True, slots=True)
class Branch(Command):
    """The jump labels of these names jump; with `on` False they are NOPs again."""

    tag: ClassVar[str] = "branch"
    labels: Patterns
    on: bool = True

    def patches(self) -> list[Patch]:
        """What it changes."""
        cases = [jump_label(key, "nop-jmp" if self.on else "jmp-nop") for key in self.labels.split()]
        return [label_patch(case.site, case.old, case.new) for case in cases]


@dataclass(frozen=True, slots=True)
class LabelState:
    """How many plans have failed."""

    failures: int = 0


class JumpLabels(Subsystem):
    """The jump labels of the fixture kernel."""

    name: ClassVar[str] = "jump_label"
    commands: ClassVar[tuple[type[Command], ...]] = (Branch,)

    def __init__(self, kernel: RunningKernel) -> None:
        self._kernel = kernel
        self._state = LabelState()

    @classmethod
    def of(cls, kernel: RunningKernel, nop: bytes, log: KernelLog) -> JumpLabels:
        return cls(kernel)

    def site(self, address: int) -> Site | None:
        sizes = {self._kernel.image.address(key): size for key, size in SIZES.items()}
        return Site(address, sizes[address], LABELS[sizes[address]]) if address in sizes else None

    def state(self) -> LabelState:
        return self._state

    def restore(self, state: LabelState) -> None:
        self._state = state

    def plan(self, command: Command) -> Plan:
        assert isinstance(command, Branch)
        patches = Patches.of(command.patches())
        return Plan(f"branch {command.labels}", (Verify(patches), PokeMany(patches, f"{len(patches)} labels")))

    def step_done(self, step: Step) -> None:
        self._state = step.after(self._state)

    def fail(self, failure: Failure) -> list[str]:
        """What `bug_at()` of arch/x86/kernel/jump_label.c says; Linux prints five bytes whatever the size is."""
        self._state = replace(self._state, failures=self._state.failures + 1)
        size, place = len(failure.expected), self._kernel.image.symbolize(failure.site)
        held = self._kernel.machine.code.read(failure.site, size)
        what = f"{held.hex(' ')} != {failure.expected.hex(' ')}"
        return [f"jump_label: Fatal kernel bug, unexpected op at {place} [{failure.site:x}] ({what}) size:{size}"]
