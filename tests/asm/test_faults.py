"""Every wrong line of a learner's file is told, at its own place, with its own reason, all in one run."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from simkernel.asm import keystone
from simkernel.asm.child import answer_of_error, stuck_at
from simkernel.asm.faults import MAX_SHOWN, Faults
from simkernel.asm.macros import Expander
from simkernel.asm.source import statements
from simkernel.asm.unit import Unit
from simkernel.errors import KernelSourceError, LearnerError
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.sources import guest_sources
from tests.kernels import assemble, assemble_in_child, with_body

pytestmark = pytest.mark.keystone

HELLO = (resources.files("simkernel") / "guest" / "examples" / "hello.S").read_text(encoding="utf-8")
BEHIND = "\timulq %rdi, %rax\n"  # in `square`

WRONG = {
    "mvoq %rax, %rbx": "Keystone cannot assemble 'mvoq %rax, %rbx': invalid mnemonic",
    "movw %rax, %ebx": "Keystone cannot assemble 'movw %rax, %ebx': no such form of this instruction",
    "leal (%rax), %rsi": "no such form",
    "movb $0x1, %rax": "no such form",
    "movq %eax, %rbx": "no such form",
    "addl %rax, %ebx": "no such form",
    "foo %rax": "invalid mnemonic",
    "movq %rax": "Keystone cannot assemble",
    "ret ; comment here": "unknown symbol 'here'",
    "movq (%rsp,%rcx,3), %rax": "an index can be scaled by 1, 2, 4 or 8, and not by 3",
    "movq %rax, %r17": "there is no register %r17",
    "movq $1.5, %rax": "'1.5' is not an integer",
    "movq $09, %rax": "octal",
    "movq , %rax": "an operand is missing",
    "movq $0x1ffffffffffffffff, %rax": "does not fit in 64 bits",
    "movb $256, %al": "0x100 does not fit",
    ".byte 0x100": "0x100 does not fit in 1 byte",
    "la$bel: nop": "'la$bel' cannot be a name",
    "gr\u00f6\u00dfe: nop": "the character U+00F6 (latin small letter o with diaeresis) cannot stand here",
    "movq $1,\u00a0%rax": "the character U+00A0 (no-break space) cannot stand here: write a plain blank",
    "movq \u201c1\u201d, %rax": "the character U+201C (left double quotation mark) cannot stand here: write",
    "subq $\u22121, %rax": "U+2212 (minus sign) cannot stand here: write -",
    "\u200bnop": "U+200B (zero width space) cannot stand here: take it out",
    '.ascii "\x1b[31m"': "U+001B (a control character) cannot stand in a string: write \\033",
    "nop\x00": "U+0000 (a control character) cannot stand here: take it out",
    "SYM_FUNC_START %rax": "SYM_FUNC_START takes a name, and '%rax' cannot be one",
    "SYM_FUNC_START(1)": "SYM_FUNC_START takes a name, and '1' cannot be one",
    ".quad 0x1ffffffffffffffff": "does not fit in 64 bits",
    ".byte 1,2,,3": "a value is missing",
    ".irp\n.endr": ".irp takes a name",
    "#include <asm/linkage.h>": "#include is not carried out (no C preprocessor runs here)",
    "#define PAGE 4096": "#define is not carried out",
    "jmp 1f": "unknown symbol '1f': no label 1: stands behind this line",
    "10: jmp 11b": "unknown symbol '11b': no label 11: stands before this line",
    "jrcxz user_hello": "'jrcxz user_hello' ",
    "call sys_helo": "unknown symbol 'sys_helo'; did you mean 'sys_hello'?",
    "call foo@GOTPCREL(%rip)": "needs a linker",
    "movq rax, rbx": "a register is written %rax",
    "mov qword ptr [rdi], 1": "this is Intel syntax",
    "movq $PA(f), %rax": "PA(...) would be for a C preprocessor",
    ".long sys_hello": "an address has 64 bits, which 4 bytes cannot hold: write .quad",
    "int $0x80": "a user part makes one here by call entry_SYSCALL_64",
    "movl %esp, %eax": "this is 32-bit code: the stack pointer has 64 bits",
    "ALTERNATIVE(1, 2, 3)": "nothing is chosen at boot here",
    ".incbin /etc/passwd": "a kernel source reads no other file",
    ".comm": ".comm takes a name and a size",
    "rdtsc": "the same run would not give the same bytes twice",
    "pushl %ebp": "this is 32-bit code: a word of the stack has 64 bits: write pushq %rbp",
    "pushal": "this is 32-bit code: 64-bit mode has no pushal",
    "push %ds": "this is 32-bit code: 64-bit mode cannot push or pop %ds",
    "movl 4(%esp), %eax": "this is 32-bit code: an address has 64 bits: write %rsp for %esp",
    "movl %eax, %cr3": "this is 32-bit code: a control register has 64 bits: write movq and %rax",
    "ljmp $8, $1": "this is 32-bit code: 64-bit mode has no ljmp",
    "jmp *%eax": "this is 32-bit code: an address has 64 bits: write jmp *%rax",
    "iret": "this is 32-bit code: iret pops words of 32 bits; write iretq",
}


def of_learner(text: str) -> list[tuple[str, str]]:
    core, _subsystems = guest_sources()
    return [*core, ("k.S", text)]


@pytest.mark.parametrize(("line", "message"), WRONG.items(), ids=[ascii(line[:30]) for line in WRONG])
def test_a_wrong_line_is_told_with_its_reason(line: str, message: str) -> None:
    with pytest.raises(KernelSourceError) as caught:
        assemble(with_body(f"sys_hello: nop\n{line}\n.fill 0x200, 1, 0x90\nuser_hello: nop"))
    assert (caught.value.file, caught.value.line) == ("body.S", 6)
    told = str(caught.value).split("\n")
    assert message in "\n".join(told)
    assert all(one.startswith("body.S:6: ") and one.isprintable() for one in told)


def test_every_statement_of_the_core_can_be_assembled_alone() -> None:
    faults, constants = Faults(), dict(layout.assembler_constants())
    expander, unit = Expander(constants, faults), Unit(faults)
    for index, (file, text) in enumerate(of_learner(HELLO)):
        unit.add_file(index, file, expander.expand(statements(file, text, faults)))
    asked = [*unit.text, *unit.data]
    assert len([statement for statement in asked if statement.file == "entry.S"]) > 100
    assert [str(error) for error in keystone.refused(asked, layout.TEXT_BASE)] == []
    assert faults == Faults()


def test_all_wrong_lines_of_a_learners_are_told_in_one_run_in_order() -> None:
    """Only where nothing else is wrong are bytes made and read back, so what they show is told in the next run."""
    encoded = ["movb $256, %al", "jrcxz user_hello"]
    wrong = [line for line in WRONG if "\n" not in line and not line.startswith("SYM")]
    begin = HELLO[: HELLO.index(BEHIND)].count("\n") + 2
    for lines in [line for line in wrong if line not in encoded], encoded:
        sources = of_learner(HELLO.replace(BEHIND, BEHIND + "".join(f"{line}\n" for line in lines), 1))
        with pytest.raises(KernelSourceError) as caught:
            assemble(sources, core=len(sources) - 1)
        told = str(caught.value).split("\n")
        places = [int(one.split(":")[1]) for one in told if one.startswith("k.S:")]
        assert (caught.value.file, caught.value.line, len(places)) == ("k.S", begin, len(told))
        assert places == sorted(places)
        assert set(places) == set(range(begin, begin + len(lines)))
        assert [
            line
            for i, line in enumerate(lines, begin)
            if not any(WRONG[line] in one for one in told if f":{i}:" in one)
        ] == []


@pytest.mark.parametrize("body", ["far: {room}\nloop far", "jrcxz far\n{room}\nfar: nop"])
def test_a_jump_that_is_too_far_is_named_and_not_what_lies_between(body: str) -> None:
    text = with_body(body.format(room=".fill 0x200, 1, 0x90"))
    with pytest.raises(KernelSourceError) as caught:
        assemble(text)
    assert caught.value.message.split("'")[1] in ("loop far", "jrcxz far")
    assert text[1][1].splitlines()[caught.value.line - 1] in ("loop far", "jrcxz far")


def test_the_number_of_errors_told_has_a_bound() -> None:
    with pytest.raises(KernelSourceError) as caught:
        assemble(with_body("\n".join(f"bogus{i} %rax" for i in range(200))))
    told = str(caught.value).split("\n")
    assert len(told) == MAX_SHOWN + 1
    assert told[-1] == f"and {200 - MAX_SHOWN} more"
    with pytest.raises(KernelSourceError) as caught:
        assemble(with_body(".rept 10000\nbogus %rax\n.endr"))
    assert str(caught.value) == "body.S:6: Keystone cannot assemble 'bogus %rax': invalid mnemonic"


def test_names_for_labels_do_not_grow_without_bound() -> None:
    lines = "x0 = f\n" + "\n".join(f"x{i} = x{i - 1} + x{i - 1}" for i in range(1, 40))
    with pytest.raises(KernelSourceError, match=r"^body\.S:12: 'x7' stands for more than 1000 characters$"):
        assemble(with_body(lines))


def test_a_wrong_definition_is_told_once_and_not_at_its_uses() -> None:
    with pytest.raises(KernelSourceError) as caught:
        assemble(with_body(".macro M a:bad\nnop\n.endm\nM 1\nM 2\n.set N, f*2\nmovq $N, %rax\n.if N + 1\nnop\n.endif"))
    assert [line.split(": ")[0] for line in str(caught.value).split("\n")] == ["body.S:5", "body.S:10"]


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    file = tmp_path / "k.S"
    file.write_bytes(b"\xef\xbb\xbf" + HELLO.replace("\n", "\r\n").encode())
    assert "square" in KernelImage.from_source(file).function_names()


def test_a_line_that_keystone_does_not_come_back_from_is_named() -> None:
    """`rules` refuses all such lines that are known, so Keystone gets one here behind its back."""
    program = (
        "import keystone\nfrom simkernel.asm.child import watch\nfrom simkernel.asm.source import Statement\n"
        "ks = keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_64)\n"
        "watch(Statement('k.S', 6, 'nop'))\nks.asm('nop')\n"
        "watch(Statement('k.S', 7, '.byte 1,2,,3'))\nks.asm('.byte 1,2,,3')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=10, check=False)
    assert -done.returncode == signal.SIGVTALRM
    error = stuck_at(done.stderr)
    assert error is not None
    assert (error.file, error.line) == ("k.S", 7)
    assert "'.byte 1,2,,3': it does not come back from this line" in error.message


def test_every_exception_in_the_child_becomes_an_answer() -> None:
    for error, kind in (
        (RecursionError("deep"), "ours"),
        (MemoryError(), "memory"),
        (LearnerError("x"), "learner"),
    ):
        assert answer_of_error(error)["kind"] == kind
    with pytest.raises(LearnerError, match="nested more than"):
        assemble_in_child(with_body(".long " + "(" * 400 + "1" + ")" * 400))
