"""What the patching task asks of all CPUs, and what each answers: kernel/smp.c and kernel/stop_machine.c seen from it.

It sets a word in each CPU's per-CPU area and sends an IPI; guest code answers by changing the word. The observer here
notices the answers.
"""

from __future__ import annotations

from functools import lru_cache

from simkernel.events import Event, Parked, SyncAnswered
from simkernel.hw.machine import Machine
from simkernel.hw.observer import Observer
from simkernel.hw.state import OpenRun
from simkernel.kernel.abi import GO_ON, PARK_IN_IPI, PARK_IN_THREAD, PARKED, Abi, needed
from simkernel.kernel.percpu import PerCpu

Asked = tuple[tuple[bool, ...], tuple[bool, ...]]


class Smp(Observer):
    """Requests to all CPUs that wait for answers."""

    def __init__(self, machine: Machine, percpu: PerCpu, abi: Abi) -> None:
        self._machine, self._percpu, self._abi = machine, percpu, abi
        self._cpus = range(len(machine.cpus))
        self._csd, self._stop = abi.words.csd, abi.words.stop
        self._to_sync, self._to_park = ([False] * len(self._cpus) for _ in range(2))  # asked, and not answered yet

    # --- on_each_cpu(do_sync_core) -----------------------------------------------------------------------------

    def sync_on_each_cpu(self) -> None:
        """on_each_cpu(do_sync_core): the word of each CPU is set, then its IPI sent."""
        for cpu in self._cpus:
            self._percpu.write(cpu, self._csd, 1)
            self.ask_sync(cpu)

    def ask_sync(self, cpu: int) -> None:
        """Send the IPI of do_sync_core; its answer is noticed when the guest clears the word."""
        self._to_sync[cpu] = True
        self._machine.send_ipi(cpu)

    def not_synced(self) -> tuple[int, ...]:
        """The CPUs that have not answered yet (Linux waits in csd_lock_wait() for each)."""
        csd, areas = self._csd >> 3, self._percpu.areas
        return tuple([cpu for cpu in self._cpus if areas[cpu][csd]])

    # --- stop_machine ------------------------------------------------------------------------------------------

    def park_all(self, in_thread: bool) -> None:
        """Ask every CPU to park: in its stopper thread, or in the IPI's handler."""
        stop = needed(self._stop, "word for stop_machine")
        for cpu in self._cpus:
            self._percpu.write(cpu, stop, PARK_IN_THREAD if in_thread else PARK_IN_IPI)
            self.ask_park(cpu)

    def ask_park(self, cpu: int) -> None:
        """Send the IPI of stop_machine; the CPU is parked when the guest says so in its word."""
        self._to_park[cpu] = True
        self._machine.send_ipi(cpu)

    def unpark_all(self, serialize: bool) -> None:
        """Let the parked CPUs go on; each serializes first, or not."""
        stop = needed(self._stop, "word for stop_machine")
        flag = needed(self._abi.stop_serialize, "word stop_serialize")
        self._machine.memory.write_u64(flag, serialize)
        for cpu in self._cpus:
            if self._percpu.read(cpu, stop):  # else nobody has parked it
                self._percpu.write(cpu, stop, GO_ON)

    def not_parked(self) -> tuple[int, ...]:
        """The CPUs that have not parked yet."""
        stop = needed(self._stop, "word for stop_machine")
        return tuple(cpu for cpu in self._cpus if self._percpu.read(cpu, stop) != PARKED)

    def not_unparked(self) -> tuple[int, ...]:
        """The CPUs that have not left stop_machine."""
        stop = needed(self._stop, "word for stop_machine")
        return tuple(cpu for cpu in self._cpus if self._percpu.read(cpu, stop))

    def parked(self, cpu: int) -> bool:
        """True while a CPU waits in stop_machine's loop, or is about to leave it."""
        return self._stop is not None and self._percpu.read(cpu, self._stop) in (PARKED, GO_ON)

    def asked(self, cpu: int) -> bool:
        """True where a CPU was asked to sync or to park, and has not answered."""
        return self._to_sync[cpu] or self._to_park[cpu]

    # --- the observer ------------------------------------------------------------------------------------------

    def closed(self, run: OpenRun) -> list[Event]:
        """The CPU's answers."""
        cpu = run.choice.cpu
        if not self._to_sync[cpu] and not self._to_park[cpu]:
            return []
        events: list[Event] = []
        if self._to_sync[cpu] and self._percpu.areas[cpu][self._csd >> 3] == 0:
            self._to_sync[cpu] = False
            events.append(SyncAnswered(cpu=cpu, waiting_for=_those(tuple(self._to_sync))))
        if self._to_park[cpu] and self._stop is not None and self._percpu.areas[cpu][self._stop >> 3] == PARKED:
            self._to_park[cpu] = False
            events.append(Parked(cpu=cpu, waiting_for=_those(tuple(self._to_park))))
        return events

    def state(self) -> Asked:
        """Who was asked to sync, and to park, and has not answered."""
        return tuple(self._to_sync), tuple(self._to_park)

    def restore(self, state: Asked) -> None:
        """Put such a state back."""
        self._to_sync, self._to_park = map(list, state)


@lru_cache(maxsize=1024)
def _those(asked: tuple[bool, ...]) -> tuple[int, ...]:
    """The numbers of the CPUs that were asked; one tuple, which all events that have the same share."""
    return tuple([cpu for cpu, waiting in enumerate(asked) if waiting])
