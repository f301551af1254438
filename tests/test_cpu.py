"""What the engine's door does with an exception in one of its callbacks, and whom it calls back at all."""

from __future__ import annotations

import mmap
import sys
from typing import NoReturn

import numpy as np
import pytest

import simkernel.cpu as cpu_module
from simkernel.cpu import Cpu, Mapping
from simkernel.errors import LearnerError
from simkernel.layout import VECTOR_PF
from simkernel.memory import new_buffer

CODE = 0xFFFF_FFFF_8100_0000
LOAD = bytes.fromhex("48 8b 04 25 00 00 00 00")  # mov 0x0, %rax: nothing is mapped there


class Interrupted(Cpu):
    """Ctrl-C comes while the engine reports a page fault."""

    def _on_invalid_memory(self, *_: object) -> NoReturn:
        raise KeyboardInterrupt


def test_ctrl_c_in_the_report_of_a_fault_is_not_lost() -> None:
    code = new_buffer(4096)
    code[: len(LOAD)] = np.frombuffer(LOAD, dtype=np.uint8)
    cpu = Interrupted(0, [Mapping(CODE, code, code=True)])
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
    cpu_module._check_memory.cache_clear()
    with pytest.raises(LearnerError, match="gives no memory that can be written and run"):
        Cpu(0, [Mapping(CODE, new_buffer(4096), code=True)])
