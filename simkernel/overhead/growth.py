"""What the workload takes as the number of traced functions grows, from none to all."""

from __future__ import annotations

from collections.abc import Callable

from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.overhead.exact import Exact, counted
from simkernel.overhead.variants import image_of
from simkernel.overhead.workload import Workload

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def growth(show: Callable[[str], None] = lambda text: None) -> list[tuple[int, Exact]]:
    """(functions traced, the workload), the functions that the workload calls most often traced first."""
    image = image_of("nop")
    called = counted("nop", Workload(image)).by_function
    names = sorted(called, key=lambda name: (-called[name], name))
    rows = []
    for traced in (*(step for step in STEPS if step < len(names)), len(names)):
        show(f"{traced} functions")
        workload = Workload(image)
        if traced:
            workload.do(SetFilter("filter", " ".join(names[:traced])), SetTracer("function"))
        rows.append((traced, counted("function", workload)))
    return rows
