"""The default guest kernel, run without ftrace's Python half: booted, at rest, called function by function.

`WholeKernel.rest()` runs until every task sleeps, so that what the tasks have done so far can be counted exactly.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from simkernel import insn
from simkernel.hw.fetch import FetchModel
from simkernel.insn import is_iret
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.image import Segment
from simkernel.kernel.loader import power_on
from simkernel.kernel.toy import toy
from simkernel.schedule import Nmi, Run

BOOT_ROUNDS = 2_000  # of 100 instructions: several times what boot takes
MASK = (1 << 64) - 1


def default_image() -> KernelImage:
    return KernelImage.default()


@cache
def constants() -> dict[str, int]:
    """The `.set` words of the guest's structs.S and fs_structs.S that are plain numbers."""
    values: dict[str, int] = dict(layout.assembler_constants())
    guest = resources.files("simkernel") / "guest"
    for file in sorted(path.name for path in guest.iterdir() if path.name.endswith(".S")):
        for line in (guest / file).read_text(encoding="utf-8").splitlines():
            if line.startswith(".set "):
                name, _, text = line[5:].partition(",")
                total = 0
                for term in text.split("+"):
                    word = term.strip()
                    total += int(word, 16) if word.startswith("0x") else values.get(word, 0)
                values[name.strip()] = total
    return values


C = constants()


def without_body(image: KernelImage, name: str) -> KernelImage:
    """The image with `ret` right behind the function's site: it is called, traced and does nothing."""
    at = image.site_of(image.symbol(name)) + 5
    segments = []
    for segment in image.segments:
        if segment.executable and segment.base <= at < segment.base + len(segment.data):
            data = bytearray(segment.data)
            data[at - segment.base] = 0xC3
            segment = Segment(segment.base, bytes(data), True)
        segments.append(segment)
    return dataclasses.replace(image, segments=tuple(segments))


@dataclass(frozen=True)
class Task:
    """A task_struct's place and its name."""

    address: int
    comm: str
    cpu: int

    @property
    def slot(self) -> int:
        return (self.address - layout.TASKS_BASE) // layout.TASK_SIZE

    @property
    def files(self) -> int:
        return C["FILES_BASE"] + self.slot * layout.TASK_SIZE

    @property
    def memory(self) -> int:
        """Its user part's memory."""
        return C["USER_BASE"] + self.slot * 2 * layout.TASK_SIZE


class WholeKernel:
    """A booted default kernel."""

    def __init__(self, image: KernelImage, cpus: int = 2, tick_period: int = 10_000) -> None:
        self.image, self.cpus = image, cpus
        self.running = power_on(toy(image), cpus, FetchModel.INSTANT, tick_period)
        self.machine, self.smp = self.running.machine, self.running.smp
        stage = image.address("boot_stage")
        for _ in range(BOOT_ROUNDS):
            if self.machine.memory.read_u64(stage) == 1 or self.oopsed():
                break
            self.machine.step(Run(0, 100))
        else:
            raise AssertionError(f"boot stands at {image.symbolize(self.machine.cpus[0].rip)}")
        sites = image.mcount_loc
        self.machine.code.write_rows(
            sites, np.tile(np.frombuffer(insn.NOP5, dtype=np.uint8), (len(sites), 1)), fresh=True
        )
        self.machine.memory.write_u64(stage, 2)

    def close(self) -> None:
        """Give the CPUs' memory back now."""
        for cpu in self.machine.cpus:
            cpu.close()

    def keep(self) -> Callable[[], None]:
        """Take the whole state; what is returned puts it back, as often as it is called."""
        machine = self.machine
        buffers = [region.buffer for region in machine.memory.regions]
        data, code = [buffer.copy() for buffer in buffers], machine.code.memory.copy()
        contexts, state = [cpu.save() for cpu in machine.cpus], machine.state()

        def put_back() -> None:
            for buffer, before in zip(buffers, data, strict=True):
                np.copyto(buffer, before)
            changed = np.flatnonzero(machine.code.memory != code)
            machine.code.put(changed, code[changed])
            for cpu, context in zip(machine.cpus, contexts, strict=True):
                cpu.restore(context)
            machine.restore(state)

        return put_back

    def empty(self, name: str) -> None:
        """Write `ret` right behind the function's site, as `without_body` does to the image."""
        self.machine.code.write(self.image.site_of(self.image.symbol(name)) + 5, b"\xc3", fresh=True)

    # --- running ------------------------------------------------------------------------------------------------

    def run(self, rounds: int, quantum: int = 500) -> None:
        for _ in range(rounds):
            for cpu in range(self.cpus):
                if self.oopsed():
                    return
                self.machine.step(Run(cpu, quantum))

    def nmi(self, cpu: int) -> None:
        self.machine.step(Nmi(cpu))

    def irets_until_zero(self, word: int, limit: int = 5_000) -> int:
        """Step CPU0 until a word is 0; how many IRETs it has run on the way."""
        irets = 0
        for _ in range(limit):
            irets += is_iret(self.machine.code.view_read(0, self.machine.cpus[0].rip, 2))
            self.machine.step(Run(0, 1))
            if self.u64(word) == 0:
                return irets
        raise AssertionError(f"the word at {word:#x} did not become 0")

    def until(self, word: int, value: int, rounds: int = 2_000) -> bool:
        """Run until a word has a value; False if that does not come about."""
        for _ in range(rounds):
            if self.u64(word) == value or self.oopsed():
                break
            self.run(1, 50)
        return self.u64(word) == value

    def rest(self, rounds: int = 800) -> bool:
        """Run until every task sleeps and every CPU is halted; False if that does not come about."""
        for _ in range(rounds):
            if self.oopsed():
                return False
            self.run(1, 1_000)
            if all(self.machine.halted(cpu) for cpu in range(self.cpus)) and not self.busy():
                return True
        return False

    def busy(self) -> bool:
        return any(self.u64(task.address + layout.TASK_ON_RQ) for task in self.tasks())

    def oopsed(self) -> bool:
        return self.word("oops_in_progress") != 0 or bool(self.machine.halt_reason)

    # --- looking ------------------------------------------------------------------------------------------------

    def u64(self, address: int) -> int:
        return self.machine.memory.read_u64(address)

    def words(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}Q", self.machine.memory.read(address, 8 * count))

    def word(self, name: str, offset: int = 0) -> int:
        return self.u64(self.image.address(name) + offset)

    def percpu(self, cpu: int, name: str) -> int:
        return self.u64(layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + C[name])

    def rq(self, cpu: int, name: str) -> int:
        return self.u64(layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + layout.PCPU_RQ + C[name])

    def total(self, name: str) -> int:
        """A per-CPU word, summed."""
        return sum(self.percpu(cpu, name) for cpu in range(self.cpus)) & MASK

    def tasks(self, comm: str = "") -> list[Task]:
        return [task for task in self._all_tasks() if task.comm.startswith(comm) and task.comm[:7] != "swapper"]

    def _all_tasks(self) -> Iterator[Task]:
        memory = self.machine.memory
        tasks = memory.array(layout.TASKS_BASE, "u1", (layout.TASKS_MAX, layout.TASK_SIZE))
        for slot in np.flatnonzero(tasks[:, layout.TASK_COMM]).tolist():
            address = layout.TASKS_BASE + slot * layout.TASK_SIZE
            comm = memory.read(address + layout.TASK_COMM, 16).split(b"\0")[0].decode("latin-1")
            yield Task(address, comm, memory.read_u32(address + layout.TASK_CPU))

    def task(self, task: Task, name: str) -> int:
        return self.u64(task.address + C[name])

    def user(self, task: Task, name: str) -> int:
        return self.u64(task.memory + C[name])

    # --- calling ------------------------------------------------------------------------------------------------

    def call(self, name: str, *arguments: int, cpu: int = 0, limit: int = 20_000) -> int:
        """Call a function of the guest on a CPU at rest, with interrupts off; RAX.

        The CPU is left as it was; memory keeps what the function has done to it.
        """
        engine = self.machine.cpus[cpu]
        saved = engine.save()
        stack = layout.TASK_STACKS + layout.TASKS_MAX * layout.TASK_STACK_STRIDE - 64
        back = self.image.address("panic_halt")
        self.machine.memory.write_u64(stack, back)
        registers = dict(zip(("rdi", "rsi", "rdx", "rcx", "r8"), arguments, strict=False))
        before = {"rbx": 0x1111, "rbp": 0x2222, "r12": 0x3333, "r13": 0x4444, "r14": 0x5555, "r15": 0x6666}
        engine.reset(rax=0xDEAD, rip=self.image.address(name), rsp=stack, eflags=2, **before, **registers)
        fault = engine.run(limit)
        after = engine.registers()
        engine.restore(saved)
        if fault is not None or after["rsp"] != stack + 8:
            raise AssertionError(f"{name} did not return: {fault}, at {self.image.symbolize(after['rip'])}")
        if {register: after[register] for register in before} != before:
            raise AssertionError(f"{name} did not keep the callee's registers")
        return after["rax"]
