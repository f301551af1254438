"""What has to be true of CPUs and tasks, apart from the fast path. Nothing here changes anything.

validate_stacks     every CPU is on a stack of its own
validate_workload   no task has seen a wrong result
"""

from __future__ import annotations

import numpy as np

from simkernel.kernel import layout
from simkernel.kernel.running import RunningKernel
from simkernel.sentence import Sentence, beside, say
from simkernel.sentence import cpu as cpu_name
from simkernel.verdict import Verdict


def validate_stacks(kernel: RunningKernel) -> Verdict:
    """Every CPU that runs tasks has its RSP on a stack, and no two CPUs are on the same one."""
    bases: dict[int, int] = {}
    for cpu, engine in enumerate(kernel.machine.cpus):
        if not kernel.percpu.read(cpu, kernel.abi.words.online):
            continue
        stack = kernel.abi.stack_of(engine.rsp)
        if stack is None:
            text = say("RSP of {} is {}: on no stack", cpu_name(cpu), f"{engine.rsp:#x}")
            return Verdict("stacks", False, text, cpu, engine.rsp)
        if stack.base in bases:
            both, where = (cpu_name(bases[stack.base]), cpu_name(cpu)), beside(" at {}", stack.base)
            text = say("{} and {} are both on the stack{}", *both, where)
            return Verdict("stacks", False, text, cpu, engine.rsp)
        bases[stack.base] = cpu
    return Verdict("stacks", True, say("{} CPUs, each on a stack of its own", len(bases)))


def validate_workload(kernel: RunningKernel) -> Verdict:
    """No task has counted a wrong result (TASK_ERRORS)."""
    if kernel.sched is None:
        return Verdict("workload", True, Sentence("this kernel has no tasks"))
    memory = kernel.machine.memory
    words = memory.array(layout.TASKS_BASE, "<u8", (layout.TASKS_MAX, layout.TASK_SIZE // 8))
    errors = words[:, layout.TASK_ERRORS // 8]
    bad = np.flatnonzero(errors)
    if len(bad):
        task = layout.TASKS_BASE + int(bad[0]) * layout.TASK_SIZE
        pid = memory.read_u32(task + layout.TASK_PID)
        text = say("task {} has seen {} wrong results", pid, int(errors[bad[0]]))
        return Verdict("workload", False, text, address=task + layout.TASK_ERRORS)
    calls = int(words[:, layout.TASK_SYSCALLS // 8].sum())
    return Verdict("workload", True, say("{} system calls, every result right", calls))
