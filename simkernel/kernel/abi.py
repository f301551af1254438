"""The contract between host and guest: what the host must know of a kernel to run, patch and watch it.

A kernel may lie anywhere, name its symbols as it likes and lay out its per-CPU areas in its own way; the host looks at
it through an `Abi` only. `toy.py` gives that of the kernel in `guest/*.S`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simkernel.errors import GuestError
from simkernel.kernel.stacks import Stack

# Values of the word `stop`: the host asks a CPU to park and to go on; the guest says that it is parked, then 0.
PARK_IN_THREAD, PARK_IN_IPI, PARKED, GO_ON = 1, 0x11, 2, 3


@dataclass(frozen=True, slots=True)
class PerCpuWords:
    """Where the host finds a CPU's words, as offsets in its per-CPU area of u64; None: the kernel has none.

    Attributes:
        clock: the host sets it when a choice begins; the guest adds one at each reading.
        csd: call_single_data: the host stores 1 to ask for do_sync_core, the guest 0 when it has run it.
        hlt: 1 from just before the idle task's HLT until the first instruction of any handler.
        online: 1 once the CPU runs its scheduler.
        stop: of stop_machine (PARK_IN_THREAD and its like).
        current: address of the task_struct that runs.
        oops_regs: address of the pt_regs of an oops on this CPU.
        oops_vector: its exception.
    """

    clock: int
    csd: int
    hlt: int
    online: int
    stop: int | None = None
    current: int | None = None
    oops_regs: int | None = None
    oops_vector: int | None = None


@dataclass(frozen=True, slots=True)
class Abi:
    """A kernel as the host sees it. Addresses, but for offsets in structs; None: the kernel has none.

    Attributes:
        entry: where a CPU begins, RDI holding its number.
        text: _stext; `text_poke_loc.rel_addr` counts from here.
        percpu: the per-CPU area of CPU 0.
        stride: from one CPU's to the next.
        words: what is where in such an area.
        task_pid: offset of a task's number in its task_struct.
        ipi_vector: CALL_FUNCTION_VECTOR.
        timer_vector: LOCAL_TIMER_VECTOR.
        hlt_resume: behind each HLT.
        nr_cpu_ids: a u64: how many CPUs there are.
        oops_in_progress: a u64, not 0 once the kernel has died.
        bp_desc: the struct bp_patching_desc.
        tp_vec: the batch, struct text_poke_loc[].
        int3_handler: the code that answers an int3, as (start, end) of each function.
        int3_claimed: where it has found the site in the batch.
        int3_skip_mode: a u64; not 0: the handler skips a claimed site.
        stop_serialize: a u64; not 0: a CPU serializes when it leaves stop_machine.
        boot_stage: a u64: how far the boot is that waits for the patching task (`patching.task`); None: it does not.
        text_mutex: a u64, 1 while the patching task holds it.
        nmi_stack: a CPU's number -> the values of RSP on its NMI stack.
        stack_of: an RSP -> the stack that it is on.
    """

    entry: int
    text: int
    percpu: int
    stride: int
    words: PerCpuWords
    ipi_vector: int
    timer_vector: int
    hlt_resume: frozenset[int]
    bp_desc: int
    tp_vec: int
    int3_handler: tuple[tuple[int, int], ...]
    int3_claimed: int
    nmi_stack: Callable[[int], range]
    stack_of: Callable[[int], Stack | None]
    task_pid: int = 0
    nr_cpu_ids: int | None = None
    oops_in_progress: int | None = None
    int3_skip_mode: int | None = None
    stop_serialize: int | None = None
    boot_stage: int | None = None
    text_mutex: int | None = None


def needed(word: int | None, what: str) -> int:
    """A word of the contract that an action cannot do without; GuestError where the kernel has none."""
    if word is None:
        raise GuestError(f"this kernel has no {what}")
    return word
