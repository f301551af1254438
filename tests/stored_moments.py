"""Moments of this version's form, written down once: what a string of today holds must open tomorrow.

`FILE` has a line for each: its name, the string, and what it opens to. On a new default kernel they are taken again
under the same mark:

    python -m tests.stored_moments --write

It refuses where the kernel is the one that they were taken on: then a moment is written otherwise, or a run does
something else, and strings in people's mails no longer open. (A class that is renamed or laid out otherwise is no such
reason: `simkernel.sim.digest.machine_digest` takes neither.) So `simkernel.sim.moment.armour.MARK` gets the next
number, the old one joins `_OLD_MARKS`, one of the strings goes to `OLD_FILE`, and then they are taken again. Only where
nobody can have a string of this mark yet, since no version that was given away writes it, may they be taken again:

    python -m tests.stored_moments --write --again
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lessons.session.content import SCENARIOS
from lessons.session.scenarios import begin
from simkernel.events import Event, PieceRead, Resolved
from simkernel.ftrace.commands import (
    RegisterOps,
    ResetBuffer,
    SetFilter,
    SetOpsFilter,
    SetTracer,
    TracingOn,
    UnregisterOps,
)
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command, UseProtocol
from simkernel.protocol import parse
from simkernel.schedule import Nmi, Run
from simkernel.sim.digest import machine_digest
from simkernel.sim.moment import MARK, moment_string
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.moments import held

FILE = Path(__file__).with_name("stored_moments.jsonl")
OLD_FILE = Path(__file__).with_name("moments_of_old.txt")

COMMANDS: tuple[Command, ...] = (
    SetFilter("filter", "vfs_* schedule"),
    SetFilter("notrace", "vfs_write", append=True),
    SetTracer("function"),
    RegisterOps("second", "function_trace_call", filter="vfs_read"),
    SetOpsFilter("second", "filter", "schedule", append=True),
    TracingOn(False),
    TracingOn(True),
    ResetBuffer(),
    UnregisterOps("second"),
    UseProtocol(parse("int3 without sync 2")),
    SetTracer("nop"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A moment, and what it opens to: its point in history, the clock there and the digest of the machine."""

    name: str
    moment: str
    point: tuple[int, int]
    clock: int
    machine: str

    @classmethod
    def of(cls, name: str, simulation: Simulation) -> Stored:
        """What is written down of a simulation that stands at the moment."""
        return cls(name, moment_string(simulation), simulation.point, simulation.clock, machine_digest(simulation))


def story(name: str, last: type[Event]) -> Simulation:
    """In a scenario, after the first event of a kind; then a few choices by hand, which leave the scenario's own."""
    simulation = begin(SCENARIOS[name])
    for _ in range(5_000):
        if any(isinstance(event, last) for event in simulation.step()):
            break
    for choice in (Run(1, 3), Nmi(0), Run(0)):
        simulation.step(choice)
    return simulation


def script() -> Simulation:
    """Every command, given while others are under way, on three CPUs; within a choice of several instructions."""
    simulation = Simulation.boot(Options(seed=7, cpus=3, nmi_odds=200))
    for command in COMMANDS:
        if isinstance(command, UseProtocol):  # which is refused while a batch is under way
            simulation.run_until_idle()
        simulation.do(command)
        simulation.run(2_000)
    for _ in range(5_000):
        if simulation.point.instructions == 3:
            break
        simulation.step_instruction()
    return simulation


MADE: dict[str, Callable[[], Simulation]] = {
    "resolves": partial(story, "cache-line", Resolved),
    "reads": partial(story, "nmi", PieceRead),
    "commands": script,
}


def read() -> list[Stored]:
    """The moments as they were written down."""
    out = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        written: dict[str, Any] = json.loads(line)
        out.append(Stored(**(written | {"point": tuple(written["point"])})))
    return out


def main(arguments: list[str]) -> int:
    if arguments not in (["--write"], ["--write", "--again"]):
        print(__doc__)
        return 2
    stored = [one.moment for one in read()] if FILE.exists() else []
    image = KernelImage.default().digest
    same = any(text.startswith(MARK) and held(text)["image"] == image for text in stored)
    if same and "--again" not in arguments:
        print(
            f"the kernel is the one that these moments of {MARK!r} were taken on: give the form the next number; "
            f"where nobody can have a moment of {MARK!r} yet, add --again"
        )
        return 1
    taken = [Stored.of(name, make()) for name, make in MADE.items()]
    FILE.write_text("".join(json.dumps(dataclasses.asdict(one)) + "\n" for one in taken), encoding="utf-8")
    print(f"written of {MARK!r}, on the kernel {image[:12]}:")
    for one in taken:
        print(f"  {one.name}: entry {one.point[0]}, instruction {one.point[1]}, clock {one.clock:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
