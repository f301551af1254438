"""The table of ablations: each protocol whole and without each of its steps, in each model: safe, or how soon not.

A cell holds the property that is broken soonest and the number of steps of the shortest schedule that breaks it; `Cell`
has those of the other properties too. The page `ablation.md` beside this file is `markdown()`, and a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from simkernel.explore.case import CHANGES, PLACES
from simkernel.explore.question import CHANGES_IN_WORDS, Finding, Question, explore_each
from simkernel.explore.reasons import SAFE, verdict_of, why
from simkernel.explore.replay import replay
from simkernel.explore.stage import Stages
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import INT3_2012, INT3_PROTOCOL, NOP_FORMS, PROTOCOLS, STOP_MACHINE, Variant

TAKEN_APART = (INT3_PROTOCOL, INT3_2012, STOP_MACHINE)
CPUS = 2
INTRODUCTION = """\
# What each step of a protocol is for

This page is what `simkernel explore --ablation --markdown` prints. Each row is a protocol, whole or changed in one
thing. Each column is a fetch model. The search has looked at every order of events of two CPUs to which no NMI comes,
for a site inside one cache line and for one across two. A cell says `safe`, or what is broken soonest (and when it
tears) with the steps of the shortest schedule; where the two sites differ, both. The last column says why, for each
verdict of its row. "Safe" is said of the model, not of any CPU: a manual promises nothing until a CPU serializes.

`simkernel explore` with the same protocol, model and place prints the schedule, plays it, and gives the moment at which
it begins; `--ablation --json` gives them all, for each property. Two things may surprise. `atomic8` tears even in
`instant` where the site lies across two aligned words, because it is two stores there. And `stop_machine` in an
interrupt needs no serializing of its own only for sites that the rest of that interrupt does not run before its IRET.

Rows *with NMIs*: an NMI may come to a CPU at any moment, and only NMIs run the site. It is that of `nmi_handle`, which
lies inside a cache line. Such a row is there for `int3`, and for each protocol to which NMIs make a difference: what is
broken of any other with NMIs is what is broken without. They are why `stop_machine` does not suffice: it turns
interrupts off, and an NMI comes all the same. ftrace of Linux up to 3.4, which wrote under stop_machine, waited for
NMIs that ran already and had each that came meanwhile write the new bytes itself before it ran any (commit
17666f02b118); since 3.5 it writes an int3, whose handler an NMI can run (commit 08d636b6d4fb).

torn: neither the old instruction, nor int3, nor the new one is run. unclaimed: no handler claims an int3. neither: a
CPU does neither what the old nor what the new one does. back: a CPU goes back to the old. late: old after the patch.
wrong-stack: a wrong return address. released: the batch goes while an int3 of it may come. stuck: the patch cannot
end, and nobody has died.
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One protocol, change, model and place: a finding for each property that can be broken, soonest first.

    Attributes:
        row: its name in the table.
        findings: where nothing can be broken, the one that says so.
    """

    row: str
    question: Question
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The findings with a schedule."""
        return tuple(one for one in self.findings if one.broken)

    def text(self) -> str:
        """`safe`, or the property and the steps of the shortest failure; a later tearing is named beside it."""
        shown = [one for at, one in enumerate(self.broken) if at == 0 or one.broken == "torn"]
        return ", ".join(f"{one.broken} {len(one.schedule)}" for one in shown) or SAFE


def variants() -> Iterator[tuple[str, Variant]]:
    """(row, variant): each protocol whole, some without each phase, and int3 through a trap gate and on other NOPs."""
    for protocol in PROTOCOLS.values():
        whole = Variant(protocol)
        yield whole.name, whole
        if protocol in TAKEN_APART:
            for phase in protocol.phases:
                yield f"... without {phase.name}", whole.without(phase.name)
    int3, stop_machine = Variant(INT3_PROTOCOL), Variant(STOP_MACHINE)
    others = [int3.through_trap_gate()]
    for form, nop in NOP_FORMS.items():
        if nop != INT3_PROTOCOL.nop:
            others += [int3.on_nop(form), stop_machine.on_nop(form)]
    yield from ((variant.name, variant) for variant in others)


def rows(change: str) -> Iterator[list[Cell]]:
    """The table for one change: a row has two cells for each model, inside a line and across two.

    With NMIs a row has the first only; it is there for int3, and where NMIs change the verdict.
    """
    for row, variant in variants():
        questions = [Question(variant, change, place, model, CPUS) for model, place in product(FetchModel, PLACES)]
        cells = [Cell(row, question, explore_each(question)) for question in questions]
        yield cells
        asked = [replace(question, nmi=True) for question in questions if question.place == "inside"]
        with_nmis = [Cell(f"{row}, with NMIs", question, explore_each(question)) for question in asked]
        inside = (cell for cell in cells if cell.question.place == "inside")
        same = all(verdict_of(a.findings) == verdict_of(b.findings) for a, b in zip(inside, with_nmis, strict=True))
        if variant == Variant(INT3_PROTOCOL) or not same:
            yield with_nmis


def markdown(table: Callable[[str], Iterable[list[Cell]]] = rows) -> str:
    """The page: a table for each change, whose rows `table` gives."""
    out = [INTRODUCTION]
    titles = ["protocol", *(model.value for model in FetchModel), "why"]
    for change in CHANGES:
        out += [f"## {CHANGES_IN_WORDS[change]}", "", _row(titles), _row(["---"] * len(titles))]
        out += [_row([cells[0].row, *_texts(cells), _reasons(cells)]) for cells in table(change)]
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def as_text() -> str:
    """The same tables for a terminal."""
    out = []
    for change in CHANGES:
        lines = [["protocol", *(model.value for model in FetchModel)]]
        lines += [[cells[0].row, *_texts(cells)] for cells in rows(change)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        out.append(f"{CHANGES_IN_WORDS[change]}, {CPUS} CPUs: the shortest failure, in steps")
        out += [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        out.append("")
    return "\n".join(out).rstrip()


def _texts(cells: list[Cell]) -> Iterator[str]:
    """A text for each model; both places where they differ."""
    for model in FetchModel:
        texts = {cell.question.place: cell.text() for cell in cells if cell.question.model is model}
        same = len(set(texts.values())) == 1
        yield texts["inside"] if same else "; ".join(f"{place} {text}" for place, text in texts.items())


def _reasons(cells: list[Cell]) -> str:
    """Each verdict's reason, once; with the verdict where the row has several."""
    reasons = {why(cell.findings): verdict_of(cell.findings) for cell in cells}
    if len(reasons) == 1:
        return next(iter(reasons))
    return " ".join(f"*{verdict}*: {reason}" for reason, verdict in reasons.items())


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def values(with_moments: bool) -> Iterator[dict[str, object]]:
    """Every cell x property as JSON has it; with the moments at which the schedules begin."""
    for change in CHANGES:
        stages = Stages()
        for cell in (cell for cells in rows(change) for cell in cells):
            asked = cell.question
            yield {
                "protocol": asked.variant.name,
                "row": cell.row,
                "change": change,
                "model": asked.model.value,
                "place": asked.place,
                "cpus": asked.cpus,
                "nmi": asked.nmi,
                "safe": not cell.broken,
                "why": why(cell.findings),
                "broken": [
                    {
                        "property": one.broken,
                        "steps": len(one.schedule),
                        "moment": replay(one, stages).moment if with_moments else None,
                    }
                    for one in cell.broken
                ],
            }
