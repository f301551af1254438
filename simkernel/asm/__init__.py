"""The only door to Keystone: guest sources in, a kernel's bytes, symbols and patch sites out.

    source.py       comments, statements, their places         expression.py   expressions, as GNU as reads them
    macros.py       .macro, .rept, .if, .set                   operands.py     what Keystone gets of an operand
    unit.py         text and data, labels, gcc's directives    rules.py        what a source may not say, and why
    link.py         symbols, sizes, __mcount_loc               words.py        what was written for another assembler
    keystone.py     Keystone itself, and the ways around it    reread.py       the result, read back through Capstone
    faults.py       all errors of a file in one run            child.py        a learner's file, in a child process

A source has two parts: text, and after a line `.data`, data (`.text` goes back; `.bss` is data too, of zeroes, and says
so in kallsyms). All files are one unit: the text of all, then, page aligned, the data of all, then the sorted table of
sites from `__start_mcount_loc` to `__stop_mcount_loc`. The names `_text`, `_stext`, `_etext`, `_sdata` and `_edata` are
there too. Every constant of the target can be used by its name. `.Lname` and `1:` are private to their file.
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.asm import keystone
from simkernel.asm.child import assemble_in_child
from simkernel.asm.faults import Faults
from simkernel.asm.link import Assembly, Symbol, Target, link
from simkernel.asm.macros import Expander
from simkernel.asm.source import statements
from simkernel.asm.unit import Unit

__all__ = ["Assembly", "Symbol", "Target", "assemble", "assemble_in_child", "available"]

available = keystone.available


def assemble(
    sources: Sequence[tuple[str, str]],
    target: Target,
    *,
    ibt: bool = False,
    sites: bool = True,
    core: int = 0,
    watch: keystone.Watch | None = None,
) -> Assembly:
    """Assemble a kernel from (file name, text) pairs, in this order.

    Args:
        sources: macros first; a name defined in one file is known in all (a constant or macro: in those after it).
        target: the constants that sources may use, and where the text lies.
        ibt: define CONFIG_X86_KERNEL_IBT, so that functions begin with endbr64.
        sites: False leaves out every `call __fentry__`, for comparison.
        core: how many of the sources are ours, before those of a learner; their errors are put in a learner's words.
        watch: is called with each statement of a learner's before Keystone gets it.

    Raises:
        KernelSourceError: lines are wrong; it names file and line of each.
        LearnerError: the whole cannot be used, or there is no Keystone.
    """
    constants = dict(target.constants)
    if ibt:
        constants["CONFIG_X86_KERNEL_IBT"] = 1
    faults = Faults(tuple(file for file, _ in sources))
    expander = Expander(constants, faults)
    unit = Unit(faults, with_sites=sites, own_files=frozenset(file for file, _ in sources[:core]))
    for index, (file, text) in enumerate(sources):
        unit.add_file(index, file, expander.expand(statements(file, text, faults)))
    return link(unit, target, watch)
