"""What stress runs have met, counted in bins; and the bins that a whole set of runs must fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from simkernel import insn
from simkernel.events import BatchStarted, Event, Int3Done, Int3Taken, InterruptTaken, Switched, Unparked
from simkernel.kernel import layout
from simkernel.kernel.abi import PARKED as PARKED_WORD
from simkernel.patching.patches import Patches
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import Park, SyncCores
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

Bins = Counter[str]
GAPS = (
    "after write int3",
    "during sync 1",
    "before write tail",
    "after write tail",
    "during sync 2",
    "before write head",
    "after write head",
    "during sync 3",
)
STILL = ("before write", "before unpark")  # of stop_machine: all CPUs stand still, in one of these ways
PARKINGS = {"thread": "in its stopper thread", "ipi": "in the interrupt"}
KINDS = ("nop->call", "call->call", "call->nop")
# In the int3 handler itself interrupts are off; a task can be preempted at its very end, and an NMI can come into it.
PREEMPTED = ("at the return from an int3 handler", "in a callback", "in a trampoline", "at site+0")
CALLBACKS = ("function_trace_call", "arch_ftrace_ops_list_func", "ftrace_lookup_ip", "ftrace_ops_count")
INT3_HANDLER = ("asm_exc_int3", "exc_int3", "poke_int3_handler")
PARKED = ("stop_cpu_and_wait",)
TRAMPOLINES = ("ftrace_caller", "ftrace_regs_caller")


def coarse(cpus: int, late: bool = True) -> list[str]:
    """The bins that each set of runs must fill: every gap, every kind of change and every CPU, not all crossed.

    `late`: a CPU may run an int3 that is the new head in memory already.
    """
    return [
        *(f"int3 {gap}" for gap in (GAPS if late else GAPS[:6])),
        *(f"int3, {kind}, CPU{cpu}" for kind in KINDS for cpu in range(cpus)),
        *(f"IPI had to wait: interrupts were off on CPU{cpu}" for cpu in range(cpus)),
        *(f"NMI to a CPU parked {how}, {gap}" for how in PARKINGS.values() for gap in STILL),
        "run that lost events",
        "batch of more than one entry",
        "site across a line in a batch",
    ]


def fine(cpus: int) -> list[str]:
    """The bins that all runs together must fill."""
    return [
        *coarse(cpus),
        *(f"int3 {gap}, {kind}" for gap in GAPS for kind in KINDS),
        *(f"task preempted {place}" for place in PREEMPTED),
        *(f"NMI {place}" for place in ("inside the int3 handler", "inside a trampoline", "with interrupts off")),
        *(f"{kind} while each CPU stood still {how}" for kind in KINDS for how in PARKINGS.values()),
        "int3 at a site across a line",
    ]


def crossed(cpus: int) -> list[str]:
    """The bins of every gap with every kind of change on every CPU."""
    return [f"int3 {gap}, {kind}, CPU{cpu}" for gap in GAPS for kind in KINDS for cpu in range(cpus)]


def empty(bins: Bins, required: Iterable[str]) -> list[str]:
    """Those of the required bins in which nothing is."""
    return [name for name in required if not bins[name]]


def gap_now(poke: TextPoke) -> str:
    """Where the batch under way stands: before a phase, after one (its sync is not sent yet), or during one."""
    progress, phase = poke.state.progress, poke.phase
    if progress is None or phase is None:
        return ""
    if progress.waiting:
        return f"during {phase.name}"
    if isinstance(phase.action, SyncCores):
        return f"after {poke.protocol.phases[progress.phase - 1].name}"
    return f"before {phase.name}"


class Coverage:
    """Fills bins from the events of one simulation."""

    def __init__(self, simulation: Simulation, bins: Bins) -> None:
        self.simulation = simulation
        self.bins = bins
        self._sites = frozenset(simulation.image.mcount_loc.tolist())
        self._trampolines, self._handler, self._callbacks, self._parked = (
            [self._extent(name) for name in names] for names in (TRAMPOLINES, INT3_HANDLER, CALLBACKS, PARKED)
        )
        cpus = len(parts_of(simulation).machine.cpus)
        self._resumed = [0] * cpus  # where an int3 handler has just returned to
        self._interrupted = [("", 0, 0)] * cpus  # which of PREEMPTED an interrupt came to; the task, its preemptions

    def _extent(self, name: str) -> tuple[int, int]:
        symbol = self.simulation.image.symbol(name)
        return symbol.address, symbol.address + symbol.size

    def ran(self, cpu: int, events: Sequence[Event]) -> None:
        """CPU `cpu` has carried out a choice with these events."""
        for event in events:
            match event:
                case Int3Taken(address=address) if address in self._sites:
                    self._int3(cpu, address)
                case InterruptTaken():
                    self._interrupt(event)
                case Switched():
                    self._switched(cpu)
        self._resumed[cpu] = next((event.resume for event in events if isinstance(event, Int3Done)), 0)
        state = parts_of(self.simulation).machine.states[cpu]
        if state.ipi_sent is not None and not parts_of(self.simulation).machine.interrupts_on(cpu):
            self.bins[f"IPI had to wait: interrupts were off on CPU{cpu}"] += 1

    def acted(self, events: Iterable[Event]) -> None:
        """The patching task has taken an action."""
        for event in events:
            if isinstance(event, BatchStarted):
                self.bins["batch of more than one entry"] += len(event.sites) > 1
                self.bins["site across a line in a batch"] += any(map(across_a_line, event.sites))
            elif isinstance(event, Unparked):
                self._changed_while_parked()

    def _how_parked(self) -> str:
        """How the protocol of now makes CPUs stand still; "" where it does not."""
        actions = (phase.action for phase in self.simulation.patching.protocol.phases)
        return next((PARKINGS[action.where] for action in actions if isinstance(action, Park)), "")

    def _changed_while_parked(self) -> None:
        if (batch := parts_of(self.simulation).task.poke.state.batch) is not None:
            for row in range(len(batch)):
                self.bins[f"{_kind(batch, row)} while each CPU stood still {self._how_parked()}"] += 1

    def _int3(self, cpu: int, site: int) -> None:
        poke = parts_of(self.simulation).task.poke
        batch, gap = poke.state.batch, gap_now(poke)
        if batch is None or not gap or site not in (sites := batch.sites.tolist()):
            return
        row = sites.index(site)
        kind = _kind(batch, row)
        for name in (f"int3 {gap}", f"int3 {gap}, {kind}", f"int3, {kind}, CPU{cpu}", f"int3 {gap}, {kind}, CPU{cpu}"):
            self.bins[name] += 1
        self.bins["int3 at a site across a line"] += across_a_line(site)

    def _interrupt(self, event: InterruptTaken) -> None:
        cpu, at = event.cpu, event.address
        if event.vector == layout.VECTOR_NMI:
            self.bins["NMI inside the int3 handler"] += _inside(at, self._handler)
            self.bins["NMI inside a trampoline"] += self._in_trampoline(at)
            if parts_of(self.simulation).kernel.percpu.read(cpu, layout.PCPU_STOP) == PARKED_WORD and _inside(
                at, self._parked
            ):
                self.bins[
                    f"NMI to a CPU parked {self._how_parked()}, {gap_now(parts_of(self.simulation).task.poke)}"
                ] += 1
            top = layout.IRQ_STACKS + cpu * layout.IRQ_STACK_STRIDE + layout.NMI_STACK_TOP
            flags = parts_of(self.simulation).machine.memory.read_u64(top - 0x18)  # in the frame: SS, RSP, RFLAGS, ...
            self.bins["NMI with interrupts off"] += not flags & 0x200
        else:
            places = (
                self._resumed[cpu] == at,
                _inside(at, self._callbacks),
                self._in_trampoline(at),
                at in self._sites,
            )
            place = next((name for name, there in zip(PREEMPTED, places, strict=True) if there), "")
            task = parts_of(self.simulation).kernel.percpu.read(cpu, layout.PCPU_CURRENT)
            self._interrupted[cpu] = place, task, self._preemptions(task)

    def _switched(self, cpu: int) -> None:
        """A task left the CPU: of its own accord, or preempted in the interrupt that came last."""
        (place, task, before), self._interrupted[cpu] = self._interrupted[cpu], ("", 0, 0)
        if place and self._preemptions(task) != before:
            self.bins[f"task preempted {place}"] += 1

    def _preemptions(self, task: int) -> int:
        return parts_of(self.simulation).machine.memory.read_u64(task + layout.TASK_NIVCSW) if task else 0

    def _in_trampoline(self, address: int) -> bool:
        own = layout.TRAMP_BASE <= address < layout.TRAMP_BASE + layout.TRAMP_SIZE
        return own or _inside(address, self._trampolines)


def _kind(batch: Patches, row: int) -> str:
    """Which kind of change that site of the batch goes through."""
    return "->".join("nop" if each[row].tobytes() == insn.NOP5 else "call" for each in (batch.old, batch.new))


def across_a_line(site: int) -> bool:
    return site % layout.CACHE_LINE > layout.CACHE_LINE - 5


def _inside(address: int, extents: Iterable[tuple[int, int]]) -> bool:
    return any(low <= address < high for low, high in extents)
