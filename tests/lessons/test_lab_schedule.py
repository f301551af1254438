"""A schedule of the lab for the eye: its bytes are those of the machine on which it is played, and so it is drawn."""

from __future__ import annotations

import pytest

from lessons.activities.lab_schedule import columns_of, lanes_of, moves_of
from lessons.lanes import Did
from lessons.picture import Lanes, Moves
from simkernel.errors import GuestError
from simkernel.explore import Finding, Question, explore
from simkernel.explore.player import Player
from simkernel.explore.replay import PASSAGES
from simkernel.explore.search import CpuMoves
from simkernel.explore.stage import Stages
from simkernel.explore.world import Mode
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import parse
from simkernel.sim.snapshot import Snapshot
from tui.view.lanes import score
from tui.view.marks import ASCII, UNICODE
from tui.view.moves import move_lines
from tui.view.text import length, plain

ALL = """\
/ may be newer  ′ new  ! int3  memory          CPU0            CPU1
  1 bash-201 publishes batch   0F 1F 44 00 00  0F 1F 44 00 00  0F 1F 44 00 00
  2 bash-201 writes CC at +0   CC!1F 44 00 00  0F/1F 44 00 00  0F/1F 44 00 00
  3 bash-201 writes +1 to +4   CC!BB′D2′3F′3F′ 0F/1F/44/00/00/ 0F/1F/44/00/00/
  4 CPU0     will run BB at +1 CC!BB′D2′3F′3F′ 0F/BB′44/00/00/ 0F/1F/44/00/00/
▶ 5 CPU0     runs torn bytes   CC!BB′D2′3F′3F′ 0F BB′44 00 00  0F/1F/44/00/00/
"""
ONE = """\
/ may be newer  ' new  ! int3  moved by
  1 bash-201 publishes batch   0F 1F 44 00 00
  2 bash-201 writes CC at +0   CC!1F 44 00 00
  3 bash-201 writes +1 to +4   CC!BB'D2'3F'3F'
  4 CPU0     will run BB at +1 0F/BB'44/00/00/
> 5 CPU0     runs torn bytes   0F BB'44 00 00
"""
SCORE = """\
           i tail
bash-201 ◇─CC+4────
CPU0     ──────≈─✘─
CPU1     ──────────
          step 5 ▲
"""
"""Drawn by hand, from the sentences of the schedule and the bytes of NOP and call."""


def found(
    name: str, model: str = "byte", change: str = "nop-call", place: str = "inside", nmi: bool = False
) -> Finding:
    return explore(Question(parse(name), change, place, FetchModel(model), nmi=nmi))


def part_of(finding: Finding) -> Moves:
    moves = moves_of(finding)
    return Moves(name="moves", columns=columns_of(finding), moves=moves, cursor=len(moves) - 1)


def test_a_schedule_is_drawn_with_as_many_columns_as_there_is_room_for() -> None:
    part = part_of(found("int3 without sync 1"))
    for width, marks, drawn in ((78, UNICODE, ALL), (58, ASCII, ONE), (46, ASCII, ONE)):
        (lines,) = move_lines(part, width, marks)
        assert "".join(f"{plain(one).rstrip()}\n" for one in lines) == drawn
    for width in (20, 30, 45, 77, 100, 160):
        (lines,) = move_lines(part, width, UNICODE)
        assert max(map(length, lines)) <= width
        assert all(any(move.text.split()[0] in plain(one) for one in lines) for move in part.moves)


def test_its_time_picture_has_a_column_a_move() -> None:
    finding = found("int3 without sync 1")
    lines = score(Lanes(name="lanes", time=lanes_of(finding, 5)), 78, UNICODE)
    assert "".join(f"{plain(one).rstrip()}\n" for one in lines) == SCORE
    time = lanes_of(found("stop_machine", "pieces", nmi=True), 1)
    assert [moment.marks[1].did for moment in time.moments] == [
        Did.NOTHING, Did.ASKED, Did.PARKS, Did.PARKED, Did.NMI, Did.READS, Did.INSIDE, Did.INSIDE, Did.TORN,
    ]  # fmt: skip
    waits = [moment.marks[0].did for moment in time.moments]
    assert waits == [Did.BEGINS, Did.SENDS, *[Did.WAITS] * 4, Did.GOES_ON, Did.WRITES, Did.NOTHING]


@pytest.mark.parametrize(
    ("name", "model", "change", "place", "nmi"),
    [
        ("int3 without sync 1", "byte", "nop-call", "inside", False),
        ("int3 without sync 2", "byte", "nop-call", "inside", False),
        ("int3 without sync 3", "byte", "call-nop", "inside", False),
        ("int3 without sync 1", "pieces", "nop-call", "across", False),
        ("int3-2012", "line", "call-call", "across", False),
        ("stop_machine-bare", "byte", "nop-call", "inside", False),
        ("stop_machine", "pieces", "nop-call", "inside", True),
        ("naive", "instant", "nop-call", "inside", False),
    ],
)
def test_its_bytes_are_those_of_the_machine(name: str, model: str, change: str, place: str, nmi: bool) -> None:
    """Memory's, and what each CPU may run, after each move that a CPU or the patching task makes there."""
    finding = found(name, model, change, place, nmi)
    stage = Stages().of(finding.world, finding.question.cpus)
    while stage.passages < PASSAGES:
        stage.begin(finding.question.variant)
        try:
            assert _compare(finding, Player(stage, finding.world))
        except GuestError:
            stage = stage.later()
            continue
        return
    pytest.fail("it cannot be played")


def _compare(finding: Finding, player: Player) -> int:
    """Play the schedule, and look at the machine after each move; how many rows were compared."""
    compared, case = 0, finding.world.case
    for scene, move in zip(finding.scenes(), moves_of(finding), strict=True):
        player.play(scene)
        site = Snapshot.of(player.simulation, None, case.site).site
        assert site is not None
        assert bytes(one.value or 0 for one in move.rows[0]) == site.memory.data
        for cpu, row in enumerate(move.rows[1:]):
            ran = isinstance(scene.step, CpuMoves) and scene.step.cpu == cpu and scene.step.move.kind == "run"
            if ran or scene.after[cpu].mode is Mode.DEAD:
                continue
            may_run = next(one for one in site.cpus if one.cpu == cpu)
            shown = [{one.value, *one.pending} for one in row]
            assert shown == [set(values) for values in may_run.options], (move.sentence, cpu)
            compared += 1
    return compared
