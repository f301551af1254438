"""Kinds of .S file that people have: what can be accepted runs in the toy kernel, the rest is told in one run.

The files of `tests/asm/files` are written in the usual form of their kind. Each stands behind hello.S, as a learner
would put it there, and hello's task calls it.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from simkernel.errors import KernelSourceError
from simkernel.ftrace.commands import SetTracer
from simkernel.kernel import KernelImage
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

pytestmark = pytest.mark.keystone

HELLO = (resources.files("simkernel") / "guest" / "examples" / "hello.S").read_text(encoding="utf-8")
FILES = Path(__file__).parent / "files"

# Each puts 1 in rax where the file's function did what it is for, else another value.
_COPY = """
	subq $48, %rsp
	movq %rsp, %rdi
	leaq file_words(%rip), %rsi
	movq $21, %rdx
	call {name}
	subq %rsp, %rax
	movq (%rsp), %rcx
	xorq file_words(%rip), %rcx
	orq %rcx, %rax
	movq 13(%rsp), %rcx
	xorq file_words+13(%rip), %rcx
	orq %rcx, %rax
	addq $48, %rsp
	incq %rax
"""
RUNS = {
    "swtch64.S": """
	pushfq
	cli
	subq $0x400, %rsp
	leaq .Lother(%rip), %rax
	movq %rax, 0x230(%rsp)
	movq $0x1234, 0x220(%rsp)
	leaq 0x3f0(%rsp), %rdi
	movq %rdi, 0x228(%rsp)
	leaq 0x200(%rsp), %rsi
	xorl %ebx, %ebx
	call swtch
	movq 0x3e0(%rsp), %rax
	addq $0x400, %rsp
	popfq
	jmp .Lchecked
.Lother:
	xorl %eax, %eax
	cmpq $0x1234, %rbx
	sete %al
	movq %rax, -0x10(%rbp)
	leaq -8(%rbp), %rdi
	movq (%rbp), %rsi
	call swtch
.Lchecked:
""",
    "thread_switch.S": """
	subq $64, %rsp
	movq %rsp, %rdi
	call thread_save
	testl %eax, %eax
	jne .Lback
	movq %rsp, %rdi
	call thread_resume
.Lback:
	addq $64, %rsp
""",
    "trap64.S": """
	movl traps(%rip), %r12d
	movq %rsp, %rdx
	movq %ss, %rax
	pushq %rax
	pushq %rdx
	pushfq
	movq %cs, %rax
	pushq %rax
	leaq .Lreturned(%rip), %rax
	pushq %rax
	pushq $0
	movl $7, %eax
	jmp trap_entry
.Lreturned:
	subq %rsp, %rdx
	leaq -6(%rax,%rdx), %rax
	cmpl traps(%rip), %r12d
	jne .Lcounted
	xorl %eax, %eax
.Lcounted:
""",
    "memcpy.S": _COPY.format(name="my_memcpy"),
    "memcpy_linux_fit.S": _COPY.format(name="__memcpy"),
    "sum.s": """
	movl $6, %edi
	call gcc_sum
	leaq -130(%rax), %r12
	movl $4, %edi
	call gcc_kind
	leaq -60(%r12,%rax), %r12
	xorl %edi, %edi
	call gcc_kind
	leaq -'s'(%r12,%rax), %r12
	movl $9, %edi
	call gcc_kind
	leaq 22+1(%r12,%rax), %rax
""",
}
RUNS["sum_fentry.s"] = RUNS["sum.s"]


def behind_hello(file: str, check: str = "") -> str:
    """hello.S, the file behind it, and `check_file`, which hello's task calls and which counts in right and wrong."""
    called = HELLO.replace("\tcall count_hello\n", "\tcall count_hello\n\tcall check_file\n", 1)
    return (
        f"{called}.text\n{(FILES / file).read_text(encoding='utf-8')}\n.text\n"
        f"SYM_FUNC_START check_file\n\tpushq %rbx\n\tpushq %rbp\n\tpushq %r12\n{check}\n"
        "\tcmpq $1, %rax\n\tjne .Lwrong\n\tlock incq right(%rip)\n\tjmp .Ldone\n"
        ".Lwrong:\n\tlock incq wrong(%rip)\n.Ldone:\n"
        "\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tret\nSYM_FUNC_END check_file\n"
        '.data\nright: .quad 0\nwrong: .quad 0\nfile_words: .ascii "a file that was copied"\n'
    )


@pytest.mark.parametrize("file", RUNS)
def test_a_file_that_can_be_accepted_runs(tmp_path: Path, file: str) -> None:
    kernel = tmp_path / "k.S"
    kernel.write_text(behind_hello(file, RUNS[file]), encoding="utf-8")
    # How sites change is not the matter here: CPUs run up to 200 instructions at once meanwhile.
    simulation = Simulation.boot(Options(cpus=2, kernel=str(kernel), patch_quantum=200))
    for tracer in ("nop", "function", "nop"):
        simulation.do(SetTracer(tracer))
        assert simulation.run_until_idle()
        before = word(simulation, "right")
        simulation.run(20_000)
        assert (word(simulation, "right") > before + 5, word(simulation, "wrong")) == (True, 0)


def word(simulation: Simulation, name: str) -> int:
    return parts_of(simulation).machine.memory.read_u64(simulation.image.address(name))


def test_what_gcc_says_of_its_functions_is_what_kallsyms_shows(tmp_path: Path) -> None:
    kernel = tmp_path / "k.S"
    kernel.write_text(behind_hello("sum_fentry.s"), encoding="utf-8")
    image = KernelImage.from_source(kernel)
    kinds = {
        name: image.symbol(name).kind for name in ("gcc_sum", "gcc_kind", "gcc_kind.cold", "name", "table", "calls")
    }
    wanted = {"gcc_sum": "T", "gcc_kind": "T", "gcc_kind.cold": "t", "name": "D", "table": "d", "calls": "b"}
    assert kinds == wanted
    assert {name for name in image.function_names() if name.startswith("gcc")} == {"gcc_sum", "gcc_kind"}
    assert image.symbol("gcc_sum").size > 0x30
    assert (image.symbol("table").size, image.symbol("name").size) == (32, 4)


NO_PREPROCESSOR = "is not carried out (no C preprocessor runs here): write .set NAME, value, or .macro, or the lines"
BIT32 = "this is 32-bit code: "
SEGMENT = BIT32 + "64-bit mode cannot push or pop %{}s; movw moves it"
WORD = BIT32 + "a word of the stack has 64 bits: write {}"
POINTER = BIT32 + "the stack pointer has 64 bits: write %rsp for %esp"
ADDRESS = BIT32 + "an address has 64 bits: write %rsp for %esp in (%esp)"
CONTROL = BIT32 + "a control register has 64 bits: write movq and %rax"
CALL = "int $64 is a system call elsewhere; a user part makes one here by call entry_SYSCALL_64"
# Of each file: the line, and how what is said of it begins.
TOLD = {
    "swtch32.S": {
        5: ADDRESS, 6: ADDRESS, 8: WORD.format("pushq %rbp"), 9: WORD.format("pushq %rbx"), 10: POINTER, 11: POINTER,
        12: WORD.format("popq %rbx"), 13: WORD.format("popq %rbp"),
    },
    "trapasm32.S": {
        1: f"#include {NO_PREPROCESSOR}", 6: SEGMENT.format("d"), 7: SEGMENT.format("e"),
        8: BIT32 + "64-bit mode has no pushal; push and pop each register", 9: "unknown symbol 'SEG_KDATA'",
        11: WORD.format("pushq %rsp"), 12: "unknown symbol 'trap'", 13: POINTER, 17: BIT32 + "64-bit mode has no popal",
        18: SEGMENT.format("e"), 19: SEGMENT.format("d"), 20: POINTER,
        21: BIT32 + "iret pops words of 32 bits; write iretq",
    },
    "memcpy_linux.S": {
        4: f"#include {NO_PREPROCESSOR}", 5: f"#include {NO_PREPROCESSOR}", 6: f"#include {NO_PREPROCESSOR}",
        11: "unknown macro 'ALTERNATIVE'; write the instruction itself",
        19: "unknown macro 'SYM_FUNC_ALIAS_MEMFUNC'; leave the line out",
    },
    "bootsect.S": {2: ".code16: this is 16-bit code, and this machine has 64-bit mode and AT&T syntax only. Nothing"},
    "hello_syscall.S": {
        12: "syscall is not simulated: user parts run in ring 0",
        15: "syscall is not simulated: user parts run in ring 0",
    },
    "usys.S": {
        1: f"#include {NO_PREPROCESSOR}", 2: f"#include {NO_PREPROCESSOR}", 4: f"#define {NO_PREPROCESSOR}",
        11: "unknown macro 'SYSCALL'", 12: "unknown macro 'SYSCALL'",
    },
    "entry32.S": {
        1: f"#include {NO_PREPROCESSOR}", 2: f"#include {NO_PREPROCESSOR}", 3: f"#include {NO_PREPROCESSOR}",
        10: f"#define {NO_PREPROCESSOR}", 11: f"#define {NO_PREPROCESSOR}", 12: "unknown symbol 'magic'",
        13: "unknown symbol 'flags'", 14: "unknown symbol 'magic'", 18: CONTROL,
        19: "unknown symbol 'CR4_PSE'", 20: CONTROL,
        21: "unknown symbol 'entrypgdir'", 22: CONTROL, 23: "unknown symbol 'KSTACKSIZE'", 24: "unknown symbol 'main'",
        25: BIT32 + "an address has 64 bits: write jmp *%rax", 27: "unknown symbol 'KSTACKSIZE'",
    },
    "initcode32.S": {
        7: WORD.format("pushq $argv"), 8: WORD.format("pushq $init"), 9: WORD.format("pushq $0"), 11: CALL, 15: CALL,
        23: "an address has 64 bits, which 4 bytes cannot hold: write .quad init",
    },
}  # fmt: skip


@pytest.mark.parametrize("file", TOLD)
def test_a_file_that_cannot_be_accepted_is_told_what_to_change_in_one_run(tmp_path: Path, file: str) -> None:
    kernel = tmp_path / "k.S"
    kernel.write_text(behind_hello(file, "\tmovl $1, %eax"), encoding="utf-8")
    with pytest.raises(KernelSourceError) as caught:
        KernelImage.from_source(kernel)
    before = HELLO.count("\n") + 2
    told: dict[int, str] = {}
    for line in str(caught.value).split("\n"):
        where, number, said = line.split(":", 2)
        assert where == str(kernel)
        told.setdefault(int(number) - before, said.strip())
    assert {n: said[: len(TOLD[file].get(n, said))] for n, said in told.items()} == TOLD[file]
