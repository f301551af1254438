"""What a function does otherwise than Linux, as its source's comments say it."""

from __future__ import annotations

import re

from simkernel.kernel import KernelImage
from simkernel.kernel.notes import notes_of
from tests.guest.names import having, listed

MACROS = """/* macros.S: words. Simplified: of macros. */
/* Simplified: made by a macro. */
.macro SYM_FUNC_START_ODD name
\\name:
.endm
/* Why. Simplified: a store that Linux has not. */
.macro MARK_IT
nop
.endm
.macro ENTER
MARK_IT
.endm
/* Simplified: both halves. */
.macro PAIR name
SYM_CODE_START asm_\\name
ENTER
SYM_CODE_END asm_\\name
SYM_FUNC_START_NOTRACE \\name
ret
SYM_FUNC_END \\name
.endm
"""
CODE = """/*
 * file.S: a file. Simplified: one
 * for all.
 *
 * Another paragraph.
 */
/* Simplified: of the constant. */
.set X, 0x1
/* Says why. Simplified: above, as
 * far as here. */
SYM_FUNC_START above
	nop
/* Simplified: inside. Simplified: and again. */
	ret
SYM_FUNC_END above
PAIR two
SYM_FUNC_START_ODD odd
	MARK_IT
	MARK_IT
SYM_FUNC_END odd
"""


def test_notes_belong_to_the_function_that_they_stand_at() -> None:
    notes = notes_of([("macros.S", MACROS), ("file.S", CODE)])
    whole, macros, store = "one for all. (all of file.S)", "of macros. (all of macros.S)", "a store that Linux has not."
    assert notes == {
        "above": ("above, as far as here.", "inside.", "and again.", whole),
        "asm_two": ("both halves.", macros, store, whole),
        "two": ("both halves.", macros, whole),
        "odd": ("made by a macro.", macros, store, whole),
    }


# Words that the simulated machine needs in functions of Linux's names.
OURS = ("PCPU_HLT", "TASK_IN_USER", "TASK_SYSCALLS", "int3_skip_mode", "sync_with_cpuid")


def test_a_function_that_uses_a_word_of_our_own_says_so() -> None:
    image = KernelImage.default()
    told = {symbol.name: " ".join(image.simplified(symbol)) for symbol in image.symbols}
    linuxs = listed().keys() - having("ours")
    used = set()
    for name, body in re.findall(r"^SYM_\w+_START\w* (\w+)\n(.*?)^SYM_\w+_END", _code(image), re.M | re.S):
        used |= {(name, word) for word in OURS if name in linuxs and re.search(rf"\b{word}\b", body)}
    assert len(used) >= 9
    assert [use for use in used if use[1] not in told[use[0]]] == []
    assert "PCPU_HLT" in told["asm_exc_int3"]  # from the macro


def _code(image: KernelImage) -> str:
    return "\n".join(re.sub(r"/\*.*?\*/", "", text, flags=re.S) for _, text in image.sources)


def test_every_note_of_the_kernel_is_some_functions() -> None:
    image = KernelImage.default()
    told = " ".join(note for symbol in image.symbols for note in image.simplified(symbol))
    written = [
        " ".join(re.split(r"\*/|\n \*\n", note)[0].replace("\n *", " ").split())
        for _, text in image.sources
        if "\nSYM_" in text
        for note in text.split("Simplified:")[1:]
    ]
    assert len(written) > 60 and [note for note in written if note not in told] == []
