"""Every cell protocol x change x model x place, against what is known of these protocols.

`expected` says it in words of the protocol, not of the search: who is right where the two differ was found out by hand,
and stands beside the line.
"""

from __future__ import annotations

import functools
from itertools import product

import pytest

from simkernel.errors import LearnerError
from simkernel.explore import Question, explore
from simkernel.explore.case import CHANGES, PLACES, case_of
from simkernel.explore.properties import violations_of
from simkernel.explore.search import Search
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_2012, INT3_PROTOCOL, NOP_FORMS, PROTOCOLS, Protocol, parse

SYNCS = tuple(f"int3 without sync {n}" for n in (1, 2, 3))
ON_NOPS = tuple(f"{name} on nop {form}" for name in ("int3", "stop_machine") for form in NOP_FORMS if form != "nop5")
GALLERY = (*PROTOCOLS, *SYNCS, "int3 through a trap gate", *ON_NOPS)
CELLS = tuple(product(CHANGES, tuple(FetchModel), PLACES))


@functools.cache
def broken(name: str, change: str, model: FetchModel, place: str) -> frozenset[str]:
    """The properties that the search finds broken."""
    world = Question(parse(name), change, place, model).world()
    answer = Search(world, 2).run(first_only=False)
    assert answer.finished
    return frozenset(violations_of(bit)[0] for bit in answer.violations)


def worst(found: frozenset[str]) -> str:
    """The telling one of several: who is torn may do anything afterwards."""
    for name in ("torn", "unclaimed", "neither", "late"):
        if name in found:
            return name
    return "" if not found else sorted(found)[0]


def expected(name: str, change: str, model: FetchModel, place: str) -> str:
    """What is known: the telling property, "" for safe."""
    mixes = model is FetchModel.BYTE or (model is FetchModel.LINE and place == "across")
    pieces = model is FetchModel.PIECES
    match name:
        case "int3" | "stop_machine" | "stop_machine-ipi" | "stop_machine-ipi-bare":
            return ""
        case "int3-2012":  # between two calls, it is neither; with a NOP, leaving out is what the NOP does
            return "neither" if change == "call-call" else ""
        case "int3 without sync 1":
            return "torn" if mixes or pieces else ""
        case "int3 without sync 2":  # "very likely not necessary", and indeed not if bytes come in address order
            return "torn" if mixes else ""
        case "int3 without sync 3" | "int3 through a trap gate":
            return "unclaimed"
        case "stop_machine-bare":
            return "torn" if mixes else "late" if model is FetchModel.LINE else ""
        case "naive":
            return "torn"
        case "atomic8" if not case_of(change, place).one_word:
            return "torn"  # in `instant` too: it is two stores there, and between them memory holds the mixture
        case "one-store" | "atomic8":
            return "torn" if mixes or pieces else "late" if model is FetchModel.LINE else ""
        case "head-first" | "tail-first":
            if change != "call-call":
                return "torn"
            return "torn" if mixes or pieces else "late" if model is FetchModel.LINE else ""
    if name.endswith(("5x1", "2+3")):  # a CPU stands between the parts and comes back to other bytes
        return "torn" if change == "nop-call" else ""
    return ""


@pytest.mark.parametrize("name", GALLERY)
def test_the_verdicts_are_the_known_ones(name: str) -> None:
    found = {cell: worst(broken(name, *cell)) for cell in CELLS}
    assert found == {cell: expected(name, *cell) for cell in CELLS}


@pytest.mark.parametrize("model", tuple(FetchModel))
def test_without_sync_3_nothing_tears_and_the_record_goes_too_early(model: FetchModel) -> None:
    for name, change, place in product((SYNCS[2], "int3 through a trap gate"), CHANGES, PLACES):
        assert broken(name, change, model, place) == {"unclaimed", "released"}


def test_what_is_headed_as_a_crash_is_torn_in_every_cell_and_nothing_else_is_headed_so() -> None:
    """The headline (who uses it, and why nobody does) and the verdict agree, in each model and place."""
    headed = {name: one.era for name, one in PROTOCOLS.items() if "crash" in one.era.remark + one.era.end}
    assert headed == {
        "naive": "used by no kernel: it crashes",
        "tail-first": "used by no kernel (from a NOP to a call it crashes)",
    }
    for name, model, place in product(headed, FetchModel, PLACES):
        for change in CHANGES if name == "naive" else ("nop-call",):
            assert worst(broken(name, change, model, place)) == "torn", (name, change, model, place)


@pytest.mark.parametrize("protocol", [INT3_PROTOCOL, INT3_2012], ids=lambda protocol: protocol.name)
def test_the_table_says_where_an_int3_is_left_to_nobody(protocol: Protocol) -> None:
    """Where the search finds no more than an int3 that nobody will claim, leaving the phase out is told as that."""
    for phase in protocol.phases:
        found = broken(f"{protocol.name} without {phase.name}", "nop-call", FetchModel.BYTE, "inside")
        assert ("the kernel dies" in phase.without) == (worst(found) in ("unclaimed", "released")), phase.name


def test_a_final_sync_mends_one_store_inside_a_line() -> None:
    late = ("one-store", "call-call", FetchModel.LINE, "inside")
    assert broken(*late) == {"late"}
    world = Question(parse("int3 without write int3 without sync 1"), *late[1:2], late[3], late[2]).world()
    assert not Search(world, 2).run(first_only=False).violations


def test_at_once_is_kept_by_stop_machine_and_not_by_int3() -> None:
    for model, place in product(FetchModel, PLACES):
        for name, keeps in (("stop_machine", True), ("int3", model is FetchModel.INSTANT)):
            world = Question(parse(name), "nop-call", place, model).world()
            answer = Search(world, 2, ("at-once",)).run()
            assert (not answer.violations) == keeps, (name, model, place)


@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("change", CHANGES)
def test_stop_machine_tears_where_an_nmi_comes_and_int3_does_not(change: str, model: FetchModel) -> None:
    """An NMI on a parked CPU meets the one store of stop_machine; where stores come whole, it meets no mixture."""
    tears = {"torn"} if model in (FetchModel.PIECES, FetchModel.BYTE) else set()
    for name, expect in (("stop_machine", tears), ("stop_machine-ipi", tears), ("int3", set())):
        finding = explore(Question(parse(name), change, model=model, nmi=True))
        assert {finding.broken} - {""} == expect
        assert ", with NMIs: " in finding.verdict()
        assert ", no NMI comes: " in explore(Question(parse(name), change, model=model)).verdict()


def test_where_only_nmis_run_the_site_no_sync_is_answered_within_it() -> None:
    """So neither a NOP of several parts nor a trap gate does harm there, whichever model."""
    for name, model in product(("int3 on nop 5x1", "int3 on nop 2+3", "int3 through a trap gate"), FetchModel):
        assert not explore(Question(parse(name), model=model)).safe
        assert explore(Question(parse(name), model=model, nmi=True)).safe


def test_nmis_across_two_lines_are_refused() -> None:
    with pytest.raises(LearnerError, match="nmi_handle, which lies inside .* choose place inside"):
        explore(Question(parse("int3"), place="across", nmi=True))


def test_parking_twice_is_waiting_for_ever() -> None:
    for name in ("stop_machine with park twice", "int3 with release twice"):
        world = Question(parse(name), model=FetchModel.INSTANT).world()
        assert "stuck" in {violations_of(bit)[0] for bit in Search(world, 2).run(first_only=False).violations}, name


def test_what_is_stuck_from_the_start_is_said_so() -> None:
    finding = explore(Question(parse("stop_machine without unpark"), model=FetchModel.INSTANT))
    assert finding.broken == "stuck" and not finding.schedule
    assert "not safe. From the start the end of the patch can no longer be reached (stuck)." in finding.verdict()
