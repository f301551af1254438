"""The guest's core with a small subsystem (`core_stub.S`), and what a test of guest code does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from simkernel import insn
from simkernel.ftrace.trampolines import CallerCode, call_bytes, create_trampoline
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.loader import power_on
from simkernel.kernel.running import RunningKernel
from simkernel.kernel.toy import toy
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import INT3_PROTOCOL, Variant
from simkernel.schedule import Nmi, Run

CORE = (
    "macros structs calling head init fork entry int3 traps smp apic switch ftrace_64 trace_recursion ring_buffer trace"
).split()
STUB = Path(__file__).parent / "core_stub.S"


@cache
def core_image(ibt: bool = False) -> KernelImage:
    guest = resources.files("simkernel") / "guest"
    sources = [(f"{name}.S", (guest / f"{name}.S").read_text(encoding="utf-8")) for name in CORE]
    return KernelImage.from_sources([*sources, (STUB.name, STUB.read_text(encoding="utf-8"))], ibt=ibt)


@dataclass
class CoreKernel:
    """A booted core: NOPs at the sites, every CPU about to run its first task."""

    cpus: int = 2
    model: FetchModel = FetchModel.INSTANT
    tick_period: int = 2_000
    ibt: bool = False
    running: RunningKernel = field(init=False)

    def __post_init__(self) -> None:
        self.image = core_image(self.ibt)
        self.running = power_on(toy(self.image), self.cpus, self.model, self.tick_period)
        self.machine, self.smp, self.percpu = self.running.machine, self.running.smp, self.running.percpu
        stage = self.image.address("boot_stage")
        while self.machine.memory.read_u64(stage) != 1:
            self.machine.step(Run(0, 100))
        sites = self.image.mcount_loc
        nops = np.tile(np.frombuffer(insn.NOP5, dtype=np.uint8), (len(sites), 1))
        self.machine.code.write_rows(sites, nops, fresh=True)
        self.machine.memory.write_u64(stage, 2)

    # --- running ------------------------------------------------------------------------------------------------

    def run(self, rounds: int, quantum: int = 100) -> None:
        for _ in range(rounds):
            for cpu in range(self.cpus):
                self.machine.step(Run(cpu, quantum))

    def online(self) -> CoreKernel:
        """Run until every CPU runs its scheduler."""
        while not all(self.percpu.read(cpu, layout.PCPU_ONLINE) for cpu in range(self.cpus)):
            self.run(1)
        return self

    def run_to(self, name: str, offset: int = 0, cpu: int = 0) -> None:
        """Step a CPU until it stands at symbol + offset."""
        wanted = self.image.address(name) + offset
        for _ in range(200_000):
            if self.machine.cpus[cpu].rip == wanted:
                return
            self.machine.step(Run(cpu, 1))
        raise AssertionError(f"CPU{cpu} never came to {name}+{offset:#x}")

    def steps_until(self, address: int, cpu: int = 0, limit: int = 1_000) -> list[int]:
        """The addresses that a CPU runs, one by one, until it stands at `address` with as much off the stack as now."""
        seen: list[int] = []
        rsp = self.machine.cpus[cpu].rsp
        while len(seen) < limit:
            seen.append(self.machine.cpus[cpu].rip)
            self.machine.step(Run(cpu, 1))
            if self.machine.cpus[cpu].rip == address and self.machine.cpus[cpu].rsp >= rsp:
                return seen
        raise AssertionError(f"{address:#x} not reached in {limit} instructions")

    def nmi(self, cpu: int) -> None:
        self.machine.step(Nmi(cpu))

    def text_poke(self) -> TextPoke:
        """A driver of batches by the int3 protocol, which watches the machine from now on."""
        poke = TextPoke(self.running, Variant(INT3_PROTOCOL))
        self.running.watch_with([poke.active])
        return poke

    # --- looking ------------------------------------------------------------------------------------------------

    def tasks(self) -> Iterator[tuple[str, int, int]]:
        """(comm, pid, address) of each task."""
        memory = self.machine.memory
        for slot in range(layout.TASKS_MAX):
            task = layout.TASKS_BASE + slot * layout.TASK_SIZE
            comm = memory.read(task + layout.TASK_COMM, 16).split(b"\0")[0].decode()
            if comm:
                yield comm, memory.read_u32(task + layout.TASK_PID), task

    def total(self, offset: int) -> int:
        """A word of the task_struct, summed over all tasks."""
        return sum(self.machine.memory.read_u64(task + offset) for _, _, task in self.tasks())

    def word(self, name: str, offset: int = 0) -> int:
        return self.machine.memory.read_u64(self.image.address(name) + offset)

    def site(self, name: str) -> int:
        return self.image.site_of(self.image.symbol(name))

    # --- ftrace by hand -----------------------------------------------------------------------------------------

    def add_ops(
        self, slot: int, func: str, filters: list[str], notrace: list[str] | None = None, flags: int = 1
    ) -> int:
        """A struct ftrace_ops at the head of the list, with hashes of the functions named."""
        memory = self.machine.memory
        ops = layout.FTRACE_OPS_BASE + slot * layout.FTRACE_OPS_SIZE
        memory.write_u64(ops + layout.OPS_FUNC, self.image.address(func))
        memory.write_u64(ops + layout.OPS_FLAGS, flags)
        memory.write_u64(ops + layout.OPS_NEXT, self.word("ftrace_ops_list"))
        for number, (offset, names) in enumerate(
            ((layout.OPS_FILTER_HASH, filters), (layout.OPS_NOTRACE_HASH, notrace or []))
        ):
            address = layout.HEAP_BASE + slot * 0x2000 + number * 0x1000
            ips = sorted(self.site(name) for name in names)
            for at, value in enumerate([len(ips), *ips]):
                memory.write_u64(address + 8 * at, value)
            memory.write_u64(ops + offset, address if ips else 0)
        memory.write_u64(self.image.address("ftrace_ops_list"), ops)
        return ops

    def trampoline(self, ops: int, func: str, regs: bool = False) -> int:
        """A trampoline of its own for the ops, calling `func`."""
        number = (ops - layout.FTRACE_OPS_BASE) // layout.FTRACE_OPS_SIZE
        address = layout.TRAMP_BASE + number * layout.PAGE_SIZE
        code, _ = create_trampoline(self.machine, self.image, address, ops, self.image.address(func), regs)
        self.machine.code.write(address, code, fresh=True)
        return address

    def inner_call(self, func: str) -> None:
        """Both shared trampolines call `func`."""
        for regs in (False, True):
            call = CallerCode.of(self.image, regs).call
            self.machine.code.write(call, call_bytes(call, self.image.address(func)), fresh=True)

    def call_from(self, name: str, target: int) -> None:
        """A site becomes a call of `target`, for every CPU at once."""
        site = self.site(name)
        self.machine.code.write(site, call_bytes(site, target), fresh=True)
