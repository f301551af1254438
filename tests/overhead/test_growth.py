"""From none to all: the ends are the variants' own figures, and between them each function adds to it."""

from __future__ import annotations

from simkernel.kernel import KernelImage
from simkernel.overhead.exact import exact
from simkernel.overhead.growth import growth


def test_from_off_to_all_on() -> None:
    rows = growth()
    assert [rows[0][0], rows[-1][0]] == [0, len(KernelImage.default().functions())]
    figures = [row.instructions for _traced, row in rows]
    assert (figures[0], figures[-1]) == (exact("nop").instructions, exact("function").instructions)
    assert figures == sorted(figures)
