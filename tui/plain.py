"""A snapshot as short lines of text: for a pipe, a log, a screen reader, a slow link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simkernel.protocol import Phase, Protocol
    from simkernel.sim.snapshot import MayRun, SiteSnapshot


def site_lines(site: SiteSnapshot) -> Iterator[str]:
    """The bytes in memory and those that each CPU may run, one line each; `0F/CC` is the one or the other."""
    memory = [f"{byte:02X}" for byte in site.memory.data]
    rows = [("in memory", memory, site.memory.text)]
    rows += [(f"CPU{one.cpu} may run", cells(one), remark(one)) for one in site.cpus]
    widths = [max(2, *(len(row[1][at]) for row in rows)) for at in range(site.size)]
    yield f"{'':<14}" + " ".join(f"+{at}".ljust(width) for at, width in enumerate(widths)).rstrip()
    for name, values, text in rows:
        shown = " ".join(value.ljust(width) for value, width in zip(values, widths, strict=True))
        yield f"{name:<14}{shown}   {text}".rstrip()


def cells(one: MayRun) -> list[str]:
    """What one CPU may run, a text a byte; what it has not read yet of an instruction under way is `..`."""
    values = ["/".join(f"{value:02X}" for value in sorted(set(options))) for options in one.options]
    if one.read:
        values[one.read :] = [".."] * (len(values) - one.read)
    return values


def remark(one: MayRun) -> str:
    """What stands behind a CPU's bytes."""
    if one.read:
        return one.has_read
    if not one.certain:
        return "the one or the other, until it serializes"
    return one.text + (", its next instruction" if one.here else "")


def phase_lines(protocol: Protocol, phase: Phase) -> Iterator[str]:
    """A phase's heading, and why it is there."""
    number = protocol.phases.index(phase) + 1
    by = f"   {phase.linux}" if phase.linux else ""
    yield f"[{number} of {len(protocol.phases)}] {phase.name}{by}"
    yield f"Why: {phase.why}"
