"""The default guest kernel works: its tasks' results, its counters and its functions agree with models in Python.

And every function is needed: with the body of any one taken out, some check of the same set fails.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache

import pytest

from simkernel import disasm
from simkernel.errors import GuestError
from simkernel.kernel import KernelImage, Symbol
from simkernel.kernel.stacks import stack_of
from tests.guest import models, vitals
from tests.guest.whole_kernel import WholeKernel, default_image, without_body

WORKLOAD = (4_000, 306)  # rounds, and instructions of each CPU in a round
GLANCE = (700, 306)  # in which most of what is wrong shows already
MOMENT = (150, 306)  # behind a glance: much of it shows even then
SHARDS = 6


def at_rest(image: KernelImage, cpus: int, workload: tuple[int, int] = WORKLOAD) -> WholeKernel:
    kernel = WholeKernel(image, cpus)
    kernel.run(*workload)
    assert kernel.rest(), "the kernel never came to rest"
    return kernel


@cache
def image() -> KernelImage:
    return default_image()


def function_names() -> list[str]:
    return [symbol.name for symbol in image().functions()]


@pytest.mark.parametrize("cpus", [1, 2])
def test_all_counts_agree_when_every_task_sleeps(cpus: int) -> None:
    kernel = at_rest(image(), cpus)
    assert [p for p in vitals.problems(kernel) if cpus > 1 or "rsyslogd" not in p] == []


@pytest.mark.parametrize(("cpus", "quantum"), [(1, 37), (2, 37), (2, 500), (3, 500), (4, 500), (8, 500), (8, 2_000)])
def test_no_task_ever_sees_a_wrong_result(cpus: int, quantum: int) -> None:
    kernel = WholeKernel(image(), cpus)
    kernel.run(3_000_000 // quantum, quantum)
    assert not kernel.oopsed()
    assert [p for p in vitals.tasks(kernel) if "wrong results" in p] == []
    assert sum(kernel.task(task, "TASK_SYSCALLS") for task in kernel.tasks()) > 100


@pytest.mark.parametrize("workload", [GLANCE, WORKLOAD])
def test_the_models_hold_one_after_the_other_too(workload: tuple[int, int]) -> None:
    """What the test below asks of a kernel with a function left out, asked of the whole one."""
    assert works(image(), workload)


def works(image: KernelImage, workload: tuple[int, int]) -> bool:
    """Whether a kernel boots, comes to rest, and agrees with every count and model then."""
    try:
        kernel = at_rest(image, 2, workload)
    except AssertionError:
        return False  # it did not boot, oopsed, or never came to rest
    with closing(kernel):
        return agrees(kernel)


def agrees(kernel: WholeKernel) -> bool:
    """Whether a kernel at rest agrees with every count and model."""
    try:
        return not (vitals.problems(kernel) or any(models.disagreements(kernel)))
    except GuestError:
        return False  # a list of the guest's leads out of its memory


@cache
def after_a_glance() -> tuple[WholeKernel, Callable[[], None]]:
    """The whole kernel, and what brings it back to the end of a glance; boot and the glance are run once."""
    kernel = WholeKernel(image(), 2)
    kernel.run(*GLANCE)
    return kernel, kernel.keep()


def works_on(without: str = "") -> bool:
    """Whether the kernel of a glance, with a function's body taken out from then on, still comes to rest and agrees."""
    kernel, put_back = after_a_glance()
    put_back()
    if without:
        kernel.empty(without)
    kernel.run(*MOMENT)
    return kernel.rest() and agrees(kernel)


def test_the_whole_kernel_works_on_as_often_as_it_is_put_back() -> None:
    """What the test below asks of a kernel that loses a function on its way; one that lost it before is whole again."""
    assert works_on() and not works_on("vfs_read") and works_on()


@pytest.mark.parametrize("model", models.MODELS, ids=lambda model: str(model.__name__))
def test_functions_agree_with_their_models(model: Callable[[WholeKernel], None]) -> None:
    model(at_rest(image(), 1))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_function_could_be_left_out(shard: int) -> None:
    names = function_names()[shard::SHARDS]
    unnoticed = [name for name in names if works_on(name)]  # else it is needed at boot, or later
    without = {name: without_body(image(), name) for name in unnoticed}
    assert [name for name in unnoticed if works(without[name], GLANCE) and works(without[name], WORKLOAD)] == []


def test_no_two_bodies_are_alike() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for symbol in image().functions():
        body = body_of(symbol)
        assert body not in seen, f"{symbol.name} and {seen[body]} are alike"
        seen[body] = symbol.name


def body_of(symbol: Symbol) -> tuple[str, ...]:
    """A function's instructions, the targets of calls and jumps as names, or as offsets where they are inside."""
    lines = []
    for one in disasm.decode(image().text_of(symbol), symbol.address):
        if one.target is None:
            lines.append(one.text)
        elif symbol.address <= one.target < symbol.address + symbol.size:
            lines.append(f"{one.mnemonic} +{one.target - symbol.address:#x}")
        else:
            lines.append(f"{one.mnemonic} {image().symbolize(one.target)}")
    return tuple(lines)


def test_the_call_tree_is_eight_deep() -> None:
    """A read of a file: each function is called from the one before it (x64_sys_call is the first with a site)."""
    path = (
        "x64_sys_call __x64_sys_read ksys_read vfs_read new_sync_read ext4_file_read_iter generic_file_read_iter "
        "filemap_read filemap_get_pages page_cache_sync_ra page_cache_ra_unbounded filemap_alloc_folio_noprof "
        "__alloc_pages_noprof get_page_from_freelist _raw_spin_lock_irqsave"
    ).split()
    kernel = WholeKernel(image(), 1)
    sites = {image().address(name): name for name in path}
    wanted, stacks = path[-1], []
    for _ in range(60_000):
        kernel.run(1, 1)
        if sites.get(kernel.machine.cpus[0].rip) == wanted:
            rsp = kernel.machine.cpus[0].rsp
            stack = stack_of(rsp)
            assert stack is not None
            words = kernel.words(rsp, min(120, (stack.top - rsp) // 8))
            names = [image().symbolize(word).partition("+")[0] for word in words if word >= image().address("_stext")]
            stacks = [name for name in reversed(names) if name in path]
            if stacks[: len(path) - 1] == path[:-1]:
                return
    raise AssertionError(f"the deepest tree seen was {stacks}")
