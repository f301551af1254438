"""The stacks of the memory map, and the guard pages below them (Linux: VMAP_STACK, struct cea_exception_stacks)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simkernel.kernel import layout


@dataclass(frozen=True, slots=True)
class Stack:
    """A kernel stack: its name in a call trace, [base, top), and whether the IST switched to it."""

    name: str
    base: int
    top: int
    ist: bool = False


def stack_of(rsp: int) -> Stack | None:
    """The stack that an RSP is on, from its end (empty) to its base (full); None outside of all."""
    if 0 < rsp - layout.TASK_STACKS <= layout.TASKS_MAX * layout.TASK_STACK_STRIDE:
        slot = (rsp - 1 - layout.TASK_STACKS) // layout.TASK_STACK_STRIDE
        top = layout.TASK_STACKS + (slot + 1) * layout.TASK_STACK_STRIDE
        stack = Stack("TASK", top - layout.TASK_STACK_SIZE, top)
    elif 0 < rsp - layout.IRQ_STACKS <= layout.NR_CPUS * layout.IRQ_STACK_STRIDE:
        cpu, offset = divmod(rsp - 1 - layout.IRQ_STACKS, layout.IRQ_STACK_STRIDE)
        name, end = ("#DF", layout.DF_STACK_TOP) if offset < layout.DF_STACK_TOP else ("NMI", layout.NMI_STACK_TOP)
        top = layout.IRQ_STACKS + cpu * layout.IRQ_STACK_STRIDE + end
        stack = Stack(name, top - layout.PAGE_SIZE, top, ist=True)
    else:
        return None
    return stack if stack.base <= rsp else None


def stacks_from(rsp: int, read_u64: Callable[[int], int]) -> Iterator[tuple[Stack, range]]:
    """The stacks in use from an RSP on, each with the addresses of its words, as `show_trace_log_lvl()` goes on.

    An RSP in a guard page is of the stack above it; above a stack of the IST comes the one that was interrupted.
    """
    at, seen = rsp, set[str]()
    while True:
        stack = stack_of(at)
        if stack is None:
            at += -at % layout.PAGE_SIZE
            stack = stack_of(at)
        if stack is None or stack.name in seen:
            return
        seen.add(stack.name)
        yield stack, range(at + 7 & ~7, stack.top, 8)
        if not stack.ist:
            return
        at = read_u64(stack.top - 16)


def guard_pages() -> frozenset[int]:
    """The addresses of the pages below the stacks: nothing is mapped there, so a stack that overflows faults."""
    tasks = (layout.TASK_STACKS + slot * layout.TASK_STACK_STRIDE for slot in range(layout.TASKS_MAX))
    cpus = (layout.IRQ_STACKS + cpu * layout.IRQ_STACK_STRIDE for cpu in range(layout.NR_CPUS))
    irqs = (cpu + top - 2 * layout.PAGE_SIZE for cpu in cpus for top in (layout.DF_STACK_TOP, layout.NMI_STACK_TOP))
    return frozenset((*tasks, *irqs))
