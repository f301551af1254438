"""The same guest functions with another beginning, or traced in another way.

A beginning that the packaged kernel does not have is assembled afresh from the guest's own sources, with other macros;
that needs Keystone. The rest are made from the packaged kernel, while its tasks sleep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from simkernel import asm
from simkernel.errors import LearnerError
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer
from simkernel.ftrace.ops import FTRACE_OPS_FL_SAVE_REGS
from simkernel.insn import NOP5
from simkernel.kernel import KernelImage
from simkernel.kernel.sources import guest_sources
from simkernel.overhead.workload import Workload

MACROS, FENTRY = "macros.S", "call __fentry__"
COUNTER = "ftrace_ops_count"  # a callback that only counts


@dataclass(frozen=True, slots=True)
class Beginning:
    """One way in which a function can begin.

    Attributes:
        name: on the command line.
        title, sentence: in words.
        what: the code, as a listing has it.
        code: assembly in place of `call __fentry__`, "" for nothing; None: the packaged kernel serves.
        extra: assembly that the beginning needs.
        prepare: brings the booted kernel to it, for functions by a glob.
    """

    name: str
    title: str
    what: str
    sentence: str
    code: str | None = None
    extra: str = ""
    prepare: Callable[[Workload, str], None] = lambda workload, glob: None


def _write(data: bytes) -> Callable[[Workload, str], None]:
    """The same five bytes at each site."""

    def prepare(workload: Workload, glob: str) -> None:
        workload.write(np.tile(np.frombuffer(data, dtype=np.uint8), (len(workload.image.mcount_loc), 1)))

    return prepare


def _call_left_in(workload: Workload, glob: str) -> None:
    sites = np.asarray(workload.image.mcount_loc, dtype=np.uint64)
    target = np.full(len(sites), workload.image.address("__fentry__"), dtype=np.uint64)
    workload.write(rec.call_replace(sites, target))


def _function(workload: Workload, glob: str) -> None:
    workload.do(SetFilter("filter", glob), SetTracer("function"))


def _two_ops(workload: Workload, glob: str) -> None:
    _function(workload, glob)
    workload.do(RegisterOps("second", COUNTER, filter=glob))


def _full_registers(workload: Workload, glob: str) -> None:
    workload.do(RegisterOps("regs", "function_trace_call", FTRACE_OPS_FL_SAVE_REGS, glob))


def _int3(workload: Workload, glob: str) -> None:
    """Begin to trace, and hold the patching task where every site is an int3."""
    workload.hold_before("write tail", SetFilter("filter", glob), SetTracer("function"))


VARIANTS = {
    variant.name: variant
    for variant in (
        Beginning(
            "none",
            "no site",
            "",
            "The functions begin with their own first instruction: a kernel built without -pg.",
            code="",
        ),
        Beginning(
            "nop",
            "NOP: tracing off",
            "0f 1f 44 00 00  nopl 0x0(%rax,%rax,1)",
            "The five bytes that ftrace_init() has written over each call: what a Linux kernel runs day by day.",
        ),
        Beginning(
            "call",
            "call left in",
            "e8 .. .. .. ..  call __fentry__",
            "The compiler's call, left as it was built: it goes to a function that returns at once. "
            "Simplified: Linux without dynamic ftrace compares a pointer there first.",
            prepare=_call_left_in,
        ),
        Beginning(
            "mcount",
            "mcount with a frame pointer",
            "push %rbp; mov %rsp,%rbp; call mcount; pop %rbp",
            "gcc -pg without -mfentry: a frame first, then the call. "
            "Simplified: the pop stands at the beginning too, where a compiler puts it before each ret.",
            code="pushq %rbp\nmovq %rsp, %rbp\ncall mcount\npopq %rbp",
            extra="SYM_FUNC_START_NOTRACE mcount\n\tret\nSYM_FUNC_END mcount\n",
        ),
        Beginning(
            "flag",
            "test of a flag",
            "cmpb $0x0,trace_flag(%rip); jne trace_slow",
            "What one would write in C: is tracing on? then a branch.",
            code="cmpb $0x0, trace_flag(%rip)\njne trace_slow",
            extra="SYM_FUNC_START_NOTRACE trace_slow\n\tret\nSYM_FUNC_END trace_slow\n"
            ".data\nSYM_DATA_START trace_flag\n\t.quad 0x0\nSYM_DATA_END trace_flag\n.text\n",
        ),
        Beginning(
            "nops",
            "five one-byte NOPs",
            "90 90 90 90 90  nop; nop; nop; nop; nop",
            "As many bytes, five times as many instructions.",
            prepare=_write(b"\x90" * len(NOP5)),
        ),
        Beginning(
            "function",
            "function tracer on",
            "e8 .. .. .. ..  call ftrace_trampoline",
            "Each call writes a record of 32 bytes into the CPU's ring buffer. Simplified: Linux runs more "
            "instructions a call. Its tracer guards against recursion, and its ring buffer reserves and commits each "
            "record.",
            prepare=_function,
        ),
        Beginning(
            "two-ops",
            "two ops",
            "e8 .. .. .. ..  call ftrace_caller",
            "A second ops wants the function too: arch_ftrace_ops_list_func() asks each ops whether it does.",
            prepare=_two_ops,
        ),
        Beginning(
            "regs",
            "with full registers",
            "e8 .. .. .. ..  call ftrace_trampoline",
            "The same record, by a trampoline like ftrace_regs_caller: it saves all of pt_regs (SAVE_REGS).",
            prepare=_full_registers,
        ),
        Beginning(
            "int3",
            "int3",
            "cc .. .. .. ..  int3",
            "Every call is an exception whose handler makes the call: a site in the middle of a patch, held there.",
            prepare=_int3,
        ),
    )
}


def variant_named(name: str) -> Beginning:
    """The variant of that name; LearnerError with the names there are."""
    try:
        return VARIANTS[name]
    except KeyError:
        raise LearnerError(f"no variant {name!r}; there are: {', '.join(VARIANTS)}") from None


def possible() -> dict[str, Beginning]:
    """The variants that can be made here: all of them, or those that need no assembler."""
    return {name: one for name, one in VARIANTS.items() if one.code is None or asm.available()}


@cache
def image_of(name: str) -> KernelImage:
    """The kernel of that variant; LearnerError where it has to be assembled and there is no assembler."""
    variant = variant_named(name)
    if variant.code is None:
        return KernelImage.default()
    core, subsystems = guest_sources()
    sources = [_begun(file, text, variant.code) for file, text in (*core, *subsystems)]
    if variant.extra:
        sources.append((f"{name}.S", variant.extra))
    return KernelImage.from_sources(sources, sites=False)


def _begun(file: str, text: str, beginning: str) -> tuple[str, str]:
    """A source in which functions begin so; the assembler leaves the call itself out (`sites=False`)."""
    return file, text.replace(FENTRY, f"{FENTRY}\n{beginning}") if file == MACROS else text


def made(name: str, glob: str = "*") -> Workload:
    """A kernel of that variant, its tasks asleep; `glob` chooses functions where tracing is on."""
    workload = Workload(image_of(name))
    variant_named(name).prepare(workload, glob)
    return workload
