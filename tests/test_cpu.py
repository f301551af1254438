"""The engine's door: an exception in one of its callbacks, whom it calls back, a page that it meets."""

from __future__ import annotations

import mmap
import sys
from typing import Any, NoReturn

import numpy as np
import pytest

import simkernel.hw.engine as engine_module
from simkernel.errors import LearnerError
from simkernel.hw.cpu import Cpu, Mapping
from simkernel.hw.engine import Engine
from simkernel.hw.memory import new_buffer
from simkernel.hw.way import VARIABLE
from simkernel.kernel import layout
from simkernel.kernel.layout import VECTOR_PF

CODE = 0xFFFF_FFFF_8100_0000
STACK = 0xFFFF_FFFF_8800_0000
LOAD = bytes.fromhex("48 8b 04 25 00 00 00 00")  # mov 0x0, %rax: nothing is mapped there


def test_ctrl_c_in_the_report_of_a_fault_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "_on_invalid_memory", interrupted)
    code = new_buffer(4096)
    code[: len(LOAD)] = np.frombuffer(LOAD, dtype=np.uint8)
    cpu = Cpu(0, [Mapping(CODE, code, code=True)])
    cpu.reset(rip=CODE)
    with pytest.raises(KeyboardInterrupt):
        cpu.run(1)


def test_an_observer_sees_what_it_looks_at_now_in_code_that_ran_before() -> None:
    code = new_buffer(4096)
    code[:6] = 0x90
    code[6:8] = (0xEB, -8 & 0xFF)  # jmp to the beginning
    cpu = Cpu(0, [Mapping(CODE, code, code=True)])
    cpu.reset(rip=CODE)
    seen: list[int] = []
    watch = cpu.observer(seen.append, 1)
    looked = []
    for places in (frozenset[int](), frozenset({CODE + 1, CODE + 4}), frozenset({CODE + 4}), frozenset[int]()):
        watch(places)
        cpu.run(7)
        looked.append([rip - CODE for rip in seen])
        seen.clear()
    assert looked == [[], [1, 2, 4, 5], [4, 5], []]


@pytest.mark.parametrize("count", [1, 2000])
@pytest.mark.parametrize("last", ["", "e8", "48 8b 04"], ids=["whole", "call", "mov"])
def test_a_page_that_cannot_be_run_is_met_by_who_comes_to_it(count: int, last: str) -> None:
    """The CPU slides over 100 times `add %al, (%rax)` to the end of its code, or into an instruction that leaves it."""
    code, data, tail = new_buffer(4096), new_buffer(4096), bytes.fromhex(last)
    code[4096 - len(tail) :] = list(tail)
    begin, end = CODE + 4096 - len(tail) - 200, CODE + 4096
    cpu = Cpu(0, [Mapping(CODE, code, code=True), Mapping(end, data, code=False)])
    cpu.reset(rip=begin, rax=end + 1)
    data[1] = 1
    ran = 0
    while (fault := cpu.run(count)) is None:
        ran += 1
        assert cpu.rip == begin + 2 * ran
    assert (ran == 100) if count == 1 else (ran == 0)
    assert (fault.vector, fault.cr2, cpu.rip) == (VECTOR_PF, end, end - len(tail))
    al = (end + 1) & 0xFF
    assert data[1] == (1 + 100 * al) % 256 and fault.error == 0x11


@pytest.mark.skipif(sys.platform != "linux", reason="asked on Linux only")
def test_a_system_that_gives_no_memory_to_run_is_said_before_the_engine_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_arguments: object, **_named: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mmap, "mmap", refused)
    engine_module._check_memory.cache_clear()
    with pytest.raises(LearnerError, match="gives no memory that can be written and run"):
        Cpu(0, [Mapping(CODE, new_buffer(4096), code=True)])


def test_a_page_is_met_once_whatever_is_done_there_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unicorn alone would note a page for pushes, then for pops, then for pushes."""
    met: list[int] = []
    note = Engine._on_tlb_miss

    def noted(engine: Engine, uc: object, address: int, *rest: Any) -> bool:
        met.append(address)
        return note(engine, uc, address, *rest)

    monkeypatch.setattr(Engine, "_on_tlb_miss", noted)
    code, stack = new_buffer(4096), new_buffer(4096)
    code[:4] = np.frombuffer(b"\x50\x5b\xeb\xfc", dtype=np.uint8)  # again: push %rax; pop %rbx; jmp again
    cpu = Cpu(0, [Mapping(CODE, code, code=True), Mapping(STACK, stack, code=False)])
    cpu.reset(rip=CODE, rsp=STACK + 0x800, rax=7, eflags=2)
    assert cpu.run(300) is None
    assert sorted(met) == [CODE, STACK]
    assert cpu.registers()["rbx"] == 7


@pytest.mark.parametrize(
    ("text", "error", "cr2"),
    [
        ("48 a3 00 00 00 81 ff ff ff ff", 0b00011, CODE),  # mov %rax, CODE: a page of code is not written
        ("48 c7 c0 08 00 00 88 ff e0", 0b10001, STACK + 8),  # mov $STACK + 8, %rax; jmp *%rax: data is not run
        ("48 8b 04 25 00 00 00 90", 0b00000, 0xFFFF_FFFF_9000_0000),  # mov 0xffffffff90000000, %rax: nothing is there
    ],
)
def test_what_a_page_is_not_for_is_still_a_page_fault(text: str, error: int, cr2: int) -> None:
    code, stack = new_buffer(4096), new_buffer(4096)
    program = bytes.fromhex(f"50 5b {text}")  # the stack is met before, for both
    code[: len(program)] = np.frombuffer(program, dtype=np.uint8)
    cpu = Cpu(0, [Mapping(CODE, code, code=True), Mapping(STACK, stack, code=False)])
    cpu.reset(rip=CODE, rsp=STACK + 0x800, eflags=2)
    fault = cpu.run(10)
    assert fault is not None and (fault.vector, fault.error, fault.cr2) == (layout.VECTOR_PF, error, cr2)


@pytest.mark.parametrize("inside", [0, 3])
def test_code_that_runs_into_data_faults_at_the_first_byte_of_data(inside: int) -> None:
    """inside: how many bytes of an instruction of five are still code; 0: the instruction before it is whole."""
    code, data = new_buffer(4096), new_buffer(4096)
    code[-8 - inside :] = np.frombuffer(b"\x90" * 8 + b"\xb8\x01\x00"[:inside], dtype=np.uint8)
    cpu = Cpu(0, [Mapping(CODE, code, code=True), Mapping(CODE + 4096, data, code=False)])
    cpu.reset(rip=CODE + 4096 - 8 - inside, eflags=2)
    fault = cpu.run(20)
    assert fault is not None and (fault.vector, fault.error, fault.cr2) == (layout.VECTOR_PF, 0b10001, CODE + 4096)
    assert cpu.rip == CODE + 4096 - inside


def test_changed_code_runs_once_its_range_is_dropped_also_where_the_cpu_never_was() -> None:
    code = new_buffer(4 * 4096)
    code[:] = 0x90
    cpu = Cpu(0, [Mapping(CODE, code, code=True)])
    cpu.reset(rip=CODE, eflags=2)
    cpu.run(1)
    for place in (CODE, CODE + 2 * 4096 - 1):  # where it was; and over the border of two pages that it never met
        offset = place - CODE
        code[offset : offset + 2] = (0xB0, place & 0x7F)  # mov $..., %al
        cpu.drop(place, place + 2)
        cpu.transfer(place, 0, 2)
        cpu.run(1)
        assert (cpu.registers()["rax"] & 0xFF, cpu.rip) == (place & 0x7F, place + 2)
        code[offset : offset + 2] = 0x90
        cpu.drop(place, place + 2)
        cpu.transfer(place, 0, 2)
        cpu.run(1)
        assert cpu.rip == place + 1


@pytest.mark.parametrize(
    ("text", "error", "offset"),
    [
        ("50", 2, -8),  # push %rax
        ("e8 00 00 00 00", 2, -8),  # call: its return address
        ("48 89 44 24 80", 2, -0x80),  # mov %rax, -0x80(%rsp)
        ("48 8b 44 24 f0", 0, -0x10),  # mov -0x10(%rsp), %rax
        ("48 8d 44 24 f0 ff e0", 16, -0x10),  # lea -0x10(%rsp), %rax; jmp *%rax
    ],
)
def test_a_guard_page_is_not_there_and_the_pages_around_it_are(text: str, error: int, offset: int) -> None:
    code, stack = new_buffer(4096), new_buffer(3 * 4096)
    program = bytes.fromhex(f"50 58 48 89 84 24 f8 ef ff ff {text}")  # push, pop; mov %rax, -0x1008(%rsp): below
    code[: len(program)] = list(program)
    guard, base = STACK + 4096, STACK + 2 * 4096
    cpu = Cpu(0, [Mapping(CODE, code, code=True), Mapping(STACK, stack, code=False)], [guard])
    cpu.reset(rip=CODE, rsp=base + 8, rax=7, eflags=2)
    cpu.run(2)
    cpu.transfer(cpu.rip, base, 2)
    stack[4096:8192] = 0xEE
    fault = cpu.run(100)
    assert fault is not None and (fault.vector, fault.error, fault.cr2) == (VECTOR_PF, error, base + offset)
    assert cpu.rsp == base and (stack[4096:8192] == 0xEE).all() and stack[8192] == 7


def test_one_instruction_is_one_also_where_it_leads_to_the_end_of_the_code() -> None:
    """The engine translates what it leads to, up to the page that cannot be run, before it asks whether to go on."""
    code, stack = new_buffer(4096), new_buffer(4096)
    code[:5] = list(bytes.fromhex("e9 7b 0f 00 00"))  # jmp CODE + 0xf80; from there on add %al, (%rax) to the end
    cpu = Cpu(0, [Mapping(CODE, code, code=True), Mapping(STACK, stack, code=False)])
    cpu.reset(rip=CODE, rax=STACK + 1, eflags=2)
    assert cpu.run(1) is None
    assert (cpu.rip, int(stack[1])) == (CODE + 0xF80, 0)
    assert cpu.run(1) is None
    assert (cpu.rip, int(stack[1])) == (CODE + 0xF82, 1)


@pytest.mark.parametrize("way", ["blocks", "hook"])
def test_the_shadow_of_sti_and_of_a_move_to_ss_is_one_instruction_long(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many instructions a run has, and wherever it ends; bytes that only look like STI cast none."""
    monkeypatch.setenv(VARIABLE, way)
    lines = ["90"] * 210 + ["fb", "90", "83 c1 fb", "8e d0", "90", "8e d8", "fa", "66 8e d0", "90", "fb", "8e d0", "90"]
    behind = {211, 214, 218, 220}  # so many instructions have run; of several in a row the first one casts it
    program = b"".join(map(bytes.fromhex, lines))
    for first in (0, 211):
        code = new_buffer(4096)
        code[: len(program)] = np.frombuffer(program, dtype=np.uint8)
        for count in range(first + 1, len(lines) + 1):
            cpu = Cpu(0, [Mapping(CODE, code, code=True)])
            cpu.reset(rip=CODE + first, rax=0, eflags=2)
            assert cpu.run(count - first) is None
            assert cpu.in_shadow() == (count in behind), count
            cpu.close()
