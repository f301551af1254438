"""What a viewer may know of one CPU: where it is, what it runs next, its registers, its stack, the code around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simkernel import disasm
from simkernel.disasm import Instruction
from simkernel.errors import GuestError
from simkernel.ftrace.core import FtraceCore
from simkernel.hw.machine import Machine
from simkernel.hw.x86 import MAX_INSTRUCTION
from simkernel.kernel import layout, tasks
from simkernel.kernel.stacks import stack_of
from simkernel.sim.narrate import instruction_sentence
from simkernel.sim.now import SimulationNow
from simkernel.sim.parts import parts_of

STACK_WORDS = 12
LINES_BEFORE, LINES_AFTER = 8, 14  # of disassembly, around RIP
_LONGEST_FUNCTION = 4096  # bytes: of a longer one only what follows RIP is shown


@dataclass(frozen=True, slots=True)
class Register:
    """A register's name in lower case, its value, and whether that is not the value before."""

    name: str
    value: int
    changed: bool


@dataclass(frozen=True, slots=True)
class StackWord:
    """Eight bytes of the stack; `text` names a place in the code that they may point to, else ""."""

    address: int
    value: int
    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One instruction as this CPU would run it: text in both syntaxes, `target` named where a branch has one."""

    address: int
    offset: int
    data: bytes
    att: str
    intel: str
    target: str
    now: bool


@dataclass(frozen=True, slots=True)
class CpuSnapshot:
    """One CPU at one moment.

    Attributes:
        task: "cat-101".
        pid: its number.
        place: "vfs_read+0x5"; function and offset the same in two.
        rip: address of the next instruction.
        instruction: that one.
        sentence: in English, without a subject.
        interrupts_on: IF.
        interrupts: of "nmi", "sync", "tick" those that it has not taken.
        asked: a sync was asked and is not answered.
        parked: it waits for stop_machine to end.
        nmi: it is in an NMI, also one that has come to a parked CPU.
        handling: sites whose int3 it handles, outermost first.
        halted: it waits for an interrupt.
        reading: model `pieces`: the bytes that it has read of its next instruction.
        registers: of the CPU.
        stack: from RSP upwards.
        code: around RIP.
        before: what stood at the sites in `code` that the batch under way changes, an instruction each.
    """

    number: int
    task: str
    pid: int
    place: str
    function: str
    offset: int
    rip: int
    instruction: CodeLine | None
    sentence: str
    interrupts_on: bool
    interrupts: tuple[str, ...]
    asked: bool
    parked: bool
    nmi: bool
    handling: tuple[int, ...]
    halted: bool
    reading: bytes
    registers: tuple[Register, ...]
    stack: tuple[StackWord, ...]
    code: tuple[CodeLine, ...]
    before: tuple[CodeLine, ...]


def task_name(machine: Machine, task: int) -> tuple[str, int]:
    """("cat-101", 101) of a task_struct; before the first task "boot"."""
    if not task:
        return "boot", 0
    pid = tasks.pid(machine.memory, task)
    return f"{tasks.comm(machine.memory, task)}-{pid}", pid


def cpu_snapshot(simulation: SimulationNow, cpu: int, previous: CpuSnapshot | None) -> CpuSnapshot:
    """A CPU as it is now; what differs from `previous` is marked."""
    machine, image, now = parts_of(simulation).machine, simulation.image, simulation.cpu(cpu)
    registers = now.registers()
    rip = now.rip
    task, pid = task_name(machine, parts_of(simulation).kernel.percpu.read(cpu, layout.PCPU_CURRENT))
    function, offset = function_at(simulation, rip)
    first = next(iter(instructions_in(now.next_bytes, rip, 1)), None)
    sentence = "" if first is None else instruction_sentence(first, registers, machine.memory, image)
    code = _code(simulation, cpu, rip, rip - offset, first)
    return CpuSnapshot(
        number=cpu,
        task=task,
        pid=pid,
        place=image.code_name(rip),
        function=function,
        offset=offset,
        rip=rip,
        instruction=None if first is None else _line(simulation, first, rip - offset, rip),
        sentence=sentence,
        interrupts_on=now.interrupts_on,
        interrupts=now.interrupts,
        asked=now.asked,
        parked=now.parked,
        nmi=now.nmi,
        handling=now.handling,
        halted=now.halted,
        reading=now.reading,
        registers=_registers(registers, previous),
        stack=_stack(simulation, registers["rsp"], previous),
        code=code,
        before=_before(simulation, code, rip - offset),
    )


def _registers(values: dict[str, int], previous: CpuSnapshot | None) -> tuple[Register, ...]:
    if previous is None:
        return tuple([Register(name, value, False) for name, value in values.items()])
    return tuple(
        [
            one if one.value == value and not one.changed else Register(name, value, one.value != value)
            for one, (name, value) in zip(previous.registers, values.items(), strict=True)
        ]
    )


def function_at(simulation: SimulationNow, address: int) -> tuple[str, int]:
    """The function, or trampoline, that an address lies in, and the offset there; ("", 0) outside of all."""
    symbol = simulation.image.owner(address)
    if symbol is not None:
        return symbol.name, address - symbol.address
    for ops in parts_of(simulation).subsystem(FtraceCore).state().ops:
        if ops.trampoline and 0 <= address - ops.trampoline < ops.trampoline_size:
            return "ftrace_trampoline", address - ops.trampoline
    return "", 0


def _stack(simulation: SimulationNow, rsp: int, previous: CpuSnapshot | None) -> tuple[StackWord, ...]:
    stack = stack_of(rsp)
    if stack is None or rsp & 7:
        return ()
    count = min(STACK_WORDS, (stack.top - rsp) // 8)
    try:
        data = parts_of(simulation).machine.memory.read(rsp, 8 * count)
    except GuestError:
        return ()
    known = None if previous is None else {word.address: word.value for word in previous.stack}
    out = []
    for at in range(count):
        value = int.from_bytes(data[8 * at : 8 * at + 8], "little")
        address = rsp + 8 * at
        changed = known is not None and known.get(address) != value
        text = simulation.image.code_name(value) if parts_of(simulation).machine.code.map.holds(value) else ""
        out.append(StackWord(address, value, text, changed))
    return tuple(out)


# --- code ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def instructions_in(data: bytes, address: int, count: int = 0, intel: bool = False) -> tuple[Instruction, ...]:
    """`data` decoded (the first `count` instructions, 0: all). The same bytes give the same answer, so it is kept."""
    out = []
    for instruction in disasm.decode(data, address, "intel" if intel else "att"):
        out.append(instruction)
        if count and len(out) == count:
            break
    return tuple(out)


@lru_cache(maxsize=16384)
def _intel(data: bytes, address: int) -> str:
    return next(iter(disasm.decode(data, address, "intel"))).text


def _line(simulation: SimulationNow, one: Instruction, start: int, rip: int) -> CodeLine:
    target = "" if one.target is None else simulation.image.code_name(one.target)
    intel = _intel(one.bytes, one.address)
    return CodeLine(one.address, one.address - start, one.bytes, one.text, intel, target, one.address == rip)


def _code(simulation: SimulationNow, cpu: int, rip: int, start: int, first: Instruction | None) -> tuple[CodeLine, ...]:
    """Some lines before RIP, RIP's, and some after: the bytes that this CPU runs if nothing is resolved first."""
    if first is None:
        return ()
    machine = parts_of(simulation).machine
    before: tuple[Instruction, ...] = ()
    if 0 < rip - start < _LONGEST_FUNCTION:
        before = instructions_in(machine.code.view_read(cpu, start, rip - start), start)
        if before and before[-1].address + before[-1].size != rip:
            before = ()
    after = rip + first.size
    end = _end_of(simulation, rip)
    size = min(max(end - after, 0), MAX_INSTRUCTION * LINES_AFTER)
    behind = instructions_in(machine.code.view_read(cpu, after, size), after)[:LINES_AFTER] if size else ()
    shown = (*before[-LINES_BEFORE:], first, *behind)
    return tuple(_line(simulation, one, start, rip) for one in shown)


def _before(simulation: SimulationNow, code: tuple[CodeLine, ...], start: int) -> tuple[CodeLine, ...]:
    """The old instruction of each site of the batch under way that lies in these lines."""
    batch = parts_of(simulation).task.poke.state.batch
    if batch is None or not code:
        return ()
    first, end = np.searchsorted(batch.sites, np.array([code[0].address, code[-1].address + 1], dtype=np.uint64))
    sites = zip(batch.sites[first:end].tolist(), batch.old[first:end], strict=True)
    return tuple(_line(simulation, instructions_in(old.tobytes(), site, 1)[0], start, -1) for site, old in sites)


def _end_of(simulation: SimulationNow, address: int) -> int:
    """The end of the function or trampoline at an address; a little further where there is none."""
    symbol = simulation.image.find(address)
    if symbol is not None:
        return symbol.address + symbol.size
    for ops in parts_of(simulation).subsystem(FtraceCore).state().ops:
        if ops.trampoline and 0 <= address - ops.trampoline < ops.trampoline_size:
            return ops.trampoline + ops.trampoline_size
    return address + MAX_INSTRUCTION * LINES_AFTER
