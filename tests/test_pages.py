"""Memory at each checkpoint: kept, forgotten, put in between, gone back to, it is what it was; against whole copies."""

from __future__ import annotations

import random

import numpy as np
import pytest

from simkernel.hw.code_map import CodeMap
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.hw.memory import GuestMemory, new_buffer
from simkernel.hw.x86 import PAGE_SIZE
from simkernel.sim.pages import VERSION_BYTES, Pages
from simkernel.sim.stores import STORE_BYTES

DATA, CODE = 0x10000, 0x80000
PAGES = 2  # of data, and of code

KINDS = ("on", "on", "on", "keep", "keep", "forget", "restore", "restore", "turn")
MOVES = 60


class Machine:
    """Memory whose next change is a function of the position, until history takes another way."""

    def __init__(self, seed: int) -> None:
        self.memory = GuestMemory([(DATA, PAGES * PAGE_SIZE)])
        code = new_buffer(PAGES * PAGE_SIZE)
        self.code = CodeMemory(FetchModel.INSTANT, CodeMap([(CODE, PAGES * PAGE_SIZE)]), code, [code])
        self.pages = Pages(self.memory, self.code)
        self.pages.keep(0, None)
        self.position, self.drawn = 0, seed
        self.seeds: list[int] = []  # of the change at each position
        self.kept = {0: self.bytes()}

    def bytes(self) -> bytes:
        return self.memory.read(DATA, PAGES * PAGE_SIZE) + self.code.memory.tobytes()

    def step(self) -> None:
        """Bytes of at most two pages change, often to what they were before."""
        if self.position == len(self.seeds):
            self.seeds.append(self.drawn)
            self.drawn += 1
        draw = random.Random(self.seeds[self.position])
        for page in (draw.randrange(PAGES), draw.randrange(PAGES)):
            value = bytes([draw.randrange(2)])
            self.memory.write(DATA + page * PAGE_SIZE + 8, value)
            rows = np.full((2, draw.randrange(1, 4)), value[0], dtype=np.uint8)
            self.code.store_at(page * PAGE_SIZE + np.array([5, 8]), rows)
        self.position += 1


@pytest.mark.parametrize("seed", range(40))
def test_memory_at_each_checkpoint_is_what_it_was(seed: int) -> None:
    draw, machine = random.Random(seed), Machine(1_000 * seed)
    for _ in range(MOVES):
        move(machine, draw.choice(KINDS), draw)
        if machine.position in machine.kept:
            assert machine.bytes() == machine.kept[machine.position]
    for position, data in machine.kept.items():
        machine.pages.restore(position)
        assert machine.bytes() == data
    pages, stores = machine.pages, [one for some in machine.pages._stores._before.values() for one in some]
    held = sum(len(versions) for _, versions in pages._versions.values())
    assert pages.nbytes == held * VERSION_BYTES + sum(
        STORE_BYTES + 8 * len(one.places) + 2 * one.old.size for one in stores
    )


def move(machine: Machine, kind: str, draw: random.Random) -> None:
    kept = sorted(machine.kept)
    chosen = draw.choice(kept)
    if kind == "on":
        machine.step()
        if machine.position in machine.kept:
            machine.pages.pass_by(machine.position)
    elif kind == "keep" and machine.position not in kept:
        machine.pages.keep(machine.position, min((one for one in kept if one > machine.position), default=None))
        machine.kept[machine.position] = machine.bytes()
    elif kind == "forget" and chosen not in (0, kept[-1], machine.pages.at):
        machine.pages.forget(chosen, kept[kept.index(chosen) + 1])
        del machine.kept[chosen]
    elif kind == "turn":
        machine.pages.forget_after(machine.position)
        machine.kept = {position: data for position, data in machine.kept.items() if position <= machine.position}
        del machine.seeds[machine.position :]
    elif kind == "restore":
        machine.pages.restore(chosen)
        machine.position = chosen
