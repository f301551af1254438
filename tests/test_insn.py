"""The encoders against two decoders that know nothing of them: Capstone and GNU objdump."""

from __future__ import annotations

import re
from collections.abc import Iterator

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


# Instructions as Capstone names them. SDM vol. 3A, "Serializing Instructions":
SERIALIZING = set("invd invept invlpg invvpid lgdt lidt lldtw ltr ltrw wbinvd cpuid iretw iretl iretq rsm".split())
# What changes IF, halts, or goes to or comes from a handler or a mode (SDM vol. 2; APM vol. 3 for SVM's):
LEAVES = SERIALIZING | set(
    "cli sti popf popfw hlt mwait monitor int int1 int3 syscall sysretl sysretq sysenter sysexitl sysexitq wrmsr stgi "
    "clgi vmrun skinit vmcall vmlaunch vmresume vmmcall mov".split()
)
BENIGN = set(  # the rest of the group 0F 01, and what a prefix makes of those above: they end straight code, too
    "clac stac clzero encls enclu enclv invlpga lmsww smswl smswq smsww mwaitx monitorx pconfig rdpkru wrpkru rdtscp "
    "saveprevssp setssbsy swapgs vmfunc vmload vmsave vmxoff wbnoinvd xend xtest xgetbv xsetbv".split()
)


LEADS = re.compile(r"^(?:\w+ )*(?:jmp|call|ljmp.|lcall.|retw?|lret.|xbegin|xabort)$")


def every_form() -> Iterator[disasm.Instruction]:
    """An instruction of each opcode, ModRM byte and prefix, those in the maps 0F and 0F 38 too."""
    opcodes = [head + bytes((last,)) for head in (b"", b"\x0f", b"\x0f\x38") for last in range(256)]
    for prefix in (b"", b"\x48", b"\x66", b"\xf3"):
        for opcode in opcodes:
            for modrm in (*range(0, 0xC0, 8), *range(0xC0, 0x100, 1 if len(opcode) < 3 else 5)):
                data = prefix + opcode + bytes((modrm, 0x10, 0x32, 0x54, 0x76, 0, 0, 0, 0))
                found = next(disasm.decode(data, SITE))
                if not found.is_bad:
                    yield found


def test_what_serializes_and_what_ends_straight_code_against_capstone() -> None:
    serializing, ending, moves = set(), set(), set()
    for found in every_form():
        if found.mnemonic == "mov" and found.bytes.lstrip(b"\x48\x66\xf3")[0] == 0x0F:
            control = found.op_str.split(",")[1].startswith(("%cr", "%dr"))
            moves.add((control, insn.serializing(found.bytes), insn.ends_straight_code(found.bytes)))
        elif insn.ends_straight_code(found.bytes):
            ending.add(found.mnemonic)
            serializing |= {found.mnemonic} if insn.serializing(found.bytes) else set()
        else:
            assert found.mnemonic not in LEAVES - {"mov"}, found
            assert not insn.serializing(found.bytes)
    assert moves == {(True, True, True), (False, False, False)}
    assert serializing - BENIGN == SERIALIZING
    assert ending == (LEAVES | BENIGN) - {"mov"}


def test_branches_against_capstone() -> None:
    for found in every_form():
        kind = insn.branch(found.bytes)
        leaves = found.is_cond or LEADS.search(found.mnemonic) is not None
        assert (kind is not None) == leaves, found
        if 0x66 not in found.bytes[:2]:
            assert (kind is insn.Branch.NAMED) == (found.target is not None and not found.is_cond), found
        if kind is insn.Branch.NAMED:
            assert 0x66 not in found.bytes[:2]
            assert insn.target(SITE, found.bytes) == found.target
