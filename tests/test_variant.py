"""Variants: what a change makes of a table, how it is called, and the door at which a name becomes a value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

import simkernel
from simkernel.errors import LearnerError
from simkernel.protocol import (
    INT3_2012,
    INT3_PROTOCOL,
    NAIVE,
    NEW,
    NOP_FORMS,
    OLD,
    PROTOCOLS,
    STOP_MACHINE,
    Change,
    Moved,
    OnNop,
    Part,
    Protocol,
    TrapGate,
    Twice,
    Variant,
    Without,
    parse,
    phase_named,
)
from simkernel.protocol.spelling import EXPECTED

INT3, STOPPED = Variant(INT3_PROTOCOL), Variant(STOP_MACHINE)
DOORS = {
    "simkernel/overhead/patching.py": "the request of the child process, as JSON",
    "simkernel/patching/commands.py": "a command in a moment",
    "simkernel/sim/moment/moment.py": "a moment's own protocol",
    "simkernel/sim/options.py": "options in a moment",
    "tui/commands/demo.py": "--protocol",
    "tui/commands/explore.py": "--protocol, --without, --twice, --move",
    "tui/commands/native.py": "--protocol",
    "lessons/session/asks.py": "the action `protocol`",
    "lessons/activities/lab_setup.py": "a step named in the lab",
    "lessons/session/content.py": "a scenario's file",
    "lessons/session/leave_out.py": "the phase that is to be left out",
}
"""The modules where somebody else's text becomes a variant or a phase, and which text."""


def phases(protocol: Protocol) -> list[str]:
    return [phase.name for phase in protocol.phases]


def changes(protocol: Protocol) -> Iterator[Change]:
    """Every change that a protocol can take."""
    names = phases(protocol)
    yield from (Without(name) for name in names if len(names) > 1)
    yield from map(Twice, names)
    yield from (Moved(*both) for both in permutations(names, 2))
    yield from map(OnNop, NOP_FORMS)
    yield TrapGate()


@pytest.mark.parametrize("base", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_a_name_leads_back_to_its_variant(base: Protocol) -> None:
    """Every protocol, with every change, and with every two."""
    whole = Variant(base)
    assert whole.table is base and parse(whole.name) == whole
    for first in changes(base):
        one = whole.changed(first)
        assert parse(one.name) == one
        for second in changes(one.table):
            both = one.changed(second)
            assert parse(both.name) == both


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        (INT3, "int3"),
        (INT3.without("sync 1"), "int3 without sync 1"),
        (INT3.without("write int3").without("sync 1"), "int3 without write int3 without sync 1"),
        (INT3.twice("sync 1").moved("release", "sync 3"), "int3 with sync 1 twice with release before sync 3"),
        (Variant(INT3_2012).without("add breakpoints"), "int3-2012 without add breakpoints"),
        (STOPPED.on_nop("5x1"), "stop_machine on nop 5x1"),
        (INT3.on_nop("jmp+3").through_trap_gate(), "int3 on nop jmp+3 through a trap gate"),
        (Variant(NAIVE).moved("write byte 4", "write byte 0"), "naive with write byte 4 before write byte 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_tells_the_base_and_each_change(variant: Variant, name: str) -> None:
    assert (variant.name, variant.table.name) == (name, name)
    assert parse(name) == variant and parse(f"  {name.replace(' ', '  ')} ") == variant
    assert variant.table.era == ("used by no kernel: an experiment" if variant.changes else variant.base.era)


def test_a_change_does_what_it_says() -> None:
    names = phases(INT3_PROTOCOL)
    assert phases(INT3.without("sync 2").table) == names[:3] + names[4:]
    assert phases(INT3.twice("sync 1").table) == [*names[:2], "sync 1 again", *names[2:]]
    moved = INT3.moved("write head", "write int3").table
    assert phases(moved) == ["write head", *names[:4], *names[5:]]
    assert [phase.memory(3) for phase in moved.phases[:4]] == [
        (NEW, OLD, OLD),
        *[(Part.INT3, OLD, OLD)] * 2,
        (Part.INT3, NEW, NEW),
    ]
    assert INT3.on_nop("2+3").table.nop == NOP_FORMS["2+3"] and INT3.through_trap_gate().table.gate == "trap"


def test_what_is_missing_is_the_phases_that_the_base_has_and_the_table_lacks() -> None:
    without = INT3.without("sync 3").without("sync 1").twice("release").on_nop("5x1")
    assert [phase.name for phase in without.missing] == ["sync 1", "sync 3"]
    assert INT3.missing == () == INT3.moved("sync 1", "write int3").missing


def test_variants_with_the_same_base_and_changes_are_equal_and_no_others() -> None:
    assert INT3.without("sync 1") == Variant(INT3_PROTOCOL, (Without("sync 1"),)) == parse("int3 without sync-1")
    assert len({INT3, INT3.without("sync 1"), parse("int3 without sync 1"), STOPPED}) == 3


PHASES = "write int3, sync 1, write tail, sync 2, write head, sync 3, release"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", f"no protocol ''; there are: {', '.join(PROTOCOLS)}."),
        ("int4", f"no protocol 'int4'; there are: {', '.join(PROTOCOLS)}. Did you mean 'int3'?"),
        ("int3 at night", f"unknown change 'at night'; expected: {EXPECTED}"),
        ("int3 without sync 1 quickly", f"protocol int3 has no phase 'sync 1 quickly'; it has: {PHASES}."),
        ("int3 without", f"no phase is named behind 'without'; protocol int3 has: {PHASES}"),
        ("int3 with sync 1 before", f"no phase is named behind 'before'; protocol int3 has: {PHASES}"),
        ("int3 with sync 1", f"unknown change 'with sync 1'; expected: {EXPECTED}"),
        ("int3 with sync 1 on nop 5x1", f"unknown change 'with sync 1 on nop 5x1'; expected: {EXPECTED}"),
        ("int3 without sync 9", f"protocol int3 has no phase 'sync 9'; it has: {PHASES}. Did you mean 'sync 3'?"),
        ("int3 on nop", f"unknown change 'on nop'; expected: {EXPECTED}"),
        ("int3 on nop 6x1", f"no NOP form '6x1'; there are: {', '.join(NOP_FORMS)}. Did you mean '5x1'?"),
        ("int3 through a gate", f"unknown change 'through a gate'; expected: {EXPECTED}"),
        ("one-store without write all", "protocol one-store has no phase but write all: nothing would be left of it"),
        ("int3 with sync 1 before sync 1", "sync 1 cannot be moved before itself: name another phase"),
        ("int3" + " with sync 1 twice" * 60, "a protocol's name of 1,084 characters; 1,000 are the most"),
    ],
)
def test_a_wrong_name_is_refused_by_the_word_that_is_wrong(name: str, message: str) -> None:
    with pytest.raises(LearnerError) as refused:
        parse(name)
    assert str(refused.value).startswith(message)


def test_a_change_that_cannot_be_made_makes_no_variant() -> None:
    for change in (Without("sync 9"), Without("sync-1"), Twice(""), Moved("sync 1", "sync 1"), OnNop("6x1")):
        with pytest.raises(LearnerError):
            Variant(INT3_PROTOCOL, (change,))
    with pytest.raises(LearnerError, match="int3 without sync 1 has no phase 'sync 1'"):
        INT3.without("sync 1").without("sync 1")


def test_a_phase_is_found_by_its_name_with_hyphens_and_by_the_name_that_older_moments_hold() -> None:
    assert [phase_named(INT3_PROTOCOL, one.replace(" ", "-")).name for one in phases(INT3_PROTOCOL)] == phases(
        INT3_PROTOCOL
    )
    assert parse("stop_machine without go on") == parse("stop_machine without go-on") == STOPPED.without("unpark")
    assert parse("stop_machine without go on on nop 5x1") == STOPPED.without("unpark").on_nop("5x1")
    with pytest.raises(LearnerError, match="has no phase 'go on'"):
        parse("int3 without go on")


def test_no_phase_is_called_by_a_word_that_ends_its_name() -> None:
    for protocol in PROTOCOLS.values():
        for name in phases(protocol):
            assert not {"without", "with", "twice", "before", "on", "through"} & set(name.split()), name


# --- values, not strings ---------------------------------------------------------------------------------------------

TAKES_APART = {"startswith", "endswith", "split", "rsplit", "partition", "rpartition", "find", "index", "replace",
               "removeprefix", "removesuffix"}  # fmt: skip


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module outside the package of protocols, by its path."""
    root = Path(simkernel.__file__).parents[1]
    for package in ("simkernel", "lessons", "tui"):
        for file in sorted((root / package).rglob("*.py")):
            if file.parent != root / "simkernel" / "protocol":
                yield file.relative_to(root).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def called(node: ast.expr) -> str:
    """The last word of what an expression calls a value: "variant" of `asked.variant`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def names_a_protocol(node: ast.expr) -> bool:
    """True for `protocol.name`, `asked.variant.name`, `variant.base.name`."""
    if not isinstance(node, ast.Attribute) or node.attr != "name":
        return False
    of = node.value
    if isinstance(of, ast.Attribute) and of.attr in ("base", "table"):
        of = of.value
    return called(of) in ("protocol", "variant")


def taken_apart(module: ast.Module) -> Iterator[int]:
    """The lines where a protocol's name is compared, searched or cut."""
    for node in ast.walk(module):
        looked_at: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            looked_at = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript):
            looked_at = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_APART:
            looked_at = [node.func.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "parse":
            looked_at = list(node.args)
        if any(map(names_a_protocol, looked_at)):
            yield getattr(node, "lineno", 0)


def test_a_protocols_name_is_taken_apart_nowhere() -> None:
    bad = "if protocol.name == 'int3' or 'without' in a.variant.name: b.protocol.name.split()[0]; parse(variant.name)"
    assert len(list(taken_apart(ast.parse(bad)))) == 4
    assert not [(path, line) for path, module in modules() for line in taken_apart(module)]


def test_names_become_values_at_the_doors_only() -> None:
    doors = {
        path
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simkernel.protocol")
        if {"parse", "phase_named"} & {alias.name for alias in node.names}
    }
    assert doors == set(DOORS)
