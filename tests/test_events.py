"""Events tell what they are about, and when they happened, from the beginning."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from simkernel import events as ev
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation

ROOT = Path(__file__).parents[1]
SITE, OTHER = 0xFFFF_FFFF_8100_0040, 0xFFFF_FFFF_8100_0200


@pytest.mark.parametrize(
    ("event", "about"),
    [
        (ev.PlanEnded(title="x"), (None, None)),
        (ev.EarlyPoked(count=3, site=SITE, old=b"", new=b""), (None, SITE)),
        (ev.BatchStarted(protocol="int3", batch=1, sites=(SITE, OTHER)), (None, None)),
        (ev.WordsStored(what="x", address=OTHER, size=8), (None, OTHER)),
        (ev.SyncSent(phase="sync 1", cpus=(0, 1)), (None, None)),
        (ev.SyncAnswered(cpu=1, waiting_for=()), (1, None)),
        (ev.SiteRan(cpu=0, site=SITE, data=b""), (0, SITE)),
        (ev.Int3Done(cpu=1, address=SITE, resume=OTHER, emulated=ev.Emulated.CALL), (1, SITE)),
        (ev.TraceWritten(cpu=0, index=0, ip=SITE, parent_ip=OTHER, pid=7), (0, SITE)),
        (ev.TraceWritten(cpu=0, index=0, ip=0, parent_ip=OTHER, pid=7), (0, None)),
        (ev.Oopsed(cpu=1, vector=6, address=SITE), (1, SITE)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_tells_its_cpu_and_its_address(event: ev.Event, about: tuple[int | None, int | None]) -> None:
    assert (event.cpu, event.at) == about


def test_its_cpu_must_be_given() -> None:
    with pytest.raises(TypeError, match="cpu"):
        ev.SyncAnswered(waiting_for=())  # type: ignore[call-arg]


def test_the_kinds_are_those_that_happen() -> None:
    assert {"SiteRan", "PlanEnded", "TraceWritten", "SyncSent"} <= ev.event_kinds()
    assert not {"Event", "CpuEvent", "InstructionEvent", "PhaseEvent"} & ev.event_kinds()


def started() -> Simulation:
    simulation = Simulation.boot(Options(cpus=2, seed=4, patch_quantum=64, act_odds=256))
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(SetTracer("function"))
    return simulation


def test_what_a_step_returns_is_what_the_log_holds_stamps_too() -> None:
    """Entry by entry, and instruction by instruction: the stamps are the same."""
    whole, pieces = started(), started()
    begin, first = whole.position, whole.logged
    seen: list[ev.Event] = []
    while whole.position < begin + 3_000:
        seen += whole.step()
    stamps = [(event, event.stamp) for event in seen]
    assert stamps == [(event, event.stamp) for event in whole.since(first)] and len(stamps) > 40
    assert all(0 <= event.entry - begin < 3_000 and event.clock for event in seen)
    stepped: list[ev.Event] = []
    long = False
    while pieces.position < whole.position:
        stepped += pieces.step_instruction(n=7)
        long = long or (pieces.last_run is not None and pieces.last_run.n > 7)
    assert long and [(event, event.stamp) for event in stepped] == stamps


def changes(tree: ast.AST) -> Iterator[int]:
    """The lines that set a field of a frozen value which the same function has not made (`object.__new__`)."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        nodes, made = list(ast.walk(function)), {"self"}
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                made |= {ast.unparse(target)} if ast.unparse(node.value).startswith("object.__new__(") else set()
        for node in nodes:
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "object.__setattr__":
                yield from [] if ast.unparse(node.args[0]) in made else [node.lineno]


def test_what_the_search_for_changes_finds() -> None:
    code = "def f(a):\n b = object.__new__(A)\n object.__setattr__(b, 'x', 1)\n object.__setattr__(a, 'x', 1)"
    assert list(changes(ast.parse(code))) == [4]


def test_nobody_changes_a_frozen_value() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ("simkernel", "lessons", "tui")
        for path in (ROOT / room).rglob("*.py")
        if "__setattr__" in (text := path.read_text(encoding="utf-8"))
        for line in changes(ast.parse(text))
    ]
    assert found == []


def by_name(tree: ast.AST) -> Iterator[int]:
    """The lines that ask an event for a field, or for its class, by a name in quotes."""
    kinds = ev.event_kinds()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node).startswith(("getattr(event, '", "hasattr(event, '")):
            yield node.lineno
        constants = (one for one in ast.walk(node) if isinstance(one, ast.Constant))
        if isinstance(node, ast.Compare) and any(one.value in kinds for one in constants):
            yield node.lineno


def test_what_the_search_for_names_finds() -> None:
    lines = ("getattr(event, 'cpu')", "isinstance(event, A)", "name == 'SiteRan'", "hasattr(event, 'x')")
    assert sorted(by_name(ast.parse("\n".join(lines)))) == [1, 3, 4]


def test_nobody_asks_an_event_for_a_field_or_its_type_by_name() -> None:
    """There are `cpu`, `at` and isinstance."""
    words = ("getattr", "hasattr", *(f'"{kind}"' for kind in ev.event_kinds()))
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ("simkernel", "lessons", "tui")
        for path in (ROOT / room).rglob("*.py")
        if any(map((text := path.read_text(encoding="utf-8")).__contains__, words))
        for line in by_name(ast.parse(text))
    ]
    assert found == []
