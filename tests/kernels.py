"""Small kernels for tests of the assembler and of the image."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from simkernel import asm
from simkernel.asm import Assembly
from simkernel.asm.child import TIME_LIMIT
from simkernel.kernel import layout

Source = tuple[str, str]


def macros() -> Source:
    """The guest's own macros.S."""
    file = resources.files("simkernel") / "guest" / "macros.S"
    return "macros.S", file.read_text(encoding="utf-8")


def tiny() -> list[Source]:
    """macros.S and a kernel of two traced functions."""
    file = Path(__file__).parent / "guest" / "tiny.S"
    return [macros(), (file.name, file.read_text(encoding="utf-8"))]


def with_body(body: str, data: str = "") -> list[Source]:
    """macros.S and a kernel of one traced function, whose body begins on line 5 of `body.S`."""
    text = (
        "SYM_FUNC_START_NOTRACE __fentry__\nret\nSYM_FUNC_END __fentry__\nSYM_FUNC_START f\n"
        f"{body}\nSYM_FUNC_END f\n.data\n{data}\n"
    )
    return [macros(), ("body.S", text)]


def assemble(sources: Sequence[Source], *, ibt: bool = False, sites: bool = True, core: int = 0) -> Assembly:
    """The assembler, for the toy kernel's memory map."""
    return asm.assemble(sources, layout.target(), ibt=ibt, sites=sites, core=core)


def assemble_in_child(sources: Sequence[Source], *, time_limit: float = TIME_LIMIT) -> Assembly:
    """The same, in a child process."""
    return asm.assemble_in_child(sources, layout.target(), time_limit=time_limit)
