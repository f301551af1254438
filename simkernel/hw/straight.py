"""Straight code: how far a CPU gets from an address without meeting anything that needs a look of its own.

A CPU that has pending code bytes, or an interrupt that it cannot take yet, is watched: IRET and CPUID are to be seen,
and the interrupt is taken at the first instruction that allows it. Between such points it may run in one go. (Where
nothing is pending, the engine itself finds such points: `Cpu.run_straight`.) Straight code is what the CPU itself
runs: its own view is decoded, jumps and calls that name their target are followed. It ends

* before an instruction that can serialize, change IF or halt (`insn.ends_straight_code`);
* before an instruction of which a byte is pending for this CPU, or belongs to a site that is being changed;
* before a byte that begins no instruction, and before code that leads to the end of its region without a branch;
* behind a branch whose target its bytes do not name; a return is one of them, also from a call on the way: a callee may
  go to another task's stack (`__switch_to_asm`), or put another address in the place of its own (function_graph);
* behind LONGEST instructions.

What was decoded is kept with the bytes that it was decoded from, and is good as long as the CPU's view holds them. How
far it leads is kept until code changes, bytes of it are resolved, or other sites are being changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simkernel import disasm
from simkernel.hw.fetch import CodeMemory, View
from simkernel.hw.observer import Changing
from simkernel.hw.x86 import MAX_INSTRUCTION
from simkernel.insn import Branch, branch, ends_straight_code, target

LONGEST = 256  # instructions of a path
MOST = 4_096  # paths that are kept for each CPU
WINDOW = 48  # bytes that are decoded at once


class Stretch(NamedTuple):
    """Instructions of a path that lie one behind the other.

    Attributes:
        address: where the first is.
        low, high: the offset of the first in the code's buffer, and of what is behind the last.
        sizes: of each, in bytes.
        data: the bytes from `low` on, those of the instruction at `high` too where it is why they end.
    """

    address: int
    low: int
    high: int
    sizes: bytes
    data: bytes


Path = tuple[Stretch, ...]


def holds(view: View, path: Path) -> bool:
    """True where a path is made of the bytes that a CPU runs now."""
    return all(view.code[low : low + len(data)].tobytes() == data for _, low, _, _, data in path)


class Straight:
    """Answers `length`."""

    def __init__(self, code: CodeMemory) -> None:
        self._code = code
        self._paths: list[dict[int, Path]] = [{} for _ in code.views]
        self._lengths: list[dict[int, int]] = [{} for _ in code.views]  # by address, at these versions of the code
        self._versions = [0] * len(code.views)
        self._changing = Changing()
        self._active: list[int] = []  # the offsets of its starts, ascending

    def length(self, cpu: int, address: int, changing: Changing) -> int:
        """How many instructions a CPU may run in one go from `address`; at least 1.

        Args:
            cpu: whose view of the code.
            address: where it begins.
            changing: the instructions that somebody is changing now.
        """
        if changing is not self._changing:
            starts = np.array(changing.starts, dtype=np.uint64)
            self._changing, self._active = changing, self._code.map.offsets(starts).tolist()
            self._lengths = [{} for _ in self._lengths]
        view, lengths = self._code.views[cpu], self._lengths[cpu]
        version = self._code.version + view.version  # each only grows
        if version != self._versions[cpu] or len(lengths) >= MOST:
            self._versions[cpu] = version
            lengths.clear()
        found = lengths.get(address)
        if found is None:
            found = lengths[address] = self._measure(view, self._path(cpu, view, address))
        return found

    def _measure(self, view: View, path: Path) -> int:
        """How many instructions of a path lie before what is pending or being changed; at least 1."""
        pending = [one.ascending() for one in view.pending]
        count = 0
        for span in path:
            stop = self._first_stop(span, pending)
            if stop is not None:
                at = span.low
                for size in span.sizes:
                    at += size
                    if at > stop:
                        return max(1, count)
                    count += 1
            count += len(span.sizes)
        return max(1, count)

    def _first_stop(self, span: Stretch, pending: Sequence[list[int]]) -> int | None:
        """The first offset in a span where something may change; None: none."""
        low, high, found = span.low, span.high, []
        for offsets in pending:
            at = bisect_left(offsets, low)
            if at < len(offsets) and offsets[at] < high:
                found.append(offsets[at])
        if self._active:
            at, near = bisect_left(self._active, low), low - self._changing.longest
            if at and self._active[at - 1] > near and self._changing.around(span.address) is not None:
                found.append(low)
            elif at < len(self._active) and self._active[at] < high:
                found.append(self._active[at])
        return min(found, default=None)

    def _path(self, cpu: int, view: View, address: int) -> Path:
        """All that is straight from an address as far as the CPU's bytes tell."""
        paths = self._paths[cpu]
        path = paths.get(address)
        if path is not None and holds(view, path):
            return path
        if len(paths) >= MOST:
            paths.clear()
        path = paths[address] = tuple(self._walk(cpu, address))
        return path

    def _walk(self, cpu: int, address: int) -> Iterator[Stretch]:
        count = 0
        while count < LONGEST and self._code.map.holds(address):
            sizes, data, end = self._in_a_row(cpu, address, LONGEST - count)
            low, size = self._code.map.offset(address), sum(sizes)
            yield Stretch(address, low, low + size, bytes(sizes), data)
            if end is not Branch.NAMED:
                return
            count += len(sizes)
            address = target(address + size - sizes[-1], data[-sizes[-1] :])

    def _in_a_row(self, cpu: int, address: int, most: int) -> tuple[list[int], bytes, Branch | None]:
        """Instructions that lie one behind the other, up to a branch.

        Returns:
            Their sizes, their bytes and those of what ended them, and the branch's kind where that is the last.
        """
        sizes, taken, room = list[int](), b"", self._code.map.room(address)
        while True:
            first, at = address + len(taken), 0
            window = self._code.view_read(cpu, first, WINDOW)
            for _, size in disasm.whole(window, first):
                data = window[at : at + size]
                at += size
                if len(taken) + at == room:
                    return [], taken + window[:at], None
                if ends_straight_code(data):
                    return sizes, taken + window[:at], None
                sizes.append(size)
                if (kind := branch(data)) is not None or len(sizes) == most:
                    return sizes, taken + window[:at], kind
            if at == 0:
                return sizes, taken + window[:MAX_INSTRUCTION], None
            taken += window[:at]
