"""The patching task: the lane of the one who wrote `echo function > current_tracer`.

It takes commands in order, has the core make a plan of each when its turn comes, and carries the plan out one action
at a time; it waits where Linux would: for answers to a sync, for handlers, for Tasks RCU. All that it knows is in a
frozen `TaskState`, and a plan's steps never change, so it can be copied for time travel.

`Simplified:` in Linux this is a task on one of the CPUs: it can be interrupted between two pokes, synchronises its own
CPU, and can meet its own int3. Ours runs beside the CPUs and executes no traced code.
"""

from __future__ import annotations

from typing import NamedTuple

from simkernel.errors import LearnerError, OurError
from simkernel.events import (
    EarlyPoked,
    Event,
    Logged,
    PlanEnded,
    PlanStarted,
    RcuTasksDone,
    RcuTasksRudeDone,
    RcuTasksRudeWait,
    RcuTasksWait,
    SyncEnded,
    SyncSent,
    WordsStored,
)
from simkernel.ftrace.commands import Command, UseProtocol
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.plan import (
    Plan,
    PokeBatch,
    PokeEarly,
    PokeMany,
    ResetRings,
    SmpCallFunction,
    Step,
    SyncCores,
    SyncRcuTasks,
    SyncRcuTasksRude,
    Verify,
    WriteTrampoline,
)
from simkernel.kernel import layout
from simkernel.machine import Machine
from simkernel.patching.poke import ACTION_PRICE, EARLY_POKE_PRICE, IPI_PRICE, Batch, Poke, PokeState, TextPoke
from simkernel.protocol import Protocol, protocol_of

TABLE_PRICE = 4  # instructions of the clock for each record that a pass looks at
RCU_STEPS = (SyncRcuTasksRude, SyncRcuTasks)
CODE_STEPS = (PokeBatch, PokeMany, PokeEarly, WriteTrampoline, SyncCores, SmpCallFunction, *RCU_STEPS)
WAIT_FOR_BOOT, FTRACE_INIT_DONE = 1, 2  # values of the guest's word boot_stage


class TaskState(NamedTuple):
    """Where the patching task stands.

    Attributes:
        queue: commands that have not begun. plan: the one under way. step: the index of its next step.
        done: sites of a PokeMany or PokeEarly that are done or in the batch under way.
        waiting: a sync was sent and its end is awaited. holdouts: of Tasks RCU, as (task, switches when it began).
        switches: of each CPU, when synchronize_rcu_tasks_rude() began.
        failed: the plan has failed; its batch is still brought to an end, and the steps of SURVIVES are taken.
    """

    queue: tuple[Command, ...] = ()
    plan: Plan | None = None
    step: int = 0
    done: int = 0
    waiting: bool = False
    holdouts: tuple[tuple[int, int], ...] | None = None
    switches: tuple[int, ...] | None = None
    failed: bool = False
    poke: PokeState = PokeState()


class PatchingTask:
    """Carries out commands on the machine; `act` takes one action, whenever `ready`."""

    def __init__(self, machine: Machine, core: FtraceCore, protocol: Protocol) -> None:
        self.machine = machine
        self.core = core
        self.poke = TextPoke(machine, protocol)
        self._state = TaskState()
        self._boot_stage = machine.image.address("boot_stage")
        self._text_mutex = machine.image.address("text_mutex")

    # --- what one may ask -------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """True where nothing is under way and nothing waits (boot's own conversion included)."""
        return self._state.plan is None and not self._state.queue and self.core.booted

    @property
    def plan(self) -> Plan | None:
        """The plan under way; None between two."""
        return self._state.plan

    @property
    def step(self) -> Step | None:
        """The step under way or next; None between plans."""
        plan = self._state.plan
        return plan.steps[self._state.step] if plan is not None and self._state.step < len(plan.steps) else None

    @property
    def step_number(self) -> int:
        """The index of the plan's step under way or next."""
        return self._state.step

    def next_site(self) -> int | None:
        """The first site of the batch under way, else of the one that the plan under way begins next; None: neither."""
        state, batch = self._state, self.poke.state.batch
        if batch is not None:
            return int(batch.sites[0])
        if state.plan is None or state.failed:
            return None
        done = state.done
        for step in state.plan.steps[state.step :]:
            if isinstance(step, PokeMany) and done < len(step):
                return int(step.sites[done])
            done = 0
        return None

    def ready(self) -> bool:
        """True where there is something to do and nothing to wait for."""
        if not self.core.booted and self._state.plan is None:
            return self.machine.memory.read_u64(self._boot_stage) == WAIT_FOR_BOOT
        if self._state.plan is None:
            return bool(self._state.queue)
        if self.poke.busy:
            return self.poke.ready()
        return not self.waits_for() and not self.holdouts()

    def waits_for(self) -> tuple[int, ...]:
        """The CPUs that the task waits for."""
        if self.poke.busy:
            return self.poke.waits_for()
        if isinstance(self.step, ResetRings):
            return self._writing()
        if self._state.switches is not None:
            return self._same_task(self._state.switches)
        if not self._state.waiting:
            return ()
        return self.machine.not_synced()

    def _writing(self) -> tuple[int, ...]:
        """The CPUs with a record reserved and not yet written.

        `Simplified:` Linux forbids new records and waits for all CPUs (synchronize_rcu() in
        tracing_reset_online_cpus(), kernel/trace/trace.c).
        """
        lanes = enumerate(self.machine.lanes)
        return tuple(i for i, lane in lanes if lane.ring_head != self.machine.percpu(i, layout.PCPU_RING_HEAD))

    def _switches(self) -> tuple[int, ...]:
        """How often each CPU has switched tasks."""
        words = range(len(self.machine.cpus))
        return tuple(self.machine.percpu(cpu, layout.PCPU_RQ + layout.RQ_NR_SWITCHES) for cpu in words)

    def _same_task(self, before: tuple[int, ...]) -> tuple[int, ...]:
        """The CPUs that have not switched tasks since, and are neither halted nor in user mode."""
        machine, now = self.machine, self._switches()
        same = [cpu for cpu, switches in enumerate(before) if now[cpu] == switches]
        current = {cpu: machine.percpu(cpu, layout.PCPU_CURRENT) for cpu in same}
        return tuple(cpu for cpu in same if not machine.memory.read_u64(current[cpu] + layout.TASK_IN_USER))

    def holdouts(self) -> tuple[int, ...]:
        """The pids that Tasks RCU still waits for."""
        memory = self.machine.memory
        waiting = [
            task
            for task, switches in self._state.holdouts or ()
            if self._holds_out(task) and self._nvcsw(task) == switches
        ]
        return tuple(memory.read_u32(task + layout.TASK_PID) for task in waiting)

    def _nvcsw(self, task: int) -> int:
        return self.machine.memory.read_u64(task + layout.TASK_NVCSW)

    def _holds_out(self, task: int) -> bool:
        """rcu_tasks_is_holdout(): on a run queue, and neither idle nor in user mode."""
        memory = self.machine.memory
        return bool(memory.read_u64(task + layout.TASK_ON_RQ)) and not memory.read_u64(task + layout.TASK_IN_USER)

    # --- what it does -------------------------------------------------------------------------------------------

    def command(self, command: Command) -> list[Event]:
        """Take a command; LearnerError, and nothing changed, where it asks for what cannot be."""
        if isinstance(command, UseProtocol):
            self.poke.use(protocol_of(command.name))
            return []
        self.core.check(command, idle=self.idle)
        self._state = self._state._replace(queue=(*self._state.queue, command))
        return []

    def act(self, entries: int = 0) -> list[Event]:
        """The next action; `entries` bounds the sites that a write takes at once (0: all of the phase).

        Whatever is raised on the way ends in a report and a dead ftrace (`ftrace_kill`), never in half a site: a
        batch that has begun is brought to its end first.
        """
        if not self.ready():
            return []
        try:
            return self._act(entries)
        except Exception as error:
            if self._state.failed:
                raise
            self._state = self._state._replace(failed=True)
            lines = self.core.abort(error, self.step)
            if not self.poke.busy:
                self._next_step()
            return [Logged(text=line) for line in lines]

    def _act(self, entries: int) -> list[Event]:
        state = self._state
        if state.plan is None:
            return self._begin_plan()
        if self.poke.busy:
            events = self.poke.act(entries)
            if not self.poke.busy:
                events += self._batch_ended()
            return events
        step = self.step
        if step is None:
            return self._end_plan()
        match step:
            case PokeMany():
                return self._next_batch(step)
            case PokeBatch(site=site, old=old, new=new):
                self.poke.begin(Batch.of([Poke(site, old, new)]))
                return self.poke.act()
            case PokeEarly():
                return self._poke_early(step, entries)
            case SyncCores(why=why):
                return self._sync(why)
            case SmpCallFunction(function=function):
                return self._sync(function)
            case SyncRcuTasksRude():
                return self._rcu_tasks_rude()
            case SyncRcuTasks():
                return self._rcu_tasks()
            case WriteTrampoline(address=address, data=data, fresh=fresh):
                self.machine.write_code(address, data[:-8], fresh)
                self.machine.write_code(address + len(data) - 8, data[-8:], fresh=True)  # the ops pointer: data
                events = [WordsStored(what="trampoline", address=address, size=len(data))]
            case _:
                events = self._apply(step)
        self.machine.clock += ACTION_PRICE
        return events + self._step_done()

    def _apply(self, step: Step) -> list[Event]:
        """A step of data: the core's."""
        lines = self.core.apply(step)
        if isinstance(step, Verify):
            self.machine.clock += TABLE_PRICE * len(step)
            if self.core.ftrace_disabled:
                self._state = self._state._replace(failed=True)
        return [Logged(text=line) for line in lines]

    def _begin_plan(self) -> list[Event]:
        if not self.core.booted:
            plan = self.core.boot_plan()
        else:
            command = self._state.queue[0]
            self._state = self._state._replace(queue=self._state.queue[1:])
            try:
                plan = self.core.begin(command)
            except LearnerError as refused:  # what was queued before it has made it impossible
                return [Logged(text=line) for line in self.core.log([f"ftrace: {refused}"])]
        self._state = self._state._replace(plan=plan, step=0, done=0, failed=False)
        self.machine.memory.write_u64(self._text_mutex, 1)
        self.machine.clock += ACTION_PRICE + TABLE_PRICE * len(self.machine.image.mcount_loc)
        return [PlanStarted(title=plan.title, steps=len(plan.steps))]

    def _step_done(self) -> list[Event]:
        """Go on to the next step; the end of the last is the plan's."""
        step = self.step
        if isinstance(step, CODE_STEPS) and not self._state.failed:
            self.core.apply(step)
        self._next_step()
        return self._end_plan() if self.step is None else []

    def _next_step(self) -> None:
        state = self._state
        if state.plan is not None:
            step = state.plan.after(state.step, state.failed)
            self._state = state._replace(step=step, done=0, waiting=False, holdouts=None, switches=None)

    def _end_plan(self) -> list[Event]:
        plan = self._state.plan
        if plan is None:
            raise OurError("no plan is under way")
        if self._state.failed:
            self.core.reconcile()
        self._state = self._state._replace(
            plan=None, step=0, done=0, waiting=False, holdouts=None, switches=None, failed=False
        )
        memory = self.machine.memory
        memory.write_u64(self._text_mutex, 0)
        if memory.read_u64(self._boot_stage) == WAIT_FOR_BOOT:
            memory.write_u64(self._boot_stage, FTRACE_INIT_DONE)
        return [PlanEnded(title=plan.title)]

    # --- code -------------------------------------------------------------------------------------------------

    def _next_batch(self, step: PokeMany) -> list[Event]:
        """text_poke_queue() until the vector is full: the records' flags change now, then the batch is published."""
        first = self._state.done
        last = min(first + self.poke.protocol.batched, len(step))
        if first == last:
            return self._step_done()
        self.core.update_records(step.records.part(first, last))
        self._state = self._state._replace(done=last)
        part = slice(first, last)
        self.poke.begin(Batch(step.sites[part], step.old[part], step.new[part]))
        return self.poke.act()

    def _batch_ended(self) -> list[Event]:
        step = self.step
        if self._state.failed or not isinstance(step, PokeMany) or self._state.done >= len(step):
            return self._step_done()
        return []

    def _poke_early(self, step: PokeEarly, entries: int) -> list[Event]:
        first = self._state.done
        last = min(first + entries, len(step)) if entries else len(step)
        self.machine.write_sites(step.sites[first:last], step.new[first:last])
        self.core.update_records(step.records.part(first, last))
        self.machine.clock += EARLY_POKE_PRICE * (last - first)
        self._state = self._state._replace(done=last)
        if last < len(step):
            return []
        site, old, new = int(step.sites[0]), step.old[0].tobytes(), step.new[0].tobytes()
        return [EarlyPoked(count=last, site=site, old=old, new=new), *self._step_done()]

    def _sync(self, why: str) -> list[Event]:
        if self._state.waiting:
            return [SyncEnded(phase=why), *self._step_done()]
        self._state = self._state._replace(waiting=True)
        self.machine.ask_all_to_sync()
        self.machine.clock += IPI_PRICE
        return [SyncSent(phase=why, cpus=tuple(range(len(self.machine.cpus))))]

    def _rcu_tasks_rude(self) -> list[Event]:
        if self._state.switches is not None:
            return [RcuTasksRudeDone(), *self._step_done()]
        self._state = self._state._replace(switches=self._switches())
        self.machine.clock += ACTION_PRICE
        return [RcuTasksRudeWait(cpus=self.waits_for())]

    def _rcu_tasks(self) -> list[Event]:
        if self._state.holdouts is not None:
            return [RcuTasksDone(), *self._step_done()]
        slots = (layout.TASKS_BASE + i * layout.TASK_SIZE for i in range(layout.TASKS_MAX))
        holdouts = tuple((task, self._nvcsw(task)) for task in slots if self._holds_out(task))
        self._state = self._state._replace(holdouts=holdouts)
        self.machine.clock += ACTION_PRICE
        return [RcuTasksWait(holdouts=self.holdouts())]

    # --- state --------------------------------------------------------------------------------------------------

    def state(self) -> TaskState:
        """All that the next action depends on besides the machine and the core."""
        return self._state._replace(poke=self.poke.state)

    def restore(self, state: TaskState) -> None:
        """Put such a state back."""
        self._state = state
        self.poke.state = state.poke
