"""A kernel put into a machine: memory laid out and filled, CPUs mapped to it and powered on."""

from __future__ import annotations

import numpy as np

from simkernel import insn
from simkernel.hw.code_map import CodeMap
from simkernel.hw.cpu import Cpu, Mapping
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.hw.machine import TICK_PERIOD
from simkernel.hw.memory import GuestMemory, new_buffer
from simkernel.hw.x86 import PAGE_SIZE
from simkernel.kernel.kernel import Kernel
from simkernel.kernel.running import RunningKernel


def power_on(kernel: Kernel, cpus: int, model: FetchModel, tick_period: int = TICK_PERIOD) -> RunningKernel:
    """Load a kernel and power on its CPUs; each is at the entry of the kernel (RDI: its number).

    Args:
        kernel: what to run.
        cpus: how many, 1 to 8.
        model: what a CPU may run of code that has changed.
        tick_period: of each CPU's timer, in instructions of the machine's clock; 0: none.
    """
    memory, code, engines = load(kernel, cpus, model)
    if kernel.abi.nr_cpu_ids is not None:
        memory.write_u64(kernel.abi.nr_cpu_ids, cpus)
    return RunningKernel(kernel.image, kernel.abi, memory, code, engines, tick_period)


def load(kernel: Kernel, cpus: int, model: FetchModel) -> tuple[GuestMemory, CodeMemory, list[Cpu]]:
    """Shared data, the code with a view for each CPU, and the CPUs at the entry of the kernel (RDI: their number)."""
    places = kernel.memory_map
    code_map = CodeMap(list(places.code))
    memory = GuestMemory(list(places.data), places.guards)
    code_memory = new_buffer(code_map.size)
    own = model.cell_shift is not None  # else each CPU runs what memory holds: one buffer for all
    views = [new_buffer(code_map.size) if own else code_memory for _ in range(cpus)]
    for segment in kernel.image.segments:
        if not segment.executable:
            memory.write(segment.base, bytes(segment.data))
            continue
        start = code_map.offset(segment.base)
        loaded = np.frombuffer(segment.data, dtype=np.uint8)
        end = start + -(-len(loaded) // PAGE_SIZE) * PAGE_SIZE
        for buffer in (code_memory, *views) if own else (code_memory,):
            buffer[start : start + len(loaded)] = loaded
            buffer[start + len(loaded) : end] = insn.INT3  # as arch/x86/kernel/vmlinux.lds.S fills .text (6.12)
    code = CodeMemory(model, code_map, code_memory, views)
    shared = [Mapping(region.base, region.buffer, False, memory.touched) for region in memory.regions]
    engines = []
    for number, view in enumerate(code.views):
        text = [
            Mapping(one.base, view.code[one.part], True, translated=view.translated[one.pieces])
            for one in code_map.regions
        ]
        cpu = Cpu(number, text + shared, places.guards)
        cpu.reset(rip=kernel.abi.entry, rdi=number, eflags=2)
        engines.append(cpu)
    return memory, code, engines
