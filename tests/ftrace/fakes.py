"""A kernel of made-up functions and a machine that is only memory: enough for ftrace, and no CPU at all.

`carry_out` is the oracle's patching task: it stops the world, so a plan happens at once. It goes by what a step says of
itself (what it expects, changes, writes and stores), never by what the step does to a machine (`Step.act`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from simkernel.errors import LearnerError
from simkernel.ftrace.core import NOP5, FtraceCore
from simkernel.ftrace.trampolines import call_bytes, call_target
from simkernel.kernel import layout
from simkernel.patching.commands import Command
from simkernel.patching.plan import Plan, Step

NAMES = ["schedule", "vfs_open", "vfs_read", "vfs_write", "ksys_read", "_raw_spin_lock", "decay_load", "update_curr"]


@dataclass(frozen=True)
class FakeSymbol:
    name: str
    address: int
    size: int
    kind: str = "T"


def _caller(base: int, data: dict[str, int], prefix: str, regs: bool) -> tuple[bytes, list[FakeSymbol]]:
    """Code with the landmarks of `ftrace_caller` or `ftrace_regs_caller`; what is between them is NOPs."""
    code = bytearray(b"\x90" * 9)
    marks = {f"{prefix}_op_ptr": len(code)}
    code += b"\x48\x8b\x15" + (data["function_trace_op"] - base - len(code) - 7).to_bytes(4, "little", signed=True)
    code += b"\x90" * 4
    call = "ftrace_regs_call" if regs else "ftrace_call"
    marks[call] = len(code)
    code += call_bytes(base + len(code), data["ftrace_stub"]) + b"\x90" * 6
    if regs:
        marks[f"{prefix}_jmp"] = len(code)
        code += b"\x75\x01\x90"
    marks[f"{prefix}_end"] = len(code)
    code += b"\xc3"
    symbols = [FakeSymbol(prefix, base, len(code)), *(FakeSymbol(n, base + at, 0, "t") for n, at in marks.items())]
    return bytes(code), symbols


class FakeKernel:
    """`names` are traced functions, 32 bytes each; `first` is how far the site is from the symbol (4 with ENDBR)."""

    def __init__(self, names: Sequence[str], first: int = 0) -> None:
        self.text = bytearray(b"\x90" * 0x400)
        self._symbols: list[FakeSymbol] = []
        base = layout.TEXT_BASE
        known = {"function_trace_op": layout.BSS_BASE + 0x10_0000, "ftrace_stub": base + 0x10}
        for at, name in enumerate(("__fentry__", "ftrace_stub", "arch_ftrace_ops_list_func", "function_trace_call")):
            self._add(name, base + 0x10 * at, 0x10)
        self._add("ftrace_ops_count", base + 0x40, 0x10)
        for at, prefix in ((0x100, "ftrace_caller"), (0x200, "ftrace_regs_caller")):
            code, symbols = _caller(base + at, known, prefix, prefix != "ftrace_caller")
            self.text[at : at + len(code)] = code
            self._symbols += symbols
        sites = []
        for name in names:
            start = base + len(self.text)
            sites.append(start + first)
            self._add(name, start, 0x20)
            body = b"\xf3\x0f\x1e\xfa"[:first] + call_bytes(start + first, base)
            self.text += body.ljust(0x20, b"\x90")
        for at, name in enumerate(("function_trace_op", "ftrace_ops_list", "ftrace_list_end", "tracing_on")):
            self._add(name, layout.BSS_BASE + 0x10_0000 + 0x80 * at, 8, "D")
        self.mcount_loc = np.array(sites, dtype=np.uint64)
        self._by_name = {symbol.name: symbol for symbol in self._symbols}

    def _add(self, name: str, address: int, size: int, kind: str = "T") -> None:
        self._symbols.append(FakeSymbol(name, address, size, kind))

    @property
    def symbols(self) -> Sequence[FakeSymbol]:
        return sorted(self._symbols, key=lambda symbol: symbol.address)

    def address(self, name: str) -> int:
        if name not in self._by_name:
            raise LearnerError(f"no symbol {name!r}")
        return self._by_name[name].address

    def find(self, address: int) -> FakeSymbol | None:
        return next((s for s in self._symbols if s.address <= address < s.address + s.size), None)

    def ksym(self, address: int) -> tuple[FakeSymbol, int] | None:
        """By a walk over the symbols; every kernel has an end, here that of its text."""
        ends = [s.address for s in self.symbols] + [layout.TEXT_BASE + len(self.text)]
        found = [s for s in self.symbols if s.address <= address < ends[-1]]
        return (found[-1], min(end for end in ends if end > address) - found[-1].address) if found else None


class FakeMemory:
    """One stretch of guest data from BSS_BASE on."""

    def __init__(self, size: int) -> None:
        self.data = np.zeros(size, dtype=np.uint8)

    def _at(self, address: int, size: int) -> slice:
        at = address - layout.BSS_BASE
        assert 0 <= at <= at + size <= len(self.data), hex(address)
        return slice(at, at + size)

    def read(self, address: int, size: int) -> bytes:
        return self.data[self._at(address, size)].tobytes()

    def write(self, address: int, data: bytes) -> None:
        self.data[self._at(address, len(data))] = np.frombuffer(data, dtype=np.uint8)

    def read_u64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def read_u32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def write_u64(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(8, "little"))

    def array(self, address: int, dtype: Any, shape: int | tuple[int, ...], write: bool = False) -> npt.NDArray[Any]:
        dtype = np.dtype(dtype)
        view: npt.NDArray[Any] = (
            self.data[self._at(address, int(np.prod(shape)) * dtype.itemsize)].view(dtype).reshape(shape)
        )
        view.flags.writeable = write
        return view


class FakeMachine:
    """Memory, text and trampolines; nothing runs."""

    def __init__(self, kernel: FakeKernel) -> None:
        count = len(kernel.mcount_loc)
        base, size = layout.hash_arena(count)
        self.memory = FakeMemory(base + size - layout.BSS_BASE + 8)
        self.clock = 0
        self.cpus: list[int] = [0, 1]
        self.areas = [
            (layout.TEXT_BASE, np.frombuffer(bytes(kernel.text), dtype=np.uint8).copy()),
            (layout.TRAMP_BASE, np.full(layout.TRAMP_SIZE, 0xCC, dtype=np.uint8)),
        ]

    def _at(self, address: int) -> tuple[npt.NDArray[np.uint8], int]:
        for base, area in self.areas:
            if 0 <= address - base < len(area):
                return area, address - base
        raise AssertionError(hex(address))

    @property
    def code(self) -> FakeMachine:
        return self

    def read(self, address: int, size: int) -> bytes:
        area, at = self._at(address)
        return area[at : at + size].tobytes()

    def text_write(self, address: int, data: bytes) -> None:
        area, at = self._at(address)
        area[at : at + len(data)] = np.frombuffer(data, dtype=np.uint8)

    def rows(self, addresses: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.uint8]:
        at = (addresses - np.uint64(layout.TEXT_BASE)).astype(np.intp)
        found: npt.NDArray[np.uint8] = self.areas[0][1][at[:, None] + np.arange(size)]
        return found

    def sites_write(self, sites: npt.NDArray[np.uint64], data: npt.NDArray[np.uint8]) -> None:
        at = (sites - np.uint64(layout.TEXT_BASE)).astype(np.intp)
        self.areas[0][1][at[:, None] + np.arange(5)] = data


@dataclass
class Setup:
    """A kernel, a machine and the core; `steps` are those that were carried out."""

    kernel: FakeKernel
    machine: FakeMachine
    core: FtraceCore
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def of(cls, names: Sequence[str], boot: bool = True, first: int = 0) -> Setup:
        kernel = FakeKernel(names, first)
        machine = FakeMachine(kernel)
        setup = cls(kernel, machine, FtraceCore(machine, kernel))
        if boot:
            setup.carry_out(setup.core.boot_plan())
        return setup

    def site(self, name: str) -> int:
        return int(self.kernel.mcount_loc[self.core.names.names.index(name)])

    def site_bytes(self, name: str) -> bytes:
        return self.machine.code.read(self.site(name), 5)

    def flags(self, name: str) -> int:
        return int(self.core.records.flags[self.core.names.names.index(name)])

    def carry_out(self, plan: Plan, before: Callable[[Step], None] | None = None) -> list[str]:
        """A plan at once. Returns: what it added to the log."""
        lines: list[str] = []
        for step in plan.steps:
            if self.core.ftrace_disabled and not step.survives:
                continue
            if before:
                before(step)
            lines += self.take(step)
        return lines

    def take(self, step: Step) -> list[str]:
        """One step, at once."""
        self.steps.append(step)
        if failure := step.mismatch(self.machine):
            return self.say(self.core.fail(failure))
        changes = step.changes()
        for row, site in enumerate(changes.addresses):
            old, new = changes.change(row)
            assert self.machine.code.read(site, len(old)) == old
            self.machine.text_write(site, new)
        if code := step.code():
            self.machine.text_write(*code)
        step.store(self.machine.memory)
        self.core.step_done(step)
        return self.say(step.lines())

    def say(self, lines: Sequence[str]) -> list[str]:
        """Lines of the kernel log."""
        self.core.log.add(lines, 0)
        return list(lines)


def warning(cpu: int, pid: int, comm: str) -> list[str]:
    """What FTRACE_WARN_ON_ONCE(1) adds to a report: __report_bug() (lib/bug.c), __warn() (kernel/panic.c), 6.12.117."""
    return [
        "------------[ cut here ]------------",
        f"WARNING: CPU: {cpu} PID: {pid} at kernel/trace/ftrace.c:2235 ftrace_bug+0x?/0x?",
        f"CPU: {cpu} UID: 0 PID: {pid} Comm: {comm} Not tainted 6.12.0-simkernel #1",
        "Simplified: ftrace_bug() has no code in this kernel: no offset, registers and call trace are known.",
        "---[ end trace 0000000000000000 ]---",
    ]


def do(setup: Setup, *commands: Command) -> None:
    for command in commands:
        setup.core.check(command)
        setup.carry_out(setup.core.plan(command))


def target(setup: Setup, name: str) -> str:
    """What the site of a function calls: a symbol, or `tramp:` and the ops that the trampoline is built for."""
    data = setup.site_bytes(name)
    if data == NOP5:
        return "nop"
    address = call_target(setup.site(name), data)
    assert address is not None
    if symbol := setup.kernel.find(address):
        return symbol.name
    owner = next(ops for ops in setup.core.state().ops if ops.trampoline == address)
    return f"tramp:{owner.name}"
