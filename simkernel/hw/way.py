"""Which of the two ways of counting (`counting.py`) a CPU goes: the one asked for, where this host can go it.

By blocks, unless `SIMKERNEL_COUNT=hook` asks for `count=` or this host

* is no x86-64, or gives no memory that can be read and run;
* has a limit on address space (`ulimit -v`): the second engine of a CPU would take as much again;
* fails the test at start: 200 runs of a program that counts what it runs by itself. It takes 3 ms, once in a process.
"""

from __future__ import annotations

import functools
import os
import random
from itertools import accumulate
from typing import Literal

import numpy as np

from simkernel import room
from simkernel.errors import LearnerError
from simkernel.hw import countdown
from simkernel.hw.counting import Blocks
from simkernel.hw.engine import Engine, Mapping
from simkernel.hw.x86 import PAGE_SIZE

Way = Literal["blocks", "hook"]

VARIABLE = "SIMKERNEL_COUNT"
DEFAULT: Way = "blocks"
RUNS, LONGEST = 200, 600  # of the test: runs, and instructions of each

_BASE = 0xFFFF_FFFF_8100_0000  # of the test's code
_BLOCKS = (4, 18, 1, 7, 2, 40)  # instructions of its blocks: a jump after so many less one of `inc %rax`
_INC, _NEXT, _JMP = bytes.fromhex("48 ff c0"), bytes.fromhex("eb 00"), 0xE9


def way() -> Way:
    """How CPUs that are made now count instructions.

    Raises:
        LearnerError: `SIMKERNEL_COUNT` names neither way.
    """
    return "hook" if why_hook() else "blocks"


def why_hook() -> str:
    """Why CPUs that are made now count by `count=`; "" where they count by blocks.

    Raises:
        LearnerError: `SIMKERNEL_COUNT` names neither way.
    """
    asked = os.environ.get(VARIABLE, DEFAULT)
    if asked not in ("blocks", "hook"):
        raise LearnerError(f"{VARIABLE} is {asked!r}; it says how instructions are counted: blocks, or hook")
    if asked == "hook":
        return f"{VARIABLE}=hook asks for it"
    if room.limit() is not None:
        return "this process has a limit on its address space"
    return "" if works() else "counting by blocks is not exact on this host"


@functools.cache
def works() -> bool:
    """True where counting by blocks is exact on this host."""
    if countdown.address() is None:
        return False
    buffer = np.zeros(2 * PAGE_SIZE, dtype=np.uint8)
    page = buffer[-buffer.ctypes.data % PAGE_SIZE :][:PAGE_SIZE]  # where a page begins, as Unicorn needs it
    code = _program()
    page[: len(code)] = np.frombuffer(code, dtype=np.uint8)
    engine = Engine(0, [Mapping(_BASE, page, code=True)])
    try:
        return _counts_exactly(Blocks(engine))
    finally:
        engine.close()


def _program() -> bytes:
    """The blocks, the last of which jumps back to the first."""
    code = b"".join(_INC * (length - 1) + _NEXT for length in _BLOCKS)[: -len(_NEXT)]
    return code + bytes((_JMP,)) + (-len(code) - 5).to_bytes(4, "little", signed=True)


def _counts_exactly(blocks: Blocks) -> bool:
    """True where after each run RIP and RAX are those of an instruction count that is `count` less what is left.

    A run ends at the beginning of a block, with fewer instructions left than that has.
    """
    sizes = [(length - 1) * len(_INC) + len(_NEXT) for length in _BLOCKS]
    starts = [_BASE + size for size in accumulate(sizes[:-1], initial=0)]
    before = list(accumulate(_BLOCKS[:-1], initial=0))  # instructions in front of each block
    draw, rip, ran = random.Random(1), _BASE, 0
    for _ in range(RUNS):
        count = draw.randrange(1, LONGEST)
        blocks.run(rip, count)
        rip, left = blocks.state.pc, blocks.state.left
        ran += count - left
        rounds, rest = divmod(ran, sum(_BLOCKS))
        if rest not in before or left >= _BLOCKS[number := before.index(rest)] or rip != starts[number]:
            return False
        incs = rounds * (sum(_BLOCKS) - len(_BLOCKS)) + rest - number
        if blocks.engine.register("rax") != incs:
            return False
    return True
