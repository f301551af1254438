"""The toy kernel of `guest/*.S` as a `Kernel`: its memory map, and its contract with the host."""

from __future__ import annotations

from simkernel.hw.x86 import PAGE_SIZE
from simkernel.kernel import layout
from simkernel.kernel.abi import Abi, PerCpuWords
from simkernel.kernel.image import KernelImage
from simkernel.kernel.kernel import Kernel
from simkernel.kernel.memory_map import MemoryMap
from simkernel.kernel.stacks import guard_pages, stack_of


def toy(image: KernelImage) -> Kernel:
    """The default kernel, a synthetic one, or the core with a learner's functions."""
    return Kernel(image, toy_memory_map(image), toy_abi(image))


def toy_memory_map(image: KernelImage) -> MemoryMap:
    """The regions of an image, the trampolines, and all of BSS."""
    code, data = [(layout.TRAMP_BASE, layout.TRAMP_SIZE)], [(layout.BSS_BASE, bss_size(image))]
    for segment in image.segments:
        size = -(-len(segment.data) // PAGE_SIZE) * PAGE_SIZE
        (code if segment.executable else data).append((segment.base, size))
    return MemoryMap(tuple(sorted(code)), tuple(sorted(data)), guard_pages())


def bss_size(image: KernelImage) -> int:
    """Bytes from BSS_BASE: all up to the end of the ftrace hashes, and a page to spare."""
    base, size = layout.hash_arena(len(image.mcount_loc))
    return base + size + PAGE_SIZE - layout.BSS_BASE


def nmi_stack(cpu: int) -> range:
    """The values of RSP on a CPU's NMI stack."""
    top = layout.IRQ_STACKS + cpu * layout.IRQ_STACK_STRIDE + layout.NMI_STACK_TOP
    return range(top - PAGE_SIZE + 1, top + 1)


def toy_abi(image: KernelImage) -> Abi:
    """The contract of the kernel in `guest/*.S`, or of its core with a learner's functions."""
    handlers = [image.symbol(name) for name in ("asm_exc_int3", "exc_int3", "poke_int3_handler")]
    return Abi(
        entry=image.address("startup_64"),
        text=layout.TEXT_BASE,
        percpu=layout.PERCPU_BASE,
        stride=layout.PERCPU_SIZE,
        words=PerCpuWords(
            clock=layout.PCPU_CLOCK,
            csd=layout.PCPU_CSD,
            hlt=layout.PCPU_HLT,
            online=layout.PCPU_ONLINE,
            stop=layout.PCPU_STOP,
            current=layout.PCPU_CURRENT,
            oops_regs=layout.PCPU_OOPS_REGS,
            oops_vector=layout.PCPU_OOPS_VECTOR,
        ),
        ipi_vector=layout.VECTOR_CALL_FUNCTION,
        timer_vector=layout.VECTOR_TIMER,
        hlt_resume=frozenset(symbol.address for symbol in image.labels("hlt_resume")),
        bp_desc=image.address("bp_desc"),
        tp_vec=layout.TP_VEC,
        int3_handler=tuple((symbol.address, symbol.address + symbol.size) for symbol in handlers),
        int3_claimed=image.address("poke_int3_found"),
        nmi_stack=nmi_stack,
        stack_of=stack_of,
        task_pid=layout.TASK_PID,
        nr_cpu_ids=image.address("nr_cpu_ids"),
        oops_in_progress=image.address("oops_in_progress"),
        int3_skip_mode=image.address("int3_skip_mode"),
        stop_serialize=image.address("stop_serialize"),
        boot_stage=image.address("boot_stage"),
        text_mutex=image.address("text_mutex"),
    )
