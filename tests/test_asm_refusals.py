"""What the assembler refuses: each with file, line and a word on what to do, and nothing else happens."""

from __future__ import annotations

import time

import pytest

from simkernel.errors import KernelSourceError, LearnerError
from simkernel.kernel import layout
from tests.kernels import assemble, assemble_in_child, macros, with_body

pytestmark = pytest.mark.keystone

REFUSED = {
    "bogus %rax": "Keystone cannot assemble 'bogus %rax': invalid mnemonic",
    "addl %rax, %ebx": "no such form of this instruction",
    "movq %rax": "Keystone cannot assemble 'movq %rax'",
    "call schedul_e": "unknown symbol 'schedul_e'",
    "call __fentri__": "did you mean '__fentry__'?",
    "jmp .Lnowhere": "unknown symbol '.Lnowhere'",
    "jmp 1f": "unknown symbol",
    "f:": "label 'f' is defined twice, first at body.S:4",
    "_etext:": "label '_etext' is defined twice, first by the assembler",
    "SYM_FUNC_STRAT g": "unknown macro 'SYM_FUNC_STRAT'; did you mean 'SYM_FUNC_START'?",
    "SYM_FUNC_START g": "g begins inside f",
    "SYM_FUNC_END g": "SYM_FUNC_END g does not end f",
    "call __fentry__": "call __fentry__ stands only in SYM_FUNC_START",
    '.incbin "/etc/passwd"': ".incbin cannot be used: a kernel source reads no other file",
    '.include "x.S"': ".include cannot be used",
    ".section .init": "write .text, .data, or .bss",
    ".align 0x11": ".align takes a power of two",
    ".balign f": ".balign takes a power of two",
    ".balign 0x2000": ".p2align goes up to 0xc",
    ".org 0x100": ".org cannot be used",
    ".code32": ".code32: this is 32-bit code, and this machine has 64-bit mode and AT&T syntax only",
    ".code16": ".code16: this is 16-bit code",
    ".intel_syntax noprefix": ".intel_syntax: this is Intel syntax",
    ".uleb128 0x5": "it is not one of those that are understood here",
    ".quad": ".quad needs a value",
    ".p2align 0xd": ".p2align goes up to 0xc",
    ".p2align 0x4,0x90,0x8,0x1": ".p2align takes a power of two",
    ".fill 0x100001": ".fill may make 0x100000 bytes at most",
    ".fill 0x1,0x9": ".fill may make",
    ".zero f": "'f' must be a constant",
    ".rept f\n.endr": "'f' is not a constant",
    ".rept 0x10000000\nnop\n.endr": ".rept 0x10000000: 0 to",
    ".rept 0x1000\n.rept 0x1000\nnop\n.endr\n.endr": "expands to more than",
    ".rept 0x1000\n.rept 0x1000\n.endr\n.endr": "expands to more than",
    ".rept 0x20\n.fill 0x100000\n.endr": "the map has room for 0x1000000",
    ".rept 0x2": ".rept has no .endr",
    ".endr": ".endr without its beginning",
    ".if 0x1": ".if has no .endif",
    ".if 0x1 +\n.endif": "is not a constant expression",
    ".if 0x1/0x0\n.endif": "divides by zero",
    ".macro M\nM\n.endm\nM": "macros are nested more than",
    ".macro M a\n.if 0x1\nM \\a\\a\\a\\a\\a\\a\\a\\a\n.endif\n.endm\nM abcdefgh": "line of more than",
    ".macro ENDBR\n.endm": "macro 'ENDBR' exists already: macros.S:",
    "PER_CPU_READ": "PER_CPU_READ needs its argument 'offset'",
    "PER_CPU_READ 0x1, 0x2, 0x3": "takes 2 arguments, here are 3",
    "movq PCPU_CURRENT(%rip), %rax": "taken for a displacement",
    "movq 0x10+0x8(%rip), %rax": "taken for a displacement",
    "xchg %rax, %rax": "as 48 90, which is nop",
    "nopl 0x0(%rax,%rax,1)": "Keystone encodes nopl wrongly",
    "nopw (%rax)": "Keystone encodes nopw wrongly",
    "movl $0x123456789, %eax": "0x123456789 does not fit",
    "movb $0x100, %al": "0x100 does not fit",
    "serialize": "this machine has no serialize",
    "lock\nincq (%rax)": "write lock on the line of its instruction",
    **dict.fromkeys(("rdtsc", "rdtscp", "rdrand %rax", "rdseed %eax", "rdpmc"), "not give the same bytes twice"),
    ".byte 0x0f, 0x31": "rdtsc gives a value of the machine below",
    ".byte 0x0f, 0xc7, 0xf0": "rdrandl gives a value",
    "inb %dx, %al": "this machine has none",
    "outl %eax, $0x5": "this machine has none",
    "insb": "this machine has none",
    "syscall": "enter the kernel by a call",
    "sysenter": "enter the kernel by a call",
    ".byte 0x0f, 0x05": "enter the kernel by a call",
    ".byte 0x06": "are no instructions; data belongs after .data",
    '.asciz "unfinished': 'a string has no closing "',
    "/* unfinished": "this /* comment is never closed",
    "nop" + " " * 1000 + "nop": "a line may have 1000 characters",
    "SYM_DATA_START d": "SYM_DATA_* belongs in .data, and this is .text: write .data on a line above",
}


def test_refused_with_file_line_and_reason() -> None:
    said = {line: refusal(line) for line in REFUSED}
    assert said == {line: said[line] if message in said[line] else message for line, message in REFUSED.items()}


def refusal(line: str) -> str:
    """What is said of a line; it names the line's place."""
    try:
        assemble(with_body("nop\n" + line))
    except KernelSourceError as error:
        assert error.file == "body.S" and 6 <= error.line <= 6 + line.count("\n") + 1, (line, error)
        return str(error)
    return "nothing"


def test_an_error_in_a_macro_names_the_use_and_the_macro() -> None:
    with pytest.raises(KernelSourceError) as caught:
        assemble(with_body(".macro BAD\nnop\nbogus\n.endm\nnop\nBAD"))
    assert str(caught.value).startswith("body.S:10: ")
    assert str(caught.value).endswith("(in macro BAD, body.S:7)")


def test_the_first_wrong_line_is_named_in_a_long_file() -> None:
    with pytest.raises(KernelSourceError) as caught:
        assemble(with_body("nop\n" * 500 + "movl %rax, %eax\n" + "nop\n" * 500 + "bogus\n"))
    assert caught.value.line == 505


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SYM_FUNC_START f\nret\n", "SYM_FUNC_START f has no SYM_FUNC_END"),
        ("SYM_FUNC_END f\n", "does not end anything"),
        ("ret\n", "no function to trace"),
        ("", "no function to trace"),
    ],
)
def test_a_kernel_as_a_whole(text: str, message: str) -> None:
    with pytest.raises(LearnerError, match=message):
        assemble([macros(), ("body.S", text)])


def test_bss_holds_zeroes_only() -> None:
    with pytest.raises(KernelSourceError, match=r"^body\.S:9: d is not all 0, so it cannot be in \.bss"):
        assemble(with_body("ret", ".bss\nSYM_DATA_START d\n.quad 0x1\nSYM_DATA_END d"))


def test_a_traced_function_must_begin_with_its_call() -> None:
    own = "macros.S", ".macro SYM_FUNC_START name\n\\name:\nnop\n.endm\n.macro SYM_FUNC_END name\n.endm\n"
    with pytest.raises(KernelSourceError, match="f is traced but does not begin with call __fentry__"):
        assemble([own, ("body.S", "SYM_FUNC_START f\nret\nSYM_FUNC_END f\n")])


def test_a_start_macro_must_define_its_name() -> None:
    own = "macros.S", ".macro SYM_CODE_START name\n.endm\n.macro SYM_CODE_END name\n.endm\n"
    with pytest.raises(KernelSourceError, match="SYM_CODE_START g defines no label g"):
        assemble([macros()[:0] or own, ("body.S", "SYM_CODE_START g\nret\nSYM_CODE_END g\n")], sites=False)


def test_a_file_that_takes_too_long_is_ended() -> None:
    begin = time.monotonic()
    with pytest.raises(LearnerError, match="took more than 0.2 s to assemble"):
        assemble_in_child(with_body("nop\n" * 100_000), time_limit=0.2)
    assert time.monotonic() - begin < 5


def test_errors_come_back_from_the_child_process() -> None:
    with pytest.raises(KernelSourceError) as caught:
        assemble_in_child(with_body("bogus"))
    assert (caught.value.file, caught.value.line) == ("body.S", 5)
    with pytest.raises(LearnerError, match="no function to trace"):
        assemble_in_child([macros(), ("empty.S", "")])


def test_a_learners_file_that_lacks_what_the_core_uses() -> None:
    core = ("core.S", "SYM_FUNC_START_NOTRACE __fentry__\nleaq init_tasks(%rip), %rax\nret\nSYM_FUNC_END __fentry__\n")
    mine = ("mine.S", "SYM_FUNC_START f\nret\nSYM_FUNC_END f\n")
    with pytest.raises(LearnerError, match=r"mine.S: 'init_tasks' is missing: the kernel's core uses it \(core.S:2\)"):
        assemble([macros(), core, mine], core=2)
    with pytest.raises(LearnerError, match="nothing.S: no function to trace"):
        assemble([macros(), with_body("ret")[1], ("nothing.S", ".data\ninit_tasks: .quad 0x0\n")], core=2)


def test_the_map_has_room_for_what_is_not_refused() -> None:
    assert layout.TEXT_SIZE == 0x100_0000
