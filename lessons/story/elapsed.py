"""What passed between two steps besides the story: other sites, instructions, and interrupts that had to wait."""

from __future__ import annotations

from collections.abc import Mapping

from lessons.session.stepper import Stepper
from simkernel import events as ev
from simkernel.kernel.layout import VECTOR_CALL_FUNCTION
from simkernel.schedule import Run
from simkernel.sentence import listed

WORTH_SAYING = 20  # instructions
AT_MOST = 2  # that a CPU runs before it takes an interrupt, where nothing masks it


def instructions(stepper: Stepper, first: int, last: int) -> Mapping[int, int]:
    """How many instructions each CPU had time for in the entries `first` to `last - 1`, by its number."""
    time: dict[int, int] = {}
    for entry in stepper.simulation.entries[first:last]:
        if isinstance(entry.what, Run):
            time[entry.what.cpu] = time.get(entry.what.cpu, 0) + entry.what.n
    return time


def masked(stepper: Stepper, cpu: int, sent: int, taken: int) -> int:
    """For how many instructions a CPU had its interrupts off while an IPI waited for it; 0 where it had them on.

    A CPU that can be interrupted takes the IPI before its next instruction, but for one that it is in the middle of and
    one behind STI.

    Args:
        stepper: the run.
        cpu: its number.
        sent: the entry at which the IPI was sent.
        taken: the entry at which the CPU takes it, or up to which it has not.
    """
    ran = instructions(stepper, sent + 1, taken).get(cpu, 0)
    return ran if ran > AT_MOST else 0


def masked_before(stepper: Stepper, answered: ev.SyncAnswered) -> int:
    """For how many instructions a CPU had its interrupts off before it took the IPI that it has answered."""
    known, taken = stepper.simulation.known_events, answered.entry
    for at in range(stepper.simulation.logged - 1, -1, -1):
        one = known[at]
        if isinstance(one, ev.SyncSent):
            return masked(stepper, answered.cpu, one.entry, taken)
        if isinstance(one, ev.InterruptTaken) and (one.cpu, one.vector) == (answered.cpu, VECTOR_CALL_FUNCTION):
            taken = one.entry
    return 0


def elsewhere(stepper: Stepper, first: int, last: int) -> str:
    """What happened between two positions besides stops of this site: other sites' stops, else the time that passed."""
    others = stepper.events_from(first, last - 1)
    traps = sum(isinstance(event, ev.Int3Taken) for event in others)
    calls = sum(isinstance(event, ev.TraceWritten) for event in others)
    if traps or calls:
        counted = [f"{number_of(traps, 'int3')} taken"] if traps else []
        counted += [number_of(calls, "traced call")] if calls else []
        return f"Elsewhere meanwhile: {listed(counted)}."
    long = {cpu: n for cpu, n in sorted(instructions(stepper, first, last).items()) if n >= WORTH_SAYING}
    if not long:
        return ""
    said = [f"{n:,}{'' if at else ' instructions'} on CPU{cpu}" for at, (cpu, n) in enumerate(long.items())]
    return f"Time since the step before: {listed(said)}."


def number_of(number: int, noun: str) -> str:
    """A noun with its number: "1 site", "3 sites"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
