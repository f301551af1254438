"""Sites of two, three and five bytes that are no calls: the search against the enumerator, and what is known."""

from __future__ import annotations

from itertools import product

import pytest

from simkernel.errors import OurError
from simkernel.explore import Question, explore, explore_each
from simkernel.explore.case import PLACES, Case
from simkernel.explore.properties import BY_NAME, violations_of
from simkernel.explore.replay import replay
from simkernel.explore.search import Search
from simkernel.explore.sentences import choice_of, sentence
from simkernel.explore.stage import TICK, Stage, Stages, between_ticks
from simkernel.explore.world import World
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import PROTOCOLS
from simkernel.protocol import parse as protocol_named
from simkernel.schedule import QUANTUM, Policy
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.explore.brute import Brute, bench_of
from tests.explore.jumps import CHANGES, anywhere, jump_label, kernel
from tests.explore.reader import parse
from tests.patches import label_patch, plan_patches, undone

NAMES = (*PROTOCOLS, *(f"int3 without sync {n}" for n in (1, 2, 3)), "int3 through a trap gate")
SIZES = (2, 3, 5)


def searched(name: str, case: Case, model: FetchModel, cpus: int) -> set[str]:
    """The properties that the search finds broken."""
    answer = Search(World(protocol_named(name).table, case, model, bench=bench_of(case)), cpus, BY_NAME).run(
        first_only=False, bound=10**7
    )
    assert answer.finished
    return {violations_of(bit)[0] for bit in answer.violations}


@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("size", SIZES)
def test_one_cpu_as_the_enumerator_says(size: int, model: FetchModel) -> None:
    for name, place, change in product(NAMES, PLACES, CHANGES):
        case = anywhere(size, place, change)
        found = searched(name, case, model, 1)
        assert found == set(Brute(protocol_named(name).table, case, model, 1).broken), (name, place, change)


@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("name", NAMES)
def test_two_cpus_at_a_jump_label_as_the_enumerator_says(name: str, model: FetchModel) -> None:
    case = anywhere(2, "across", "nop-jmp")
    found = searched(name, case, model, 2)
    assert found == set(Brute(protocol_named(name).table, case, model, 2).broken)


@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("key", ["key_inside", "key_across", "key_wide"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_jump_label_of_the_kernel_is_safe_with_int3_and_torn_by_plain_stores(
    change: str, key: str, model: FetchModel
) -> None:
    case = jump_label(key, change)
    assert len(case.old) == (5 if key == "key_wide" else 2)
    assert case.place == ("across" if key == "key_across" else "inside")
    assert explore(Question(protocol_named("int3"), model=model, on=case)).safe
    assert explore(Question(protocol_named("stop_machine"), model=model, on=case)).safe
    for name in ("naive", "head-first", "tail-first"):
        assert "torn" in searched(name, case, model, 2)


def test_one_byte_has_no_tail_and_needs_no_second_sync() -> None:
    """A NOP of one byte and a RET: every model delivers one byte whole, and int3 skips sync 2."""
    case = Case(
        "nop-ret", "inside", "", 0xFFFF_FFFF_8100_1010, b"\x90", b"\xc3", b"\xc3" * 16, 0xFFFF_FFFF_8100_1011, 0
    )
    actions = World(protocol_named("int3").table, case, FetchModel.BYTE).program.actions
    assert [action.name for action in actions if action.do.value == "skip"] == ["sync 2"]
    assert [action.stored for action in actions if action.do.value == "store"] == [((0, 0xCC),), (), ((0, 0xC3),)]


def test_the_schedule_speaks_of_the_jump() -> None:
    case = jump_label("key_inside", "nop-jmp")
    finding = explore(Question(protocol_named("naive"), model=FetchModel.INSTANT, on=case, cpus=1))
    assert finding.verdict().startswith(
        "naive, nop-jmp inside a cache line, 1 CPU, in model instant, no NMI comes: not safe"
    )
    for scene, said in zip(finding.scenes(), finding.sentences(), strict=True):
        assert parse(said) == choice_of(finding.world, scene)
        assert sentence(finding.world, scene) == said
    late = explore(Question(protocol_named("one-store"), model=FetchModel.BYTE, on=case, properties=("at-once",)))
    assert f"EB 06 at byte +0: it jumps to {case.new_target:#x}, as the new instruction." in " ".join(late.sentences())


def test_a_site_does_not_change_its_size() -> None:
    with pytest.raises(OurError, match="66 90 cannot become e9 00 00 00 00: both have 1 to 5 bytes"):
        Case("", "inside", "", 0, b"\x66\x90", b"\xe9\0\0\0\0", b"", 0, 0)


# --- on the machine --------------------------------------------------------------------------------------------------


def jump_stage(case: Case, model: FetchModel, cpus: int, nop: bytes) -> Stage:
    """The kernel of jump_label.S, its next batch the case's, every CPU at the site."""
    options = Options(
        cpus=cpus, model=model, schedule="round-robin", policy=Policy.EARLY, patch_quantum=QUANTUM, tick_period=TICK
    )
    simulation = Simulation.boot(options, kernel())
    on = [label_patch(case.site, *((case.old, case.new) if case.change == "nop-jmp" else (case.new, case.old)))]
    simulation.run_until_idle()
    plan_patches(simulation, on)
    if case.change == "jmp-nop":
        simulation.run_until_idle()
        plan_patches(simulation, undone(on))
    return between_ticks(simulation, case, 0)


TELLING = (
    ("naive", "nop-jmp", "key_inside", FetchModel.INSTANT, 1),
    ("head-first", "jmp-nop", "key_across", FetchModel.PIECES, 2),
    ("one-store", "nop-jmp", "key_across", FetchModel.LINE, 2),
    ("tail-first", "nop-jmp", "key_wide", FetchModel.BYTE, 2),
    ("int3 without sync 1", "nop-jmp", "key_across", FetchModel.PIECES, 2),
    ("int3 without sync 2", "jmp-nop", "key_inside", FetchModel.BYTE, 2),
    ("int3 without sync 3", "nop-jmp", "key_inside", FetchModel.BYTE, 2),
    ("int3 without sync 3", "jmp-nop", "key_wide", FetchModel.INSTANT, 2),
    ("int3-2012", "nop-jmp", "key_inside", FetchModel.INSTANT, 1),
    ("int3 through a trap gate", "nop-jmp", "key_inside", FetchModel.LINE, 2),
    ("atomic8", "jmp-nop", "key_across", FetchModel.BYTE, 2),
    ("stop_machine without park", "nop-jmp", "key_inside", FetchModel.PIECES, 1),
)


@pytest.mark.parametrize(("name", "change", "key", "model", "cpus"), TELLING)
def test_a_schedule_at_a_jump_label_ends_in_the_same_verdict_on_the_machine(
    name: str, change: str, key: str, model: FetchModel, cpus: int
) -> None:
    question = Question(protocol_named(name), model=model, cpus=cpus, on=jump_label(key, change))
    found, stages = explore_each(question), Stages(jump_stage)
    for finding in found:
        if name == "int3-2012":
            assert finding.safe
        else:
            assert finding.broken in replay(finding, stages).broken
