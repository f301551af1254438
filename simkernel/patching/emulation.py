"""text_poke_loc_init(): which instruction the int3 handler emulates for each entry of a batch, and how far it jumps.

`poke_int3_handler()` adds the entry's length and its displacement to the site's address, whatever the instruction's
size is, and calls, jumps or returns by the entry's opcode (arch/x86/kernel/alternative.c, 6.12). A NOP is emulated as a
jump by nothing: JMP8 in two bytes, else JMP32.

`Simplified:` Linux knows NOPs of two and of five bytes in one form each, and stops with BUG at any other. Here a NOP of
any size, and each form of the NOP of a call site (`NOP_FORMS`), is "go on behind the site", so that protocols with
older NOPs can be shown. A conditional jump of six bytes, of which Linux keeps five and the length, is refused.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simkernel import insn
from simkernel.errors import OurError
from simkernel.hw.memory import Bytes
from simkernel.protocol import NOP_FORMS, POKE_MAX_OPCODE_SIZE

JCC8 = range(0x70, 0x80)
PADDED = (insn.RET, insn.JMP32, insn.JMP8)  # nothing runs behind them: they may be padded with int3

_DOING_NOTHING = frozenset((*NOP_FORMS.values(), *insn.NOPS.values()))
_LENGTHS = {insn.INT3: 1, insn.RET: 1, insn.CALL: 5, insn.JMP32: 5, insn.JMP8: 2} | dict.fromkeys(JCC8, 2)


def emulated(text: Bytes, sizes: Bytes) -> tuple[Bytes, npt.NDArray[np.int32]]:
    """What the handler does for each new instruction: (opcodes (n,), displacements (n,)).

    Args:
        text: the new instructions, (n, POKE_MAX_OPCODE_SIZE); zeroes behind a shorter one.
        sizes: how many bytes change at each site, (n,).

    Raises:
        OurError: an instruction that cannot be emulated, where Linux stops with BUG.
    """
    far = (text[:, 0] == insn.CALL) | (text[:, 0] == insn.JMP32)
    far &= sizes == POKE_MAX_OPCODE_SIZE
    opcodes = np.where(far, text[:, 0], np.uint8(insn.JMP32))
    tails = np.ascontiguousarray(text[:, 1:]).view("<i4")[:, 0]
    displacements = np.where(far, tails, np.int32(0))
    near = np.flatnonzero(~far)
    for row in near[(text[near] != np.frombuffer(insn.NOP5, dtype=np.uint8)).any(axis=1)].tolist():
        opcodes[row], displacements[row] = _emulated(text[row, : sizes[row]].tobytes())
    return opcodes, displacements


def _emulated(new: bytes) -> tuple[int, int]:
    """(opcode, displacement) of an instruction that is neither a call nor a jump of five bytes."""
    if new in _DOING_NOTHING:
        return (insn.JMP8 if len(new) == 2 else insn.JMP32), 0
    opcode = new[0]
    length = _LENGTHS.get(opcode, 0)
    padding = new[length:]
    if not length or len(new) < length or padding.strip(bytes((insn.INT3,))) or (padding and opcode not in PADDED):
        raise OurError(f"text_poke_loc_init() knows no instruction {new.hex(' ')} (Linux: BUG)")
    if length != 2:
        return opcode, 0
    # The handler counts from behind the site. Linux takes a padded JMP8's displacement as it is, and patches none.
    return opcode, int.from_bytes(new[1:2], "little", signed=True) - len(padding)
