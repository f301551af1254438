"""A plan: what a command changes, as frozen steps in order; and what a step is.

A subsystem makes a plan when its command's turn comes; the patching task then takes it step by step. Nothing in a step
refers to anything that changes later, so a plan can be kept, shown, copied and replayed.

A step carries itself: `act` does it (in one action or in several), and says what that costs on the clock, which events
it is, and whether it failed. The task knows no kind of step. `steps.py` has those that any subsystem uses; a
subsystem's own stand in its folder, and mostly differ in `store` (the guest's data) and `after` (its own state).

In a plan that patches sites the order is Linux's (`ftrace_modify_all_code()` and x86's `ftrace_replace_code()`):
data, then `Verify` of every site that will change, then the pokes. A site that does not hold what it should fails the
plan: the subsystem writes its report, and of the rest of the plan only the steps that `survive` are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from msgspec import Struct

from simkernel.events import Event
from simkernel.patching.needs import Code, Memory
from simkernel.patching.patches import Patches
from simkernel.patching.text_poke import ACTION_PRICE, TextPoke

NO_CHANGES = Patches.of(())


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with a plan, for the subsystem's report.

    Attributes:
        errno: Linux's number for it; 0 where it has none.
        site: the address that it is about; 0 where it is about none.
        expected: the bytes that should have been there, where that is what is wrong.
        verdict: what was being done at the site, in the subsystem's own numbers; 0 where it says nothing.
    """

    errno: int = 0
    site: int = 0
    expected: bytes = b""
    verdict: int = 0


class Turn(Struct, frozen=True, gc=False):
    """What one action of a step did.

    Attributes:
        events: what it shows.
        lines: for the kernel log.
        price: instructions of the clock.
        progress: from where its next action goes on.
        done: True where the step needs no other action.
        failure: what keeps the plan from going on; None where nothing does.
    """

    events: Sequence[Event] = ()
    lines: Sequence[str] = ()
    price: int = ACTION_PRICE
    progress: Any = None
    done: bool = True
    failure: Failure | None = None


class Step:
    """One step of a plan. As it stands here: some words of guest data (`store`), in one action.

    Subclasses are frozen dataclasses.
    """

    __slots__ = ()
    survives: ClassVar[bool] = False  # it is still taken once the plan has failed

    # --- what it does -------------------------------------------------------------------------------------------

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        """Take an action of this step.

        Args:
            poke: text_poke on the machine.
            progress: what the step's last action returned; None before its first.
            entries: how many sites a write may take at once; 0 for all.
        """
        self.store(poke.machine.memory)
        return Turn()

    def store(self, memory: Memory, first: int = 0, last: int | None = None) -> None:
        """Store the guest data that this step changes; of a step with sites those of its entries first..last-1."""

    def after(self, state: Any) -> Any:
        """The state of the subsystem once this step is done."""
        return state

    # --- what it waits for ----------------------------------------------------------------------------------------

    def waits_for(self, poke: TextPoke, progress: Any) -> tuple[int, ...]:
        """The CPUs that its next action waits for."""
        return ()

    def holdouts(self, poke: TextPoke, progress: Any) -> tuple[int, ...]:
        """The pids that its next action waits for."""
        return ()

    # --- what it is about -----------------------------------------------------------------------------------------

    def mismatch(self, code: Code) -> Failure | None:
        """What the code holds otherwise than this step expects; None where nothing is wrong."""
        return None

    def broken(self, code: Code) -> Failure:
        """What to report where an exception broke this step off."""
        return Failure()

    def changes(self) -> Patches:
        """The instructions that it changes while CPUs run them."""
        return NO_CHANGES

    def code(self) -> tuple[int, bytes] | None:
        """The code that it writes whole: (address, bytes); None where it writes none."""
        return None

    def lines(self) -> tuple[str, ...]:
        """What it adds to the kernel log."""
        return ()

    @property
    def total(self) -> int:
        """How many sites it changes."""
        return 0

    def sites_done(self, progress: Any) -> int:
        """How many of them are changed, or in the batch under way."""
        return 0

    def next_batch_at(self, progress: Any) -> int | None:
        """The first site of the batch that it begins next; None where it begins none."""
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command does, in order.

    Attributes:
        title: what it is for.
        steps: in order.
        records: how many records the subsystem looks through to make it, which the task pays for.
    """

    title: str
    steps: tuple[Step, ...] = ()
    records: int = 0

    def next_step(self, index: int, failed: bool) -> int:
        """The index of the step after one, `len(self)` behind the last; of a failed plan only what survives it."""
        later = range(index + 1, len(self.steps))
        return next((at for at in later if not failed or self.steps[at].survives), len(self.steps))

    def __len__(self) -> int:
        return len(self.steps)
