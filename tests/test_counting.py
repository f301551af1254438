"""Both ways of counting come to the same state, and what would make one of them wrong shows.

Two CPUs with memory of their own run the same code, one counting by blocks and one by `count=`; after each run the
exception, every register and all of memory agree.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from simkernel import disasm, insn, room
from simkernel.errors import LearnerError
from simkernel.ftrace.commands import SetTracer
from simkernel.hw import countdown, way
from simkernel.hw.counting import Blocks, Ends
from simkernel.hw.cpu import BLOCKS_FROM, GENERAL, Cpu, Mapping
from simkernel.hw.fault import Fault
from simkernel.hw.memory import new_buffer
from simkernel.hw.x86 import PAGE_SIZE, VECTOR_UD
from simkernel.kernel.image import KernelImage
from simkernel.sim.digest import state_digest
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

CODE = 0xFFFF_FFFF_8100_0000
DATA = 0xFFFF_FFFF_8800_0000
STACK = DATA + 3 * PAGE_SIZE
RUN = PAGE_SIZE  # bytes of code that are drawn; behind them lie int3s
WITHIN = 20  # runs in which a wrong count, or a translation that was kept, must show

pytestmark = pytest.mark.needs("blocks")

PIECES = [  # instructions and short sequences; what jumps has its displacement drawn
    *("90", "48 ff c0", "48 ff cb", "48 01 d8", "48 31 c1", "48 8d 54 02 01", "f7 d8", "9c 58", "0f a2"),
    *("50 5b", "e8 00 00 00 00", "fb", "fa", "fb 90", "fc", "0f c8", "48 0f af c2", "66 90", "0f 1f 44 00 00"),
    "48 c7 c7 00 00 00 88 48 c7 c1 05 00 00 00 f3 aa",  # mov $DATA,%rdi; mov $5,%rcx; rep stos
    "48 c7 c7 00 01 00 88 48 c7 c6 00 02 00 88 b9 09 00 00 00 f3 a4",  # rep movsb, of nine
    "31 c9 f3 48 ab",  # rep stos of none
    *(
        "f7 f1",
        "f4",
        "cc",
        "0f 0b",
        "48 8b 04 25 00 00 00 90",
    ),  # what may fault: div; HLT; int3; ud2; a load from nowhere
]
RARE = 5  # of them, the last ones: each a quarter as often
JUMPS = ("eb", "74", "75", "72", "7f", "e2")


def program(draw: random.Random) -> bytes:
    """Code that mostly goes round in loops."""
    weights = [4] * (len(PIECES) - RARE) + [1] * RARE
    code = b""
    while len(code) < RUN - 32:
        code += bytes.fromhex(draw.choices(PIECES, weights)[0])
        if draw.random() < 0.15:
            code += bytes.fromhex(draw.choice(JUMPS)) + draw.randrange(-60, 60).to_bytes(1, "little", signed=True)
    return code + b"\xe9" + (-len(code) - 5).to_bytes(4, "little", signed=True)


@dataclass
class Bench:
    """A CPU with code and data of its own."""

    code: npt.NDArray[np.uint8]
    data: npt.NDArray[np.uint8]
    cpu: Cpu

    def begin(self, rip: int) -> None:
        registers = {name: 3 * at for at, name in enumerate(GENERAL)} | {"rsp": STACK}
        self.cpu.reset(**registers, rip=rip, eflags=2)

    def patch(self, offset: int, data: bytes) -> None:
        self.code[offset : offset + len(data)] = list(data)
        self.cpu.drop(CODE + offset, CODE + offset + len(data))

    def halted(self) -> bool:
        at = self.cpu.rip - 1 - CODE
        return 0 <= at < len(self.code) and bool(self.code[at] == 0xF4)

    def state(self) -> tuple[dict[str, int], bytes]:
        return self.cpu.registers(), self.data.tobytes()


def bench(monkeypatch: pytest.MonkeyPatch, kind: way.Way, code: bytes) -> Bench:
    monkeypatch.setenv(way.VARIABLE, kind)
    text, data = new_buffer(2 * PAGE_SIZE), new_buffer(4 * PAGE_SIZE)
    text[:] = 0xCC
    text[: len(code)] = list(code)
    made = Bench(text, data, Cpu(0, [Mapping(CODE, text, code=True), Mapping(DATA, data, code=False)]))
    made.begin(CODE)
    return made


def both(monkeypatch: pytest.MonkeyPatch, code: bytes) -> tuple[Bench, Bench]:
    return bench(monkeypatch, "blocks", code), bench(monkeypatch, "hook", code)


def first_difference(one: Bench, other: Bench, draw: random.Random, runs: int, patches: float = 0.0) -> int:
    """The number of the first run after which the two are not the same, -1 where none is."""
    for number in range(runs):
        count = draw.choice((1, 2, 3, 40, BLOCKS_FROM, BLOCKS_FROM + 1, 307, 1000, 2000))
        count += draw.randrange(count)
        faults = [each.cpu.run(count) for each in (one, other)]
        if faults[0] != faults[1] or one.state() != other.state():
            return number
        if faults[0] is not None or one.halted() or draw.random() < 0.05:
            rip = CODE + draw.randrange(RUN // 2)
            for each in (one, other):
                each.begin(rip)
        if draw.random() < patches:
            offset, data = draw.randrange(RUN - 8), draw.randbytes(draw.randrange(1, 6))
            for each in (one, other):
                each.patch(offset, data)
    return -1


@pytest.fixture(params=range(12))
def draw(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.mark.parametrize("patches", [0.0, 0.3], ids=["as it is", "patched"])
def test_both_ways_come_to_the_same_state(monkeypatch: pytest.MonkeyPatch, draw: random.Random, patches: float) -> None:
    """Also with random bytes for code: torn instructions, RDTSC and its kind."""
    code = program(draw)
    assert first_difference(*both(monkeypatch, code), draw, 300, patches) == -1
    assert first_difference(*both(monkeypatch, draw.randbytes(RUN)), draw, 150, patches) == -1


def drawn_instruction(draw: random.Random) -> bytes:
    """One instruction, often with a prefix and an operand in memory; some are x87's."""
    data = b"".join(
        draw.choice((b"", b"", b"", bytes((prefix,)))) for prefix in (0x66, 0xF2, 0xF3, 0x40 + draw.randrange(16))
    )
    data += draw.choice((b"", b"", b"\x0f", b"\x0f", b"\x0f\x38", b"\x0f\x3a")) + draw.randbytes(1)
    data += bytes((draw.choice((draw.randrange(256), draw.randrange(0x40))),)) + draw.randbytes(8)
    if draw.random() < 0.15:
        data = bytes((0xD8 + draw.randrange(8),)) + data[-9:]
    return data[: disasm.length(data)]


def test_every_instruction_does_the_same_in_mid_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind two that set flags, with registers that point to data or nowhere: it runs, or faults, alike."""
    before = bytes.fromhex("48 01 d8 48 ff c3")
    one, other = both(monkeypatch, before)
    draw, kept, faults = random.Random(4), [each.cpu.save() for each in (one, other)], 0
    for _ in range(1500):
        data = drawn_instruction(draw)
        value = draw.choice((0, 0x1000, DATA + 0x100, CODE, DATA + draw.randrange(4 * PAGE_SIZE), draw.getrandbits(64)))
        flags, found = 2 | draw.choice((0, 0x8D5, 1, 0x10, 0x400)), []
        for each, context in zip((one, other), kept, strict=True):
            each.cpu.restore(context)
            each.code[:64] = 0xCC
            each.patch(0, before + data)
            each.cpu.drop(CODE, CODE + 64)
            each.cpu.reset(**dict.fromkeys(GENERAL, value) | {"rsp": STACK}, rip=CODE, eflags=flags)
            found.append((each.cpu.run(BLOCKS_FROM), each.state()))
        assert found[0] == found[1], data.hex(" ")
        faults += found[0][0] is not None and len(before) <= one.cpu.rip - CODE < len(before) + len(data)
    assert faults > 300


LOOP = bytes.fromhex("48 ff c0 48 ff c0 eb 00 48 ff c3 66 90 75 f1 48 ff c1 eb ec")
INNER = CODE + 8  # a block of three instructions


def test_a_wrong_count_in_the_table_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    translated = Blocks._on_translated

    def wrong(blocks: Blocks, pc: int, size: int, instructions: int) -> None:
        translated(blocks, pc, size, instructions + (pc == INNER))

    monkeypatch.setattr(Blocks, "_on_translated", wrong)
    assert 0 <= first_difference(*both(monkeypatch, LOOP), random.Random(1), WITHIN)


@pytest.mark.parametrize("kept", ["stepper", "blocks"])
def test_a_drop_that_one_engine_forgets_shows(monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    one, other = both(monkeypatch, LOOP)
    for each in (one, other):
        assert each.cpu.run(2000) is None and each.cpu.run(20) is None
    blocks = one.cpu._blocks
    assert blocks is not None
    monkeypatch.setattr(one.cpu._stepper if kept == "stepper" else blocks.engine, "drop", lambda *_: None)
    for each in (one, other):
        each.patch(INNER - CODE, bytes.fromhex("90 90 90"))  # three instructions where one was
    assert 0 <= first_difference(one, other, random.Random(1), WITHIN)


# --- instructions with the host's values ------------------------------------------------------------------------------

HOST = ["0f 31", "0f 01 f9", "0f c7 f0", "48 0f c7 f8", "e4 40", "66 ed", "6c", "0f 05", "0f 32", "0f 33", "0f 34"]


@pytest.mark.parametrize("kind", ["blocks", "hook"])
@pytest.mark.parametrize("text", HOST)
def test_an_instruction_with_the_hosts_values_is_invalid(
    monkeypatch: pytest.MonkeyPatch, kind: way.Way, text: str
) -> None:
    """In a long run and in a short one, once a patch has put it there, and not when it has gone again."""
    code = LOOP[:8] + bytes.fromhex(text).ljust(4, b"\x90") + b"\xeb\xf2"  # 8 + 4 + 2: back to the beginning
    for count in (2000, 5):
        one = bench(monkeypatch, kind, LOOP[:8] + b"\x90" * 4 + b"\xeb\xf2")
        assert one.cpu.run(2 * count) is None
        one.begin(CODE)
        one.patch(8, code[8:])
        for _ in range(2):
            assert one.cpu.run(count) == Fault(VECTOR_UD)
            assert one.cpu.registers() | {"rax": 2, "rip": CODE + 8} == one.cpu.registers()
        one.begin(CODE)
        assert one.cpu.run(3) is None and one.cpu.rip == CODE + 8
        one.patch(8, b"\x90" * 4)
        assert one.cpu.run(count) is None


# --- which way ----------------------------------------------------------------------------------------------------


def test_an_unknown_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(way.VARIABLE, "guess")
    with pytest.raises(LearnerError, match="SIMKERNEL_COUNT is 'guess'; it says how .*: blocks, or hook"):
        Cpu(0, [Mapping(CODE, new_buffer(PAGE_SIZE), code=True)])


def fail(*_: object) -> None:
    return None


@pytest.mark.parametrize("why", ["inexact", "no memory to run", "limited"])
def test_where_blocks_will_not_do_every_run_is_counted_one_by_one(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "inexact":
        translated = Blocks._on_translated
        monkeypatch.setattr(
            Blocks, "_on_translated", lambda blocks, pc, size, n: translated(blocks, pc, size, n + (n == 7))
        )
    elif why == "limited":
        monkeypatch.setattr(room, "limit", lambda: 1 << 40)
    else:
        monkeypatch.setattr(countdown, "address", fail)
    way.works.cache_clear()
    try:
        one, other = both(monkeypatch, LOOP)
    finally:
        way.works.cache_clear()
    assert first_difference(one, other, random.Random(1), WITHIN) == -1
    assert one.cpu._blocks is None


def test_the_test_at_start_is_made_once_and_the_second_engine_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way.works.cache_clear()
    one, other = both(monkeypatch, LOOP)
    one.cpu.run(BLOCKS_FROM - 1)
    assert way.works.cache_info().misses == 1 and one.cpu._blocks is None
    another = bench(monkeypatch, "blocks", LOOP).cpu
    for cpu in (one.cpu, other.cpu, another):
        cpu.run(BLOCKS_FROM)
    assert way.works.cache_info().misses == 1
    assert [cpu._blocks is None for cpu in (one.cpu, other.cpu, another)] == [False, True, False]


# --- as far as straight code leads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("patches", [0.0, 0.3], ids=["as it is", "patched"])
def test_a_straight_run_ends_before_a_block_in_which_straight_code_ends(
    monkeypatch: pytest.MonkeyPatch, draw: random.Random, patches: float
) -> None:
    """Of any length; another CPU, which runs one instruction at a time, says what this one ran over."""
    one, other = both(monkeypatch, program(draw))
    met = Counter[str]()
    for _ in range(400):
        count = draw.choice((2, 20, BLOCKS_FROM - 1, BLOCKS_FROM, 600))
        fault, ran = one.cpu.run_straight(count)
        assert 0 <= ran <= count
        found = None
        for _ in range(count if fault or one.cpu.hlt else ran):
            data = other.code[max(0, other.cpu.rip - CODE) :][: disasm.LONGEST].tobytes()
            found = other.cpu.run(1)
            if found or other.cpu.hlt:
                break
            assert not insn.ends_straight_code(data)
        assert found == fault and one.state() == other.state()
        ahead = one.code[max(0, one.cpu.rip - CODE) :][:256].tobytes()
        end = any(insn.ends_straight_code(ahead[at:]) for at, _ in disasm.lengths(ahead, 0))
        if not fault and ran < count and end:  # else it has come to HLT, or to where no code is
            met["by blocks" if count >= BLOCKS_FROM else "one by one"] += 1
            more = draw.randrange(1, 30)
            assert one.cpu.run(more) == other.cpu.run(more) and one.state() == other.state()
        if fault or one.cpu.hlt or draw.random() < 0.2:
            rip = CODE + draw.randrange(RUN // 2)
            for each in (one, other):
                each.begin(rip)
        if draw.random() < patches:
            offset, data = draw.randrange(RUN - 8), draw.randbytes(draw.randrange(1, 6))
            for each in (one, other):
                each.patch(offset, data)
    assert min(met["by blocks"], met["one by one"]) > 20


# --- one CPU, two engines -----------------------------------------------------------------------------------------


def test_all_that_is_asked_of_a_cpu_is_asked_of_the_engine_that_has_its_registers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy made on one engine is put back on the other; what looks on counts as before; a breakpoint splits a run."""
    one, other = both(monkeypatch, LOOP)
    kept = [each.cpu.save() for each in (one, other)]
    for each in (one, other):
        each.cpu.run(2018)
    for each, context in zip((one, other), kept, strict=True):
        each.cpu.restore(context)
        assert (each.cpu.rip, each.cpu.registers()["rax"]) == (CODE, 0)
    seen: list[list[int]] = [[], []]
    ends = [each.cpu.observe(seen[at].append) for at, each in enumerate((one, other))]
    for each, end in zip((one, other), ends, strict=True):
        each.cpu.run(1001)
        end()
        each.cpu.run(3003)
        each.begin(CODE)
        assert each.cpu.run_watched(1000, frozenset({INNER})) == (None, 3) and each.cpu.rip == INNER
        each.cpu.unwatch()
        each.cpu.transfer(CODE, STACK - 8, 2)
        each.cpu.run(777)
    assert seen[0] == seen[1] and len(seen[0]) == 1001
    assert one.state() == other.state()


@pytest.mark.parametrize(("kind", "count"), [(Blocks, 1000), (Ends, BLOCKS_FROM - 1)])
def test_ctrl_c_while_a_block_is_noted_loses_no_count(
    monkeypatch: pytest.MonkeyPatch, kind: type[Blocks] | type[Ends], count: int
) -> None:
    translated, comes = kind._on_translated, [True]

    def interrupted(noting: Any, pc: int, size: int, instructions: int) -> None:
        if comes and pc == INNER:
            comes.clear()
            raise KeyboardInterrupt
        translated(noting, pc, size, instructions)

    monkeypatch.setattr(kind, "_on_translated", interrupted)
    one, other = both(monkeypatch, LOOP)
    with pytest.raises(KeyboardInterrupt):
        one.cpu.run(count)
    for each in (one, other):
        each.begin(CODE)
    assert first_difference(one, other, random.Random(1), WITHIN) == -1


def test_a_table_grows_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """More blocks than a new table has entries, each a jump to the next."""
    monkeypatch.setenv(way.VARIABLE, "blocks")
    blocks = 6_000
    text, data = new_buffer(8 * PAGE_SIZE), new_buffer(PAGE_SIZE)
    text[: 5 * blocks] = np.tile(np.frombuffer(bytes.fromhex("48 ff c0 eb 00"), dtype=np.uint8), blocks)
    text[5 * blocks : 5 * blocks + 5] = list(b"\xe9" + (-5 * blocks - 5).to_bytes(4, "little", signed=True))
    cpu = Cpu(0, [Mapping(CODE, text, code=True), Mapping(DATA, data, code=False)])
    cpu.reset(rip=CODE, rax=0, eflags=2)
    ran = 0
    for count in (5_000, 9_001, 30_000, 777):
        assert cpu.run(count) is None
        ran += count
        rounds, rest = divmod(ran, 2 * blocks + 1)
        assert cpu.registers()["rax"] == rounds * blocks + -(-rest // 2) - (rest == 2 * blocks + 1)
        assert cpu.rip == CODE + rest // 2 * 5 + rest % 2 * 3


def test_an_end_of_code_faults_in_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    for tail in ("", "e8", "48 8b 04"):
        code = b"\x90" * (2 * PAGE_SIZE - len(bytes.fromhex(tail))) + bytes.fromhex(tail)
        one, other = both(monkeypatch, code)
        for each in (one, other):
            each.begin(CODE + PAGE_SIZE)
        for _ in range(3):
            assert one.cpu.run(3000) == other.cpu.run(3000)
            assert one.state() == other.state()


@pytest.mark.parametrize("kind", ["blocks", "hook"])
def test_a_run_stops_at_breakpoints_up_to_the_end_of_code(monkeypatch: pytest.MonkeyPatch, kind: way.Way) -> None:
    """Also where Unicorn sees a page ahead that cannot be run, and where one instruction is run over and over."""
    rep = bytes.fromhex("b9 05 00 00 00 48 c7 c7 00 00 00 88 f3 aa")  # mov $5,%ecx; mov $DATA,%rdi; rep stosb
    behind = CODE + 2 * PAGE_SIZE
    places = [CODE, CODE + 12, behind - 300, behind - 9, behind - 2, behind - 1]
    one = bench(monkeypatch, kind, rep + b"\x90" * (2 * PAGE_SIZE - len(rep)))
    repeated = [(CODE + 12, 2 + done) for done in range(6)]  # the last finds that nothing is left
    behind_it = [(address, 2 + 6 + address - (CODE + len(rep))) for address in places[2:]]
    for many in (places, places[::2], places[-1:]):
        one.begin(CODE)
        stops, total = list[tuple[int, int]](), 0
        while True:
            fault, ran = one.cpu.run_watched(20_000, frozenset(many))
            if fault is not None:
                assert fault.cr2 == one.cpu.rip == behind
                break
            total += ran
            stops.append((one.cpu.rip, total))
        assert stops == [stop for stop in repeated + behind_it if stop[0] in many]


def test_a_closed_cpu_gives_its_address_space_back(monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench(monkeypatch, "blocks", LOOP).cpu
    one.run(1000)
    before = room.used()
    one.close()
    assert before - room.used() > 1.9 * room.ENGINE or not before


# --- a whole kernel ---------------------------------------------------------------------------------------------------


def test_a_kernel_runs_the_same_in_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for kind in ("blocks", "hook"):
        monkeypatch.setenv(way.VARIABLE, kind)
        simulation = Simulation.boot(Options(cpus=2, patch_quantum=2000), KernelImage.default())
        assert all((cpu._blocks is not None) == (kind == "blocks") for cpu in parts_of(simulation).machine.cpus)
        simulation.do(SetTracer("function"))
        found = []
        for _ in range(40):
            simulation.run(10_000)
            found.append(state_digest(simulation))
        digests.append(found)
    assert digests[0] == digests[1]


# --- the machine code -----------------------------------------------------------------------------------------------

LISTING = """
    imul $0x61c88647,PC,%rax
    shr $0x14,%rax
    probe: and MASK,%rax
    mov %rax,%r10
    shl $0x4,%r10
    add TABLE,%r10
    cmp PC,(%r10)
    jne next
    cmp SIZE,0x8(%r10)
    jne next
    mov 0xc(%r10),%r10d
    and COUNTS,%r10d
    cmp %r10,LEFT
    jb stop
    sub %r10,LEFT
    ret
    next: cmpl $0x0,0x8(%r10)
    je miss
    inc %rax
    jmp probe
    miss: movl $0x1,MISSED
    stop: mov PC,PC_FIELD
    mov SIZE,SIZE_FIELD
    jmp *EMU_STOP
"""
ARGUMENTS = {"System V": ("rdi", "rsi", "edx", "rcx"), "Windows x64": ("rcx", "rdx", "r8d", "r9")}
CONVENTION = pytest.mark.parametrize("convention", ARGUMENTS)


@CONVENTION
def test_the_machine_code_is_what_it_is_said_to_be(convention: str) -> None:
    _, pc, size, state = ARGUMENTS[convention]
    lines = list(disasm.decode(countdown.CODE[convention], 0))
    written = [line.split(": ")[-1].strip() for line in LISTING.strip().splitlines()]
    labels = {line.split(":")[0].strip(): at for at, line in enumerate(LISTING.strip().splitlines()) if ": " in line}
    fields = {name: getattr(countdown.State, name).offset for name, _ in countdown.State._fields_}
    words = {f"{name.upper()}_FIELD": at for name, at in fields.items()} | {
        name.upper(): at for name, at in fields.items() if name not in ("pc", "size")
    }
    words_text = {name: f"{at:#x}(%{state})" if at else f"(%{state})" for name, at in words.items()}
    names = (
        words_text
        | {"PC": f"%{pc}", "SIZE": f"%{size}"}
        | {name: f"{lines[at].address:#x}" for name, at in labels.items()}
    )
    expected = [
        re.sub(r"[A-Z_]{2,}|\b(?:next|miss|stop|probe)\b", lambda word: names[word[0]], line) for line in written
    ]
    assert [line.text for line in lines] == expected


@CONVENTION
def test_the_machine_code_does_what_a_dictionary_does(monkeypatch: pytest.MonkeyPatch, convention: str) -> None:
    """It runs as a guest's code here, so that each variant is tried on every host."""
    code = countdown.CODE[convention]
    one = bench(monkeypatch, "hook", code.ljust(0x200, b"\xcc") + b"\xf4\xcc\xf4")
    returned, stopped = CODE + 0x200, CODE + 0x202
    draw = random.Random(3)
    table: dict[tuple[int, int], int] = {}
    entries, mask = [[0, 0, 0] for _ in range(16)], 15
    for _ in range(12):
        pc, size, has = CODE + draw.randrange(40), draw.randrange(1, 4), draw.randrange(1, 30)
        has |= draw.choice((0, countdown.WATCHED))
        at = countdown.home(pc, mask)
        while entries[at][1] and (entries[at][0], entries[at][1]) != (pc, size):
            at = (at + 1) & mask
        entries[at], table[pc, size] = [pc, size, has], has
    words = np.array([[pc, size | count << 32] for pc, size, count in entries], dtype=np.uint64)
    one.data[0x100 : 0x100 + words.nbytes] = words.view(np.uint8).reshape(-1)
    names = {"edx": "rdx", "r8d": "r8"}
    seen = set()
    for _ in range(400):
        pc, size, left = CODE + draw.randrange(40), draw.randrange(1, 4), draw.randrange(40)
        looks = draw.random() < 0.5  # for WATCHED blocks
        counts = 0xFFFF_FFFF if looks else 0xFFFF_FFFF - countdown.WATCHED
        state = countdown.State(left=left, table=DATA + 0x100, mask=mask, emu_stop=stopped, counts=counts)
        one.data[: len(bytes(state))] = list(bytes(state))
        one.data[STACK - DATA : STACK - DATA + 8] = list(returned.to_bytes(8, "little"))
        values = zip(ARGUMENTS[convention], (7, pc, size, DATA), strict=True)
        one.begin(CODE)
        one.cpu.reset(**{names.get(name, name): value for name, value in values})
        assert one.cpu.run(10_000) is None
        found = countdown.State.from_buffer_copy(one.data[: len(bytes(state))].tobytes())
        count = table.get((pc, size))
        watched = count is not None and count >= countdown.WATCHED
        count = None if count is None else count & counts
        runs = count is not None and count <= left
        assert one.cpu.rip == (returned if runs else stopped) + 1
        assert (found.left, found.missed) == (left - (count or 0) if runs else left, count is None)
        assert (found.pc, found.size) == ((0, 0) if runs else (pc, size))
        first = one.cpu.registers()[ARGUMENTS[convention][0]]
        assert first == 7
        seen.add((count is None, watched, looks, runs))
    missed = {(True, False, looks, False) for looks in (False, True)}
    held = {
        (False, watched, looks, runs) for watched in (False, True) for looks in (False, True) for runs in (False, True)
    }
    assert seen == missed | held - {(False, True, True, True)}
