"""What the engine's door does with an exception in one of its callbacks."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pytest

from simkernel.cpu import Cpu, Mapping
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
