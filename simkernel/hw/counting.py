"""How instructions are counted: by blocks where the host allows, else one by one.

`count=` is exact, and a call before every instruction: 27 to 50 ns each where running takes 5 to 7. So a long run goes
by *blocks*: before each block that Unicorn runs, a few machine instructions take the block's instructions from those
that are left (`countdown.py`), and stop where fewer are left than it has. What is left then runs by `count=` on the
CPU's other engine. Both ways come to the same state.

* How many instructions a block has Unicorn says when it has translated it, and each translation is made anew after a
  `drop`: so the count of a block that can run is always that of the bytes it was made from. Nothing is to be cleared:
  an entry that no translation has is not asked for.
* Where blocks end is no property of the code (hooks, the entry point, pages and Unicorn's own limits move ends), and at
  one address blocks of several sizes may begin (one instruction after STI): pc and size together are the key.
* A block with an instruction that would bring in the host's values counts as endless here. So it always runs on the
  other engine, where `Refusal` stops before that instruction, with #UD. So does a block with an instruction that
  Unicorn runs otherwise where nobody counts (`runs_otherwise`), and one with an address where somebody looks.
* Where a run shall stop before a block in which straight code ends, the same machine code does it on both engines
  (`Ends`); the one that counts one by one takes nothing from what is left.
* HLT stops an engine, and no error says so. Where it counts by blocks nothing else stops it without one but the count;
  where it counts one by one, `Halts` notices it.
* Each iteration of REP is a block of its own, as it is an instruction of its own to `count=`.
* Never `count=` and no count on *one* engine: going from one to the other forgets all translations, and afterwards runs
  with `count=` were 25 times slower.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Set
from functools import lru_cache

from simkernel import disasm, insn
from simkernel.errors import OurError
from simkernel.hw import countdown
from simkernel.hw.engine import Engine, emu_stop
from simkernel.hw.fault import Fault
from simkernel.hw.x86 import VECTOR_UD

_ENDLESS = (1 << 32) - 1
MOST = countdown.WATCHED - 2  # instructions of a run by blocks
_HLT = b"\xf4"
_ENTRIES = 1 << 12  # of a new table
_by_code = lru_cache(1 << 14)  # the bytes of a block say what it holds, on each CPU and after each change


class Refusal:
    """Stops an engine that counts one by one before an instruction that would bring in the host's values, with #UD.

    `Simplified:` hardware executes them; here a run shall be a function of its options and seed alone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        hook_where(engine, nondeterministic, self._refuse)

    def _refuse(self, rip: int) -> None:
        if insn.nondeterministic(self._engine.code_at(rip)):  # the bytes may have changed since
            self._engine.interrupt(VECTOR_UD)


class Halts:
    """Notices that an engine that counts one by one has come to HLT: it stops there, and its count does not say so."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._at: int | None = None
        hook_where(engine, halts, self._note)

    def _note(self, rip: int) -> None:
        self._at = rip

    def begin(self) -> None:
        """The engine is started."""
        self._at = None

    def came(self, rip: int) -> bool:
        """True where the engine, which has stopped at `rip`, has come to HLT; the hook is called before it runs."""
        at = self._at
        return at is not None and at < rip and halts(self._engine, at, rip - at) == [at]


def hook_where(engine: Engine, find: Callable[[Engine, int, int], list[int]], callback: Callable[[int], None]) -> None:
    """Call `callback(rip)` before each instruction that is found in a block when Unicorn translates that.

    Args:
        engine: one that counts one by one.
        find: the addresses in the block at an address, of so many bytes.
        callback: the bytes at `rip` may have changed since they were found.
    """
    hooked: set[int] = set()

    def on_translated(pc: int, size: int, _instructions: int) -> None:
        """Hook what was found in a new block for the first time, and have the block translated with the hooks."""
        found = [at for at in find(engine, pc, size) if at not in hooked]
        for at in found:
            hooked.add(at)
            engine.hook_code(callback, at, at)
        if found:
            engine.translate_again(pc, size)

    engine.hook_translations(on_translated)


def halts(engine: Engine, pc: int, size: int) -> list[int]:
    """The address of the HLT that a block ends with; none where it ends otherwise."""
    if engine.code_at(pc + size - 1, 1) != _HLT:
        return []
    *_, (at, length) = disasm.lengths(engine.code_at(pc, size), pc)
    return [at] if insn.opcode(engine.code_at(at, length)) == _HLT else []


def nondeterministic(engine: Engine, pc: int, size: int) -> list[int]:
    """The addresses of the instructions in a block that would bring in the host's values."""
    return [pc + at for at in _nondeterministic_in(engine.code_at(pc, size))]


@_by_code
def _nondeterministic_in(code: bytes) -> list[int]:
    """The offsets in a block's code."""
    if not insn.may_be_nondeterministic(code):
        return []
    return [at for at, _ in disasm.lengths(code, 0) if insn.nondeterministic(code[at:])]


_UNLIKE = re.compile(  # opcode, and ModRM where it says that there is an operand in memory
    rb"\x9b|[\xd8-\xdf][\x00-\xbf]|"  # WAIT, x87
    rb"[\xc0\xc1\xd0-\xd3][\x10-\x1f\x50-\x5f\x90-\x9f]|"  # RCL, RCR
    rb"\x0f(?:[\x90-\x9f\xae][\x00-\xbf]|"  # SETcc, XSAVE and its like
    rb"[\xa3\xab\xb3\xba\xbb]|\xc7[\x08-\x0f\x48-\x4f\x88-\x8f])",  # BT, BTS, BTR, BTC; CMPXCHG8B
    re.DOTALL,
)


@_by_code
def runs_otherwise(code: bytes) -> bool:
    """True where a block has an instruction that does not do the same without a hook for code (found by trying them).

    Where it faults, WAIT, x87's, XSAVE, SETcc, RCL and RCR with an operand in memory leave a wrong RIP or wrong
    status flags. BT, BTS, BTR, BTC leave other undefined flags, CMPXCHG8B and CMPXCHG16B wrong ones.
    """
    if _UNLIKE.search(code) is None:
        return False
    return any(_UNLIKE.match(insn.opcode(code[at : at + length])) for at, length in disasm.lengths(code, 0))


@_by_code
def has_end_of_straight_code(code: bytes) -> bool:
    """True where straight code ends in a block."""
    if not insn.may_end_straight_code(code):
        return False
    return any(insn.ends_straight_code(code[at:]) for at, _ in disasm.lengths(code, 0))


class _Looked:
    """An engine that looks each block up in a table before it runs, by machine code (`countdown.py`).

    Attributes:
        engine: a new one.
        state: what the machine code left: `size` is not 0 where it stopped before the block at `pc`.
    """

    def __init__(self, engine: Engine) -> None:
        code = countdown.address()
        if code is None:
            raise OurError("this host cannot run machine code before each block")
        self.engine = engine
        self.state = countdown.State(emu_stop=emu_stop())
        self._used = 0
        self._new_table(_ENTRIES)
        engine.hook_translations(self._on_translated)
        engine.hook_blocks(code, self.state)

    def _says(self, pc: int, size: int, instructions: int) -> int:
        """What the table says of a block: `countdown.WATCHED`, and a count."""
        raise NotImplementedError

    def _missed(self) -> bool:
        """True where it stopped before a block that the table did not hold: Ctrl-C came when it was to be noted."""
        state = self.state
        if not state.missed:
            return False
        code = self.engine.code_at(state.pc, state.size)
        self._on_translated(state.pc, state.size, sum(1 for _ in disasm.lengths(code, state.pc)))
        state.size = state.missed = 0
        return True

    def _on_translated(self, pc: int, size: int, instructions: int) -> None:
        if 2 * self._used > len(self._table) // 2:
            old = self._table
            self._new_table(len(old))
            for at in range(0, len(old), 2):
                if old[at + 1]:
                    self._put(old[at], old[at + 1])
        self._put(pc, self._says(pc, size, instructions) << 32 | size)

    def _new_table(self, entries: int) -> None:
        self._table = array("Q", bytes(16 * entries))
        self._used, self._mask = 0, entries - 1
        self.state.table, self.state.mask = self._table.buffer_info()[0], self._mask

    def _put(self, pc: int, word: int) -> None:
        table, at, size = self._table, countdown.home(pc, self._mask), word & 0xFFFF_FFFF
        while (there := table[2 * at + 1]) and (table[2 * at] != pc or there & 0xFFFF_FFFF != size):
            at = (at + 1) & self._mask
        self._used += not there
        table[2 * at], table[2 * at + 1] = pc, word


class Ends(_Looked):
    """Stops an engine that counts one by one before a block in which straight code ends, in runs that ask for it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._before = 0

    def start(self, rip: int, until: int, count: int, straight: bool) -> int:
        """`Engine.start`; with `straight` no further than to a block in which straight code ends."""
        state = self.state
        state.size, state.counts = 0, countdown.WATCHED if straight else 0
        self._before = 0
        error = self.engine.start(rip, until, count)
        while self._missed():
            self._before += self.engine.counted()
            if self._before >= count:
                break
            error = self.engine.start(state.pc, until, count - self._before)
        return error

    def counted(self) -> int:
        """How many instructions have run since `start`."""
        return self._before + self.engine.counted()

    def _says(self, pc: int, size: int, instructions: int) -> int:
        return countdown.WATCHED if has_end_of_straight_code(self.engine.code_at(pc, size)) else 0


class Blocks(_Looked):
    """An engine that counts by blocks.

    Attributes:
        state: where `size` is not 0, `left` instructions still have to run, fewer than the block has at `pc`.
    """

    def __init__(self, engine: Engine, looked_at: Set[int] = frozenset()) -> None:
        """Make `engine` count.

        Args:
            engine: a new one, which nobody starts otherwise.
            looked_at: addresses that the other engine is to run. Where one comes or goes, translations of it are to be
                dropped.
        """
        super().__init__(engine)
        self._looked_at = looked_at
        self._stepped: dict[tuple[int, int], int] = {}  # blocks that the other engine runs: their instructions

    def run(self, rip: int, count: int, straight: bool = False) -> int:
        """Run at most `count` instructions, to the beginning of a block; returns Unicorn's error.

        With `straight` no further than to a block in which straight code ends (`insn.ends_straight_code`).
        """
        state = self.state
        state.left, state.size = count, 0
        state.counts = _ENDLESS if straight else _ENDLESS - countdown.WATCHED
        error = self.engine.start(rip, 0, 0)
        while state.size and self._missed():
            error = self.engine.start(state.pc, 0, 0)
        return error

    def halted(self, fault: Fault | None, rip: int) -> bool:
        """True where the run has come to HLT.

        Args:
            fault: what ended the run.
            rip: where it ended. A run also ends at the address that it runs to, which is 0.
        """
        return fault is None and not self.state.size and rip != 0

    def to_step(self) -> int:
        """How many instructions the other engine is to run now: the rest, or the block that it alone runs."""
        state = self.state
        left = int(state.left)
        if self.engine.code_at(state.pc + state.size - 1, 1) == _HLT:
            return left  # whether the block has come to HLT, nobody could tell
        return min(left, self._stepped.get((state.pc, state.size), left))

    def _says(self, pc: int, size: int, instructions: int) -> int:
        code = self.engine.code_at(pc, size)
        looked_at = self._looked_at and not self._looked_at.isdisjoint(range(pc, pc + size))
        if looked_at or _nondeterministic_in(code) or runs_otherwise(code):
            self._stepped[pc, size] = instructions
            return _ENDLESS
        self._stepped.pop((pc, size), None)
        return instructions | (countdown.WATCHED if has_end_of_straight_code(code) else 0)
