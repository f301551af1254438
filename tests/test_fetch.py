"""The fetch models against a model made of lists: one queue of stores a cell and CPU, and memory beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkernel.errors import GuestError
from simkernel.hw.code_map import CodeMap
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.hw.memory import new_buffer

BASE, SIZE = 0xFFFF_FFFF_8100_0000, 0x1000
FAR = 0xFFFF_FFFF_C040_0000


class Queues:
    """Each cell of each CPU has a queue of (offset -> value) parts that have not arrived."""

    def __init__(self, model: FetchModel, cpus: int) -> None:
        self.shift = model.cell_shift
        self.memory = [0] * SIZE
        self.views = [[0] * SIZE for _ in range(cpus)]
        self.queues: list[dict[int, list[dict[int, int]]]] = [{} for _ in range(cpus)]

    def store(self, offset: int, values: bytes) -> None:
        parts: dict[int, dict[int, int]] = {}
        for at, value in enumerate(values, offset):
            if self.memory[at] != value:
                self.memory[at] = value
                parts.setdefault(at >> (self.shift or 0), {})[at] = value
        for view, queue in zip(self.views, self.queues, strict=True):
            for cell, part in parts.items():
                if self.shift is None:
                    for at, value in part.items():
                        view[at] = value
                else:
                    queue.setdefault(cell, []).append(part)

    def resolve(self, cpu: int, offset: int) -> None:
        waiting = self.queues[cpu].get(offset >> (self.shift or 0))
        if self.shift is not None and waiting:
            for at, value in waiting.pop(0).items():
                self.views[cpu][at] = value

    def resolve_all(self, cpu: int) -> set[int]:
        """Returns the offsets of the bytes that had a store waiting."""
        open_bytes = {at for waiting in self.queues[cpu].values() for part in waiting for at in part}
        for waiting in self.queues[cpu].values():
            for part in waiting:
                for at, value in part.items():
                    self.views[cpu][at] = value
            waiting.clear()
        return open_bytes

    def may_run(self, cpu: int, offset: int) -> set[int]:
        options = {self.views[cpu][offset]}
        for waiting in self.queues[cpu].values():
            options |= {part[offset] for part in waiting if offset in part}
        return options


def new_code(model: FetchModel, cpus: int) -> CodeMemory:
    code_map = CodeMap([(BASE, SIZE), (FAR, SIZE)])
    buffers = [new_buffer(code_map.size) for _ in range(cpus + 1)]
    return CodeMemory(model, code_map, buffers[0], buffers[1:])


OFFSETS = st.integers(0x38, 0x48)
STORE = st.tuples(st.just("store"), OFFSETS, st.binary(min_size=1, max_size=5))
RESOLVE = st.tuples(st.just("resolve"), st.integers(0, 1), OFFSETS)
SERIALIZE = st.tuples(st.just("serialize"), st.integers(0, 1), st.just(0))


@given(st.sampled_from(FetchModel), st.lists(st.one_of(STORE, STORE, RESOLVE, SERIALIZE), max_size=25))
def test_every_state_is_that_of_the_queues(model: FetchModel, moves: list[tuple[str, int, int | bytes]]) -> None:
    code, queues = new_code(model, 2), Queues(model, 2)
    for kind, one, other in moves:
        if kind == "store":
            assert isinstance(other, bytes)
            code.store(np.arange(len(other), dtype=np.uint64) + np.uint64(BASE + one), np.frombuffer(other, np.uint8))
            queues.store(one, other)
        elif kind == "resolve":
            assert isinstance(other, int)
            code.resolve(one, BASE + other)
            queues.resolve(one, other)
        else:
            assert code.views[one].resolve_all() == len(queues.resolve_all(one))
        assert code.memory[:SIZE].tolist() == queues.memory
        for cpu in (0, 1):
            assert code.views[cpu].code[:SIZE].tolist() == queues.views[cpu]
            options = code.views[cpu].may_run(0x30, 0x20)
            assert [set(byte) for byte in options] == [queues.may_run(cpu, 0x30 + i) for i in range(0x20)]


@pytest.mark.parametrize("model", [FetchModel.LINE, FetchModel.BYTE])
def test_serializing_counts_a_byte_once_however_many_stores_to_it_are_open(model: FetchModel) -> None:
    code = new_code(model, 1)
    for values in ([0xCC], [0xE8, 1, 2], [0xCC]):
        code.store(np.arange(len(values), dtype=np.uint64) + np.uint64(BASE), np.array(values, dtype=np.uint8))
    assert code.views[0].resolve_all() == 3
    assert code.views[0].resolve_all() == 0


def test_fresh_memory_is_run_at_once() -> None:
    code = new_code(FetchModel.BYTE, 1)
    code.store(np.array([FAR, FAR + 1], dtype=np.uint64), np.array([1, 2], dtype=np.uint8), fresh=True)
    assert code.views[0].code[SIZE : SIZE + 2].tolist() == [1, 2]
    assert not code.views[0].pending


def test_a_line_arrives_as_one_and_a_straddling_store_in_two() -> None:
    code = new_code(FetchModel.LINE, 1)
    code.store(np.arange(5, dtype=np.uint64) + np.uint64(BASE + 0x3D), np.full(5, 0xEE, dtype=np.uint8))
    assert code.pending_cells(0, BASE + 0x3D, 5) == [BASE, BASE + 0x40]
    code.resolve(0, BASE + 0x3E)
    assert code.views[0].code[0x3D:0x42].tolist() == [0xEE, 0xEE, 0xEE, 0, 0]


def test_changes_name_the_ranges_that_translations_must_drop() -> None:
    code = new_code(FetchModel.INSTANT, 1)
    places = np.array([BASE + 8, BASE + 20, BASE + 60, BASE + 100], dtype=np.uint64)
    code.store(places, np.array([1, 2, 3, 4], dtype=np.uint8))
    assert not code.views[0].dirty  # nobody has ever translated any of it
    code.views[0].translated[[0, 1, 2, 6]] = True
    code.store(places, np.array([3, 4, 5, 6], dtype=np.uint8))
    assert code.views[0].dirty == [(0, 32), (96, 112)]  # what lies between two functions stays
    code.store(places, np.array([5, 6, 7, 8], dtype=np.uint8))
    assert len(code.views[0].dirty) == 2  # nor has anybody translated it since
    code.views[0].translated[2] = True
    code.put(np.array([15, 31, 40]), np.array([7, 8, 9], dtype=np.uint8))
    assert code.views[0].dirty[2:] == [(32, 48)]


def test_offsets_of_many_addresses_are_those_of_each() -> None:
    code_map = CodeMap([(0x1000, 0x1000), (0x8000, 0x2000)])
    addresses = [0x1000, 0x1001, 0x1FFF, 0x8000, 0x9FFF]
    found = code_map.offsets(np.array(addresses, dtype=np.uint64))
    assert found.tolist() == [code_map.offset(address) for address in addresses]
    assert code_map.offsets(np.array([], dtype=np.uint64)).tolist() == []
    for wrong in (0xFFF, 0x2000, 0x7FFF, 0xA000):
        with pytest.raises(GuestError, match=f"{wrong:#x} is not an address of code"):
            code_map.offsets(np.array(sorted([0x1000, 0x8000, wrong]), dtype=np.uint64))
