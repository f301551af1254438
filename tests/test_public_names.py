"""One public name means one thing: what two modules define is listed, and why.

In `simkernel` that holds for classes and functions; in the learner's rooms, where a function is its module's way to
make or to draw one thing, for classes.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ast.ClassDef, ast.FunctionDef

ALLOWED = {
    "Cpu": "a CPU: of the machine; of the explorer's world",
    "Functions": "functions of a kernel: generated ones, in memory; the table in which one is chosen",
    "Instruction": "an instruction: as the disassembler decodes it; a line of code in a picture",
    "Interrupts": "interrupts of CPUs: their lines; one that comes, by its word in a scenario's file",
    "Kernel": "a kernel as a value; what ftrace needs of a kernel (`simkernel/ftrace/needs.py`)",
    "Log": "what has happened: as history keeps it; its sentences in a picture",
    "Machine": "the machine; what ftrace needs of it",
    "Memory": "what three rooms need of the guest's memory, each its own part of it",
    "Move": "what one CPU did in one step: of history; of the explorer's schedule",
    "Options": "options of a simulation; those of a command line, which name the same",
    "Part": "what a byte of a site is in a protocol's table; a part of a picture, which no file has beside it",
    "Phase": "a phase of a protocol: what it does; how far it is, in a picture",
    "Question": "a question: to the explorer; to a person, in a picture",
    "Store": "bytes stored at one moment: of guest data by a plan's step; of code, which stay pending",
    "Symbol": "a symbol of a kernel: as the assembler links it; what ftrace needs of it",
    "View": "`hw.fetch.View` is what one CPU runs, `trace.output.View` what a text depends on (`docs/glossary.md`)",
    "Violation": "a broken property: the shortest schedule to it; where a run has met it",
    "check": "refuse what the module's work does not allow; called through its module",
    "files": "a room's control files by name; called through its module",
    "load": "`insn.load` is the instruction; called through its module",
    "main": "a program's entry",
    "nearest": "the known name most like a wrong one, for the end of a message",
    "nondeterministic": "what would bring host values in: one instruction; those of a block",
    "pack": "the form in which something is kept; called through its module",
    "parse": "the value that a text stands for",
    "sentence": "what happened, as a sentence: an event; a step of the explorer's schedule",
    "spelled": "as Keystone reads it: an operand; a statement",
    "store": "`insn.store` is the instruction; called through its module",
    "target": "`insn.target` is where a branch goes; called through its module",
    "unpack": "the way back of `pack`",
}
"""A name that several modules define -> the one idea behind it, or how the two are told apart."""


def sources(*tops: str) -> Iterator[Path]:
    """The files of some packages."""
    for top in tops:
        yield from sorted((ROOT / top).rglob("*.py"))


def defined(module: ast.Module, *kinds: type[ast.ClassDef | ast.FunctionDef]) -> set[str]:
    """What a module defines of these kinds at its top, and is public."""
    return {node.name for node in module.body if isinstance(node, kinds) and not node.name.startswith("_")}


def owners() -> dict[str, list[str]]:
    """Each public class, and each public function of simkernel -> the modules that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for room, kinds in (("simkernel", KINDS), ("lessons", KINDS[:1]), ("tui", KINDS[:1])):
        for path in sources(room):
            for name in defined(ast.parse(path.read_text(encoding="utf-8")), *kinds):
                found[name].append(str(path.relative_to(ROOT)))
    return found


def met_twice(source: str, names: set[str]) -> set[str]:
    """Those of the names that a file has from two modules, or from one beside its own."""
    module = ast.parse(source)
    own = defined(module, *KINDS)
    origins: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            for one in node.names:
                origins[one.asname or one.name].add(f"{node.module}.{one.name}")
    return {name for name in names if len(origins.get(name, ())) + (name in own) > 1}


def test_what_is_found() -> None:
    source = "from a import Cpu\nfrom b import Cpu, load as load_it\ndef load(): ...\nclass _Cpu: ...\ndef _f(): ...\n"
    assert defined(ast.parse(source), *KINDS) == {"load"}
    assert defined(ast.parse(source + "class Own: ...\n"), ast.ClassDef) == {"Own"}
    assert met_twice(source, {"Cpu", "load"}) == {"Cpu"}
    assert met_twice("from a import load\ndef load(): ...\n", {"load"}) == {"load"}


def test_a_public_name_means_one_thing() -> None:
    twice = {name: where for name, where in owners().items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in ALLOWED} == {}
    assert sorted(ALLOWED.keys() - twice) == [], "no longer needed"


def test_two_things_of_one_name_never_meet_in_one_file() -> None:
    found = {
        str(path): met_twice(path.read_text(encoding="utf-8"), set(ALLOWED))
        for path in sources("simkernel", "lessons", "tui")
    }
    assert {path: names for path, names in found.items() if names} == {}
