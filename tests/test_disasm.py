"""The disassembler: spelling, bad bytes, targets, gdb's layout."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simkernel import disasm, insn
from tests.objdump import needs_objdump, objdump

AT = 0xFFFF_FFFF_8100_0000

# One instruction a line: bytes, AT&T, Intel. Torn sites are among them.
LINES = """
e8 fb 0f 00 00 | call 0xffffffff81001000 | call 0xffffffff81001000
0f 1f 44 00 00 | nopl 0x0(%rax,%rax,1) | nop DWORD PTR [rax+rax*1+0x0]
e8 1f 44 00 00 | call 0xffffffff81004424 | call 0xffffffff81004424
55 | push %rbp | push rbp
48 89 e5 | mov %rsp,%rbp | mov rbp,rsp
48 83 c4 f8 | add $0xfffffffffffffff8,%rsp | add rsp,0xfffffffffffffff8
83 f8 ff | cmp $0xffffffff,%eax | cmp eax,0xffffffff
c6 00 80 | movb $0x80,(%rax) | mov BYTE PTR [rax],0x80
48 c7 c1 00 00 00 88 | mov $0xffffffff88000000,%rcx | mov rcx,0xffffffff88000000
65 48 8b 0c 25 10 00 00 00 | mov %gs:0x10,%rcx | mov rcx,QWORD PTR gs:0x10
65 48 ff 04 25 20 00 00 00 | incq %gs:0x20 | inc QWORD PTR gs:0x20
48 8b 45 00 | mov 0x0(%rbp),%rax | mov rax,QWORD PTR [rbp+0x0]
48 8b 04 08 | mov (%rax,%rcx,1),%rax | mov rax,QWORD PTR [rax+rcx*1]
ff 24 c5 07 00 00 81 | jmp *-0x7efffff9(,%rax,8) | jmp QWORD PTR [rax*8-0x7efffff9]
ff 50 08 | call *0x8(%rax) | call QWORD PTR [rax+0x8]
ff e0 | jmp *%rax | jmp rax
f0 48 0f b1 1f | lock cmpxchg %rbx,(%rdi) | lock cmpxchg QWORD PTR [rdi],rbx
f3 a4 | rep movsb %ds:(%rsi),%es:(%rdi) | rep movs BYTE PTR es:[rdi],BYTE PTR ds:[rsi]
f3 48 ab | rep stos %rax,%es:(%rdi) | rep stos QWORD PTR es:[rdi],rax
f2 ae | repnz scas %es:(%rdi),%al | repnz scas al,BYTE PTR es:[rdi]
48 d1 e0 | shl %rax | shl rax,1
48 d3 20 | shlq %cl,(%rax) | shl QWORD PTR [rax],cl
48 c1 f8 3f | sar $0x3f,%rax | sar rax,0x3f
0f b6 08 | movzbl (%rax),%ecx | movzx ecx,BYTE PTR [rax]
48 63 c9 | movslq %ecx,%rcx | movsxd rcx,ecx
48 0f 44 18 | cmove (%rax),%rbx | cmove rbx,QWORD PTR [rax]
a6 | cmpsb %es:(%rdi),%ds:(%rsi) | cmps BYTE PTR ds:[rsi],BYTE PTR es:[rdi]
ad | lods %ds:(%rsi),%eax | lods eax,DWORD PTR ds:[rsi]
48 83 d0 00 | adc $0x0,%rax | adc rax,0x0
48 19 c0 | sbb %rax,%rax | sbb rax,rax
48 f7 3f | idivq (%rdi) | idiv QWORD PTR [rdi]
48 f7 f9 | idiv %rcx | idiv rcx
c1 c8 03 | ror $0x3,%eax | ror eax,0x3
48 0f bd d8 | bsr %rax,%rbx | bsr rbx,rax
0f c8 | bswap %eax | bswap eax
f3 48 0f b8 c1 | popcnt %rcx,%rax | popcnt rax,rcx
f3 48 0f bc c1 | tzcnt %rcx,%rax | tzcnt rax,rcx
0f 1f f8 | nop %eax | nop eax
66 0f 1f c0 | nop %ax | nop ax
48 0f 1f c0 | nop %rax | nop rax
66 0f 1f 00 | nopw (%rax) | nop WORD PTR [rax]
9c | pushf | pushf
48 cf | iretq | iretq
cc | int3 | int3
""".strip()
CODE = [bytes.fromhex(line.split("|")[0]) for line in LINES.splitlines()]
ATT = [line.split(" | ")[1] for line in LINES.splitlines()]
INTEL = [line.split(" | ")[2] for line in LINES.splitlines()]


def test_each_line_is_spelled_as_gnu_does() -> None:
    for code, att, intel in zip(CODE, ATT, INTEL, strict=True):
        assert [i.text for i in disasm.decode(code, AT)] == [att]
        assert [i.text for i in disasm.decode(code, AT, "intel")] == [intel]


@needs_objdump
def test_objdump_agrees_with_the_table() -> None:
    for code, att, intel in zip(CODE, ATT, INTEL, strict=True):
        assert [line.text for line in objdump(code, AT)] == [att]
        assert [line.text for line in objdump(code, AT, intel=True)] == [intel]


def test_a_byte_that_begins_nothing_is_bad_and_decoding_goes_on() -> None:
    found = list(disasm.decode(bytes.fromhex("55 06 c3 e8 00"), AT))
    assert [(i.address - AT, i.size, i.text) for i in found] == [
        (0, 1, "push %rbp"),
        (1, 1, "(bad)"),
        (2, 1, "ret"),
        (3, 1, "(bad)"),
        (4, 1, "(bad)"),
    ]
    assert [i.is_bad for i in found] == [False, True, False, True, True]
    assert (disasm.length(b"\x06"), disasm.length(insn.NOP5), disasm.length(b"")) == (1, 5, 1)


@given(st.binary(max_size=64))
def test_any_bytes_are_covered_without_gap(code: bytes) -> None:
    for syntax in ("att", "intel"):
        found = list(disasm.decode(code, AT, syntax))
        assert b"".join(i.bytes for i in found) == code
        assert [(i.address, i.size) for i in found] == list(disasm.lengths(code, AT))
        assert all(i.size == len(i.bytes) for i in found)
    if code:
        assert disasm.length(code, AT) == found[0].size


def test_target_is_where_a_direct_branch_goes_and_reference_what_rip_names() -> None:
    def one(text: str) -> disasm.Instruction:
        return next(disasm.decode(bytes.fromhex(text), AT))

    assert one("e8 fb 0f 00 00").target == AT + 0x1000
    assert one("75 fe").target == AT
    assert one("ff 50 08").target is None
    assert (one("48 8d 05 10 00 00 00").reference, one("48 8d 05 10 00 00 00").target) == (AT + 0x17, None)
    assert one("48 8d 05 f9 ff ff ff").reference == AT
    intel = next(disasm.decode(bytes.fromhex("48 8d 05 f9 ff ff ff"), AT, "intel"))
    assert intel.reference == AT


def test_kinds() -> None:
    kinds = {
        "e8 00 00 00 00": "is_call",
        "ff d0": "is_call",
        "c3": "is_ret",
        "48 cb": "is_ret",
        "eb 00": "is_branch",
        "ff e0": "is_branch",
        "48 cf": "is_iret",
    }
    names = set(kinds.values()) | {"is_cond", "is_bad"}
    for text, kind in kinds.items():
        found = next(disasm.decode(bytes.fromhex(text), AT))
        assert {name for name in names if getattr(found, name)} == {kind}, text
    jump = next(disasm.decode(b"\x75\x00", AT))
    assert jump.is_cond and jump.is_branch and not jump.is_call


def test_listing_has_gdbs_layout() -> None:
    code = insn.call(AT, AT + 0x1230) + insn.push("rbp") + bytes.fromhex("48 8d 05 10 00 00 00")

    def name(address: int) -> str:
        return {AT + 0x1230: "__fentry__"}.get(address, "counter+0x8")

    lines = list(disasm.listing(disasm.decode(code, AT), AT, name))
    assert lines == [
        "   0xffffffff81000000 <+0>:\tcall   0xffffffff81001230 <__fentry__>",
        "   0xffffffff81000005 <+5>:\tpush   %rbp",
        "   0xffffffff81000006 <+6>:\tlea    0x10(%rip),%rax        # 0xffffffff8100001d <counter+8>",
    ]
    raw = list(disasm.listing(disasm.decode(code, AT), AT, name, with_bytes=True))
    assert raw[1] == "   0xffffffff81000005 <+5>:\t55                 \tpush   %rbp"
