"""The world as the explorer sees it: where the patching task stands, and each CPU as far as the site is concerned.

A CPU runs the function with the site again and again, and may be anywhere when anything happens: before the site,
inside it (a NOP of several instructions), in the trampoline, in the int3 handler, parked. `World.steps` says what one
CPU can do next, `World.act` what the patching task's next action does to each. Which bytes a CPU may run is the fetch
model's affair (`fetch.py`), what they do is found out by running them (`effects.py`).

Where NMIs come (`Case.nmi`), nothing but an NMI runs the site. One may come to a CPU at any moment at which it is in
none, parked or not: it runs the function once and ends by an IRET, which serializes.

Four things keep the states few, and no verdict hangs on them: the enumerator of `tests/explore/brute.py` does without
and comes to the same verdicts.

* What takes several instructions on the machine is one step where nobody can tell the difference: a sync is answered
  (serialize, answer, IRET) in one step, and a handler's search, emulation and IRET are one.
* A CPU that can take a waiting interrupt takes it first: what it could do before, it could have done before the
  interrupt was sent.
* Stores come to a CPU when its next instruction would read them (`World._resolve`): before that nobody sees them.
* CPUs that stand alike are alike: a state has them sorted (`search.py`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from simkernel import insn
from simkernel.explore.case import Case
from simkernel.explore.effects import Bench, Effect, Flow
from simkernel.explore.program import Do, Program
from simkernel.explore.properties import BACK, LATE, NEITHER, OLD_WAY, RELEASED, STACK, TORN, UNCLAIMED
from simkernel.explore.rules import Rules
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import Protocol

BAD = "(bad)"  # what no instruction begins with, for the decoder


class Mode(IntEnum):
    """Where a CPU is."""

    RUNS = 0  # before the site or in it, at byte `at`
    TRAMPOLINE = 1
    TRAPPED = 2  # took the int3 at byte `at`; its handler has no reference yet
    HOLDS = 3  # the handler has its reference
    PARKED = 4
    DEAD = 5  # an exception that ends the kernel, or code that the explorer does not follow
    AWAY = 6  # where only NMIs run the site: in none
    BEHIND = 7  # in an NMI that has passed the site


class StopWord(IntEnum):
    """What stop_machine's word of a CPU says (PCPU_STOP)."""

    NONE = 0
    ASKED = 1
    PARKED = 2
    GO_ON = 3


class Cpu(NamedTuple):
    """One CPU.

    `interrupt`: an IPI waits. `asked`: to serialize. `stop`: stop_machine's word. `new`: it has behaved as new.
    `nmi`: it is in an NMI, which has interrupted what it was at; `parked`: that is, or it is itself, the waiting loop.
    `arrived`: of each cell's stores how many have come to it; `floor`: how many cannot come any more (kept only where
    stores arrive in any order). `read`: model `pieces`, the bytes read so far of its next instruction.
    """

    arrived: tuple[int, ...] = ()
    mode: Mode = Mode.RUNS
    at: int = 0
    interrupt: bool = False
    asked: bool = False
    stop: StopWord = StopWord.NONE
    new: bool = False
    read: bytes = b""
    floor: tuple[int, ...] = ()
    nmi: bool = False
    parked: bool = False


class Move(NamedTuple):
    """What a CPU does in one step: `kind`, and what it is about.

    run     (byte, data)       runs the instruction of these bytes at a byte of the site
    read    (byte, data)       reads bytes of its next instruction from there
    resolve (cell, stores)     so many stores to a cell of the site arrive
    answer  ()                 takes the IPI: serializes and answers
    park    ()                 takes the IPI, and parks
    leave   (task,)            goes on after stop_machine: "same" where it was, or "other" task, or "irq": not yet out
                               of the interrupt (it makes a difference to an NMI only)
    claim   ()                 its handler takes a reference and finds the record
    nobody  ()                 its handler finds none
    done    ()                 its handler emulates the new instruction and returns
    return  ()                 the trampoline returns behind the site
    nmi     ()                 takes an NMI: its handler comes to the site
    end     ()                 the NMI ends by an IRET
    """

    kind: str
    first: int | str = 0
    data: bytes | int = b""


Steps = tuple[tuple[Move, Cpu, int], ...]


class World:
    """One protocol, one case, one model: what can happen."""

    def __init__(
        self,
        protocol: Protocol,
        case: Case,
        model: FetchModel,
        rules: Rules | None = None,
        bench: Bench | None = None,
        note_new: bool = True,
    ) -> None:
        """Make the world of a question.

        Args:
            protocol: what the patching task carries out.
            case: the site that changes.
            model: how free a CPU is in what it runs.
            rules: of hardware and kernel; None: all as they are.
            bench: tried-out instructions of the same case.
            note_new: keep who has behaved as new.
        """
        self.protocol, self.case, self.model = protocol, case, model
        self.rules = rules or Rules()
        self.program = Program(protocol, case, model)
        self.bench = bench or Bench(case)
        self.note_new = note_new
        self.last = len(self.program)
        self._starts = [(data, case.instructions(data)) for data in (case.old, case.new)]
        near = [case.site + 0x40 * i for i in range(3)]
        self._batch = near if self.rules.sorted_batch else near[::-1]

    def start(self) -> Cpu:
        """A CPU before the patch."""
        floor = self.program.made[0] if not self.rules.cells_in_order else ()
        return Cpu(self.program.made[0], Mode.AWAY if self.case.nmi else Mode.RUNS, floor=floor)

    # --- the patching task ------------------------------------------------------------------------------------

    def references(self, n: int, held: int) -> int:
        """bp_desc.refs after n actions while so many handlers hold one."""
        return self.program.references[n] + held

    def ready(self, n: int, cpus: tuple[Cpu, ...]) -> bool:
        """True where the patching task can take action n now."""
        action = self.program.actions[n]
        match action.do:
            case Do.ANSWERED:
                return not any(cpu.asked for cpu in cpus)
            case Do.PARKED:
                return all(cpu.stop == StopWord.PARKED for cpu in cpus)
            case Do.GONE_ON:
                return all(cpu.stop == StopWord.NONE for cpu in cpus)
            case Do.RELEASED if action.wait and self.rules.release_waits:
                return self.references(n, sum(cpu.mode is Mode.HOLDS for cpu in cpus)) == 0
        return True

    def act(self, n: int, cpu: Cpu) -> tuple[Cpu, int]:
        """What action n does to a CPU, and the violation that it is for this CPU."""
        bits = RELEASED if n == self.program.goes_at and self._may_trap(n, cpu) else 0
        match self.program.actions[n].do:
            case Do.ASK:
                cpu = cpu._replace(asked=True, interrupt=True)
            case Do.PARK:
                cpu = cpu._replace(stop=StopWord.ASKED, interrupt=True)
            case Do.GO_ON:
                cpu = cpu._replace(
                    stop=StopWord.GO_ON if cpu.stop else StopWord.NONE
                )  # `poke.TextPoke`: who is not parked goes on
        return cpu, bits

    def _may_trap(self, n: int, cpu: Cpu) -> bool:
        """True where the CPU may still take an int3 of the batch after n actions."""
        if not self.program.published[n]:
            return False
        if cpu.mode in (Mode.TRAPPED, Mode.HOLDS):
            return cpu.at == 0
        if cpu.at == 0 and cpu.read:
            return cpu.read[0] == insn.INT3
        if not self.program.cells:
            return self.program.memory[n][0] == insn.INT3
        values = self.program.values[0][cpu.arrived[0] : self.program.made[n][0] + 1]
        return any(value[0] == insn.INT3 for value in values)

    # --- a CPU --------------------------------------------------------------------------------------------------

    def steps(self, n: int, cpu: Cpu, references: int) -> Steps:
        """Everything that a CPU can do after n actions: (move, the CPU after it, violations).

        Args:
            n: actions that the patching task has taken.
            cpu: where it is.
            references: bp_desc.refs now.
        """
        if self._interruptible(cpu):
            return (self._interrupt(n, cpu),)
        out: list[tuple[Move, Cpu, int]] = []
        match cpu.mode:
            case Mode.RUNS:
                out.append(self._run(n, cpu))
                out += self._read(n, cpu)
                out += self._resolve(n, cpu)
            case Mode.TRAMPOLINE:
                out.append((Move("return"), self._behind(cpu), 0))
            case Mode.TRAPPED:
                out.append(self._claim(n, cpu, references))
            case Mode.HOLDS:
                out.append(self._emulate(n, cpu))
            case Mode.PARKED if cpu.stop == StopWord.GO_ON:
                out += self._leave(n, cpu)
            case Mode.BEHIND:
                back = Mode.PARKED if cpu.parked else Mode.AWAY
                out.append((Move("end"), self.serialized(n, cpu)._replace(mode=back, nmi=False), 0))
        if self.case.nmi and (cpu.mode is Mode.AWAY or (cpu.mode is Mode.PARKED and self.rules.nmi_if_off)):
            out.append((Move("nmi"), cpu._replace(mode=Mode.RUNS, nmi=True), 0))
        return tuple(out)

    def fetched(self, n: int, cpu: Cpu) -> bytes:
        """The bytes that the CPU's next instruction would be made of."""
        whole = self.program.view(cpu.arrived) if self.program.cells else self.program.memory[n]
        return cpu.read + whole[cpu.at + len(cpu.read) :] + self.case.behind

    def effect(self, at: int, data: bytes) -> Effect:
        """What these bytes do, fetched at byte `at` of the site."""
        return self.bench.effect(self.case.site + at, data[:15])

    def serialized(self, n: int, cpu: Cpu) -> Cpu:
        """The CPU runs what memory holds."""
        made = self.program.made[n]
        return cpu._replace(arrived=made, floor=made if cpu.floor else ())

    def _run(self, n: int, cpu: Cpu) -> tuple[Move, Cpu, int]:
        data = self.fetched(n, cpu)
        effect = self.effect(cpu.at, data)
        bits = 0 if self._whole(cpu.at, data) else TORN
        move = Move("run", cpu.at, data[: max(1, self.case.size - cpu.at)])
        after, more = self._after(n, cpu._replace(read=b""), effect)
        return move, after, bits | more

    def _whole(self, at: int, data: bytes) -> bool:
        """True where the instruction is one of the old site's or the new one's, or int3 at its first byte."""
        if at == 0 and data[0] == insn.INT3:
            return True
        return any(at in sizes and data[: sizes[at]] == whole[at : at + sizes[at]] for whole, sizes in self._starts)

    def _after(self, n: int, cpu: Cpu, effect: Effect) -> tuple[Cpu, int]:
        """The CPU after an instruction of that effect."""
        case = self.case
        dead = cpu._replace(mode=Mode.DEAD, at=0)
        match effect.kind:
            case Flow.TRAP:
                return cpu._replace(mode=Mode.TRAPPED), 0
            case Flow.FAULT:
                return dead, 0
            case Flow.OTHER:
                return dead, STACK if effect.stack else 0
            case Flow.CALL:
                after, bits = self._behave(n, cpu, effect.to)
                known = effect.to in (case.end, case.old_target, case.new_target)
                if effect.back != case.end or (known and not case.calls(effect.to)):
                    return dead, bits | STACK
                return (after._replace(mode=Mode.TRAMPOLINE, at=0), bits) if known else (dead, bits)
        if case.site < effect.to < case.end:
            return cpu._replace(at=effect.to - case.site), 0
        if effect.to in (case.end, case.old_target, case.new_target) and not case.calls(effect.to):
            after, bits = self._behave(n, cpu, effect.to)
            return self._behind(after), bits
        return dead, NEITHER

    def _behind(self, cpu: Cpu) -> Cpu:
        """The CPU has passed the site: it comes to the site again, or its NMI goes on to its end."""
        return cpu._replace(mode=Mode.BEHIND if cpu.nmi else Mode.RUNS, at=0)

    def _behave(self, n: int, cpu: Cpu, to: int) -> tuple[Cpu, int]:
        """A passage has led to `to`: behind the site, to a label, or into a trampoline."""
        if to == self.case.new_target:
            return (cpu._replace(new=True) if self.note_new else cpu), 0
        if to != self.case.old_target:
            return cpu, NEITHER
        return cpu, OLD_WAY | (BACK if cpu.new else 0) | (LATE if n == self.last else 0)

    def _read(self, n: int, cpu: Cpu) -> list[tuple[Move, Cpu, int]]:
        """Model `pieces`, while the batch is under way: some more bytes of the next instruction."""
        if self.model is not FetchModel.PIECES or not 0 < n < self.last:
            return []
        data = self.fetched(n, cpu)
        size = self.effect(cpu.at, data).size
        first = len(cpu.read)
        return [
            (Move("read", cpu.at + first, data[first:end]), cpu._replace(read=data[:end]), 0)
            for end in range(first + 1, min(size, self.case.size - cpu.at) + 1)
        ]

    def _resolve(self, n: int, cpu: Cpu) -> list[tuple[Move, Cpu, int]]:
        """Models `line` and `byte`: the next store to a cell arrives.

        Only to cells that the next instruction, as it stands, would read: behind an int3 nobody looks. None is missed
        so, because whether an instruction goes on to its next byte depends on the bytes before it.
        """
        if cpu.arrived == self.program.made[n] and self.rules.cells_in_order:
            return []
        out = []
        effect = self.effect(cpu.at, self.fetched(n, cpu))
        end = cpu.at + effect.size if effect.text != BAD else self.case.size
        for cell, (have, made) in enumerate(zip(cpu.arrived, self.program.made[n], strict=True)):
            if not any(cpu.at <= at < end for at in self.program.offsets[cell]):
                continue
            targets = range(have + 1, have + 2) if have < made else range(0)
            if not self.rules.cells_in_order:
                targets = range(cpu.floor[cell], made + 1)
            for count in targets:
                if count != have:
                    arrived = (*cpu.arrived[:cell], count, *cpu.arrived[cell + 1 :])
                    out.append((Move("resolve", cell, count), cpu._replace(arrived=arrived), 0))
        return out

    # --- interrupts and the int3 handler ------------------------------------------------------------------------

    def _interruptible(self, cpu: Cpu) -> bool:
        if not cpu.interrupt or cpu.mode is Mode.DEAD or (cpu.read and self.rules.between_instructions):
            return False
        if cpu.nmi and self.rules.nmi_alone:
            return False
        if cpu.mode in (Mode.AWAY, Mode.RUNS, Mode.TRAMPOLINE, Mode.BEHIND) or not self.rules.waits_for_if:
            return True
        if_on = self.protocol.gate == "trap" or not self.rules.interrupt_gate
        return cpu.mode in (Mode.TRAPPED, Mode.HOLDS) and if_on

    def _interrupt(self, n: int, cpu: Cpu) -> tuple[Move, Cpu, int]:
        """The IPI: who is asked to serialize does so, then answers; who is asked to park parks."""
        after = cpu._replace(interrupt=False)
        if cpu.asked:
            after = after._replace(asked=False)
            if self.rules.ack_after_serializing:
                after = self.serialized(n, after)
        if cpu.stop == StopWord.ASKED:
            return Move("park"), after._replace(mode=Mode.PARKED, stop=StopWord.PARKED, parked=True), 0
        return Move("answer"), after, 0

    def _leave(self, n: int, cpu: Cpu) -> Steps:
        """stop_machine is over for a parked CPU.

        Out of a stopper thread another task may come next, without an IRET; the task that was interrupted comes back by
        one. Out of the interrupt there is only its IRET, and before that an NMI.
        """
        after = cpu._replace(mode=Mode.AWAY if self.case.nmi else Mode.RUNS, stop=StopWord.NONE, parked=False)
        if self.program.serialize[n]:
            after = self.serialized(n, after)
        same = self.serialized(n, after)
        if not self.program.in_thread and not self.case.nmi:
            return ((Move("leave", "same"), same, 0),)
        other = after._replace(at=0)
        how = "other" if self.program.in_thread else "irq"
        both = (Move("leave", how), other, 0), (Move("leave", "same"), same, 0)
        return both[:1] if same == other else both

    def _claim(self, n: int, cpu: Cpu, references: int) -> tuple[Move, Cpu, int]:
        """poke_int3_handler(): a reference, then the search."""
        has = references != 0 or not self.rules.inc_not_zero
        if has and self.program.published[n] and self._found(self.case.site + cpu.at):
            return Move("claim"), cpu._replace(mode=Mode.HOLDS), 0
        return Move("nobody"), cpu._replace(mode=Mode.DEAD, at=0), UNCLAIMED

    def _found(self, address: int) -> bool:
        """__inline_bsearch() over the batch, as the guest does it."""
        batch = self._batch
        low, count = 0, len(batch)
        while count:
            middle = low + count // 2
            if batch[middle] == address:
                return True
            if address > batch[middle]:
                low = middle + 1
                count -= 1
            count //= 2
        return False

    def _emulate(self, n: int, cpu: Cpu) -> tuple[Move, Cpu, int]:
        """The handler emulates the new instruction, or skips the site, puts its reference and returns by IRET."""
        case = self.case
        to = case.end if self.protocol.handler == "skip" else case.new_target
        after, bits = self._behave(n, self._behind(self.serialized(n, cpu)), to)
        if not case.calls(to):
            return Move("done"), after, bits
        if not self.rules.returns_behind:
            return Move("done"), after._replace(mode=Mode.DEAD), bits | STACK
        return Move("done"), after._replace(mode=Mode.TRAMPOLINE), bits
