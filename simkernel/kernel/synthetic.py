"""A kernel of N functions: the default kernel and generated ones, placed and linked by NumPy.

Sizes are spread as in a real kernel: half of the functions below 130 bytes, a long tail up to 8 KiB. There are SHAPES
bodies; each is encoded once (`insn.py`, no assembler), copied to each function that has it, and linked: its calls get
their displacements, and one constant its function's number, so that no two bodies are alike.

A function is pure: its result depends on its argument (RDI) alone, and it keeps RBX, RBP, RSP, R8..R15. Functions call
only within their group of 32 and further down in it, or a helper that calls nothing: so the call graph has no cycle,
and a walk from a root (`synth_roots`) ends after some hundred calls. The roots reach every function.

`Simplified:` one helper pool, and cold code that a conditional jump leaves out, stand for all that real bodies do.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.errors import LearnerError
from simkernel.kernel import layout
from simkernel.kernel.symbols import SyntheticSymbols

MAX_FUNCTIONS = 200_000
SHAPES = 192
MEDIAN, SPREAD = 130, 1.2  # of a log-normal distribution, bytes
SMALLEST, LARGEST = 48, 8192
HOT = 160  # bytes of a body that every call runs; the rest is cold
HELPERS = 64
GROUP = SyntheticSymbols.GROUP
CELL = 16  # functions are aligned to so many bytes

_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Shape:
    """A body: its bytes with zeroes to link, where its calls' displacements go and where its own number goes."""

    code: bytes
    calls: tuple[int, ...]
    number: int


class _Bits:
    """A seeded stream of numbers that is the same everywhere (splitmix64)."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, n: int) -> int:
        """The next number, 0 to n - 1."""
        self._state = (self._state + 0x9E37_79B9_7F4A_7C15) & _MASK
        z = self._state
        z = (z ^ z >> 30) * 0xBF58_476D_1CE4_E5B9 & _MASK
        z = (z ^ z >> 27) * 0x94D0_49BB_1331_11EB & _MASK
        return (z ^ z >> 31) % n


def _mix(values: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """splitmix64 of each value."""
    z = values * np.uint64(0x9E37_79B9_7F4A_7C15) + np.uint64(seed & _MASK)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58_476D_1CE4_E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D0_49BB_1331_11EB)
    result: npt.NDArray[np.uint64] = z ^ z >> np.uint64(31)
    return result


# --- bodies ------------------------------------------------------------------------------------------------------


def shapes(seed: int) -> list[Shape]:
    """The bodies, smallest first. The first one calls nothing."""
    normal = NormalDist()
    bits = _Bits(seed)
    made = []
    for k in range(SHAPES):
        size = MEDIAN * 2.718281828459045 ** (SPREAD * normal.inv_cdf((k + 0.5) / SHAPES))
        size = min(max(int(size), SMALLEST), LARGEST)
        calls = 0 if k == 0 or size < 64 else min(bits.below(5), (size - 48) // 16)
        made.append(_body(bits, size, calls))
    return made


def _body(bits: _Bits, size: int, calls: int) -> Shape:
    code = bytearray(insn.CALL_INSN_SIZE)
    code += insn.push("rbp") + insn.mov("rsp", "rbp")
    code += insn.mov("rdi", "rax") + insn.mov("rdi", "rcx") + insn.mov("rdi", "rdx")
    number = len(code) + 2
    code += insn.alu_imm("add", 0x7FFF_FFFF, "rax")
    places = []
    hot = min(size - 8, HOT)
    for i in range(calls):
        code += insn.mov("rax", "rdi")
        places.append(len(code) + 1)
        code += bytes((insn.CALL, 0, 0, 0, 0)) + insn.mov("rax", "rcx") + insn.mov("rdi", "rdx")
        _work(bits, code, len(code) + max(0, hot - len(code)) // (calls - i + 1))
    _work(bits, code, hot)
    if size - len(code) > 24:
        code += _cold(bits, size - len(code) - 2)
    code += insn.pop("rbp") + bytes((insn.RET,))
    return Shape(bytes(code), tuple(places), number)


def _cold(bits: _Bits, size: int) -> bytes:
    """Code that a jump leaves out, unless RAX happens to be the number that it is compared with."""
    work = bytearray()
    _work(bits, work, size - 13)
    compare = insn.alu_imm("cmp", 0x1234_5678, "rax")
    return compare + insn.jne(0, 6 + len(work)) + bytes(work)


def _work(bits: _Bits, code: bytearray, end: int) -> None:
    """Append arithmetic on RAX, RCX and RDX until `code` is at least `end` bytes long."""
    registers = ("rax", "rcx", "rdx")
    while len(code) < end:
        a, b = registers[bits.below(3)], registers[bits.below(3)]
        match bits.below(6):
            case 0 | 1:
                code += insn.alu(("add", "xor", "sub")[bits.below(3)], a, b)
            case 2:
                code += insn.alu_imm(("add", "xor")[bits.below(2)], 1 + bits.below(120), b)
            case 3:
                code += insn.shift(("rol", "ror")[bits.below(2)], 2 + bits.below(60), b)
            case 4:
                code += insn.imul(a, b) if a != b else insn.lea(a, 1 + bits.below(100), b)
            case _:
                code += insn.lea(a, 1 + bits.below(100), b)


# --- the call graph ----------------------------------------------------------------------------------------------


def call_graph(slots: npt.NDArray[np.int64], seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Who calls whom.

    In each group, functions take the next free ones behind them as callees, in order; a call for which none is left
    goes to a helper.

    Args:
        slots: (functions,) how many calls each body has; slots[0] is 0.
        seed: of the choice of helpers.

    Returns:
        callees, (functions, most slots), a function's index for each call (meaningless from slots[i] on), and roots,
        (functions,), True for those that nobody has taken.
    """
    n, most = len(slots), max(1, int(slots.max()))
    groups = -(-n // GROUP)
    padded = np.zeros(groups * GROUP, dtype=np.int64)
    padded[:n] = slots
    grid = padded.reshape(groups, GROUP)
    before = np.cumsum(grid, axis=1) - grid
    place = np.arange(GROUP, dtype=np.int64)
    # The first free function when `place` is reached: as the calls before it have left it, but behind itself.
    free = before + np.maximum.accumulate(place + 1 - before, axis=1)
    taken_to = np.concatenate([np.zeros((groups, 1), dtype=np.int64), (free + grid)[:, :-1]], axis=1)
    roots = (place >= taken_to).reshape(-1)[:n]
    callees = (free.reshape(-1) + np.repeat(np.arange(groups) * GROUP, GROUP))[:n, None] + np.arange(most)
    limit = np.minimum((np.arange(n) // GROUP + 1) * GROUP, n)[:, None]
    helpers = np.flatnonzero(slots == 0)[:HELPERS]
    chosen = _mix(np.arange(n * most, dtype=np.uint64), seed).reshape(n, most) % np.uint64(len(helpers))
    return np.where(callees < limit, callees, helpers[chosen.astype(np.int64)]), roots


# --- placing and linking -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Functions:
    """Generated functions as they lie in memory.

    Attributes:
        text: of all of them, from SYNTH_BASE on.
        addresses, sizes: (functions,) of each, by address.
        roots: (n,) addresses of those that no other one calls.
        roots_base: where the list of them lies.
    """

    text: bytes
    addresses: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.int64]
    roots: npt.NDArray[np.uint64]
    roots_base: int


def generate(own: int, n: int, seed: int, fentry: int) -> Functions:
    """What a kernel that has `own` traced functions lacks to have n of them.

    Args:
        own: how many it has.
        n: how many it will have.
        seed: of the shapes and the calls.
        fentry: where its `__fentry__` is.

    Raises:
        LearnerError: n is fewer than the kernel has, or more than the map holds.
    """
    if not own < n <= MAX_FUNCTIONS:
        raise LearnerError(f"{n} functions: a synthetic kernel has between {own + 1} and {MAX_FUNCTIONS}")
    count = n - own
    bodies = shapes(seed)
    shape = (_mix(np.arange(count, dtype=np.uint64), seed) % np.uint64(SHAPES)).astype(np.int64)
    shape[0] = 0
    sizes = np.array([len(body.code) for body in bodies], dtype=np.int64)[shape]
    ends = np.cumsum(-(-sizes // CELL) * CELL)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    slots = np.array([len(body.calls) for body in bodies], dtype=np.int64)[shape]
    callees, roots = call_graph(slots, seed)
    total = int(ends[-1])
    if total + 8 * count + layout.PAGE_SIZE > layout.SYNTH_SIZE:
        raise LearnerError(f"{n} functions take {total:#x} bytes; the map has room for {layout.SYNTH_SIZE:#x}")
    text = _place(bodies, shape, offsets, total)
    _link(text, bodies, shape, offsets, callees, fentry - layout.SYNTH_BASE)
    addresses = offsets.astype(np.uint64) + np.uint64(layout.SYNTH_BASE)
    roots_base = layout.SYNTH_BASE + -(-total // layout.PAGE_SIZE) * layout.PAGE_SIZE
    return Functions(text.tobytes(), addresses, sizes, addresses[roots], roots_base)


def _place(
    bodies: list[Shape], shape: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64], total: int
) -> npt.NDArray[np.uint8]:
    """Each body copied to each function of its shape, int3 between functions; in cells of 16 bytes."""
    text = np.full(total, insn.INT3, dtype=np.uint8)
    cells = text.view("V16")
    for k, body in enumerate(bodies):
        where = offsets[shape == k] // CELL
        whole = body.code + bytes((insn.INT3,)) * (-len(body.code) % CELL)
        template = np.frombuffer(whole, dtype="V16")
        cells[where[:, None] + np.arange(len(template))] = template
    return text


def _link(
    text: npt.NDArray[np.uint8],
    bodies: list[Shape],
    shape: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    callees: npt.NDArray[np.int64],
    fentry: int,
) -> None:
    """Fill in sites, calls and numbers; `fentry` is the distance of `__fentry__` from the text's beginning."""
    text[offsets] = insn.CALL
    _put32(text, offsets + 1, fentry - (offsets + insn.CALL_INSN_SIZE))
    for k, body in enumerate(bodies):
        mine = np.flatnonzero(shape == k)
        if not len(mine):
            continue
        _put32(text, offsets[mine] + body.number, mine)
        for i, place in enumerate(body.calls):
            end = offsets[mine] + place + 4
            _put32(text, end - 4, offsets[callees[mine, i]] - end)


def _put32(text: npt.NDArray[np.uint8], where: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> None:
    raw = values.astype("<i4").view(np.uint8).reshape(-1, 4)
    for i in range(4):
        text[where + i] = raw[:, i]
