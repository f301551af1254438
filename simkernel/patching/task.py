"""The patching task: the one who wrote `echo function > current_tracer`.

It takes commands in order, has the subsystem that knows a command make a plan of it when its turn comes, and carries
the plan out one action at a time; it waits where Linux would: for answers to a sync, for handlers, for Tasks RCU. All
that it knows is in a frozen `TaskState`, and a plan's steps never change, so it can be copied for time travel.

`Simplified:` in Linux this is a task on one of the CPUs: it can be interrupted between two pokes, synchronizes its own
CPU, and can meet its own int3. Ours runs beside the CPUs and executes no traced code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from simkernel.errors import LearnerError, OurError
from simkernel.events import Event, Logged, PlanEnded, PlanStarted
from simkernel.kernel.running import RunningKernel
from simkernel.patching.commands import Command, UseProtocol
from simkernel.patching.log import KernelLog, Lines
from simkernel.patching.plan import Failure, Plan, Step
from simkernel.patching.site import Site
from simkernel.patching.steps import TABLE_PRICE
from simkernel.patching.subsystem import Subsystem
from simkernel.patching.text_poke import ACTION_PRICE, PokeState, TextPoke
from simkernel.protocol import Variant

WAIT_FOR_BOOT, BOOT_DONE = 1, 2  # values of the guest's word boot_stage


class TaskState(NamedTuple):
    """Where the patching task and the subsystems are.

    Attributes:
        queue: commands that have not begun.
        next: the plan of the first of them; None where it is made when its turn comes.
        plan: the one under way.
        owner: whose it is, an index of the subsystems.
        step: the index of its next step.
        progress: of that step (`Turn.progress`).
        failed: the plan has failed; its batch is still brought to an end, and the steps that survive are taken.
        poke: of text_poke.
        log: of the kernel log.
        subsystems: of each.
    """

    queue: tuple[Command, ...] = ()
    next: Plan | None = None
    plan: Plan | None = None
    owner: int = 0
    step: int = 0
    progress: Any = None
    failed: bool = False
    poke: PokeState = PokeState()
    log: Lines = ()
    subsystems: tuple[Any, ...] = ()


class PatchingTask:
    """Carries out commands on the machine; `act` takes one action, whenever `ready`."""

    def __init__(
        self, kernel: RunningKernel, variant: Variant, log: KernelLog, subsystems: Sequence[Subsystem]
    ) -> None:
        self.machine = kernel.machine
        self.poke = TextPoke(kernel, variant)
        self.log = log
        self.subsystems = tuple(subsystems)
        self._owners = {kind: number for number, one in enumerate(subsystems) for kind in one.commands}
        self._state = TaskState()
        self._boot_stage, self._text_mutex = kernel.abi.boot_stage, kernel.abi.text_mutex

    # --- what one may ask -------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """True where nothing is under way and nothing waits (what is done at boot included)."""
        return self._state.plan is None and not self._state.queue and self._unbooted is None

    @property
    def queued(self) -> tuple[Command, ...]:
        """The commands that have not begun."""
        return self._state.queue

    @property
    def plan(self) -> Plan | None:
        """The plan under way; None between two."""
        return self._state.plan

    @property
    def step(self) -> Step | None:
        """The step under way or next; None between plans."""
        state = self._state
        plan, at = state.plan, state.step
        return plan.steps[at] if plan is not None and at < len(plan.steps) else None

    @property
    def step_number(self) -> int:
        """The index of the plan's step under way or next."""
        return self._state.step

    @property
    def sites_done(self) -> int:
        """How many of its sites the step under way has changed, those of the batch under way included."""
        step = self.step
        return 0 if step is None else step.sites_done(self._state.progress)

    def site(self, address: int) -> Site | None:
        """The site that begins at an address, of whichever subsystem; None where it is nobody's."""
        found = (one.site(address) for one in self.subsystems)
        return next((site for site in found if site is not None), None)

    def next_site(self) -> int | None:
        """The first site of the batch under way, else of the one that the plan under way begins next; None: neither."""
        state, batch = self._state, self.poke.state.batch
        if batch is not None:
            return int(batch.sites[0])
        if state.plan is None or state.failed:
            return None
        progress = state.progress
        for step in state.plan.steps[state.step :]:
            if (site := step.next_batch_at(progress)) is not None:
                return site
            progress = None
        return None

    def ready(self) -> bool:
        """True where there is something to do and nothing to wait for."""
        if self._state.plan is None:
            if self._unbooted is not None:
                return self._boot_stage is None or self._guest_waits()
            return bool(self._state.queue)
        poke = self.poke
        return poke.ready() if poke.state.batch is not None else not self.waits_for() and not self.holdouts()

    def waits_for(self) -> tuple[int, ...]:
        """The CPUs that the task waits for."""
        if self.poke.busy:
            return self.poke.waits_for()
        step = self.step
        return () if step is None else step.waits_for(self.poke, self._state.progress)

    def holdouts(self) -> tuple[int, ...]:
        """The pids that Tasks RCU still waits for."""
        step = self.step
        return () if step is None else step.holdouts(self.poke, self._state.progress)

    @property
    def _unbooted(self) -> int | None:
        """The first subsystem that has something left to do at boot."""
        for number, one in enumerate(self.subsystems):
            if not one.booted:
                return number
        return None

    @property
    def _owner(self) -> Subsystem:
        return self.subsystems[self._state.owner]

    # --- what it does -------------------------------------------------------------------------------------------

    def command(self, command: Command) -> list[Event]:
        """Take a command; LearnerError, and nothing changed, where it asks for what cannot be.

        Where nothing is under way its plan is made at once, so that what cannot be done now is refused now.
        """
        if isinstance(command, UseProtocol):  # its own: it takes it up at once, without a plan
            self.poke.use(command.variant)
            return []
        owner = self.subsystems[self._owner_of(command)]
        owner.check(command)
        plan = owner.plan(command) if self.idle else self._state.next
        self._state = self._state._replace(queue=(*self._state.queue, command), next=plan)
        return []

    def _owner_of(self, command: Command) -> int:
        if type(command) not in self._owners:
            known = ", ".join(one.name for one in self.subsystems)
            raise LearnerError(f"nobody takes a {type(command).__name__} here; there are the subsystems {known}")
        return self._owners[type(command)]

    def act(self, entries: int = 0) -> list[Event]:
        """The next action; `entries` bounds the sites that a write takes at once (0: all of the phase).

        Whatever is raised on the way fails the plan and ends in the subsystem's report, never in half a site: a batch
        that has begun is brought to its end first.
        """
        if not self.ready():
            return []
        try:
            return self._act(entries)
        except Exception:
            if self._state.failed:
                raise
            step = self.step
            events = self._fail(Failure() if step is None else step.broken(self.machine.code))
            if not self.poke.busy:
                self._next_step()
            return events

    def _act(self, entries: int) -> list[Event]:
        state = self._state
        if state.plan is None:
            return self._begin_plan()
        step = self.step
        if step is None:
            return self._end_plan()
        turn = step.act(self.poke, state.progress, entries)
        if turn.progress != state.progress:
            self._state = state._replace(progress=turn.progress)
        events = list(turn.events)
        if turn.lines:
            events += self._print(turn.lines)
        if turn.failure is not None:
            events += self._fail(turn.failure)
        if turn.price:
            self.machine.clock += turn.price
        if turn.done or (self._state.failed and not self.poke.busy):
            events += self._step_done(step)
        return events

    def _begin_plan(self) -> list[Event]:
        state, booting = self._state, self._unbooted
        if booting is not None:
            self._state = state._replace(owner=booting)
            plan = self._owner.boot_plan()
        else:
            command = state.queue[0]
            self._state = state._replace(queue=state.queue[1:], next=None, owner=self._owner_of(command))
            try:
                plan = state.next if state.next is not None else self._owner.plan(command)
            except LearnerError as refused:  # what was queued before it has made it impossible
                return self._print([f"{self._owner.name}: {refused}"])
        self._state = self._state._replace(plan=plan, step=0, progress=None, failed=False)
        self._hold_mutex(True)
        self.machine.clock += ACTION_PRICE + TABLE_PRICE * plan.records
        return [PlanStarted(title=plan.title, steps=len(plan.steps))]

    def _step_done(self, step: Step) -> list[Event]:
        """Go on to the next step; the end of the last is the plan's."""
        if step.survives or not self._state.failed:
            self._owner.step_done(step)
        self._next_step()
        return self._end_plan() if self.step is None else []

    def _next_step(self) -> None:
        state = self._state
        if state.plan is not None:
            self._state = state._replace(step=state.plan.next_step(state.step, state.failed), progress=None)

    def _end_plan(self) -> list[Event]:
        plan = self._state.plan
        if plan is None:
            raise OurError("no plan is under way")
        if self._state.failed:
            self._owner.reconcile()
        self._state = self._state._replace(plan=None, step=0, progress=None, failed=False)
        self._hold_mutex(False)
        if self._boot_stage is not None and self._unbooted is None and self._guest_waits():
            self.machine.memory.write_u64(self._boot_stage, BOOT_DONE)
        return [PlanEnded(title=plan.title)]

    def _hold_mutex(self, held: bool) -> None:
        if self._text_mutex is not None:
            self.machine.memory.write_u64(self._text_mutex, held)

    def _guest_waits(self) -> bool:
        """True while the kernel's boot waits for the subsystems."""
        stage = self._boot_stage
        return stage is not None and self.machine.memory.read_u64(stage) == WAIT_FOR_BOOT

    def _fail(self, failure: Failure) -> list[Event]:
        self._state = self._state._replace(failed=True)
        return self._print(self._owner.fail(failure))

    def _print(self, lines: Sequence[str]) -> list[Event]:
        """Add lines to the kernel log."""
        self.log.add(lines, self.machine.clock // max(1, len(self.machine.cpus)))  # the CPUs run side by side
        return [Logged(text=line) for line in lines]

    # --- state --------------------------------------------------------------------------------------------------

    def state(self) -> TaskState:
        """All that the next action depends on besides the machine."""
        subsystems = tuple(one.state() for one in self.subsystems)
        return self._state._replace(poke=self.poke.state, log=self.log.lines, subsystems=subsystems)

    def restore(self, state: TaskState) -> None:
        """Put such a state back."""
        self._state = state
        self.poke.restore(state.poke)
        self.log.lines = state.log
        for one, kept in zip(self.subsystems, state.subsystems, strict=True):
            one.restore(kept)
