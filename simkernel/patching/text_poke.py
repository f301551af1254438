"""text_poke: the batch that carries a protocol out on a machine, one action of the patching task at a time.

Mirrors `text_poke_bp_batch()` of arch/x86/kernel/alternative.c (6.12). The driver holds nothing but a frozen
`PokeState`, so that it can be copied for time travel; what it does is in the protocol's table.

`Simplified:` Linux writes read-only text through a private mapping (`__text_poke()`, `poking_mm`); here the patching
task writes memory, and pays a stated price in instructions instead.
"""

from __future__ import annotations

from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from simkernel import insn
from simkernel.errors import LearnerError, OurError
from simkernel.events import (
    BatchReleased,
    BatchStarted,
    Event,
    ParkAsked,
    SiteStored,
    SyncEnded,
    SyncSent,
    SyncSkipped,
    Unparked,
)
from simkernel.hw.code_map import Offsets
from simkernel.hw.exceptions import TRAP_GATE, read_gate, set_gate_type
from simkernel.hw.x86 import VECTOR_BP
from simkernel.kernel import layout
from simkernel.kernel.abi import needed
from simkernel.kernel.running import RunningKernel
from simkernel.patching.active import ActiveSites
from simkernel.patching.patches import Patches
from simkernel.protocol import (
    Park,
    Phase,
    Progress,
    Protocol,
    Release,
    SyncCores,
    Unpark,
    Variant,
    Write,
)

POKE_PRICE = 400  # instructions of the clock for one text_poke: interrupts off, map, switch mm, copy, unmap, compare
EARLY_POKE_PRICE = 60  # for one text_poke_early at boot: interrupts off, copy, serialize
IPI_PRICE = 200  # for sending one sync to all CPUs
ACTION_PRICE = 50  # for anything else
_BETWEEN = ("", True)  # `TextPoke.during` between batches


class PokeState(Struct, frozen=True, gc=False):
    """Where the patching task stands in a batch: None before its publication and between batches."""

    batch: Patches | None = None
    progress: Progress | None = None
    number: int = 0  # batches published so far
    variant: Variant | None = None  # overrides the protocol that the kernel booted with
    guest_gate: int | None = None  # the type of #BP's gate as the guest made it, while a trap gate is in its place


class TextPoke:
    """Carries batches out by a protocol. `begin` one, then `act` whenever `ready`, until `busy` is False.

    Attributes:
        state: where it stands.
        variant: the protocol that batches are carried out by now, and what is changed in it.
        protocol: the table of `variant`.
        during: the name of the phase under way ("" where none is), and whether it has begun to act.
    """

    def __init__(self, kernel: RunningKernel, variant: Variant) -> None:
        self.machine, self.percpu, self.smp, self._abi = kernel.machine, kernel.percpu, kernel.smp, kernel.abi
        self.active = ActiveSites(kernel)
        self._own = variant
        self.restore(PokeState())
        self._cpus = tuple(range(len(self.machine.cpus)))
        self._placed: tuple[Patches, dict[int, Offsets]] | None = None  # by byte: of all patches of a step
        self._described: tuple[Patches, npt.NDArray[Any]] | None = None  # likewise

    def restore(self, state: PokeState) -> None:
        """Stand where such a state says."""
        self.variant = state.variant or self._own
        self.protocol = self.variant.table
        self._stand(state)

    def _stand(self, state: PokeState) -> None:
        """The same where the protocol stays what it is."""
        progress = state.progress
        self.state = state
        self.during = _BETWEEN if progress is None else (self.protocol.phases[progress.phase].name, progress.begun)

    def use(self, variant: Variant) -> None:
        """Carry batches out by another protocol from now on.

        Raises:
            LearnerError: within a batch, or where the kernel has booted with another NOP.
        """
        if self.busy:
            raise LearnerError("a batch is under way: change the protocol when it has come to its end")
        booted = self._own.table.nop
        if variant.table.nop != booted:
            raise LearnerError(f"this kernel has booted with the NOP {booted.hex(' ')}; {variant.name} wants another")
        self.restore(replace(self.state, variant=variant))

    @property
    def busy(self) -> bool:
        """True from the beginning of a batch to its release."""
        return self.state.batch is not None

    @property
    def phase(self) -> Phase | None:
        """The phase under way; None between batches and before the first phase."""
        progress = self.state.progress
        return None if progress is None else self.protocol.phases[progress.phase]

    def begin(self, batch: Patches) -> None:
        """Take a batch; its first action will publish it."""
        if self.busy:
            raise OurError("a batch is begun while another is under way")
        if not 0 < len(batch) <= self.protocol.batched:
            raise OurError(f"a batch of {len(batch)} sites; 1 to {self.protocol.batched} are possible")
        if self.protocol.claims and self.protocol.handler == "emulate" and batch.has_jcc8:
            raise OurError("a batch has a conditional jump, which this kernel's int3 handler does not emulate")
        self._go_to(batch, None)

    def _go_to(self, batch: Patches | None, progress: Progress | None) -> None:
        state = self.state
        self._stand(PokeState(batch, progress, state.number, state.variant, state.guest_gate))

    def ready(self) -> bool:
        """True where the next action can be taken now; False while the task waits for CPUs."""
        progress = self.state.progress
        return progress is None or not progress.waiting or not self.waits_for()

    def waits_for(self) -> tuple[int, ...]:
        """The CPUs that the patching task waits for now."""
        progress = self.state.progress
        if progress is None or not progress.waiting:
            return ()
        match self.protocol.phases[progress.phase].action:
            case SyncCores():
                return self.smp.not_synced()
            case Park():
                return self.smp.not_parked()
            case Unpark():
                return self.smp.not_unparked()
            case Release(wait=True) if self.machine.memory.read_u32(self._abi.bp_desc + layout.DESC_REFS):
                handlers = (cpu for cpu in self._cpus if self.active.handling(cpu))
                return tuple(handlers) or self._cpus
        return ()

    def act(self, entries: int = 0) -> list[Event]:
        """Take the next action: `entries` sites of a write, 0 for all it has left. Only when `ready`."""
        batch, progress = self.state.batch, self.state.progress
        if batch is None:
            raise OurError("the patching task has no action to take now")
        if progress is None:
            return self._publish(batch)
        protocol = self.protocol
        phase = protocol.phases[progress.phase]
        done = 0
        match phase.action:
            case Write():
                left = len(batch) - progress.entry
                done = min(entries, left) if entries else left
                events = self._write(batch, phase, phase.action, progress.entry, done)
            case SyncCores() as sync:
                if not progress.waiting and not sync.needed(batch.has_tail, batch.has_head):
                    self._go_on(protocol, Progress(progress.phase, progress.entry, True), batch, 0)
                    return [SyncSkipped(phase=phase.name)]
                events = [SyncEnded(phase=phase.name)] if progress.waiting else self._send_sync(phase)
            case Park(where=where):
                events = [] if progress.waiting else self._park(where)
            case Unpark(serialize=serialize):
                events = [] if progress.waiting else self._unpark(serialize)
            case Release():
                events = self._release(progress.waiting)
        self._go_on(protocol, progress, batch, done)
        return events

    def _go_on(self, protocol: Protocol, progress: Progress, batch: Patches, done: int) -> None:
        after = protocol.next_progress(progress, len(batch), done)
        if after is None:
            self._go_to(None, None)
            self.active.end()
        else:
            self._go_to(batch, after)

    # --- the actions ----------------------------------------------------------------------------------------

    def _publish(self, batch: Patches) -> list[Event]:
        """Step 0 of text_poke_bp_batch: the vector, its count, one reference."""
        memory = self.machine.memory
        if self.protocol.claims:
            memory.write(self._abi.tp_vec, self._published(batch).tobytes())
            self._set_skip_mode()
            memory.write_u64(self._abi.bp_desc + layout.DESC_VEC, self._abi.tp_vec)
            memory.write_u32(self._abi.bp_desc + layout.DESC_NR_ENTRIES, len(batch))
            memory.write_u32(self._abi.bp_desc + layout.DESC_REFS, 1)
        self._set_gate()
        number = self.state.number + 1
        self._stand(PokeState(batch, Progress(), number, self.state.variant, self.state.guest_gate))
        self.active.begin(batch.addresses, batch.sizes.tobytes())
        self.machine.clock += ACTION_PRICE
        return [BatchStarted(protocol=self.variant.name, batch=number, sites=batch.addresses)]

    def _published(self, batch: Patches) -> npt.NDArray[Any]:
        whole, rows = batch.cut
        if self._described is None or self._described[0] is not whole:
            self._described = whole, whole.entries(self._abi.text)
        return self._described[1][rows]

    def _set_skip_mode(self) -> None:
        skip = self.protocol.handler == "skip"
        if skip or self._abi.int3_skip_mode is not None:
            mode = needed(self._abi.int3_skip_mode, "handler that skips a site")
            self.machine.memory.write_u64(mode, skip)

    def _set_gate(self) -> None:
        """A protocol may ask for a trap gate at #BP; for any other the gate is as the guest has made it."""
        own = self.state.guest_gate
        wanted = TRAP_GATE if self.protocol.gate == "trap" else own
        if wanted is None or (wanted == TRAP_GATE and own is not None):
            return
        memory, cpu = self.machine.memory, self.machine.cpus[0]
        gate = read_gate(memory, cpu, VECTOR_BP)
        set_gate_type(memory, cpu, VECTOR_BP, wanted)
        self._stand(replace(self.state, guest_gate=None if own is not None or gate is None else gate.type))

    def _places(self, batch: Patches, byte: int = 0) -> Offsets:
        """Where a byte of each site lies in the code buffer, (n,)."""
        whole, rows = batch.cut
        if self._placed is None or self._placed[0] is not whole:
            self._placed = whole, {0: self.machine.code.map.offsets(whole.sites)}
        placed = self._placed[1]
        if byte not in placed:
            placed[byte] = placed[0] + byte
        return placed[byte][rows]

    def _write(self, batch: Patches, phase: Phase, write: Write, entry: int, count: int) -> list[Event]:
        code = self.machine.code
        self.machine.clock += POKE_PRICE * count
        span, part = write.span(batch.width), slice(entry, entry + count)
        sites, places = batch.addresses[part], self._places(batch, span.start)[part]
        rows = batch.bytes_of(write.part)[part, span.start : span.stop]
        stored, alike = span, True
        if batch.inside is not None or write.word is not None:
            chosen = self._chosen(batch, write, part, span)
            counts = chosen.sum(axis=1)
            stored_at = counts > 0
            alike = len(set(counts[stored_at].tolist())) <= 1
            sizes, sites = batch.sizes[part][stored_at], tuple(compress(sites, stored_at))
            places, rows = (places[:, None] + np.arange(len(span)))[chosen], rows[chosen, None]
            stored = write.offsets(sites[0], int(sizes[0])) if sites else span
        if not sites or not rows.size:
            return []  # the second word of sites that lie in one, the tail of sites that have none
        begin = int(places[0])
        shown = slice(begin, begin + len(stored))
        old = code.memory[shown].tobytes()
        code.store_at(places, rows)
        self.active.torn = self._torn(batch)
        new = code.memory[shown].tobytes()
        return [SiteStored(phase=phase.name, sites=sites, first=stored.start, old=old, new=new, alike=alike)]

    def _chosen(self, batch: Patches, write: Write, part: slice, span: range) -> npt.NDArray[np.bool_]:
        """Which of the bytes `span` of some sites a write stores, (n, len(span))."""
        inside, columns = batch.inside, slice(span.start, span.stop)
        every = np.ones((len(batch), batch.width), dtype=np.bool_) if inside is None else inside
        chosen: npt.NDArray[np.bool_] = every[part, columns]
        if write.word is not None:
            begin = self._places(batch)[part, None]
            in_first_word = (begin + np.arange(span.start, span.stop)) // 8 == begin // 8
            chosen = chosen & (in_first_word == (write.word == 0))
        return chosen

    def _torn(self, batch: Patches) -> bool:
        """True where memory holds a site that is neither the old instruction, nor int3, nor the new one."""
        code, places, count = self.machine.code, self._places(batch), len(batch)
        if code.memory.take(places).tobytes().count(insn.INT3) == count:
            return False
        now = code.rows_at(places, batch.width) if batch.inside is None else batch.held(code)
        if now.tobytes() == batch.new.tobytes():
            return False
        whole = (now[:, 0] == insn.INT3) | (now == batch.old).all(axis=1) | (now == batch.new).all(axis=1)
        return bool(np.count_nonzero(whole) < count)

    def _send_sync(self, phase: Phase) -> list[Event]:
        self.smp.sync_on_each_cpu()
        self.machine.clock += IPI_PRICE
        return [SyncSent(phase=phase.name, cpus=self._cpus)]

    def _park(self, where: str) -> list[Event]:
        self.smp.park_all(in_thread=where == "thread")
        self.machine.clock += IPI_PRICE
        return [ParkAsked(where=where, cpus=self._cpus)]

    def _unpark(self, serialize: bool) -> list[Event]:
        self.smp.unpark_all(serialize)
        self.machine.clock += ACTION_PRICE
        return [Unparked(serialize=serialize)]

    def _release(self, waiting: bool) -> list[Event]:
        memory = self.machine.memory
        self.machine.clock += ACTION_PRICE
        if not waiting:
            refs = self._abi.bp_desc + layout.DESC_REFS
            memory.write_u32(refs, (memory.read_u32(refs) - 1) & 0xFFFF_FFFF)
            return []
        return [BatchReleased(batch=self.state.number)]
