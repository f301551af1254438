"""A step of the explorer as choices of the real simulation, with the guest's own code between two steps.

What a CPU does between two steps (the trampoline, the handler, the rest of the kernel up to the next call of the
function) is guest code that runs. Where the machine goes another way than the schedule, the step is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from simkernel.events import Event
from simkernel.explore.run_cpu import run_cpu_to, run_cpu_to_site
from simkernel.explore.search import CpuMoves
from simkernel.explore.sentences import Scene
from simkernel.explore.stage import AROUND, Stage, Unplayable
from simkernel.explore.witness import Witness
from simkernel.explore.world import Mode, World
from simkernel.schedule import Act, Choice, Nmi, Read, Resolve, Run
from simkernel.sim.queries import CpuNow

HANDLER = 4_000  # instructions for anything that a handler does


class Player:
    """Takes the explorer's steps on a stage; `witness` looks on."""

    def __init__(self, stage: Stage, world: World) -> None:
        self.simulation = stage.simulation
        self.case, self.world = stage.case, world
        self.witness = Witness(stage.simulation, stage.case)
        self._parked_at: dict[int, int] = {}
        image = self.simulation.image
        self._found = image.address("poke_int3_found")

    def play(self, scene: Scene) -> None:
        """One step. Unplayable where the machine goes another way."""
        if isinstance(scene.step, Act):
            self._need(self.simulation.patching.ready, "the patching task still waits")
            self._step(Act())
            return
        self._move(scene, scene.step)

    def _move(self, scene: Scene, step: CpuMoves) -> None:
        cpu, move = step.cpu, step.move
        before, after = scene.before[cpu], scene.after[cpu]
        match move.kind:
            case "resolve":
                assert isinstance(move.first, int)
                address = self.case.site + self.world.program.offsets[move.first][0]
                self._need(bool(self._step(Resolve(cpu, address))), f"nothing is pending at {address:#x}")
            case "read":
                self._come(cpu, before.at)
                assert isinstance(move.data, bytes)
                self._step(Read(cpu, len(move.data)))
                self._need(self._cpu(cpu).reading == after.read, "other bytes were read")
            case "run":
                self._come(cpu, before.at)
                wanted = self.world.fetched(scene.n, before)[: self.case.size - before.at]
                self._need(self._cpu(cpu).next_bytes[: len(wanted)] == wanted, "other bytes would run")
                self._step(Run(cpu, 1))
            case "nmi":
                self._step(Nmi(cpu))
                self._come(cpu, 0)
            case "end":
                self._run_while(cpu, lambda: self._cpu(cpu).nmi, HANDLER, 1)
            case "answer" | "park":
                self._interrupt(cpu, move.kind)
            case "leave":
                self._leave(cpu, before.at, str(move.first))
            case "claim":
                self._run_to(cpu, self._found)
            case "nobody":
                self._run_while(cpu, lambda: not self.simulation.halt_reason, HANDLER)
            case "done":
                to = self.case.end if self.world.protocol.handler == "skip" else self.case.new_target
                self._run_to(cpu, to)
            case "return":
                self._run_to(cpu, self.case.end)
        if after.mode is not Mode.DEAD:
            self._need(not self.simulation.halt_reason, self.simulation.halt_reason)

    def _cpu(self, cpu: int) -> CpuNow:
        return self.simulation.cpu(cpu)

    def _step(self, choice: Choice) -> list[Event]:
        self.witness.before(choice)
        events = self.simulation.step(choice)
        self.witness.after(choice, events)
        return events

    def _need(self, holds: bool, else_: str) -> None:
        if not holds:
            raise Unplayable(f"the schedule cannot be played from here: {else_}")

    def _come(self, cpu: int, at: int) -> None:
        """The CPU stands at a byte of the site; what it could run there has not changed on the way."""
        site, now = self.case.site, self.simulation.site(self.case.site)
        pending = now.pending(cpu)
        if at == 0 and self._cpu(cpu).rip != site:
            come = run_cpu_to if self.case.nmi else run_cpu_to_site
            self._need(come(self.simulation, self._step, cpu, site, AROUND), f"CPU{cpu} does not come to the site")
        self._need(self._cpu(cpu).rip == site + at, f"CPU{cpu} is not at byte +{at}")
        self._need(now.pending(cpu) == pending, f"CPU{cpu} has serialized on its way to the site")

    def _run_to(self, cpu: int, address: int, bound: int = HANDLER) -> None:
        """To the instruction at `address`."""
        if self._cpu(cpu).rip == address:
            return
        found = run_cpu_to(self.simulation, self._step, cpu, address, bound)
        self._need(found, f"CPU{cpu} does not come to {address:#x}")

    def _run_while(self, cpu: int, going: Callable[[], bool], bound: int, each: int = 20) -> None:
        for _ in range(0, bound, each):
            if not going():
                return
            self._step(Run(cpu, each))
        self._need(not going(), f"CPU{cpu} does not come to an end")

    def _interrupt(self, cpu: int, kind: str) -> None:
        rip = self._cpu(cpu).rip
        self._step(Run(cpu, 1))
        if kind == "park":
            self._parked_at[cpu] = rip
            self._run_while(cpu, lambda: not self._cpu(cpu).parked, 4 * HANDLER)
            return
        self._run_to(cpu, rip)
        self._need(not self._cpu(cpu).asked, f"CPU{cpu} has not answered")

    def _leave(self, cpu: int, at: int, task: str) -> None:
        if task == "same":
            self._run_to(cpu, self._parked_at[cpu], AROUND)
            return
        self._run_while(cpu, lambda: self._cpu(cpu).parked, HANDLER, 1)
