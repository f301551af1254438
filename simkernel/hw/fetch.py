"""What each CPU may run: memory's code bytes, and how free a CPU is to run older ones.

Memory takes a store at once, for everybody. What a CPU *may run* is another matter: until it executes a serializing
instruction (IRET, CPUID: what the sync IPI makes it do), Intel's manual promises nothing about code that another CPU
has changed (Intel SDM vol. 3, "Handling Self- and Cross-Modifying Code"). A fetch model says how free a CPU is; it
models that contract, not a pipeline: real CPUs do not work like this, and no CPU keeps an old copy until a sync.

    instant   a CPU runs what memory holds at that moment
    pieces    memory, but an instruction's bytes are read in address order and stores may come between two reads
    line      old or new, for each part of a store inside one 64-byte line
    byte      old or new, for each byte

In `line` and `byte` a store leaves its *cells* (a line's part, a byte) pending for each CPU. Stores to one cell
arrive in the order in which they were made; cells are independent of each other. Serializing resolves all.
`Simplified:` `line` is an idealisation: nobody promises whole lines, and Intel aligned eight bytes to data accesses
only (what some read in AMD's manual: `protocol/stores.py`).

Memory and each CPU's view are a buffer each, in which `CodeMap` says where code lies. Work on many sites is NumPy
throughout.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simkernel.hw.code_map import PIECE, CodeMap, Offsets, Translated, offsets_of, take_changed
from simkernel.hw.memory import Bytes
from simkernel.hw.x86 import CACHE_LINE


class FetchModel(Enum):
    """How free a CPU is in what it runs (the module's docstring says each in a line)."""

    INSTANT = "instant"
    PIECES = "pieces"
    LINE = "line"
    BYTE = "byte"

    @property
    def cell_shift(self) -> int | None:
        """log2 of the cell's size in bytes; None where stores leave nothing pending."""
        return {FetchModel.LINE: CACHE_LINE.bit_length() - 1, FetchModel.BYTE: 0}.get(self)


@dataclass(frozen=True, eq=False)
class Store:
    """Bytes stored to code at one moment: offsets ascending and without doubles, the values, the cell of each."""

    offsets: Offsets
    values: Bytes
    cells: Offsets

    def within(self, low: int, high: int) -> slice:
        """The part of the store with low <= offset < high."""
        return slice(int(self.offsets.searchsorted(low)), int(self.offsets.searchsorted(high)))

    @cached_property
    def ascending(self) -> list[int]:
        """The offsets as a list, which is searched in less time."""
        found: list[int] = self.offsets.tolist()
        return found

    def of_cell(self, cell: int) -> slice:
        """The part of the store in one cell."""
        return slice(int(self.cells.searchsorted(cell)), int(self.cells.searchsorted(cell, "right")))


class Stored(NamedTuple):
    """What a store has done to memory: rows of bytes that do not overlap.

    Attributes:
        places: the offset of each row, ascending, (n,).
        old, new: what the rows held before, and hold since, (n, width).
    """

    places: Offsets
    old: Bytes
    new: Bytes

    def offsets(self) -> Offsets:
        """The offset of each byte, ascending, (n * width,)."""
        return offsets_of(self.places, self.old.shape[1])


@dataclass(slots=True)
class PendingStore:
    """A store that one CPU has not resolved wholly; `taken` marks the bytes that it has (None: none)."""

    store: Store
    taken: npt.NDArray[np.bool_] | None = None

    def ascending(self) -> list[int]:
        """The offsets that are pending, ascending."""
        return self.store.ascending if self.taken is None else self.store.offsets[~self.taken].tolist()

    def left(self) -> tuple[Offsets, Bytes]:
        """The offsets that are pending, ascending, and the bytes stored there."""
        if self.taken is None:
            return self.store.offsets, self.store.values
        return self.store.offsets[~self.taken], self.store.values[~self.taken]

    def copy(self) -> PendingStore:
        """Another one with a mask of its own; the store itself never changes."""
        return PendingStore(self.store, None if self.taken is None else self.taken.copy())


ViewState = tuple[tuple[PendingStore, Bytes], ...]


class View:
    """The code bytes that one CPU runs, what is pending of them, and which ranges its translations must drop.

    Where a store leaves nothing pending, a CPU runs what memory holds: `code` then is memory's own buffer, and all CPUs
    share `translated`.
    """

    def __init__(self, code: Bytes, memory: Bytes, translated: Translated) -> None:
        self.code, self.translated = code, translated
        self._own = code is not memory
        self.version = 0  # of `code`, where it is the CPU's own: another after each change
        self.pending: list[PendingStore] = []
        self.dirty: list[tuple[int, int]] = []  # offsets [low, high) of pieces that changed since it dropped them last

    def apply(self, offsets: Offsets, values: Bytes) -> None:
        """The CPU runs these bytes from now on; its translations of them must go."""
        if len(offsets):
            self.put(offsets, values)
            self.dirty += take_changed(self.translated, offsets)

    def put(self, offsets: Offsets, values: Bytes) -> None:
        """The same where it has no translations."""
        if self._own:
            self.code[offsets] = values
            self.version += 1

    def state(self) -> ViewState:
        """A copy of what memory does not tell: a view differs from it in pending bytes only."""
        return tuple((item.copy(), self.code[item.store.offsets]) for item in self.pending)

    def restore(self, state: ViewState) -> None:
        """Put a state back, all else being as memory is."""
        for item, values in state:
            self.apply(item.store.offsets, values)
        self.pending = [item.copy() for item, _ in state]

    def may_fetch(self, offset: int, size: int) -> set[bytes]:
        """Every run of `size` bytes from `offset` of the code buffer that the CPU may run now.

        Stores to one cell arrive in order, and a store's bytes of one cell together; cells are independent.
        """
        start = self.code[offset : offset + size].tobytes()
        if not self.pending:
            return {start}
        states: dict[int, list[dict[int, int]]] = {}
        for item in self.pending:
            part = item.store.within(offset, offset + size)
            bytes_of: dict[int, dict[int, int]] = {}
            for at in range(part.start, part.stop):
                if item.taken is None or not item.taken[at]:
                    where, value = int(item.store.offsets[at]), int(item.store.values[at])
                    bytes_of.setdefault(int(item.store.cells[at]), {})[where] = value
            for cell, values in bytes_of.items():
                known = states.setdefault(cell, [{}])
                known.append(known[-1] | values)
        out: set[bytes] = set()
        for combination in itertools.product(*states.values()):
            data = bytearray(start)
            for values in combination:
                for at, value in values.items():
                    data[at - offset] = value
            out.add(bytes(data))
        return out

    def resolve_all(self) -> int:
        """A serializing instruction retired: every pending byte is what the last store made it.

        Returns how many bytes were pending, each counted once, however many stores to it were.
        """
        resolved: list[Offsets] = []
        for item in self.pending:
            offsets, values = item.left()
            resolved.append(offsets)
            self.apply(offsets, values)
        self.pending.clear()
        return len(np.unique(np.concatenate(resolved))) if len(resolved) > 1 else sum(map(len, resolved))

    def resolve(self, cell: int) -> bool:
        """The oldest pending store to `cell` arrives. False where nothing was pending there."""
        for at, item in enumerate(self.pending):
            part = item.store.of_cell(cell)
            if part.start == part.stop:
                continue
            if item.taken is None:
                item.taken = np.zeros(len(item.store.offsets), dtype=np.bool_)
            if item.taken[part].all():
                continue
            self.apply(item.store.offsets[part], item.store.values[part])
            item.taken[part] = True
            if item.taken.all():
                del self.pending[at]
            return True
        return False

    def pending_within(self, low: int, high: int) -> list[tuple[int, int, int]]:
        """(offset, cell, value) of every pending byte with low <= offset < high, oldest store first."""
        found: list[tuple[int, int, int]] = []
        for item in self.pending:
            part = item.store.within(low, high)
            for i in range(part.start, part.stop):
                if item.taken is None or not item.taken[i]:
                    found.append((int(item.store.offsets[i]), int(item.store.cells[i]), int(item.store.values[i])))
        return found

    def may_run(self, offset: int, size: int) -> tuple[tuple[int, ...], ...]:
        """For each byte from `offset` the values that this CPU may run, the one that it runs now first."""
        values = [[int(value)] for value in self.code[offset : offset + size]]
        for at, _, value in self.pending_within(offset, offset + size):
            if value not in values[at - offset]:
                values[at - offset].append(value)
        return tuple(tuple(options) for options in values)


class CodeMemory:
    """Memory's code bytes and each CPU's view of them, under one fetch model."""

    def __init__(self, model: FetchModel, code_map: CodeMap, memory: Bytes, views: list[Bytes]) -> None:
        """Make memory's code and the views of it, all equal.

        Args:
            model: how free a CPU is in what it runs.
            code_map: where the regions lie in the buffers.
            memory: memory's buffer, of `code_map.size` bytes.
            views: a buffer of that size for each CPU; it may be memory's own.
        """
        self.model = model
        self._cell_shift = model.cell_shift
        self.map = code_map
        self.memory = memory
        self.version = 0  # of `memory`: another after each change
        self._shared = all(code is memory for code in views)
        translated = [np.zeros(code_map.size // PIECE, dtype=np.bool_) for _ in (views[:1] if self._shared else views)]
        self.views = [View(code, memory, own) for code, own in zip(views, itertools.cycle(translated), strict=False)]
        self.stored: list[Stored] = []  # what was stored since history looked last
        self._rows: dict[int, npt.NDArray[np.void]] = {}  # by width: the row at each offset; rows overlap

    def read(self, address: int, size: int) -> bytes:
        """What memory holds."""
        offset = self.map.offset(address)
        return self.memory[offset : offset + size].tobytes()

    def view_read(self, cpu: int, address: int, size: int) -> bytes:
        """The bytes that a CPU runs at an address if nothing is resolved first; shorter at the end of a region."""
        size = min(size, self.map.room(address))
        if size <= 0:
            return b""
        offset = self.map.offset(address)
        return self.views[cpu].code[offset : offset + size].tobytes()

    def rows(self, addresses: npt.NDArray[np.uint64], size: int) -> Bytes:
        """What memory holds in `size` bytes at each address, which ascend: (n, size)."""
        return self.rows_at(self.map.offsets(addresses), size)

    def rows_at(self, places: Offsets, size: int) -> Bytes:
        """The same, the places given as offsets of the buffer."""
        return self._rows_of(size)[places].view(np.uint8).reshape(-1, size)

    def _rows_of(self, size: int) -> npt.NDArray[np.void]:
        """Memory as rows of `size` bytes: each offset begins one, and they overlap."""
        if size not in self._rows:
            self._rows[size] = np.ndarray((len(self.memory) - size + 1,), f"V{size}", self.memory, strides=(1,))
        return self._rows[size]

    def write(self, address: int, data: bytes, fresh: bool = False) -> None:
        """Store bytes from an address on; `fresh`: no CPU has ever fetched there, so each runs them at once."""
        addresses = np.uint64(address) + np.arange(len(data), dtype=np.uint64)
        self.store(addresses, np.frombuffer(data, dtype=np.uint8), fresh)

    def write_rows(self, addresses: npt.NDArray[np.uint64], rows: Bytes, fresh: bool = False) -> None:
        """Store the bytes of each row (n, size) from its address on; they ascend and do not overlap."""
        columns: npt.NDArray[np.uint64] = np.arange(rows.shape[1], dtype=np.uint64)
        self.store((addresses[:, None] + columns).ravel(), np.ascontiguousarray(rows).ravel(), fresh)

    def store(self, addresses: npt.NDArray[np.uint64], values: Bytes, fresh: bool = False) -> None:
        """Store bytes to code, all at one moment.

        Args:
            addresses: where, ascending and without doubles, (n,).
            values: one byte each, (n,); nobody may change them afterwards.
            fresh: no CPU has ever fetched these bytes, so that each will run what is stored.
        """
        self.store_at(self.map.offsets(addresses), values[:, None], fresh)

    def store_at(self, places: Offsets, rows: Bytes, fresh: bool = False) -> None:
        """The same of rows of bytes.

        Args:
            places: the offset of each row, ascending, (n,).
            rows: their bytes (n, width), which do not overlap; nobody may change them afterwards.
            fresh: see `store`.
        """
        if not rows.size:
            return
        width = rows.shape[1]
        memory, values = self._rows_of(width), np.ascontiguousarray(rows)
        old = memory[places].view(np.uint8).reshape(rows.shape)
        memory[places] = values.view(memory.dtype).ravel()
        self.version += 1
        self.stored.append(Stored(places, old, rows))
        if self._shared:
            self._changed(places, width)
        else:
            self._store_in_views(offsets_of(places, width), old.ravel(), values.ravel(), fresh)

    def _changed(self, places: Offsets, width: int = 1) -> None:
        """CPUs run other bytes in rows of `width` at these places: what they have translated of them must go."""
        if not self._shared:
            for view in self.views:
                view.dirty += take_changed(view.translated, places, width)
        elif dirty := take_changed(self.views[0].translated, places, width):
            for view in self.views:
                view.dirty += dirty

    def _store_in_views(self, offsets: Offsets, old: Bytes, values: Bytes, fresh: bool) -> None:
        """What CPUs run lies in buffers of their own: they take the bytes that differ, at once or as pending ones."""
        differ = old != values
        if np.count_nonzero(differ) < len(offsets):
            offsets, values = offsets[differ], values[differ]
        if not len(offsets):
            return
        shift = self._cell_shift
        if fresh or shift is None:
            for view in self.views:
                view.put(offsets, values)
            self._changed(offsets)
            return
        store = Store(offsets, values, offsets >> shift)
        for view in self.views:
            view.pending.append(PendingStore(store))

    def put(self, offsets: Offsets, values: Bytes) -> None:
        """Time travel: memory and every view hold these bytes; nobody notes it."""
        if not len(offsets):
            return
        self.memory[offsets] = values
        self.version += 1
        for view in self.views:
            view.put(offsets, values)
        self._changed(offsets)

    def forget_pending(self) -> None:
        """Time travel: every view is as memory is."""
        for view in self.views:
            for item in view.pending:
                view.apply(item.store.offsets, self.memory[item.store.offsets])
            view.pending.clear()

    def pending_cells(self, cpu: int, address: int, size: int) -> list[int]:
        """Addresses of the cells that are pending for `cpu` within `size` bytes from `address`, ascending."""
        view = self.views[cpu]
        if not view.pending or not self.map.holds(address):
            return []
        offset = self.map.offset(address)
        shift = self.model.cell_shift or 0
        cells = {cell for _, cell, _ in view.pending_within(offset, offset + size)}
        return sorted(self.map.address(cell << shift) for cell in cells)

    def resolve(self, cpu: int, address: int) -> bool:
        """The oldest pending store to the cell at `address` arrives at `cpu`."""
        return self.views[cpu].resolve(self.map.offset(address) >> (self.model.cell_shift or 0))
