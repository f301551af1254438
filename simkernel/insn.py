"""x86-64 instructions as values: the few whose bytes this program itself writes or reads. Pure Python.

A call site is a NOP5 (nothing is traced) or a `call rel32` (something is), a jump label a NOP2 or a `jmp rel8`, or NOP5
and `jmp rel32`; with INT3 for a first byte a change is under way. A displacement counts from the end of the instruction
(SDM vol. 2A, CALL).

The NOP forms are Linux's `x86_nops[]` (arch/x86/include/asm/nops.h, the 64-bit ones). The other encoders give a
synthetic kernel its bodies (`image/synthetic.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from simkernel.errors import OurError

INT3: Final = 0xCC
CALL: Final = 0xE8
JMP32: Final = 0xE9
JMP8: Final = 0xEB
RET: Final = 0xC3
CALL_INSN_SIZE: Final = 5  # also of JMP32 (asm/text-patching.h)

ENDBR64: Final = bytes.fromhex("f30f1efa")

NOPS: Final[dict[int, bytes]] = {
    1: bytes.fromhex("90"),
    2: bytes.fromhex("6690"),
    3: bytes.fromhex("0f1f00"),
    4: bytes.fromhex("0f1f4000"),
    5: bytes.fromhex("0f1f440000"),
    6: bytes.fromhex("660f1f440000"),
    7: bytes.fromhex("0f1f8000000000"),
    8: bytes.fromhex("0f1f840000000000"),
    9: bytes.fromhex("660f1f840000000000"),
    10: bytes.fromhex("66660f1f840000000000"),
    11: bytes.fromhex("6666660f1f840000000000"),
}
"""Length -> the NOP of that length (asm/nops.h)."""

NOP5: Final = NOPS[5]

REGISTERS: Final = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
"""The eight registers that need no REX extension, at the numbers that the encoding gives them."""


def rel32(address: int, dest: int, size: int = CALL_INSN_SIZE) -> int:
    """The displacement that takes an instruction of `size` bytes at `address` to `dest`; OurError beyond +-2 GiB."""
    displacement = _signed64(dest - (address + size))
    if not -(1 << 31) <= displacement < 1 << 31:
        raise OurError(f"{dest:#x} is out of reach of a rel32 at {address:#x}")
    return displacement


def call(address: int, dest: int) -> bytes:
    """`call dest` as it stands at `address`; OurError if it cannot reach (text_gen_insn, asm/text-patching.h)."""
    return bytes((CALL,)) + rel32(address, dest).to_bytes(4, "little", signed=True)


def jmp(address: int, dest: int) -> bytes:
    """`jmp dest` with a 32-bit displacement, as it stands at `address`."""
    return bytes((JMP32,)) + rel32(address, dest).to_bytes(4, "little", signed=True)


def jmp8(address: int, dest: int) -> bytes:
    """`jmp dest` in two bytes, as it stands at `address`; OurError beyond -128..127."""
    displacement = _signed64(dest - (address + 2))
    if not -128 <= displacement <= 127:
        raise OurError(f"{dest:#x} is out of reach of a rel8 at {address:#x}")
    return bytes((JMP8,)) + displacement.to_bytes(1, "little", signed=True)


def jne(address: int, dest: int) -> bytes:
    """`jne dest` with a 32-bit displacement, as it stands at `address`."""
    return b"\x0f\x85" + rel32(address, dest, 6).to_bytes(4, "little", signed=True)


def decode_rel32(address: int, code: bytes) -> int:
    """Where the call or jmp rel32 whose bytes are `code` goes from `address`; OurError if it is neither."""
    if len(code) < CALL_INSN_SIZE or code[0] not in (CALL, JMP32):
        raise OurError(f"{code[:CALL_INSN_SIZE].hex(' ')} at {address:#x} is neither a call nor a jmp with rel32")
    return (address + CALL_INSN_SIZE + int.from_bytes(code[1:5], "little", signed=True)) & 0xFFFF_FFFF_FFFF_FFFF


def is_call_to(address: int, code: bytes, dest: int) -> bool:
    """True if `code` at `address` is `call dest`."""
    return len(code) >= CALL_INSN_SIZE and code[0] == CALL and decode_rel32(address, code) == dest


def push(register: str) -> bytes:
    """`push %register`."""
    return bytes((0x50 + _number(register),))


def pop(register: str) -> bytes:
    """`pop %register`."""
    return bytes((0x58 + _number(register),))


def mov(source: str, dest: str) -> bytes:
    """`mov %source, %dest`, 64 bits."""
    return bytes((0x48, 0x89, _modrm(3, source, dest)))


def alu(name: str, source: str, dest: str) -> bytes:
    """`name %source, %dest`, 64 bits, for add, or, and, sub, xor, cmp and test."""
    opcode = {"add": 0x01, "or": 0x09, "and": 0x21, "sub": 0x29, "xor": 0x31, "cmp": 0x39, "test": 0x85}[name]
    return bytes((0x48, opcode, _modrm(3, source, dest)))


def alu_imm(name: str, immediate: int, dest: str) -> bytes:
    """`name $immediate, %dest`, 64 bits, for add, or, and, sub, xor and cmp; one byte if it fits, else four."""
    digit = {"add": 0, "or": 1, "and": 4, "sub": 5, "xor": 6, "cmp": 7}[name]
    modrm = 0xC0 | digit << 3 | _number(dest)
    if -128 <= immediate <= 127:
        return bytes((0x48, 0x83, modrm)) + immediate.to_bytes(1, "little", signed=True)
    if not -(1 << 31) <= immediate < 1 << 31:
        raise OurError(f"{immediate:#x} does not fit a 32-bit immediate")
    if dest == "rax":
        return bytes((0x48, 0x05 | digit << 3)) + immediate.to_bytes(4, "little", signed=True)
    return bytes((0x48, 0x81, modrm)) + immediate.to_bytes(4, "little", signed=True)


def shift(name: str, count: int, dest: str) -> bytes:
    """`name $count, %dest`, 64 bits, for rol, ror, shl, shr and sar; count 2..63."""
    digit = {"rol": 0, "ror": 1, "shl": 4, "shr": 5, "sar": 7}[name]
    if not 2 <= count <= 63:
        raise OurError(f"a shift by {count}: 2 to 63 can be encoded here")
    return bytes((0x48, 0xC1, 0xC0 | digit << 3 | _number(dest), count))


def load(base: str, offset: int, dest: str) -> bytes:
    """`mov offset(%base), %dest`, 64 bits, offset -128..127."""
    return bytes((0x48, 0x8B)) + _memory(base, offset, dest)


def store(source: str, offset: int, base: str) -> bytes:
    """`mov %source, offset(%base)`, 64 bits, offset -128..127."""
    return bytes((0x48, 0x89)) + _memory(base, offset, source)


def lea(base: str, offset: int, dest: str) -> bytes:
    """`lea offset(%base), %dest`, offset -128..127."""
    return bytes((0x48, 0x8D)) + _memory(base, offset, dest)


def imul(source: str, dest: str) -> bytes:
    """`imul %source, %dest`, 64 bits."""
    return bytes((0x48, 0x0F, 0xAF, _modrm(3, dest, source)))


def _memory(base: str, offset: int, register: str) -> bytes:
    """ModRM (and SIB for %rsp) and a displacement of one byte."""
    if not -128 <= offset <= 127:
        raise OurError(f"offset {offset:#x} does not fit one byte")
    sib = b"\x24" if base == "rsp" else b""
    return bytes((_modrm(1, register, base),)) + sib + offset.to_bytes(1, "little", signed=True)


def _modrm(mode: int, register: str, rm: str) -> int:
    return mode << 6 | _number(register) << 3 | _number(rm)


def _number(register: str) -> int:
    if register not in REGISTERS:
        raise OurError(f"%{register} is not one of the registers that are encoded here")
    return REGISTERS.index(register)


def _signed64(value: int) -> int:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    return value - (1 << 64) if value >> 63 else value


# --- what an instruction does besides, by its opcode ----------------------------------------------------------------


_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3, *range(0x40, 0x50)))
_PORTS = frozenset((0x6C, 0x6D, 0xE4, 0xE5, 0xEC, 0xED))
_TWO_BYTES = frozenset((0x05, 0x31, 0x32, 0x33, 0x34))  # SYSCALL, RDTSC, RDMSR (of the TSC), RDPMC, SYSENTER


def opcode(data: bytes) -> bytes:
    """The bytes from the opcode on: prefixes left out."""
    at = 0
    while at < len(data) and data[at] in _PREFIXES:
        at += 1
    return data[at : at + 3]


def nondeterministic(data: bytes) -> bool:
    """True where the instruction in `data` would bring host values into the guest, or be skipped.

    `Simplified:` such an instruction takes #UD here. Torn bytes can spell one; the image check refuses the rest.
    """
    found = opcode(data)
    if not found:
        return False
    if found[0] in _PORTS:
        return True
    if found[0] != 0x0F or len(found) < 2:
        return False
    if found[1] in _TWO_BYTES or found[:3] == b"\x0f\x01\xf9":  # RDTSCP
        return True
    return found[1] == 0xC7 and len(found) == 3 and found[2] >> 6 == 3 and (found[2] >> 3 & 7) in (6, 7)


def _any_of(values: Iterable[int]) -> bytes:
    """A regular expression's class of these bytes."""
    return b"[%b]" % b"".join(b"\\x%02x" % byte for byte in sorted(values))


_MAY_BE_NONDETERMINISTIC = re.compile(
    _any_of(_PORTS) + b"|\x0f" + _any_of(_TWO_BYTES) + b"|\x0f\x01\xf9|\x0f\xc7[\xf0-\xff]", re.DOTALL
)


def may_be_nondeterministic(code: bytes) -> bool:
    """True where the bytes of one such instruction could lie in `code`, wherever instructions begin there."""
    return _MAY_BE_NONDETERMINISTIC.search(code) is not None


def is_iret(data: bytes) -> bool:
    """True where the instruction in `data` is an IRET of any size."""
    return opcode(data)[:1] == b"\xcf"


_FLAGS = frozenset((0x9D, 0xCC, 0xCD, 0xCF, 0xF1, 0xF4, 0xFA, 0xFB))  # POPF, INT3, INT, IRET, INT1, HLT, CLI, STI
_MODES = frozenset((0x05, 0x07, 0x30, 0x34, 0x35))  # behind 0F: SYSCALL, SYSRET, WRMSR, SYSENTER, SYSEXIT
_SERIALIZING = frozenset((0x08, 0x09, 0x22, 0x23, 0xA2, 0xAA))  # INVD, WBINVD, MOV to CR, MOV to DR, CPUID, RSM


def serializing(data: bytes) -> bool:
    """True where the instruction in `data` serializes (SDM vol. 3A, "Serializing Instructions").

    `Simplified:` WRMSR does so for most MSRs, here for none; MOV to CR8 does not, here it does.
    """
    found = opcode(data)
    if found[:1] != b"\x0f":
        return found[:1] == b"\xcf"  # IRET
    second, third = (*found[1:], 0, 0)[:2]
    digit = third >> 3 & 7
    if second == 0x00:
        return digit in (2, 3)  # LLDT, LTR
    if second == 0x01:
        return third == 0xE8 or (third >> 6 < 3 and digit in (2, 3, 7))  # SERIALIZE, LGDT, LIDT, INVLPG
    return second in _SERIALIZING or (second == 0x38 and third in (0x80, 0x81))  # INVEPT, INVVPID


def ends_straight_code(data: bytes) -> bool:
    """True where the instruction in `data` can serialize, change IF, halt, or go to or come from a handler or a mode.

    IF changes by CLI, STI, POPF and IRET, by INT and its kind, by SYSCALL and its kind (SDM vol. 2). Of the group 0F 01
    all are taken that have no operand in memory, MWAIT, VMRUN and STGI among them.
    """
    found = opcode(data)
    if found[:1] != b"\x0f":
        return found[:1] != b"" and found[0] in _FLAGS
    second, third = (*found[1:], 0, 0)[:2]
    return second in _MODES or (second == 0x01 and third >> 6 == 3) or serializing(data)


_MAY_END_STRAIGHT_CODE = re.compile(
    _any_of(_FLAGS) + b"|\x0f" + _any_of(_MODES | _SERIALIZING | {0x00, 0x01, 0x38}), re.DOTALL
)


def may_end_straight_code(code: bytes) -> bool:
    """True where the bytes of one such instruction could lie in `code`, wherever instructions begin there."""
    return _MAY_END_STRAIGHT_CODE.search(code) is not None


_NAMED = frozenset((CALL, JMP32, JMP8))
_ELSEWHERE = frozenset((*range(0x70, 0x80), *range(0xE0, 0xE4), 0xC2, RET, 0xCA, 0xCB))  # Jcc, LOOP, JRCXZ, returns


class Branch(Enum):
    """Where an instruction leads that may not lead to the one behind it."""

    NAMED = "to a target that its bytes name, always"
    ELSEWHERE = "to where its bytes alone do not tell"


def branch(data: bytes) -> Branch | None:
    """What kind of branch the instruction in `data` is; None: none.

    A jump or call with an operand-size prefix leads elsewhere, as Intel's and AMD's CPUs differ there (SDM vol. 2A,
    JMP; APM vol. 3, JMP).
    """
    found = opcode(data)
    first, second = (*found, 0, 0)[:2]
    if first in _NAMED:
        return Branch.ELSEWHERE if 0x66 in data[: data.index(first)] else Branch.NAMED
    if first == 0x0F:
        return Branch.ELSEWHERE if 0x80 <= second <= 0x8F else None
    if first == 0xFF:
        return Branch.ELSEWHERE if second >> 3 & 7 in (2, 3, 4, 5) else None
    return Branch.ELSEWHERE if first in _ELSEWHERE or (first in (0xC6, 0xC7) and second == 0xF8) else None


def target(address: int, data: bytes) -> int:
    """Where the branch in `data`, a `Branch.NAMED`, goes from `address`: its displacement is its last bytes."""
    size = 1 if opcode(data)[0] == JMP8 else 4
    return (address + len(data) + int.from_bytes(data[-size:], "little", signed=True)) & 0xFFFF_FFFF_FFFF_FFFF
