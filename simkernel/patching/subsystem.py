"""The contract between the patching task and whoever patches code: ftrace, and what comes beside it.

A subsystem is one folder and one line in a tuple (`sim.parts.SUBSYSTEMS`). It holds a frozen state, makes a plan
of each of its commands and notes the steps that are done. It never patches anything itself, and the task knows none by
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from simkernel.hw.observer import Observer
from simkernel.kernel.running import RunningKernel
from simkernel.patching.commands import Command
from simkernel.patching.log import KernelLog
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure, Plan, Step
from simkernel.patching.site import Site
from simkernel.tracefs import File
from simkernel.verdict import Verdict


class Subsystem(Protocol):
    """Whoever patches code. What is optional does nothing here.

    Attributes:
        name: what its lines of the kernel log begin with.
        commands: the kinds of command that it takes.
    """

    name: ClassVar[str]
    commands: ClassVar[tuple[type[Command], ...]]

    @classmethod
    def of(cls, kernel: RunningKernel, nop: bytes, log: KernelLog) -> Subsystem:
        """A subsystem of a machine that is powered on.

        Args:
            kernel: the kernel with its machine.
            nop: what the kernel's build has put where nothing is called.
            log: the kernel log, to be read; the task adds what the subsystem returns.
        """
        ...

    # --- what it patches ------------------------------------------------------------------------------------------

    def site(self, address: int) -> Site | None:
        """The site of its own that begins at an address; None where it has none there."""
        return None

    # --- what may be asked of it ----------------------------------------------------------------------------------

    def now(self) -> object:
        """Whom a simulation's outsiders ask about it (`Simulation.subsystem`), of a class of its own; None: nobody.

        It answers for the state as it is when it is asked, and changes nothing.
        """
        return None

    # --- what is read and written of it -------------------------------------------------------------------------

    def control_files(self) -> Mapping[str, File]:
        """The files that it has in tracefs, by name."""
        return {}

    def kallsyms(self) -> Sequence[str]:
        """Its lines of /proc/kallsyms: code that it has made."""
        return ()

    # --- what it watches, and what has to be true ---------------------------------------------------------------

    def observer(self) -> Observer | None:
        """Who watches what CPUs do on its behalf; None: nobody. Asked for once, when the simulation is made."""
        return None

    def verdicts(self, kernel: RunningKernel, batch: Patches | None, updating: bool) -> Sequence[Verdict]:
        """Whether each of its invariants holds.

        Args:
            kernel: the kernel with its machine.
            batch: the one under way, whose sites may be half changed; None between two.
            updating: a plan is under way, whoever's: tables may be ahead of the bytes.
        """
        return ()

    # --- state --------------------------------------------------------------------------------------------------

    def state(self) -> Any:
        """All that its next plan depends on besides the guest's memory: a frozen value."""
        ...

    def restore(self, state: Any) -> None:
        """Put such a state back; the guest's memory is the caller's to put back."""
        ...

    # --- plans --------------------------------------------------------------------------------------------------

    @property
    def booted(self) -> bool:
        """True once it has nothing left to do at boot."""
        return True

    def boot_plan(self) -> Plan:
        """What it does at boot, while one CPU runs. Asked for only where it has not `booted`."""
        return Plan("")

    def check(self, command: Command) -> None:
        """Refuse a command that can never be carried out, whatever is under way.

        Raises:
            LearnerError: it never can be; nothing has changed.
        """
        return

    def plan(self, command: Command) -> Plan:
        """What has to be done for a command as things are now. Nothing is changed.

        A plan is valid until anything else changes the state.

        Raises:
            LearnerError: it cannot be done.
        """
        ...

    def step_done(self, step: Step) -> None:
        """Note a step that is done."""
        ...

    def fail(self, failure: Failure) -> list[str]:
        """Note that the plan under way has failed, and at what.

        Of its steps only those that survive are still taken; a batch that has begun is brought to its end.

        Returns:
            The lines for the kernel log.
        """
        ...

    def reconcile(self) -> None:
        """A failed plan has come to its end: make the guest's data say what the code is."""
        return
