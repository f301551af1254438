"""The bytes of a site as a table: in memory, what each CPU may run, what they become."""

from __future__ import annotations

from collections.abc import Sequence

from lessons.session.came_of import neither
from lessons.session.stepper import Stepper
from lessons.session.stops import is_at
from lessons.table import ByteRow, Mark, Marked, Table, marked
from simkernel.events import SiteRan
from simkernel.insn import INT3
from simkernel.sentence import without_addresses
from simkernel.sim.snapshot import CpuSnapshot, MayRun, SiteBytes, SiteSnapshot, Snapshot
from simkernel.sim.snapshot.changes import Aspect, Thing, ThingChange
from simkernel.sim.snapshot.site import site_bytes

NEXT_TIME = "from its next run on"
NO_INSTRUCTION = "no such instruction: #UD"


def table_of(stepper: Stepper) -> Table | None:
    """The table of the site that a stepper looks at; None where it looks at none."""
    snapshot = stepper.snapshot
    site = snapshot.site
    if site is None:
        return None
    changed = {change.what for change in snapshot.changes}
    old, new = (site.old, site.new) if site.new is not None else _over(stepper, site)
    memory = ByteRow(
        "in memory",
        tuple(
            marked(f"{byte:02X}", _kind(site, at, byte), _if(Thing(Aspect.MEMORY, at=at) in changed, Mark.CHANGED))
            for at, byte in enumerate(site.memory.data)
        ),
        instruction(site.memory),
    )
    return Table(
        name=site.name,
        was=None if old is None else _plain_row("was", old),
        memory=memory,
        cpus=tuple(_cpu_row(snapshot, site, one) for one in site.cpus),
        ran=tuple(_ran(stepper, site, event) for event in torn(stepper)),
        becomes=None if new is None else _plain_row("becomes", new),
        line_break=site.line_break,
    )


def _over(stepper: Stepper, site: SiteSnapshot) -> tuple[SiteBytes | None, SiteBytes | None]:
    """The instructions before and after the change that was seen last of a site, once it is over; None for none."""
    if not stepper.whole or stepper.whole[1] != site.memory.data:
        return site.old, site.new
    old, new = (site_bytes(stepper.simulation, site.address, data) for data in stepper.whole)
    return old, new


def torn(stepper: Stepper) -> list[SiteRan]:
    """What each CPU ran here last that was neither instruction, in the story up to here."""
    latest = {event.cpu: event for event in neither(stepper.ran(), stepper.whole)}
    return [latest[cpu] for cpu in sorted(latest)]


def _ran(stepper: Stepper, site: SiteSnapshot, event: SiteRan) -> ByteRow:
    """A CPU's bytes that were neither instruction, each by whose it is."""
    old, new = stepper.whole
    cells = tuple(marked(f"{byte:02X}", _whose(byte, old[at], new[at])) for at, byte in enumerate(event.data))
    text = without_addresses(site_bytes(stepper.simulation, site.address, event.data).text)
    none = not text or text.startswith("(bad)")
    return ByteRow(f"CPU{event.cpu} ran", cells, NO_INSTRUCTION if none else text, cpu=event.cpu)


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
    return _whose(byte, old, new)


def _whose(byte: int, old: int, new: int) -> Mark | None:
    """Whether a byte is the old one or the new one; None where both are the same, or it is neither."""
    if old == new:
        return None
    return Mark.OLD if byte == old else Mark.NEW if byte == new else None


def _plain_row(label: str, data: SiteBytes) -> ByteRow:
    """Bytes without marks: the row says whose they are."""
    return ByteRow(label, tuple(marked(f"{byte:02X}") for byte in data.data), instruction(data))


def _cpu_row(snapshot: Snapshot, site: SiteSnapshot, one: MayRun) -> ByteRow:
    cpu = snapshot.cpus[one.cpu]
    return ByteRow(
        f"CPU{one.cpu} may run",
        tuple(_cpu_cell(site, one, at, _changed(snapshot.changes, one, at)) for at in range(site.size)),
        "" if one.read or not one.certain else without_addresses(one.text),
        remark_of(one, cpu, site.address) or _next_time(snapshot, site, one),
        one.cpu,
    )


def _changed(changes: Sequence[ThingChange], one: MayRun, at: int) -> bool:
    """True where what stands in a cell of a CPU's row is not what stood there; what it has not read yet is memory's."""
    may_run, read = Thing(Aspect.MAY_RUN, one.cpu, at), Thing(Aspect.READ, one.cpu)
    if one.read and at >= one.read:
        may_run = Thing(Aspect.MEMORY, at=at)
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
        in_memory = site.memory.data[at]
        new = _if(_kind(site, at, in_memory) is Mark.NEW, Mark.NEW)
        return marked(f"{in_memory:02X}", Mark.UNREAD, new, extra)
    text = "/".join(f"{value:02X}" for value in values)
    if len(values) > 1:
        return marked(text, Mark.PENDING, extra, executing)
    return marked(text, _kind(site, at, values[0]), extra, executing)


def _next_time(snapshot: Snapshot, site: SiteSnapshot, one: MayRun) -> str:
    """A remark where a CPU has just run something else here than what its row says."""
    bytes_now = bytes(values[0] for values in one.options)
    ran = any(
        isinstance(line.event, SiteRan)
        and (line.event.entry, line.event.cpu) == (snapshot.position - 1, one.cpu)
        and is_at(line.event, site.addresses)
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
