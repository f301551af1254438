"""Linux's own arch/x86/kernel/ftrace_64.S, assembled by GNU as: its bytes are the oracle for the guest's.

Its macros stand for the configuration of `simkernel config`: no frame pointers, no IBT, no thunks, no call depth.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from simkernel.kernel import layout
from tests.linux_facts import Code

FILE = "arch/x86/kernel/ftrace_64.S"
HEADERS = (
    "linux/export.h linux/cfi_types.h linux/linkage.h asm/asm-offsets.h asm/ptrace.h asm/ftrace.h asm/nospec-branch.h "
    "asm/unwind_hints.h asm/frame.h"
)
EMPTY = (
    "ANNOTATE_NOENDBR CALL_DEPTH_ACCOUNT ENCODE_FRAME_POINTER UNWIND_HINT_FUNC ANNOTATE_INTRA_FUNCTION_CALL "
    "ANNOTATE_UNRET_SAFE X86_FEATURE_CALL_DEPTH EXPORT_SYMBOL(n) STACK_FRAME_NON_STANDARD_FP(n)"
)
MACROS = """
#define SYM_FUNC_START(n) .globl n; n:
#define SYM_TYPED_FUNC_START(n) .globl n; n:
#define SYM_INNER_LABEL(n, linkage) .globl n; n:
#define SYM_FUNC_END(n) .globl end_of_##n; end_of_##n:
#define __stringify(...) #__VA_ARGS__
#define RET ret
.macro ALTERNATIVE old, new, feature
\\old
.endm
"""


FUNCTIONS = ("ftrace_caller", "ftrace_regs_caller", "ftrace_stub", "__fentry__")
LABELS = {
    f"ftrace_{name}" for name in "call caller_op_ptr caller_end regs_call regs_caller_jmp regs_caller_end".split()
}


@dataclass(frozen=True)
class Assembled:
    """The text, the labels in it, and the places of the displacements that a linker fills in, with what they name."""

    text: bytes
    labels: dict[str, int]
    places: dict[int, tuple[str, int]]

    def of(self, name: str) -> Code:
        """The facts of one function."""
        start, end = self.labels[name], self.labels[f"end_of_{name}"]
        inside = {label: at - start for label, at in self.labels.items() if start <= at < end and label in LABELS}
        places = {str(at - start): place for at, place in self.places.items() if start <= at < end}
        return Code(self.text[start:end].hex(), inside, places)


def assembled(root: Path, folder: Path) -> Assembled:
    """Assemble the file of a tree, in an empty folder."""
    for header in HEADERS.split():
        (folder / header).parent.mkdir(exist_ok=True)
        (folder / header).write_text("")
    offsets = {name[3:]: value for name, value in vars(layout).items() if name.startswith("PT_")}
    words = {"FRAME_SIZE": layout.FRAME_SIZE, "MCOUNT_INSN_SIZE": 5} | offsets
    words |= {"__KERNEL_CS": layout.KERNEL_CS, "__KERNEL_DS": layout.KERNEL_DS, "CONFIG_DYNAMIC_FTRACE": 1}
    lines = [f"#define {name} {value}" for name, value in words.items()] + [f"#define {name}" for name in EMPTY.split()]
    (folder / "words.h").write_text("\n".join(lines) + MACROS)
    source = (root / FILE).read_text(encoding="utf-8")
    (folder / "ftrace_64.S").write_text(f'#include "words.h"\n{source}')
    run(["gcc", "-c", "-nostdinc", f"-I{folder}", "-o", "ftrace_64.o", "ftrace_64.S"], folder)
    run(["objcopy", "-O", "binary", "-j", ".text", "ftrace_64.o", "text"], folder)
    labels = re.findall(r"^([0-9a-f]+) T (\w+)$", run(["nm", "ftrace_64.o"], folder), re.M)
    row = r"^([0-9a-f]+) +[0-9a-f]+ R_X86_64_(?:PC|PLT)32 +[0-9a-f]+ (\w+) ([-+]) ([0-9a-f]+)$"
    found = re.findall(row, run(["readelf", "-rW", "ftrace_64.o"], folder), re.M)
    places = {int(at, 16): (name, int(sign + addend, 16)) for at, name, sign, addend in found}
    return Assembled((folder / "text").read_bytes(), {name: int(at, 16) for at, name in labels}, places)


def run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
