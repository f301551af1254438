"""Each rule of the machine and each property is missed when it is taken away: some verdict changes.

`MISSED` names for each the cell where one sees it. The tests run over the tables of rules and properties themselves, so
a new one without such a cell fails here.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from simkernel.explore.case import case_of
from simkernel.explore.properties import BY_NAME, violations_of
from simkernel.explore.rules import RULES, Rules
from simkernel.explore.search import Search
from simkernel.explore.world import World
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import parse
from tests.explore.brute import bench_of

Cell = tuple[str, str, FetchModel, *tuple[bool, ...]]
"""Protocol, change, model, and True where NMIs come."""

MISSED: dict[str, tuple[Cell, set[str], set[str]]] = {  # rule -> cell, what is broken there with it and without it
    "interrupt_gate": (("int3", "nop-call", FetchModel.INSTANT), set(), {"released", "unclaimed"}),
    "cells_in_order": (("int3-2012", "nop-call", FetchModel.BYTE), set(), {"back"}),
    "ack_after_serializing": (
        ("int3", "call-nop", FetchModel.LINE),
        set(),
        {"late", "released", "unclaimed"},
    ),
    "waits_for_if": (("int3", "call-call", FetchModel.INSTANT), set(), {"released", "unclaimed"}),
    "inc_not_zero": (
        ("int3 without sync 3", "nop-call", FetchModel.INSTANT),
        {"released", "unclaimed"},
        {"released"},
    ),
    "release_waits": (("int3 with release twice", "nop-call", FetchModel.INSTANT), {"stuck"}, set()),
    "sorted_batch": (("int3", "nop-call", FetchModel.INSTANT), set(), {"unclaimed"}),
    "returns_behind": (("int3", "nop-call", FetchModel.INSTANT), set(), {"wrong-stack"}),
    "between_instructions": (
        ("int3", "nop-call", FetchModel.PIECES),
        set(),
        {"late", "released", "torn", "unclaimed"},
    ),
    "nmi_if_off": (("stop_machine", "nop-call", FetchModel.PIECES, True), {"torn"}, set()),
    "nmi_alone": (("int3 through a trap gate", "nop-call", FetchModel.INSTANT, True), set(), {"released", "unclaimed"}),
}
SEEN: dict[str, tuple[Cell, Rules]] = {  # violation -> a cell in which it is broken
    "torn": (("naive", "nop-call", FetchModel.INSTANT), Rules()),
    "unclaimed": (("int3 without sync 3", "call-nop", FetchModel.PIECES), Rules()),
    "neither": (("int3-2012", "call-call", FetchModel.INSTANT), Rules()),
    "back": (("int3 without sync 2", "call-call", FetchModel.BYTE), Rules()),
    "late": (("stop_machine-bare", "nop-call", FetchModel.LINE), Rules()),
    "wrong-stack": (("int3", "call-call", FetchModel.BYTE), Rules(returns_behind=False)),
    "released": (("int3 through a trap gate", "nop-call", FetchModel.LINE), Rules()),
    "stuck": (("stop_machine with park twice", "nop-call", FetchModel.BYTE), Rules()),
    "not-at-once": (("int3", "nop-call", FetchModel.LINE), Rules()),
}


def broken(cell: Cell, rules: Rules, properties: set[str]) -> set[str]:
    name, change, model, *nmi = cell
    protocol = parse(name).table
    case = case_of(change, "inside", protocol.nop, nmi=any(nmi))
    world = World(protocol, case, model, rules, bench_of(case))
    answer = Search(world, 2, properties).run(first_only=False)
    return {violations_of(bit)[0] for bit in answer.violations}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_missed(rule: str) -> None:
    cell, kept, without = MISSED[rule]
    usual = set(BY_NAME) - {"at-once"}
    assert broken(cell, Rules(), usual) == kept
    assert broken(cell, replace(Rules(), **{rule: False}), usual) == without != kept


@pytest.mark.parametrize("name", BY_NAME)
def test_a_property_is_missed(name: str) -> None:
    violation = BY_NAME[name].violation
    cell, rules = SEEN[violation]
    assert violation in broken(cell, rules, {name})
    assert violation not in broken(cell, rules, set(BY_NAME) - {name})
    assert not broken(("int3", "nop-call", FetchModel.INSTANT), Rules(), {name})
