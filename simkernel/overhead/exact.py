"""Counted, not estimated: what the fixed workload takes in each variant, instruction by instruction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from simkernel import disasm
from simkernel.hw.x86 import MAX_INSTRUCTION
from simkernel.overhead.forms import form_of
from simkernel.overhead.variants import made
from simkernel.overhead.workload import Counts, Workload


@dataclass(frozen=True, slots=True)
class Exact:
    """The workload in one variant.

    Attributes:
        name: of the variant.
        instructions, reads, writes: of the whole workload.
        code: bytes of the instructions run.
        calls: how often a site was passed; 0 where the kernel has none.
        by_function: the same for each function.
        text: bytes of the kernel's code.
        span: instructions from a site to site+5, the fewest and the most.
        inside: function -> instructions of its own that ran.
        system_calls: task -> how many it made.
        forms: form of instruction (`forms.py`) -> how many of them ran.
    """

    name: str
    instructions: int
    code: int
    reads: int
    writes: int
    calls: int
    text: int
    span: tuple[int, int]
    system_calls: Mapping[str, int]
    by_function: Mapping[str, int]
    inside: Mapping[str, int]
    forms: Mapping[str, int]


@cache
def exact(name: str, glob: str = "*") -> Exact:
    """The workload of a variant, counted; `glob` chooses functions where the variant traces.

    Raises:
        LearnerError: for an unknown variant, or one that has to be assembled where there is no assembler.
    """
    return counted(name, made(name, glob))


def counted(name: str, workload: Workload) -> Exact:
    """Run a workload once and count it."""
    before = workload.system_calls()
    counts = workload.run()
    after = workload.system_calls()
    by_function = {function: counts.executed.get(site, 0) for site, function in workload.sites.items()}
    ran = _instructions(workload, counts)
    lengths = [span for spans in counts.spans.values() for span in spans]
    return Exact(
        name=name,
        instructions=counts.instructions,
        code=sum(times * size for size, _form, times in ran),
        reads=counts.reads,
        writes=counts.writes,
        calls=sum(by_function.values()),
        text=len(workload.image.segments[0].data),
        span=(min(lengths, default=0), max(lengths, default=0)),
        system_calls={task: calls - before.get(task, 0) for task, calls in after.items()},
        by_function=by_function,
        inside=_by_symbol(workload, counts),
        forms=_by_form(ran),
    )


def _instructions(workload: Workload, counts: Counts) -> list[tuple[int, str, int]]:
    """Size and form of each instruction that ran, and how often it did."""
    machine = workload.parts.machine
    return [(*_decoded(machine.code.view_read(0, at, MAX_INSTRUCTION)), times) for at, times in counts.executed.items()]


@cache
def _decoded(code: bytes) -> tuple[int, str]:
    """Size and form of the instruction that some bytes begin with; wherever it stands, they are the same."""
    instruction = next(disasm.decode(code, 0))
    return instruction.size, form_of(instruction)


def _by_form(ran: list[tuple[int, str, int]]) -> dict[str, int]:
    """Instructions that ran, by their form."""
    forms: Counter[str] = Counter()
    for _size, form, times in ran:
        forms[form] += times
    return dict(forms)


def _by_symbol(workload: Workload, counts: Counts) -> dict[str, int]:
    """Instructions that ran, by the symbol that they stand in; those of trampolines under no name."""
    inside: Counter[str] = Counter()
    for address, times in counts.executed.items():
        symbol = workload.image.find(address)
        inside["" if symbol is None else symbol.name] += times
    return dict(inside)
