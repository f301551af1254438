"""What an import pulls in, what imports what, and what no source may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("simkernel", "lessons", "tui")

LOADED_BY = """
import importlib, pkgutil, sys
for name in sys.argv[1].split(","):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(*sorted(name.partition(".")[0] for name in sys.modules))
"""


def loaded_by(packages: str) -> set[str]:
    """The top-level names in sys.modules once every module of `packages` has been imported."""
    result = subprocess.run([sys.executable, "-c", LOADED_BY, packages], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize("package", ["simkernel", "lessons"])
def test_engine_and_lessons_load_no_terminal_toolkit(package: str) -> None:
    assert not loaded_by(package) & {"textual", "rich", "click", "tui"}


def test_engine_loads_no_lessons() -> None:
    assert "lessons" not in loaded_by("simkernel")


def test_help_loads_no_engine() -> None:
    program = "import sys, tui.cli; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(result.stdout.split()) & {"numpy", "unicorn", "keystone", "capstone", "textual", "rich"}


TERMINAL = {"print", "input", "stdin", "stdout", "stderr", "isatty", "signal", "get_terminal_size"}

PLAYED = """
import os, signal, sys, traceback
handlers = {one: signal.getsignal(one) for one in signal.valid_signals()}
said, sys.stdin, sys.stdout, sys.stderr = sys.stdout, None, None, None
os.close(0), os.close(2)

from lessons.activities.start import Start
from lessons.visit import Visit

def play():
    visit = Visit(Start())
    visit.start()
    for word in "down enter next next instruction run moment functions".split():
        name, _, argument = word.partition(":")
        outcome = visit.apply(name, argument)
        assert not outcome.refused, (word, outcome.message)
        if outcome.opens is not None:
            assert not visit.start().refused
        visit.front.picture()
    assert {one: signal.getsignal(one) for one in signal.valid_signals()} == handlers
    return len(visit.crumbs)

try:
    print(play(), file=said)
except BaseException:
    print(traceback.format_exc(), file=said)
"""


def test_lessons_know_no_terminal_no_stderr_and_no_signal() -> None:
    """Nothing of it names them, but for the command that writes what is known of scenarios."""
    found = []
    for path in sorted((ROOT / "lessons").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name in TERMINAL and path.name != "__main__.py":
                found.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert found == []


def test_a_story_is_played_where_there_is_no_terminal() -> None:
    """With stdin and stderr closed, none of the streams in `sys`, and the signals as they were."""
    result = subprocess.run([sys.executable, "-c", PLAYED], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "2\n"


# --- activities ----------------------------------------------------------------------------------------------------


def test_no_front_end_asks_which_activity_it_plays() -> None:
    """No `isinstance` and no `match` of a class of activity in `tui`; only what opens one names it."""
    names = activities()
    assert {"Story", "Lab", "Costs", "Boot", "Functions", "Opening", "Start"} <= names
    found = []
    for path in sorted((ROOT / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="isinstance" | "issubclass" | "type"), args=of):
                    asked = [ast.unparse(one) for one in of[1:]] or [""]
                case ast.MatchClass(cls=of_class):
                    asked = [ast.unparse(of_class)]
                case ast.Attribute(attr="__class__"):
                    asked = ["__class__"]
                case _:
                    continue
            if {word for text in asked for word in re.findall(r"\w+", text)} & names:
                found.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert found == []


def activities() -> set[str]:
    """The names of the classes of activities, and of what all of them are."""
    bases = {"Activity"}
    classes = [
        node
        for path in sorted((ROOT / "lessons").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    while more := {one.name for one in classes if {ast.unparse(base) for base in one.bases} & bases} - bases:
        bases |= more
    return bases


OF_ANY_SITE = {
    "lessons/story/say.py: event.address in stepper.image.mcount_loc": "is it at a site at all",
}


def test_whether_an_event_is_about_a_site_is_asked_in_one_place() -> None:
    """By `lessons.session.stops.is_at`: nothing else of the lessons and the front ends compares an event's address."""
    found = set()
    for path in [*sorted((ROOT / "lessons").rglob("*.py")), *sorted((ROOT / "tui").rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare) or path.name == "stops.py":
                continue
            sides = [node.left, *node.comparators]
            parts = [part for side in sides for part in (side.elts if isinstance(side, ast.Tuple) else [side])]
            asked = [one for one in parts if isinstance(one, ast.Attribute) and one.attr in ("site", "address", "at")]
            if any(ast.unparse(one.value).rpartition(".")[2] in ("event", "last", "ran", "stop") for one in asked):
                found.add(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert found == set(OF_ANY_SITE)


# --- import cycles -------------------------------------------------------------------------------------------------


def modules() -> dict[str, Path]:
    """Every module of the packages, by name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if path.stem == "__init__" else parts)] = path
    return found


def imported(path: Path, known: Collection[str]) -> set[str]:
    """The known modules that a file imports: at its top, in a function, or for a type checker only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                inside = [f"{module}.{alias.name}" for alias in names]
                found |= {one if one in known else module for one in inside}
            case ast.ImportFrom():
                raise AssertionError(f"{path}:{node.lineno}: a relative import")
    return found & set(known)


def needed(name: str, known: Collection[str]) -> set[str]:
    """The module of that name and the packages that its import runs first."""
    parts = name.split(".")
    return {".".join(parts[:size]) for size in range(1, len(parts) + 1)} & set(known)


def test_no_modules_import_one_another() -> None:
    """Not through a function either. A module's own packages, which have begun before it, are none of what it needs."""
    known = modules()
    graph = {}
    for module, path in known.items():
        names = imported(path, known)
        graph[module] = {one for name in names for one in needed(name, known)} - (needed(module, known) - names)
        graph[module].discard(module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"an import cycle: {' <- '.join(error.args[1])}")


# --- the door ------------------------------------------------------------------------------------------------------


def test_nobody_outside_sim_opens_a_simulation() -> None:
    """That nobody imports `parts_of` is a contract of imports; here that nobody goes round it."""
    opened = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for module, path in modules().items()
        if not module.startswith("simkernel.sim") and "_parts" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr == "_parts"
    ]
    assert not opened, f"ask the simulation, or have `simkernel.sim.parts.Parts` and no history: {opened}"


# --- python -O -----------------------------------------------------------------------------------------------------

REFUSALS = """
from lessons.session.left_out import left_out
from lessons.session.content import SCENARIOS
from simkernel.errors import LearnerError
from lessons.activities.lab_setup import Setup

def refused(ask):
    try:
        ask()
    except LearnerError as error:
        return str(error)
    return "accepted"

lab = Setup()
lab.choose("protocol", "stop_machine")
*others, last = list(lab.order)
for name in others:
    lab.switch(name, 0)
print(refused(lambda: lab.switch(last, 0)))
print(lab.times[last], lab.variant.table.phases[0].name == last)
print(refused(lambda: left_out(SCENARIOS["one"], "sync 9")))
"""


@pytest.mark.parametrize("option", [(), ("-O",)], ids=["python", "python -O"])
def test_input_is_refused_with_asserts_and_without(option: tuple[str, ...]) -> None:
    result = subprocess.run([sys.executable, *option, "-c", REFUSALS], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    last_step, after, no_phase = result.stdout.splitlines()
    assert "nothing would be left" in last_step
    assert after == "1 True"
    assert "has no phase 'sync 9'" in no_phase


def only_narrows(test: ast.expr) -> bool:
    """True for a condition that tells a type checker what holds anyway: `x is not None`, `isinstance(x, T)`."""
    match test:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(map(only_narrows, parts))
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.Call(func=ast.Name(id="isinstance")):
            return True
    return False


def test_an_assert_validates_nothing_that_a_person_gives() -> None:
    """`python -O` leaves asserts out. In functions they narrow types; those of a module compare two constants."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "assert " not in text:
                continue
            tree = ast.parse(text)
            of_the_module = {node for node in tree.body if isinstance(node, ast.Assert)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Assert) and node not in of_the_module and not only_narrows(node.test):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_no_object_is_changed_through_its_dict() -> None:
    """What an object holds is said where it is made, so that a type checker and a reader find it."""
    sources = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    assert [str(path.relative_to(ROOT)) for path in sources if "__dict__" in path.read_text(encoding="utf-8")] == []
