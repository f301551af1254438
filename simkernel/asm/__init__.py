"""The only door to Keystone: guest sources in, a kernel's bytes, symbols and patch sites out.

    source.py       comments, statements, their places         expression.py   constant expressions
    macros.py       .macro, .rept, .if, .set, numbered labels  rules.py        what a source may not say, and why
    link.py         text and data, symbols, __mcount_loc       reread.py       the result, read back through Capstone
    keystone.py     Keystone itself, and the ways around it    child.py        a learner's file, in a child process

A source has two parts: text, and after a line `.data`, data (`.text` goes back; `.bss` is data too, of zeroes, and says
so in kallsyms). All files are one unit: the text of all, then, page aligned, the data of all, then the sorted table of
sites from `__start_mcount_loc` to `__stop_mcount_loc`. The names `_text`, `_stext`, `_etext`, `_sdata` and `_edata` are
there too. Every constant of `layout.py` can
be used by its name. `.Lname` and `1:` are private to their file. Numbers are hexadecimal.
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel import layout
from simkernel.asm import keystone
from simkernel.asm.child import assemble_in_child
from simkernel.asm.link import Assembly, Symbol, Unit, link
from simkernel.asm.macros import Expander
from simkernel.asm.source import statements

__all__ = ["Assembly", "Symbol", "assemble", "assemble_in_child", "available"]

available = keystone.available


def assemble(sources: Sequence[tuple[str, str]], *, ibt: bool = False, sites: bool = True, core: int = 0) -> Assembly:
    """Assemble a kernel from (file name, text) pairs, in this order.

    Args:
        sources: macros first; a name defined in one file is known in all (a constant or macro: in those after it).
        ibt: define CONFIG_X86_KERNEL_IBT, so that functions begin with endbr64.
        sites: False leaves out every `call __fentry__`, for comparison.
        core: how many of the sources are ours, before those of a learner; their errors are put in a learner's words.

    Raises:
        KernelSourceError: a line is wrong; it names file and line. LearnerError: the whole cannot be used, or there is
            no Keystone.
    """
    constants = dict(layout.assembler_constants())
    if ibt:
        constants["CONFIG_X86_KERNEL_IBT"] = 1
    expander = Expander(constants)
    unit = Unit(with_sites=sites, own_files=frozenset(file for file, _ in sources[:core]))
    for index, (file, text) in enumerate(sources):
        unit.add_file(index, file, expander.expand(statements(file, text)))
    return link(unit, constants)
