"""The encoders against two decoders that know nothing of them: Capstone and GNU objdump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkernel import disasm, insn
from simkernel.errors import OurError
from tests.objdump import needs_objdump, objdump

SITE = 0xFFFF_FFFF_8100_0040
OFFSETS = st.integers(-(1 << 31), (1 << 31) - 1)

EVERY = [
    (insn.push("rbp"), "push %rbp"),
    (insn.pop("rdi"), "pop %rdi"),
    (insn.mov("rsp", "rbp"), "mov %rsp,%rbp"),
    (insn.alu("xor", "rcx", "rax"), "xor %rcx,%rax"),
    (insn.alu("test", "rdx", "rdx"), "test %rdx,%rdx"),
    (insn.alu_imm("add", -8, "rsp"), "add $0xfffffffffffffff8,%rsp"),
    (insn.alu_imm("cmp", 0x12345678, "rax"), "cmp $0x12345678,%rax"),
    (insn.alu_imm("sub", 0x12345678, "rdx"), "sub $0x12345678,%rdx"),
    (insn.shift("rol", 5, "rcx"), "rol $0x5,%rcx"),
    (insn.shift("sar", 63, "rax"), "sar $0x3f,%rax"),
    (insn.load("rsp", 8, "rax"), "mov 0x8(%rsp),%rax"),
    (insn.load("rdi", -8, "rax"), "mov -0x8(%rdi),%rax"),
    (insn.store("rsi", 0x40, "rbx"), "mov %rsi,0x40(%rbx)"),
    (insn.lea("rcx", 1, "rdx"), "lea 0x1(%rcx),%rdx"),
    (insn.imul("rcx", "rax"), "imul %rcx,%rax"),
    (bytes((insn.INT3,)), "int3"),
    (bytes((insn.RET,)), "ret"),
    (insn.ENDBR64, "endbr64"),
]


@pytest.mark.parametrize(("code", "text"), EVERY, ids=[text for _, text in EVERY])
def test_encoders_against_capstone(code: bytes, text: str) -> None:
    assert [i.text for i in disasm.decode(code, SITE)] == [text]


@needs_objdump
def test_encoders_against_objdump() -> None:
    lines = objdump(b"".join(code for code, _ in EVERY), SITE)
    assert [line.text for line in lines] == [text for _, text in EVERY]


@given(OFFSETS)
def test_branches_go_where_they_should(offset: int) -> None:
    for encode, name in ((insn.call, "call"), (insn.jmp, "jmp")):
        code = encode(SITE, SITE + insn.CALL_INSN_SIZE + offset)
        dest = (SITE + insn.CALL_INSN_SIZE + offset) & 0xFFFF_FFFF_FFFF_FFFF
        (found,) = disasm.decode(code, SITE)
        assert (found.mnemonic, found.target, len(code)) == (name, dest, insn.CALL_INSN_SIZE)
        assert insn.decode_rel32(SITE, code) == dest
    assert insn.is_call_to(SITE, insn.call(SITE, dest), dest)
    assert not insn.is_call_to(SITE, insn.jmp(SITE, dest), dest)


def test_short_and_conditional_jumps() -> None:
    for code, text in ((insn.jmp8(SITE, SITE - 126), "jmp"), (insn.jne(SITE, SITE + 0x1000), "jne")):
        (found,) = disasm.decode(code, SITE)
        assert found.mnemonic == text
    assert next(disasm.decode(insn.jmp8(SITE, SITE + 129), SITE)).target == SITE + 129
    assert next(disasm.decode(insn.jne(SITE, SITE + 0x1000), SITE)).target == SITE + 0x1000


def test_every_nop_is_one_instruction_of_its_length() -> None:
    for length, code in insn.NOPS.items():
        (found,) = disasm.decode(code, SITE)
        assert (found.size, len(code)) == (length, length)
        assert found.mnemonic.startswith("nop")
    assert insn.NOPS[5] == insn.NOP5 == bytes.fromhex("0f1f440000")


@pytest.mark.parametrize(
    "encode",
    [
        lambda: insn.call(SITE, SITE + (1 << 31) + 5),
        lambda: insn.jmp(SITE, SITE - (1 << 31) + 4),
        lambda: insn.jmp8(SITE, SITE + 130),
        lambda: insn.alu_imm("add", 1 << 31, "rax"),
        lambda: insn.load("rax", 128, "rax"),
        lambda: insn.shift("shl", 64, "rax"),
        lambda: insn.push("r8"),
        lambda: insn.decode_rel32(SITE, insn.NOP5),
        lambda: insn.decode_rel32(SITE, b"\xe8\0\0\0"),
    ],
)
def test_what_cannot_be_encoded_is_refused(encode: object) -> None:
    assert callable(encode)
    with pytest.raises(OurError):
        encode()
