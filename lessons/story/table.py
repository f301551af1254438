"""The bytes of a site as a table: in memory, what each CPU may run, what they become."""

from __future__ import annotations

from dataclasses import dataclass

from lessons.story.marks import Mark, Marked, marked
from simkernel.events import SiteRan
from simkernel.insn import INT3
from simkernel.sentence import without_addresses
from simkernel.sim.snapshot import CpuSnapshot, MayRun, SiteBytes, SiteSnapshot, Snapshot
from simkernel.sim.snapshot.changes import Aspect, Thing, ThingChange

NEXT_TIME = "the next time it runs the site"
UNREAD = ".."  # what a CPU has not read yet of the instruction that it is reading; screens may draw two dots


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: its label, the site's bytes, the instruction that they are, a remark, the CPU or -1."""

    label: str
    cells: tuple[Marked, ...]
    text: str
    remark: str = ""
    cpu: int = -1


@dataclass(frozen=True, slots=True)
class Table:
    """The bytes of a site.

    Attributes:
        name: of the function. memory, cpus, becomes: its rows; `becomes` is None where no change is under way.
        line_break: how many bytes lie before the next cache line, 0 where all lie in one.
    """

    name: str
    memory: Row
    cpus: tuple[Row, ...]
    becomes: Row | None
    line_break: int

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, from the top."""
        return (self.memory, *self.cpus, *(() if self.becomes is None else (self.becomes,)))


def table_of(snapshot: Snapshot) -> Table | None:
    """The table of the site that a snapshot shows; None where it shows none."""
    site = snapshot.site
    if site is None:
        return None
    changed = {change.what for change in snapshot.changes}
    memory = Row(
        "in memory",
        tuple(
            marked(f"{byte:02X}", _kind(site, at, byte), _if(Thing(Aspect.MEMORY, at=at) in changed, Mark.CHANGED))
            for at, byte in enumerate(site.memory.data)
        ),
        instruction(site.memory),
    )
    return Table(
        name=site.name,
        memory=memory,
        cpus=tuple(_cpu_row(snapshot, site, one) for one in site.cpus),
        becomes=None if site.new is None else _plain_row("becomes", site, site.new),
        line_break=site.line_break,
    )


def instruction(data: SiteBytes) -> str:
    """The instruction that a site's bytes are, without addresses."""
    return without_addresses(data.text)


def _if(condition: bool, mark: Mark) -> Mark | None:
    return mark if condition else None


def _kind(site: SiteSnapshot, at: int, byte: int) -> Mark | None:
    """Whether a byte is the old one, the new one or an int3; None where old and new are the same, or none is known."""
    if site.old is None or site.new is None:
        return None
    old, new = site.old.data[at], site.new.data[at]
    if byte == INT3 and at == 0 and byte not in (old, new):
        return Mark.INT3
    if old == new:
        return None
    return Mark.OLD if byte == old else Mark.NEW if byte == new else None


def _plain_row(label: str, site: SiteSnapshot, data: SiteBytes) -> Row:
    cells = tuple(marked(f"{byte:02X}", _kind(site, at, byte)) for at, byte in enumerate(data.data))
    return Row(label, cells, instruction(data))


def _cpu_row(snapshot: Snapshot, site: SiteSnapshot, one: MayRun) -> Row:
    cpu = snapshot.cpus[one.cpu]
    return Row(
        f"CPU{one.cpu} may run",
        tuple(_cpu_cell(site, one, at, _changed(snapshot.changes, one, at)) for at in range(site.size)),
        "" if one.read or not one.certain else without_addresses(one.text),
        remark_of(one, cpu, site.address) or _next_time(snapshot, site, one),
        one.cpu,
    )


def _changed(changes: tuple[ThingChange, ...], one: MayRun, at: int) -> bool:
    """True where what stands in a cell of a CPU's row is not what stood there."""
    may_run, read = Thing(Aspect.MAY_RUN, one.cpu, at), Thing(Aspect.READ, one.cpu)
    return any(
        change.what == may_run or (change.what == read and _shown(change.before, at) != _shown(change.after, at))
        for change in changes
    )


def _shown(read: int, at: int) -> bool:
    """Whether a CPU that has read so many bytes shows byte `at` as a value; one that has read none shows all."""
    return not read or at < read


def _cpu_cell(site: SiteSnapshot, one: MayRun, at: int, changed: bool) -> Marked:
    values = sorted(set(one.options[at]))
    extra = _if(changed, Mark.CHANGED)
    executing = _if(one.here and at == 0, Mark.EXECUTING)
    if one.read and at >= one.read:
        return marked(UNREAD, Mark.UNREAD, extra)
    text = " or ".join(f"{value:02X}" for value in values)
    if len(values) > 1:
        return marked(text, Mark.UNCERTAIN, extra, executing)
    return marked(text, _kind(site, at, values[0]), extra, executing)


def _next_time(snapshot: Snapshot, site: SiteSnapshot, one: MayRun) -> str:
    """A remark where a CPU has just run something else here than what its row says."""
    bytes_now = bytes(values[0] for values in one.options)
    ran = any(
        isinstance(line.event, SiteRan)
        and (line.event.entry, line.event.cpu, line.event.site) == (snapshot.position - 1, one.cpu, site.address)
        and line.event.data != bytes_now
        for line in snapshot.events
    )
    return NEXT_TIME if ran else ""


def remark_of(one: MayRun, cpu: CpuSnapshot, site: int) -> str:
    """What stands behind a CPU's bytes."""
    if one.read:
        return one.has_read
    if not one.certain:
        return "the one or the other"
    if site in cpu.handling:
        return "is in the int3 handler"
    return "is about to run it" if one.here else ""
