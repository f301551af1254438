"""What has to be true of the batch under way, apart from the fast path. Nothing here changes anything.

validate_phase   what the protocol's table says of memory and of CPUs, and that no CPU may run half a change
outside          which sites are in no batch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.hw.code_map import Offsets
from simkernel.hw.memory import Bytes
from simkernel.kernel import KernelImage
from simkernel.kernel.running import RunningKernel
from simkernel.patching.patches import Patches, SiteBytes, Sites
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import NEW, OLD, Phase, Progress, Write
from simkernel.sentence import Sentence, beside, cpus, offset, say
from simkernel.sentence import cpu as cpu_name
from simkernel.sentence import data as data_of
from simkernel.verdict import Verdict


def validate_phase(kernel: RunningKernel, poke: TextPoke, sites: Sequence[int] | None = None) -> Verdict:
    """What holds after the phase that ended last (`Phase.memory()`, `Phase.resolved`), for the batch under way.

    And at any time: a CPU that comes to a site runs the old instruction, an int3, or the new one.

    Args:
        kernel: with the machine whose code is changed.
        poke: with the batch.
        sites: those of the batch at which what CPUs may run is checked; None: all. Memory is checked for all.
    """
    batch, progress = poke.state.batch, poke.state.progress
    if batch is None or progress is None:
        return Verdict("phase", True, Sentence("no batch is under way"))
    return _Look(kernel, poke, batch, progress).verdict(sites)


def outside(sites: Sites, batch: Patches | None) -> npt.NDArray[np.bool_]:
    """Which of the sites are in no batch. Both ascend."""
    found = np.ones(len(sites), dtype=np.bool_)
    if batch is not None:
        at = np.minimum(np.searchsorted(sites, batch.sites), len(sites) - 1)
        found[at[sites[at] == batch.sites]] = False
    return found


def name_at(image: KernelImage, address: int) -> Sentence:
    """An address with its name, for a verdict."""
    return say("{}{}", image.code_name(address), beside(" ({})", address))


class _Look:
    """One look at a batch."""

    def __init__(self, kernel: RunningKernel, poke: TextPoke, batch: Patches, progress: Progress) -> None:
        self.kernel, self.machine, self.batch, self.progress = kernel, kernel.machine, batch, progress
        self.phases = poke.protocol.phases
        self.before = self.phases[progress.phase - 1] if progress.phase else None
        self.name = self.before.name if self.before else "before the first phase"
        self._looked_at: tuple[Bytes, set[int]] | None = None  # by `_not_whole`, and what it found

    def verdict(self, sites: Sequence[int] | None) -> Verdict:
        """Whether memory and CPUs are as the table says after the phase before; `sites` None: at every site."""
        rows = range(len(self.batch)) if sites is None else self._rows(sites)
        if broken := self._cpu_problem(rows) or self._memory_problem():
            return broken
        looked = len(self.batch) if sites is None else len(sites)
        return Verdict(self.name, True, say("as the table says, at {} of {} sites", looked, len(self.batch)))

    def _rows(self, sites: Sequence[int]) -> Sequence[int]:
        rows: list[int] = np.flatnonzero(np.isin(self.batch.sites, np.array(sites, np.uint64))).tolist()
        return rows

    def _place(self, site: int) -> Sentence:
        return name_at(self.kernel.image, site)

    # --- memory -------------------------------------------------------------------------------------------------

    def _memory_problem(self) -> Verdict | None:
        now = (
            self._in_memory if self.batch.inside is None else np.where(self.batch.inside, self._in_memory, np.uint8(0))
        )
        expected = self._expected()
        wrong = np.argwhere(now != expected)
        if not len(wrong):
            return None
        row, column = (int(value) for value in wrong[0])
        site = int(self.batch.sites[row])
        found, should = int(now[row, column]), int(expected[row, column])
        text = say(
            "{} of {} is {} in memory, not {}", offset(column), self._place(site), f"{found:02X}", f"{should:02X}"
        )
        return Verdict(self.name, False, text, address=site + column)

    def _expected(self) -> SiteBytes:
        """What memory should hold: the bytes of the last phase, and those that the phase under way has written."""
        out = self._bytes_after(self.before) if self.before else self.batch.old.copy()
        phase = self.phases[self.progress.phase]
        if isinstance(phase.action, Write) and (done := self.progress.entry):
            out[:done] = self._bytes_after(phase)[:done]
        return out if self.batch.inside is None else np.where(self.batch.inside, out, np.uint8(0))

    def _bytes_after(self, phase: Phase) -> SiteBytes:
        """The bytes at each site once a phase is done."""
        batch = self.batch
        by_site = isinstance(phase.action, Write) and phase.action.word is not None
        sites = batch.sites.tolist() if by_site else batch.sites[:1].tolist()
        parts = np.array([[part.value for part in phase.memory(batch.width, site)] for site in sites])
        return np.where(parts == NEW.value, batch.new, np.where(parts == OLD.value, batch.old, np.uint8(insn.INT3)))

    # --- CPUs ---------------------------------------------------------------------------------------------------

    def _cpu_problem(self, rows: Sequence[int]) -> Verdict | None:
        """The first one, of each CPU of which it is so; None where there is none."""
        problems = self._cpu_problems(rows)
        first = next(problems, None)
        if first is None or first.cpu is None:
            return first
        same = [one.cpu for one in problems if one.cpu is not None and one.detail.spans[1:] == first.detail.spans[1:]]
        return replace(first, detail=Sentence(*cpus([first.cpu, *same]).spans, *first.detail.spans[1:]))

    def _cpu_problems(self, rows: Sequence[int]) -> Iterator[Verdict]:
        """A verdict for each CPU and site where the CPU may run what it must not."""
        code, resolved = self.machine.code, bool(self.before and self.before.resolved)
        for cpu, view in enumerate(code.views):
            if self.kernel.smp.parked(cpu) and not self.machine.on_nmi_stack(cpu):
                continue  # it runs its waiting loop and no site
            has_choice = view.pending or self.machine.states[cpu].reading
            for row in rows if has_choice else self._not_whole(view.code, resolved, rows):
                site = int(self.batch.sites[row])
                old, new = self.batch.change(row)
                options = view.may_fetch(code.map.offset(site), len(old))
                if reading := self._reading(cpu, site)[: len(old)]:
                    options = {reading + one[len(reading) :] for one in options}
                for one in sorted(options):
                    if one not in (old, new) and one[0] != insn.INT3:
                        yield self._torn(cpu, site, one, old, new)
                written = row < self.progress.entry  # by the phase under way: what CPUs run there is open again
                if resolved and not written and options != {code.read(site, len(old))}:
                    yield self._pending(cpu, site, options)

    def _not_whole(self, code: Bytes, resolved: bool, rows: Sequence[int]) -> Sequence[int]:
        """The rows at which code is neither old, new nor int3, or where CPUs have resolved is not what memory holds.

        It is all that a CPU may run for which nothing is pending; most share memory's own buffer.
        """
        if self._looked_at is None or self._looked_at[0] is not code:
            memory, batch = self.machine.code.memory, self.batch
            now = self._in_memory if code is memory else code.take(self._offsets, mode="clip")
            behind = False if batch.inside is None else ~batch.inside
            whole = ((now == batch.old) | behind).all(axis=1) | ((now == batch.new) | behind).all(axis=1)
            whole |= now[:, 0] == insn.INT3
            if resolved and code is not memory:
                whole &= ((now == self._in_memory) | behind).all(axis=1)
            self._looked_at = code, set(np.flatnonzero(~whole).tolist())
        wrong = self._looked_at[1]
        return [row for row in rows if row in wrong] if wrong else ()

    @cached_property
    def _in_memory(self) -> SiteBytes:
        """What memory holds at each site, (n, width); behind a shorter site, what lies there."""
        return self.machine.code.memory.take(self._offsets, mode="clip")

    @cached_property
    def _offsets(self) -> Offsets:
        """Where the bytes of each site lie in the buffers of code, (n, width)."""
        starts = self.machine.code.map.offsets(self.batch.sites)
        offsets: Offsets = starts[:, None] + np.arange(self.batch.width)
        return offsets

    def _reading(self, cpu: int, site: int) -> bytes:
        """Model `pieces`: the bytes that the CPU has read of the instruction at the site."""
        return self.machine.states[cpu].reading if self.machine.cpus[cpu].rip == site else b""

    def _torn(self, cpu: int, site: int, one: bytes, old: bytes, new: bytes) -> Verdict:
        byte = next((at for at in range(1, len(old)) if one[: at + 1] not in (old[: at + 1], new[: at + 1])), 0)
        what = say("may run {} at {}", data_of(one), self._place(site))
        text = say("{} {}, half old, half new at {}", cpu_name(cpu), what, offset(byte))
        return Verdict(self.name, False, text, cpu, site + byte)

    def _pending(self, cpu: int, site: int, options: set[bytes]) -> Verdict:
        memory = self.machine.code.read(site, len(next(iter(options))))
        other = min(option for option in options if option != memory)
        byte = next(at for at in range(len(memory)) if other[at] != memory[at])
        where = say("at {} of {}", offset(byte), self._place(site))
        held, might = data_of(memory[byte : byte + 1]), data_of(other[byte : byte + 1])
        text = say("{} may still run {} {}; memory holds {}", cpu_name(cpu), might, where, held)
        return Verdict(self.name, False, text, cpu, site + byte)
