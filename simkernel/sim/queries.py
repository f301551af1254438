"""What may be asked of a simulation's CPUs, of a site and of the patching task.

Each answers for the state as it is when it is asked, and each question costs only itself: stepping loops ask one after
every choice. Nothing here changes anything. A `Snapshot` stays as it is while the simulation goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.patching.commands import Command
from simkernel.protocol import POKE_MAX_OPCODE_SIZE, Phase, Protocol, Variant, Write
from simkernel.sim.parts import Parts

Fetched = tuple[tuple[int, ...], ...]
"""For each byte of some code the values that a CPU may fetch; first the one that it does if nothing resolves before."""


class CpuNow:
    """One CPU; `number` is its number."""

    __slots__ = ("_active", "_engine", "_machine", "_smp", "number")

    def __init__(self, parts: Parts, number: int) -> None:
        self.number = number
        self._machine, self._smp, self._active = parts.machine, parts.kernel.smp, parts.task.poke.active
        self._engine = parts.machine.cpus[number]

    @property
    def rip(self) -> int:
        """The address of its next instruction."""
        return self._engine.rip

    def registers(self) -> dict[str, int]:
        """Every register by name."""
        return self._engine.registers()

    @property
    def next_bytes(self) -> bytes:
        """The bytes that its next instruction would be made of, up to 15."""
        return self._machine.next_bytes(self.number)

    @property
    def reading(self) -> bytes:
        """Model `pieces`: the bytes that it has read of its next instruction."""
        return self._machine.states[self.number].reading

    @property
    def readable(self) -> int:
        """Model `pieces`: how many bytes of its next instruction it may still read before it runs it."""
        return self._machine.readable(self.number)

    @property
    def pending(self) -> bool:
        """True where it may still fetch some byte of code as old or new."""
        return bool(self._machine.code.views[self.number].pending)

    @property
    def interrupts_on(self) -> bool:
        """IF: it takes maskable interrupts."""
        return self._machine.interrupts_on(self.number)

    @property
    def interrupts(self) -> tuple[str, ...]:
        """Of "nmi", "sync", "tick" those that it has not taken."""
        state = self._machine.states[self.number]
        waiting = state.nmi_sent is not None, state.ipi_sent is not None, self._machine.tick_due(self.number)
        return tuple([name for name, waits in zip(("nmi", "sync", "tick"), waiting, strict=True) if waits])

    @property
    def nmi(self) -> bool:
        """True while it is in an NMI, also in one that has come to a parked CPU."""
        return self._machine.on_nmi_stack(self.number)

    @property
    def halted(self) -> bool:
        """True from an HLT until an interrupt."""
        return self._machine.halted(self.number)

    @property
    def asleep(self) -> bool:
        """True where it is halted and nothing waits that would wake it."""
        return self._machine.asleep(self.number)

    @property
    def asked(self) -> bool:
        """True where it was asked to sync or to park, and has not answered."""
        return self._smp.asked(self.number)

    @property
    def parked(self) -> bool:
        """True while it waits for stop_machine to end, or is about to go on."""
        return self._smp.parked(self.number)

    @property
    def handling(self) -> tuple[int, ...]:
        """The sites whose int3 it handles, outermost first."""
        return tuple([int3.address for int3 in self._active.handling(self.number)])


class SiteNow:
    """One site, or any other code.

    Attributes:
        address: of its first byte.
        size: in bytes; of code that is nobody's site and that nothing changes when it is first asked for, as many as a
            site has at most.
    """

    __slots__ = ("_code", "_machine", "_task", "address", "size")

    def __init__(self, parts: Parts, address: int) -> None:
        self.address = address
        self._machine, self._code, self._task = parts.machine, parts.machine.code, parts.task
        change = self.change
        self.size = self._size() if change is None else len(change[1])

    def _size(self) -> int:
        site = self._task.site(self.address)
        return POKE_MAX_OPCODE_SIZE if site is None else site.size

    @property
    def addresses(self) -> range:
        """Those of its bytes."""
        return range(self.address, self.address + self.size)

    @property
    def memory(self) -> bytes:
        """Its bytes in memory."""
        return self._code.read(self.address, self.size)

    @property
    def change(self) -> tuple[bytes, bytes] | None:
        """(old, new): of the batch under way, else of the plan's step; None where neither changes it."""
        batch, step = self._task.poke.state.batch, self._task.step
        change = None if batch is None else batch.at(self.address)
        return step.changes().at(self.address) if change is None and step is not None else change

    @property
    def in_batch(self) -> bool:
        """True where the batch under way changes it."""
        batch = self._task.poke.state.batch
        return batch is not None and batch.at(self.address) is not None

    def read(self, cpu: int) -> bytes:
        """Model `pieces`: what a CPU has read of it already; it runs those bytes as read."""
        if self._machine.cpus[cpu].rip != self.address:
            return b""
        return self._machine.states[cpu].reading[: self.size]

    def may_fetch(self, cpu: int) -> Fetched:
        """What a CPU may fetch of its bytes; the one value where it has read a byte already."""
        read = self.read(cpu)
        values = self._code.views[cpu].may_run(self._code.map.offset(self.address), self.size)
        return (*((byte,) for byte in read), *values[len(read) :])

    def pending(self, cpu: int) -> Sequence[int]:
        """The addresses of its cells that a CPU may still fetch as old or new, ascending."""
        return self._code.pending_cells(cpu, self.address, self.size)


class PatchingNow:
    """The patching task, and the batch under way."""

    __slots__ = ("_poke", "_task")

    def __init__(self, parts: Parts) -> None:
        self._task, self._poke = parts.task, parts.task.poke

    @property
    def idle(self) -> bool:
        """True where nothing is under way and nothing waits (what is done at boot included)."""
        return self._task.idle

    @property
    def ready(self) -> bool:
        """True where there is something to do and nothing to wait for."""
        return self._task.ready()

    @property
    def waits_for(self) -> tuple[int, ...]:
        """The CPUs that the task waits for."""
        return self._task.waits_for()

    @property
    def holdouts(self) -> tuple[int, ...]:
        """The pids that Tasks RCU still waits for."""
        return self._task.holdouts()

    @property
    def queued(self) -> tuple[Command, ...]:
        """The commands that have not begun."""
        return self._task.queued

    # --- the plan -----------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """Of the plan under way; "" between two."""
        return "" if self._task.plan is None else self._task.plan.title

    @property
    def steps(self) -> int:
        """How many steps the plan has; 0 between two."""
        return 0 if self._task.plan is None else len(self._task.plan)

    @property
    def step(self) -> int:
        """The index of the plan's step under way or next."""
        return self._task.step_number

    @property
    def total(self) -> int:
        """How many sites the step changes."""
        return 0 if self._task.step is None else self._task.step.total

    @property
    def done(self) -> int:
        """How many of them it has changed, those of the batch under way included."""
        return self._task.sites_done

    @property
    def next_site(self) -> int | None:
        """The first site of the batch under way, else of the one that the plan begins next; None: neither."""
        return self._task.next_site()

    # --- the batch ----------------------------------------------------------------------------------------------

    @property
    def variant(self) -> Variant:
        """The protocol by which the task patches, and what is changed in it."""
        return self._poke.variant

    @property
    def protocol(self) -> Protocol:
        """The table of `variant`."""
        return self._poke.protocol

    @property
    def busy(self) -> bool:
        """True from the beginning of a batch to its release."""
        return self._poke.busy

    @property
    def batches(self) -> int:
        """How many batches were published so far."""
        return self._poke.state.number

    @property
    def sites(self) -> tuple[int, ...]:
        """The addresses of the batch under way, ascending; none between batches."""
        batch = self._poke.state.batch
        return () if batch is None else batch.addresses

    @property
    def phase(self) -> Phase | None:
        """The phase under way; None between batches and before the first phase."""
        return self._poke.phase

    @property
    def phase_name(self) -> str:
        """Its name, "" where none is under way."""
        return self._poke.during[0]

    @property
    def phase_number(self) -> int:
        """Its index in the table of `protocol`; -1 where none is under way."""
        progress = self._poke.state.progress
        return -1 if progress is None else progress.phase

    @property
    def begun(self) -> bool:
        """True where the phase under way has begun: of a sync, where it has been sent."""
        progress = self._poke.state.progress
        return progress is not None and progress.begun

    @property
    def written(self) -> int:
        """How many sites of the batch the phase under way has written."""
        phase, progress = self._poke.phase, self._poke.state.progress
        return progress.entry if progress is not None and phase and isinstance(phase.action, Write) else 0
