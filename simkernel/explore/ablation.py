"""The table of ablations: each protocol whole and without each of its steps, in each model: safe, or how soon not.

A cell holds the property that is broken soonest and the number of steps of the shortest schedule that breaks it; `Cell`
has those of the other properties too. The page `ablation.md` beside this file is `markdown()`, and a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simkernel.explore.case import CHANGES
from simkernel.explore.question import CHANGES_IN_WORDS, Finding, Question, explore_each
from simkernel.explore.replay import Stages, replay
from simkernel.fetch import FetchModel
from simkernel.protocol import INT3_2012, INT3_PROTOCOL, PROTOCOLS, STOP_MACHINE, Protocol

COLUMNS = (
    ("instant", FetchModel.INSTANT, "across"),
    ("pieces", FetchModel.PIECES, "across"),
    ("line, inside one", FetchModel.LINE, "inside"),
    ("line, across two", FetchModel.LINE, "across"),
    ("byte", FetchModel.BYTE, "across"),
)
TAKEN_APART = (INT3_PROTOCOL, INT3_2012, STOP_MACHINE)
CPUS = 2
TRAP_GATE = "A CPU that has trapped answers the last sync before its handler holds a reference."
PARTS = "A CPU stands between two parts, and comes back to the middle of a call."
NOPS = {"5x1": PARTS, "2+3": PARTS, "jmp+3": "One instruction, however many bytes it jumps over."}

INTRODUCTION = """\
# What each step of a protocol is for

This page is what `simkernel explore --ablation --markdown` prints. Each row is a protocol, whole or changed in one
thing. Each column is a fetch model; where a cell of it is a cache line, the site lies in one line or across two.
A cell says `safe`, or what is broken soonest (and when it tears) with the steps of the shortest schedule. The last
column is the protocol's own sentence on that step, for any model and change. The search has looked at every order of
events of two CPUs. "Safe" is said of the model, not of any CPU: a manual promises nothing until a CPU serializes.

`simkernel explore` with the same protocol, model and place prints the schedule, plays it, and gives the moment at which
it begins; `--ablation --json` gives them all. Two things may surprise. `atomic8` tears even in `instant` where the site
lies across two aligned words, because it is two stores there. And `stop_machine` in an interrupt needs no serializing
of its own only for sites that the rest of that interrupt does not run before its IRET.

torn: neither the old instruction, nor int3, nor the new one is run. unclaimed: nobody claims an int3. neither: a
passage behaves neither as old nor as new. back: a CPU goes back to the old. late: old after the patch. stack: a wrong
return address. released: the record goes while an int3 of it may come. stuck: the patch cannot end, and nobody has
died.
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One protocol for one change in one column: a finding for each property that can be broken, soonest first."""

    row: str
    change: str
    column: str
    why: str
    findings: tuple[Finding, ...]

    def text(self) -> str:
        """`safe`, or the property and the steps of the shortest failure; a later tearing is named beside it."""
        if not self.findings:
            return "safe"
        shown = [one for at, one in enumerate(self.findings) if at == 0 or one.broken == "torn"]
        return ", ".join(f"{one.broken} {len(one.schedule)}" for one in shown)


def protocols() -> Iterator[tuple[str, Protocol, str]]:
    """(row, protocol, why): each whole, some without each phase, and int3 through a trap gate and on other NOPs."""
    for protocol in PROTOCOLS.values():
        yield protocol.name, protocol, protocol.prose
        if protocol in TAKEN_APART:
            for phase in protocol.phases:
                yield f"... without {phase.name}", protocol.without(phase.name), phase.without
    yield "int3 through a trap gate", INT3_PROTOCOL.through_trap_gate(), TRAP_GATE
    for form, why in NOPS.items():
        for protocol in (INT3_PROTOCOL, STOP_MACHINE):
            yield f"{protocol.name} on nop {form}", protocol.on_nop(form), why


def cells(change: str) -> Iterator[Cell]:
    """The table for one change, row by row."""
    for row, protocol, why in protocols():
        for column, model, place in COLUMNS:
            question = Question(protocol, change, place, model, CPUS)
            findings = tuple(one for one in explore_each(question) if one.broken)
            yield Cell(row, change, column, why, findings)


def markdown() -> str:
    """The page: a table for each change."""
    out = [INTRODUCTION]
    for change in CHANGES:
        out += [f"## {CHANGES_IN_WORDS[change]}", ""]
        out += [_row(["protocol", *(column for column, _, _ in COLUMNS), "why"]), _row(["---"] * (len(COLUMNS) + 2))]
        out += [_row(line) for line in _lines(change)]
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def plain() -> str:
    """The same tables for a terminal."""
    out = []
    for change in CHANGES:
        lines = [["protocol", *(column for column, _, _ in COLUMNS)], *(line[:-1] for line in _lines(change))]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        out.append(f"{CHANGES_IN_WORDS[change]}, {CPUS} CPUs: the shortest failure, in steps")
        out += [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        out.append("")
    return "\n".join(out).rstrip()


def _lines(change: str) -> list[list[str]]:
    found = list(cells(change))
    rows = [found[at : at + len(COLUMNS)] for at in range(0, len(found), len(COLUMNS))]
    return [[row[0].row, *(cell.text() for cell in row), row[0].why] for row in rows]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def values(with_moments: bool) -> Iterator[dict[str, object]]:
    """Every cell x property as JSON has it; with the moments at which the schedules begin."""
    for change in CHANGES:
        stages = Stages()
        for cell in cells(change):
            yield {
                "protocol": cell.findings[0].question.protocol.name if cell.findings else cell.row,
                "row": cell.row,
                "change": change,
                "model": cell.column,
                "why": cell.why,
                "safe": not cell.findings,
                "broken": [
                    {
                        "property": one.broken,
                        "steps": len(one.schedule),
                        "moment": replay(one, stages).moment if with_moments else None,
                    }
                    for one in cell.findings
                ],
            }
