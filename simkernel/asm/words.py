"""What a learner's file may say that was written for another assembler, another mode of the CPU, or all of Linux.

gcc's directives for a linker and a debugger mean nothing here and are left out; everything else gets a word on what it
is and what to write.
"""

from __future__ import annotations

import re

from simkernel.asm.operands import is_register

# For a linker, a debugger, an unwinder: there is none.
_MEANS_NOTHING = frozenset(
    ".file .ident .loc .local .extern .hidden .protected .internal .version EXPORT_SYMBOL EXPORT_SYMBOL_GPL".split()
)
# Sections that the kernel's bytes do not need: what stands in them is left out. The others are one of the three parts.
_DROPPED = re.compile(r"\.(note|comment|debug|debug_\w+|eh_frame|gnu|discard)(\.|$)|__mcount_loc$|__patchable_")
_SECTIONS = {".text": ".text", ".init.text": ".text", ".noinstr.text": ".text", ".entry.text": ".text"}
_SECTIONS |= {".data": ".data", ".rodata": ".data", ".bss": ".bss"}

# Macros of Linux that are what the second word says without return thunks and CFI, as this kernel is configured
# (arch/x86/include/asm/linkage.h, include/linux/cfi_types.h), and where no other file defines the name again.
_SYNONYMS = {"RET": "ret", "SYM_TYPED_FUNC_START": "SYM_FUNC_START", "SYM_FUNC_START_WEAK": "SYM_FUNC_START"}

_LINUX = {
    "JMP": "; write jmp",
    "ALTERNATIVE": "; write the instruction itself: nothing is chosen at boot here",
    "ALTERNATIVE_2": "; write the instruction itself: nothing is chosen at boot here",
    "_ASM_EXTABLE": "; leave the line out: there is no table of exceptions",
    "_ASM_EXTABLE_UA": "; leave the line out: there is no table of exceptions",
    "SYM_FUNC_START_NOALIGN": "; write SYM_FUNC_START",
    "SYM_FUNC_ALIAS": "; write a second function that jumps to the first",
    "SYM_FUNC_ALIAS_WEAK": "; write a second function that jumps to the first",
    "SYM_FUNC_ALIAS_MEMFUNC": "; leave the line out, and name the function by the name that is called",
    "FRAME_BEGIN": "; write pushq %rbp; movq %rsp, %rbp, or leave it out",
    "FRAME_END": "; write popq %rbp, or leave it out",
    "UNWIND_HINT_FUNC": "; leave the line out: nothing unwinds stacks here",
    "UNWIND_HINT_REGS": "; leave the line out: nothing unwinds stacks here",
    "ANNOTATE_NOENDBR": "; leave the line out: it is for objtool",
    "MODULE_LICENSE": "; leave the line out: there are no modules",
}

_NOT_IN_64 = frozenset(
    "pusha pushal pushaw pushad popa popal popaw popad into bound boundl boundw aaa aad aam aas daa das lds les "
    "ldsl lesl ldsw lesw".split()
)
_WITH_Q = frozenset("pushl popl pushfl popfl retl leavel".split())
_HALF_POINTER = re.compile(r"\([^()]*%(e(?!s\b|iz\b)\w\w)\b[^()]*\)")
_HALF = re.compile(r"%e(?!s$)\w\w")
_CONTROL = re.compile(r"%(cr[0-8]|db[0-7]|dr[0-7])")
_SEGMENTS = frozenset({"%ds", "%es", "%ss", "%cs"})


def means_nothing(head: str) -> bool:
    """True for a statement that is left out: what it says is for a linker, a debugger or an unwinder."""
    return head in _MEANS_NOTHING or head.startswith(".cfi_")


def synonym(head: str) -> str:
    """The word that means the same here; `head` itself for most."""
    return _SYNONYMS.get(head, head)


def part_of_section(name: str) -> str | None:
    """`.text`, `.data` or `.bss` for a section's name, "" for one whose contents are left out, None for no such."""
    if _DROPPED.match(name):
        return ""
    for known, part in _SECTIONS.items():
        if name == known or name.startswith(known + "."):
            return part
    return None


def of_linux(name: str) -> str:
    """What to write for a macro of Linux, as the end of a message, or ""."""
    return _LINUX.get(name, "")


def other_syntax(name: str) -> str:
    """What to say of an unknown name that is a register's, as the end of a message, or ""."""
    bare = name.lower()
    if is_register(bare):
        return f": a register is written %{bare} (AT&T syntax: movq $0x1, %rax; the destination comes last)"
    if bare in ("ptr", "byte", "word", "dword", "qword", "offset"):
        return ": this is Intel syntax; AT&T's is movq 0x8(%rdi), %rax; gcc -S writes it by itself"
    return ""


def of_other_mode(mnemonic: str, operands: list[str]) -> str:
    """Why an instruction is 32-bit code, or ""."""
    what = _of_other_mode(mnemonic, operands)
    return f"this is 32-bit code: {what}" if what else ""


def _of_other_mode(mnemonic: str, operands: list[str]) -> str:
    first = operands[0] if operands else ""
    if mnemonic in _NOT_IN_64:
        instead = "; push and pop each register that is needed" if mnemonic.startswith(("push", "pop")) else ""
        return f"64-bit mode has no {mnemonic}{instead}"
    if mnemonic in ("push", "pop", "pushl", "popl") and first in _SEGMENTS:
        return f"64-bit mode cannot push or pop {first}; movw moves it"
    if mnemonic in _WITH_Q:
        return f"a word of the stack has 64 bits: write {mnemonic[:-1]}q {_wide(first)}".rstrip()
    if mnemonic in ("push", "pop") and _HALF.fullmatch(first):
        return f"a word of the stack has 64 bits: write {mnemonic}q {_wide(first)}"
    if mnemonic in ("iret", "iretl"):
        return f"{mnemonic} pops words of 32 bits; write iretq"
    target = first.lstrip("* ")
    if mnemonic in ("call", "jmp") and first.startswith("*") and _HALF.fullmatch(target):
        return f"an address has 64 bits: write {mnemonic} *{_wide(target)}"
    if mnemonic in ("ljmp", "lcall", "ljmpl", "lcalll") and first.startswith("$"):
        return f"64-bit mode has no {mnemonic} to $selector, $offset; lretq takes both from the stack"
    half = next((operand for operand in operands if _HALF.fullmatch(operand)), "")
    if half and mnemonic.startswith("mov") and any(_CONTROL.fullmatch(operand) for operand in operands):
        return f"a control register has 64 bits: write movq and {_wide(half)}"
    if "%esp" in operands:
        return "the stack pointer has 64 bits: write %rsp for %esp"
    based = next((match for operand in operands if (match := _HALF_POINTER.search(operand))), None)
    if based and not mnemonic.startswith("lea"):
        return (
            f"an address has 64 bits: write %{_wide('%' + based.group(1))[1:]} for %{based.group(1)} in {based.group()}"
        )
    return ""


def _wide(register: str) -> str:
    """`%rax` for `%eax`; other words as they are."""
    return re.sub(r"^%e(\w\w)$", r"%r\1", register)
