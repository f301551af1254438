"""A schedule of the explorer on the real simulation: the same choices, the guest's handler, and what came of it.

A stage (`stage.py`) is where the schedule begins, a player (`player.py`) takes its steps one by one. The witness
(`witness.py`) sees nothing but the machine, and says by itself what was broken there.
"""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.errors import GuestError, OurError
from simkernel.explore.player import Player
from simkernel.explore.question import Finding
from simkernel.explore.stage import Stages, Unplayable
from simkernel.report import Report
from simkernel.sim.moment import Moment
from simkernel.sim.simulation import Simulation

PASSAGES = 36  # places to start from that are tried


@dataclass(frozen=True, slots=True)
class Replay:
    """A schedule that was played.

    Attributes:
        simulation: at its end, the schedule behind it.
        start: the position in history at which it begins.
        broken: what the witness saw broken.
        moment: opens at the start, with the schedule ahead.
    """

    simulation: Simulation
    start: int
    broken: frozenset[str]
    moment: str


def replay(finding: Finding, stages: Stages | None = None, report: Report | None = None) -> Replay:
    """Play the schedule of a finding on the simulation, from the first start from which the machine goes that way.

    Args:
        finding: whose schedule it is.
        stages: those that were set before; a new one is kept there.
        report: hears how far it is, before each step; it may cancel that, and another call begins anew.

    Raises:
        Unplayable: there is no such start.
        OurError: nothing was found broken.
        Cancelled: as `report` does.
    """
    if not finding.broken:
        raise OurError("there is no schedule to replay: nothing was found broken")
    scenes, world, cpus = finding.scenes(), finding.world, finding.question.cpus
    report, why = report or Report(), ""
    report("setting the stage")
    stage = (stages or Stages()).of(world, cpus)
    while stage.passages < PASSAGES:
        simulation = stage.simulation
        start = stage.begin(finding.question.variant)
        player = Player(stage, world)
        try:
            for at, scene in enumerate(scenes):
                report(f"playing from start {stage.passages + 1}", at / len(scenes))
                player.play(scene)
        except GuestError as error:  # also where the kernel has died on the way to a step
            why = str(error)
            stage = stage.later()
            continue
        end = simulation.position
        if finding.broken == "stuck":
            player.witness.stuck()
        simulation.goto(start)
        moment = Moment.of(simulation, until=end).to_string()
        simulation.goto(end)
        return Replay(simulation, start, frozenset(player.witness.broken), moment)
    raise Unplayable(f"{finding.verdict()} It was not played: {why}")
