"""What an onlooker says who knows the site's old and new bytes and sees the machine, and has not read the explorer.

It is the judge of a replay, and of random schedules: every fact comes from registers, memory, views and events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simkernel import disasm, insn
from simkernel.events import BatchReleased, Event, ExceptionTaken, Int3Done, InterruptTaken, Oopsed
from simkernel.explore.case import Case
from simkernel.hw.cpu import GENERAL
from simkernel.hw.fault import PF_INSTR
from simkernel.kernel import layout
from simkernel.schedule import Act, Choice, Run
from simkernel.sim.simulation import Simulation


@dataclass(slots=True)
class Witness:
    """Watches every choice: tell it `before` and `after` each.

    Attributes:
        broken: names of the violations that were seen.
        ran: what was run at the site: (byte, bytes in hex).
        new: CPUs that have behaved as new.
        afterwards: passages since the batch has come to its end.
    """

    simulation: Simulation
    case: Case
    broken: set[str] = field(default_factory=set)
    ran: set[tuple[int, str]] = field(default_factory=set)
    new: set[int] = field(default_factory=set)
    afterwards: int = 0
    _started: bool = False
    _gone: bool = False
    _rip: int = 0
    _data: bytes = b""
    _registers: list[int] | None = None

    @property
    def over(self) -> bool:
        """The batch has come to its end."""
        return self._started and not self.simulation.patching.busy

    def before(self, choice: Choice) -> None:
        """A choice is about to be carried out."""
        if isinstance(choice, Run):
            cpu = self.simulation.cpu(choice.cpu)
            self._rip, self._data = cpu.rip, cpu.next_bytes
            at_site = 0 <= self._rip - self.case.site < self.case.size
            self._registers = self._general(choice.cpu) if at_site else None
        elif isinstance(choice, Act):
            self._started = self._started or self.simulation.patching.busy

    def after(self, choice: Choice, events: list[Event]) -> None:
        """It was carried out, and these events came of it."""
        if isinstance(choice, Act):
            self._acted(any(isinstance(event, BatchReleased) for event in events))
        elif isinstance(choice, Run):
            at = self._rip - self.case.site
            if 0 <= at < self.case.size and not any(isinstance(event, InterruptTaken) for event in events):
                self._ran(choice.cpu, at, events)
            for event in events:
                if isinstance(event, Int3Done) and event.address == self.case.site:
                    self._passed(choice.cpu, event.resume)
                elif isinstance(event, Oopsed) and event.vector == layout.VECTOR_BP:
                    self.broken.add("unclaimed")

    def _acted(self, released: bool) -> None:
        """The record goes with the release, or with the batch's end: may an int3 of it still be taken?"""
        patching = self.simulation.patching
        self._started = self._started or patching.busy
        if not patching.protocol.claims or self._gone or not (released or self.over):
            return
        self._gone = True
        site = self.simulation.site(self.case.site)
        for cpu in range(self.simulation.options.cpus):
            handled = self.case.site in self.simulation.cpu(cpu).handling
            if handled or insn.INT3 in site.may_fetch(cpu)[0]:
                self.broken.add("released")

    def _ran(self, cpu: int, at: int, events: list[Event]) -> None:
        sizes = [(whole, self.case.instructions(whole)) for whole in (self.case.old, self.case.new)]
        own = [whole[at : at + size[at]] for whole, size in sizes if at in size]
        whole = [one for one in own if self._data.startswith(one)]
        trap = at == 0 and self._data[0] == insn.INT3
        size = min(disasm.length(self._data, self._rip), self.case.size - at)
        shown = bytes((insn.INT3,)) if trap else whole[0] if whole else self._data[:size]
        self.ran.add((at, shown.hex()))
        if not whole and not trap:
            self.broken.add("torn")
            if self._general(cpu) != self._registers:
                return  # `Flow.OTHER`: what it does, and where it leads, depends on registers
        faults = [event for event in events if isinstance(event, ExceptionTaken)]
        if faults and faults[0].error & PF_INSTR:
            self._passed(cpu, faults[0].cr2)  # a call to where no code is
        elif not faults and not trap and not self.simulation.halt_reason and not self.simulation.cpu(cpu).handling:
            rip = self.simulation.cpu(cpu).rip
            if not self.case.site <= rip < self.case.end:
                self._passed(cpu, rip)

    def _general(self, cpu: int) -> list[int]:
        """The general registers but RSP, which a call moves, too."""
        registers = self.simulation.cpu(cpu).registers()
        return [registers[name] for name in GENERAL if name != "rsp"]

    def _passed(self, cpu: int, to: int) -> None:
        """A CPU has left the site to an address: behind it, or called."""
        self.afterwards += self.over
        if to == self.case.new_target:
            self.new.add(cpu)
        elif to != self.case.old_target:
            self.broken.add("neither")
        else:
            if self.over:
                self.broken.add("late")
            if cpu in self.new:
                self.broken.add("back")
            if self.new:
                self.broken.add("not-at-once")
        if self.case.calls(to):
            back = self.simulation.read(self.simulation.cpu(cpu).registers()["rsp"], 8)
            if back != self.case.end.to_bytes(8, "little"):
                self.broken.add("wrong-stack")

    def stuck(self, instructions: int = 20_000) -> bool:
        """Let the task act and every CPU run on: True where the batch does not end, or leaves a CPU parked."""
        simulation = self.simulation
        cpus = range(simulation.options.cpus)
        end = simulation.clock + instructions * len(cpus)
        while simulation.clock < end and simulation.patching.busy | (not self._started) and not simulation.halt_reason:
            if simulation.patching.ready:
                self._started = True
                simulation.step(Act())
                continue
            for cpu in cpus:
                if not simulation.halt_reason:
                    simulation.step(Run(cpu, 2_000))
        parked = any(simulation.cpu(cpu).parked for cpu in cpus)
        if not simulation.halt_reason and (simulation.patching.busy or parked):
            self.broken.add("stuck")
        return "stuck" in self.broken
