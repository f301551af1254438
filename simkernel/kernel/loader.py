"""A kernel image put into a machine: memory laid out and filled, CPUs mapped to it and powered on."""

from __future__ import annotations

import numpy as np

from simkernel import insn
from simkernel.hw.cpu import Cpu, Mapping
from simkernel.hw.fetch import CodeMap, CodeMemory, FetchModel
from simkernel.hw.machine import TICK_PERIOD
from simkernel.hw.memory import GuestMemory, new_buffer
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.abi import Abi, toy_abi
from simkernel.kernel.paths import StraightPaths
from simkernel.kernel.running import RunningKernel
from simkernel.kernel.stacks import guard_pages


def power_on(
    image: KernelImage, cpus: int, model: FetchModel, tick_period: int = TICK_PERIOD, abi: Abi | None = None
) -> RunningKernel:
    """Load a kernel and power on its CPUs; each is at the entry of the kernel (RDI: its number).

    Args:
        image: the kernel.
        cpus: how many, 1 to 8.
        model: what a CPU may run of code that has changed.
        tick_period: of each CPU's timer, in instructions of the machine's clock; 0: none.
        abi: how the host sees it; None: as the toy kernel.
    """
    memory, code, engines = load(image, cpus, model)
    memory.write_u64(image.address("nr_cpu_ids"), cpus)
    paths = StraightPaths(image)
    shadows = paths.after_sti.__contains__
    return RunningKernel(image, abi or toy_abi(image), memory, code, engines, paths.length, shadows, tick_period)


def load(image: KernelImage, cpus: int, model: FetchModel) -> tuple[GuestMemory, CodeMemory, list[Cpu]]:
    """Shared data, the code with a view for each CPU, and the CPUs at the entry of the kernel (RDI: their number)."""
    code_regions, data_regions = image_regions(image)
    code_map = CodeMap(code_regions)
    memory = GuestMemory([*data_regions, (layout.BSS_BASE, bss_size(image))], guard_pages())
    code_memory = new_buffer(code_map.size)
    own = model.cell_shift is not None  # else each CPU runs what memory holds: one buffer for all
    views = [new_buffer(code_map.size) if own else code_memory for _ in range(cpus)]
    for segment in image.segments:
        if not segment.executable:
            memory.write(segment.base, bytes(segment.data))
            continue
        start = code_map.offset(segment.base)
        loaded = np.frombuffer(segment.data, dtype=np.uint8)
        end = start + -(-len(loaded) // layout.PAGE_SIZE) * layout.PAGE_SIZE
        for buffer in (code_memory, *views) if own else (code_memory,):
            buffer[start : start + len(loaded)] = loaded
            buffer[start + len(loaded) : end] = insn.INT3  # as arch/x86/kernel/vmlinux.lds.S fills .text (6.12)
    code = CodeMemory(model, code_map, code_memory, views)
    shared = [Mapping(region.base, region.buffer, code=False) for region in memory.regions]
    engines = []
    for number, view in enumerate(views):
        text = [Mapping(r.base, view[r.start : r.start + r.size], code=True) for r in code_map.regions]
        cpu = Cpu(number, text + shared, guard_pages())
        cpu.reset(rip=image.address("startup_64"), rdi=number, eflags=2)
        engines.append(cpu)
    return memory, code, engines


def image_regions(image: KernelImage) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(code regions, data regions) of an image as (base, size), the trampolines' region among the code."""
    code: list[tuple[int, int]] = [(layout.TRAMP_BASE, layout.TRAMP_SIZE)]
    data: list[tuple[int, int]] = []
    for segment in image.segments:
        size = -(-len(segment.data) // layout.PAGE_SIZE) * layout.PAGE_SIZE
        (code if segment.executable else data).append((segment.base, size))
    return sorted(code), sorted(data)


def bss_size(image: KernelImage) -> int:
    """Bytes from BSS_BASE: all up to the end of the ftrace hashes, and a page to spare."""
    base, size = layout.hash_arena(len(image.mcount_loc))
    return base + size + layout.PAGE_SIZE - layout.BSS_BASE
