"""Where a kernel's code and data lie."""

from __future__ import annotations

from dataclasses import dataclass

Region = tuple[int, int]  # (base, size in bytes), page aligned


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """The memory of a machine that a kernel is made for.

    Attributes:
        code: the regions that each CPU runs from its own view, ascending; trampolines among them.
        data: the regions that all CPUs read and write.
        guards: addresses of pages in `data` that are not mapped.
    """

    code: tuple[Region, ...]
    data: tuple[Region, ...]
    guards: frozenset[int] = frozenset()
