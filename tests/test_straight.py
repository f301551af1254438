"""Straight code: a CPU that runs as far as it leads does what it does one instruction at a time.

Two machines are in one state and get the same choices. One runs each in as few pieces as it may. The other one runs it
instruction by instruction, and is asked before each what the first one runs over: is a byte there pending, is a site
there being changed, could an interrupt be taken? Code is changed at random places, into anything.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from simkernel import disasm, insn
from simkernel.events import Event
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw import counting
from simkernel.hw import cpu as cpu_module
from simkernel.hw import machine as machine_module
from simkernel.hw import straight as module
from simkernel.hw.code_map import CodeMap
from simkernel.hw.fetch import CodeMemory, FetchModel, PendingStore
from simkernel.hw.machine import Machine
from simkernel.hw.observer import Changing
from simkernel.hw.straight import LONGEST, Straight
from simkernel.hw.way import VARIABLE
from simkernel.kernel import layout
from simkernel.schedule import QUANTUM, Choice, Nmi, Read, Resolve, Run
from simkernel.sim.digest import state_digest
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

MODELS = tuple(FetchModel)
CHOICES = 400  # of a run
PIECES = 60  # instructions of a choice with nothing to look at
TICK = 1_500  # instructions between two ticks
NOTHING = Changing()


@dataclass
class Pair:
    """A machine, and one in the same state that goes one instruction at a time."""

    fast: Simulation
    slow: Simulation
    met: Counter[str] = field(default_factory=Counter)

    def both(self, change: Callable[[Machine], object]) -> None:
        for simulation in (self.fast, self.slow):
            change(parts_of(simulation).machine)

    def step(self, choice: Choice) -> None:
        """Carry out a choice on both."""
        machine = parts_of(self.fast).machine
        if not isinstance(choice, Run):
            self.met[type(choice).__name__] += 1
            assert machine.step(choice) == parts_of(self.slow).machine.step(choice)
            return
        cpu, clock = choice.cpu, machine.clock
        watched, waits = machine.limit(cpu) < QUANTUM, machine.interrupts.waits(cpu, machine.states[cpu], clock)
        held_back = waits and machine.deliverable(cpu) is None
        events = machine.step(choice)
        n = machine.clock - clock
        self.met["several, watched"] += n > 1 and (watched or held_back)
        self.met["ended by the code"] += 1 < n < choice.n
        self.met.update(type(event).__name__ for event in events)
        assert self.slowly(choice.cpu, n, watched) == events

    def slowly(self, cpu: int, n: int, watched: bool) -> list[Event]:
        """So many instructions one by one; `watched`: the choice was cut to what `limit` allowed."""
        machine = parts_of(self.slow).machine
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(machine, "_limit", lambda *_: n)
            events = machine.begin(Run(cpu, n))
        halted = False  # HLT ends a choice, also one that the kernel does not know of
        while machine.open is not None and machine.open.done < n and not machine.open.ended and not halted:
            if machine.open.done:
                self.look(cpu, watched)
            halted = insn.opcode(machine.next_bytes(cpu))[:1] == b"\xf4"
            events += machine.advance(1)
        return events + machine.finish()

    def look(self, cpu: int, watched: bool) -> None:
        """Nothing lies here that the other machine may not run over."""
        machine = parts_of(self.slow).machine
        if machine.interrupts.waits(cpu, machine.states[cpu], machine.clock):
            assert machine.deliverable(cpu) is None, "an interrupt could be taken"
        if watched:
            rip = machine.cpus[cpu].rip
            size = disasm.length(machine.next_bytes(cpu), rip)
            assert not machine.code.pending_cells(cpu, rip, size), "a byte is pending"
            sites = list(zip(machine.changing.starts, machine.changing.sizes, strict=True))
            assert not any(at - size < rip < at + site for at, site in sites), "a site is being changed"

    def agree(self) -> None:
        assert state_digest(self.fast) == state_digest(self.slow)


@dataclass(frozen=True)
class Prepared:
    """A simulation that others fork from, and the instructions that its CPUs come to."""

    simulation: Simulation
    places: list[int]

    @property
    def nops(self) -> list[int]:
        """Those that are a NOP of five bytes."""
        return [place for place in self.places if self.simulation.read(place, 5) == insn.NOP5]


NOPS = list(insn.NOPS.values())
KEEPS = [*NOPS, b"\x9c\x9d", b"\xeb\x00", b"\xe9\0\0\0\0"]  # pushf, popf; jumps to what is behind them
BREAKS = [  # sti, cli, hlt, int3, iretq, ret, cpuid; mov %ss, %eax and back; jmp, jne and call to somewhere near
    *(b"\xfb", b"\xfa", b"\xf4", b"\xcc", b"\x48\xcf", b"\xc3", b"\x0f\xa2"),
    *(b"\x8c\xd0\x8e\xd0", b"\xeb\x02", b"\x75\x01", b"\xe8\0\0\0\0\x58"),
]


class Changes:
    """Changes code of a pair at random places: 1 to 15 bytes, into anything; or only NOPs, so that the kernel lives."""

    def __init__(self, pair: Pair, prepared: Prepared, draw: random.Random, gently: bool, first: int) -> None:
        self._pair, self._draw, self._gently = pair, draw, gently
        self._places = prepared.nops if gently else prepared.places
        self._old: dict[int, bytes] = {}
        self._drawn = first

    def change(self) -> None:
        """One more, or an old one undone; it may be known as a site that is being changed."""
        draw, code = self._draw, parts_of(self._pair.fast).machine.code
        if self._old and draw.random() < 0.4:
            address, new = self._old.popitem()
        else:
            address, size = draw.choice(self._places), 5 if self._gently else 1 + self._drawn % 15
            self._drawn += 1
            old = code.read(address, size)
            new = self._new(old)
            self._old.setdefault(address, old)
        changing = NOTHING
        if draw.random() < 0.5:
            sizes = {draw.choice(self._places): draw.randrange(1, 16), address: len(new)}
            changing = Changing.of(sorted(sizes), bytes(sizes[start] for start in sorted(sizes)))
        self._pair.met[f"{len(new)} bytes"] += 1
        for simulation in (self._pair.fast, self._pair.slow):
            parts_of(simulation).machine.code.write(address, new)
            parts_of(simulation).machine.changing = changing

    def _new(self, old: bytes) -> bytes:
        draw, new = self._draw, b""
        while len(new) < len(old):
            left = len(old) - len(new)
            some = draw.choice(KEEPS if self._gently or draw.random() < 0.5 else BREAKS)
            if not self._gently and draw.random() < 0.4:
                some = draw.choice((draw.randbytes(1), old[len(new) :]))
            if len(some) <= left or not self._gently:
                new += some
        return new[: len(old)]


def a_choice(machine: Machine, draw: random.Random) -> Choice:
    cpu = draw.randrange(len(machine.cpus))
    if (cells := machine.pending_at_rip(cpu)) and draw.random() < 0.4:
        return Resolve(cpu, draw.choice(cells) if draw.random() < 0.9 else None)
    if (left := machine.readable(cpu)) and draw.random() < 0.3:
        return Read(cpu, draw.randrange(1, left + 1))
    if draw.random() < 0.02:
        return Nmi(cpu)
    limit = machine.limit(cpu)
    return Run(cpu, limit if limit < QUANTUM else draw.randrange(1, PIECES))


@pytest.fixture(scope="module")
def prepared() -> Iterator[dict[FetchModel, Prepared]]:
    made = {}
    for model in MODELS:
        simulation = Simulation.boot(Options(model=model, tick_period=TICK, patch_quantum=QUANTUM, seed=1))
        simulation.do(SetFilter("filter", "*e*"))  # so some sites are NOPs
        simulation.do(SetTracer("function"))
        assert simulation.run_until_idle()
        with simulation.fork() as other:
            places = set()
            for number in range(3_000):
                places.add(parts_of(other).machine.cpus[number % 2].rip)
                parts_of(other).machine.step(Run(number % 2, 1))
        made[model] = Prepared(simulation, sorted(places))
    yield made
    for one in made.values():
        one.simulation.close()


def run(prepared: Prepared, seed: int) -> Counter[str]:
    """One run of both; what it came across."""
    draw = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(cpu_module, "BLOCKS_FROM", 2 if seed % 4 < 2 else PIECES)  # by blocks, or one by one
        if seed % 8 > 5:
            patch.setenv(VARIABLE, "hook")
        fast, slow = (stack.enter_context(prepared.simulation.fork()) for _ in range(2))
        pair = Pair(fast, slow)
        changes = Changes(pair, prepared, draw, gently=seed % 2 == 0, first=4 * seed)
        for number in range(CHOICES):
            if fast.halt_reason:
                pair.met["outcome"] += 1
                break
            if draw.random() < 0.1:
                changes.change()
            if draw.random() < 0.05:
                cpu = draw.randrange(2)
                pair.both(lambda machine, cpu=cpu: machine.send_ipi(cpu))  # type: ignore[misc]
            pair.step(a_choice(parts_of(fast).machine, draw))
            if number % 40 == 0:
                pair.agree()
        pair.agree()
        return pair.met


def run_all(prepared: Prepared, seeds: Iterable[int]) -> Counter[str]:
    return sum((run(prepared, seed) for seed in seeds), Counter())


@pytest.mark.parametrize("model", MODELS)
def test_as_far_as_straight_code_leads_is_as_one_by_one(
    model: FetchModel, prepared: dict[FetchModel, Prepared]
) -> None:
    met = run_all(prepared[model], range(8))
    assert met["several, watched"] > 200 and met["ended by the code"] > 5 and met["InterruptTaken"] > 20
    assert sum(f"{size} bytes" in met for size in range(1, 16)) > 10


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(100, 400))
@pytest.mark.parametrize("model", MODELS)
def test_the_same_of_many_runs(model: FetchModel, seed: int, prepared: dict[FetchModel, Prepared]) -> None:
    run(prepared[model], seed)


length, ends = Straight.length, insn.ends_straight_code
MUTATIONS: dict[str, tuple[Any, str, Any]] = {
    "pending bytes": (PendingStore, "ascending", lambda _: []),
    "sites that are being changed": (Straight, "length", lambda self, cpu, at, _: length(self, cpu, at, NOTHING)),
    "the end of a choice while an interrupt waits": (machine_module, "ends_straight_code", lambda _: False),
    "the blocks in which such a choice ends": (counting, "has_end_of_straight_code", lambda *_: False),
    "the same of a run that is counted one by one": (counting.Ends, "_says", lambda *_: 0),
    "IRET": (module, "ends_straight_code", lambda data: not insn.is_iret(data) and ends(data)),
}


@pytest.mark.parametrize("left_out", MUTATIONS)
def test_a_stop_that_is_left_out_is_noticed(
    left_out: str, prepared: dict[FetchModel, Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*MUTATIONS[left_out])
    with pytest.raises(AssertionError):
        run_all(prepared[FetchModel.BYTE], range(40))


# --- by hand ------------------------------------------------------------------------------------------------------

TEXT, FAR = 0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_A000_0000  # two regions of code


def code_of(model: FetchModel = FetchModel.BYTE) -> CodeMemory:
    """Two pages of NOPs, a CPU each for two."""
    code_map = CodeMap([(TEXT, 4096), (FAR, 4096)])
    memory = np.full(code_map.size, 0x90, dtype=np.uint8)
    views = [memory.copy() if model.cell_shift is not None else memory for _ in range(2)]
    return CodeMemory(model, code_map, memory, views)


def lengths(code: CodeMemory, straight: Straight, changing: Changing = NOTHING) -> list[int]:
    return [straight.length(cpu, TEXT, changing) for cpu in range(2)]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90 90 c3", 3),  # ret
        ("90 cf", 1),
        ("cf", 1),  # at least one
        ("90 e8 fa ff ff ff", LONGEST),  # a call to the beginning, for ever
        ("90 eb 01 c3 90 c3", 4),  # jmp over ret
        ("90 75 00 90", 2),
        ("90 ff e0", 2),
        ("90 06 90", 1),  # begins no instruction
        ("48 31 c0 0f a2", 1),
        ("90 90 90 0f 01 e8", 3),
        ("90 8e d0 90 fb", 3),
        ("90 e9 fa ff ff 1e", LONGEST),  # jmp to the other region
        ("90 e9 f4 0f 00 1f", 2),  # jmp to where that ends
    ],
)
def test_where_it_ends(text: str, length: int) -> None:
    code = code_of()
    code.write(TEXT, bytes.fromhex(text), fresh=True)
    assert lengths(code, Straight(code)) == [length] * 2


def test_it_ends_before_code_that_leads_to_the_end_of_a_region() -> None:
    code = code_of()
    assert [Straight(code).length(0, FAR + 4096 - before, NOTHING) for before in (300, 7, 0)] == [LONGEST, 1, 1]


@pytest.mark.parametrize("model", MODELS)
def test_it_follows_what_each_cpu_runs(model: FetchModel) -> None:
    code = code_of(model)
    straight = Straight(code)
    assert lengths(code, straight) == [LONGEST] * 2
    code.write(TEXT + 9, b"\xc3")
    if model.cell_shift is None:
        assert lengths(code, straight) == [10, 10]
        return
    assert lengths(code, straight) == [9, 9]  # up to the pending byte
    code.write(TEXT + 3, b"\xcf")
    assert lengths(code, straight) == [3, 3]
    code.views[1].resolve_all()
    assert lengths(code, straight) == [3, 3]
    code.write(TEXT + 3, b"\xc3")
    code.resolve(1, TEXT + 3)
    assert lengths(code, straight) == [3, 4]
    code.resolve(0, TEXT + 3)
    assert lengths(code, straight) == [3, 4]  # the oldest store to the cell
    code.views[0].resolve_all()
    assert lengths(code, straight) == [4, 4]


@pytest.mark.parametrize(
    ("starts", "size", "length"), [((6,), 1, 6), ((6,), 5, 6), ((-3,), 4, 1), ((-3,), 3, LONGEST), ((9, 11), 2, 8)]
)
def test_it_ends_at_a_site_that_is_being_changed(starts: tuple[int, ...], size: int, length: int) -> None:
    """The tenth byte belongs to an instruction of three."""
    code, begin = code_of(), TEXT + 16
    code.write(begin + 8, insn.NOPS[3], fresh=True)
    straight = Straight(code)
    changing = Changing.of([begin + start for start in starts], bytes([size]) * len(starts))
    assert [straight.length(0, begin, each) for each in (changing, NOTHING, changing)] == [length, LONGEST, length]


def test_paths_are_forgotten_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    straight = Straight(code_of())
    assert {straight.length(0, TEXT + at, NOTHING) for at in range(50)} == {LONGEST}
    assert len(straight._paths[0]) <= 4


def test_an_interrupt_that_a_shadow_holds_back_is_taken_behind_the_next_instruction(
    prepared: dict[FetchModel, Prepared],
) -> None:
    with prepared[FetchModel.INSTANT].simulation.fork() as simulation:
        machine, cpu = parts_of(simulation).machine, parts_of(simulation).machine.cpus[0]
        while machine.interrupts.waits(0, machine.states[0], machine.clock):
            machine.step(Run(0, 1))
        machine.code.write(cpu.rip, b"\xfa\xfb" + b"\x90" * 13, fresh=True)
        begin = cpu.rip
        machine.step(Run(0, 1))
        machine.send_ipi(0)
        machine.step(Run(0, 9))  # it ends with the STI
        assert (cpu.rip, machine.deliverable(0), machine.limit(0)) == (begin + 2, None, 1)
        machine.step(Run(0, 1))
        assert (cpu.rip, machine.deliverable(0), machine.limit(0)) == (begin + 3, layout.VECTOR_CALL_FUNCTION, QUANTUM)
