"""A second type of record, made here: read, sorted, printed and snapshotted, with one line more in the table."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simkernel
from simkernel import tracefs
from simkernel.errors import OurError
from simkernel.events import Stamp, TraceWritten, with_stamp
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.kernel import layout
from simkernel.protocol import INT3_PROTOCOL
from simkernel.sim.control_files import control_files
from simkernel.sim.narrate import sentence
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import Snapshot
from simkernel.trace import Record, RecordType, View, event_of, json_of, line_of, table
from simkernel.trace.entries.function import TYPE, FunctionRecord
from simkernel.trace.records import RAW, TAKEN, slot
from simkernel.trace.ringbuffer import Ring, consume, finished, merged, of_type
from tests.ftrace.fakes import FakeMemory

NUMBER = 5


@dataclass(frozen=True, slots=True)
class StackRecord(Record):
    """How deep the stack was in a traced function, in bytes, and how many calls deep."""

    depth: int
    calls: int
    ip: int

    @property
    def site(self) -> int:
        return self.ip


def stack_line(view: View, record: StackRecord) -> str:
    return f"{view.name(record.ip)}: {record.depth} bytes, {record.calls} calls"


STACK = RecordType("stack depth", NUMBER, (("depth", "<u4"), ("calls", "<u2"), ("ip", "<u8")), StackRecord, stack_line)


@pytest.fixture
def stack_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.TYPES, NUMBER, STACK)


class Writer:
    """Writes records into guest memory byte by byte, as guest code would; `seen` is what was meant."""

    def __init__(self, memory: FakeMemory) -> None:
        self.memory = memory
        self.seen: list[FunctionRecord | StackRecord] = []
        self._clock = itertools.count(1)

    def function(self, cpu: int, ip: int = 0x1000, parent_ip: int = 0x2000, flags: int = 0x301) -> None:
        own = ip.to_bytes(8, "little") + parent_ip.to_bytes(8, "little")
        self.seen.append(FunctionRecord(*self._put(cpu, own, flags), ip, parent_ip))

    def stack(self, cpu: int, depth: int = 0x8001_0203, calls: int = 0xFEDC, ip: int = 0x1000) -> None:
        own = depth.to_bytes(4, "little") + calls.to_bytes(2, "little") + ip.to_bytes(8, "little")
        self.seen.append(StackRecord(*self._put(cpu, own, 0x200 | NUMBER << 4), depth, calls, ip))

    def _put(self, cpu: int, own: bytes, flags: int) -> tuple[int, int, int, int, int]:
        """Returns: ts, cpu, number, pid, flags."""
        area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE
        number, ts, pid = self.memory.read_u64(area + layout.PCPU_RING_HEAD), next(self._clock), 100 + cpu
        self.memory.write_u64(area + layout.PCPU_RING_HEAD, number + 1)
        at = layout.RING_BASE + cpu * layout.RING_STRIDE + number % layout.RING_ENTRIES * 32
        word = 0x8000_0000 | number // layout.RING_ENTRIES << 16 | flags
        self.memory.write(at, ts.to_bytes(8, "little") + own.ljust(16, b"\xee") + pid.to_bytes(4, "little"))
        self.memory.write(at + 28, word.to_bytes(4, "little"))
        return ts, cpu, number, pid, flags


@pytest.fixture
def writer(stack_type: None) -> Writer:
    return Writer(FakeMemory(layout.BSS_FIXED_SIZE))


VIEW = View("function", 1, {100: "cat"}, {0x1000: "vfs_read", 0x2000: "ksys_read"}.get)


def test_each_record_is_decoded_as_its_own_slot_says(writer: Writer) -> None:
    for cpu in (0, 1, 1, 0, 1):
        writer.function(cpu)
        writer.stack(cpu)
    memory = writer.memory
    assert merged(memory, 2) == writer.seen
    assert merged(memory, 2, 3) == writer.seen[-3:]
    assert [*finished(memory, 0, 0, 4), *finished(memory, 1, 0, 6)] == sorted(writer.seen, key=lambda one: one.cpu)
    rows = Ring.of(memory, 1).written(memory)
    assert of_type(rows, TYPE)[["ip", "parent_ip"]].tolist() == [(0x1000, 0x2000)] * 3
    assert of_type(rows, STACK)[["depth", "calls", "ip"]].tolist() == [(0x8001_0203, 0xFEDC, 0x1000)] * 3
    assert consume(memory, 2) == writer.seen and merged(memory, 2) == []


def test_each_record_has_its_line_its_json_and_its_event(writer: Writer) -> None:
    writer.function(0)
    writer.stack(0, 96, 3)
    call, deep = merged(writer.memory, 1)
    assert line_of(VIEW, call) == "             cat-100     [000] d..3.     0.000000: vfs_read <-ksys_read"
    assert line_of(VIEW, deep) == "             cat-100     [000] ...2.     0.000000: vfs_read: 96 bytes, 3 calls"
    common = {"cpu": 0, "task": "cat", "pid": 100, "function": "vfs_read"}
    assert json_of(VIEW, call) == common | {
        "time": 1, "type": "function", "caller": "ksys_read", "irqs_off": True, "preempt_depth": 3,
        "ip": 0x1000, "parent_ip": 0x2000,
    }  # fmt: skip
    assert json_of(VIEW, deep) == common | {
        "time": 2, "type": "stack depth", "irqs_off": False, "preempt_depth": 2,
        "depth": 96, "calls": 3, "ip": 0x1000,
    }  # fmt: skip
    assert [event_of(one) for one in (call, deep)] == [
        TraceWritten(cpu=0, index=0, ip=0x1000, parent_ip=0x2000, pid=100),
        TraceWritten(cpu=0, index=1, ip=0x1000, parent_ip=0, pid=100, type="stack depth"),
    ]


def test_a_decode_that_mixes_two_fields_up_is_seen(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests above would say of a table whose decode is wrong."""
    mixed = replace(STACK, fields=(("calls", "<u2"), ("depth", "<u4"), ("ip", "<u8")))
    monkeypatch.setitem(table.TYPES, NUMBER, mixed)
    writer.stack(0)
    assert merged(writer.memory, 1) != writer.seen


def test_a_type_that_is_not_in_the_table_is_called_unknown(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of print_trace_fmt() (kernel/trace/trace.c, 6.12)."""
    writer.stack(0)
    monkeypatch.delitem(table.TYPES, NUMBER)
    (record,) = merged(writer.memory, 1)
    assert line_of(VIEW, record).endswith(": Unknown type 5")
    assert event_of(record).type == "type 5" and "function" not in json_of(VIEW, record)


def test_two_types_with_one_number_are_refused() -> None:
    with pytest.raises(OurError, match="function and stack depth both have number 5"):
        table.by_number([replace(TYPE, number=NUMBER), STACK])


def test_the_guest_writes_the_numbers_of_the_table() -> None:
    """`RING_COMMIT name, NUMBER`, where NUMBER is a symbol that the same kernel sets."""
    text = "".join(path.read_text() for path in sorted((Path(simkernel.__file__).parent / "guest").glob("*.S")))
    symbols = {name: int(value, 16) for name, value in re.findall(r"^\.set (\w+), (0x[0-9a-f]+)$", text, re.MULTILINE)}
    written = {symbols[name] for name in re.findall(r"^\s*RING_COMMIT \w+, (\w+)$", text, re.MULTILINE)}
    assert written == set(table.TYPES)


@pytest.mark.parametrize(
    ("number", "fields", "says"),
    [
        (16, (), "bad: type 16 is not in 0..15"),
        (-1, (), "not in"),
        (1, (("a", "<u8"), ("b", "<u8"), ("c", "u1")), "bad: a record has room for 16 bytes of its own, not for 17"),
        (1, (("a", "<u4"), ("a", "<u4")), "bad: rename one of the two fields 'a'"),
    ],
)
def test_a_type_that_no_slot_can_hold_is_refused(number: int, fields: tuple[tuple[str, str], ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RecordType("bad", number, fields, Record, stack_line)


@pytest.mark.parametrize("name", ["ts", "cpu", "number", "pid", "flags", "site", "time", "task", "function", "type"])
def test_a_field_with_a_name_that_every_record_has_is_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"^bad: rename the field '{name}': of every record these are taken: caller, cp"
    ):
        RecordType("bad", 1, ((name, "<u4"),), Record, stack_line)


def test_the_names_that_are_taken_are_those_of_the_page_and_all_that_json_has(writer: Writer) -> None:
    page = (Path(simkernel.__file__).parents[1] / "docs" / "adding.md").read_text(encoding="utf-8")
    listed = re.search(r"These names are\s+taken:(.*?)\.\n", page, re.DOTALL)
    assert listed is not None and set(re.findall(r"`(\w+)`", listed[1])) == TAKEN
    writer.function(0)
    assert set(json_of(VIEW, merged(writer.memory, 1)[0])) - {name for name, _ in TYPE.fields} <= TAKEN


def test_the_raw_slot_has_no_gap_that_a_copy_would_lose() -> None:
    rows = np.arange(64, dtype=np.uint8).view(RAW)
    assert np.concatenate([rows[[1]], rows]).tobytes() == bytes([*range(32, 64), *range(64)])
    assert slot(TYPE.name, TYPE.fields).itemsize == RAW.itemsize == layout.RING_ENTRY_SIZE


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 700)), max_size=8), st.integers(0, 4000), st.integers(0, 4000)
)
def test_what_is_finished_between_two_heads_is_what_all_that_can_be_read_has(
    turns: list[tuple[int, int]], first: int, head: int
) -> None:
    """`finished` reads slot by slot, `Ring` all at once: two ways to the same."""
    writer = Writer(FakeMemory(layout.BSS_FIXED_SIZE))
    for reserved, count in turns:
        for _ in range(count):
            writer.function(0)
        at = layout.PERCPU_BASE + layout.PCPU_RING_HEAD
        writer.memory.write_u64(at, writer.memory.read_u64(at) + reserved)
    ring = Ring.of(writer.memory, 0)
    head = min(head, ring.head)
    expected = replace(ring, tail=first, head=head)
    if first < head:
        assert finished(writer.memory, 0, first, head) == expected.records(writer.memory)
    else:
        assert finished(writer.memory, 0, first, head) == []


# --- with a kernel ----------------------------------------------------------------------------------------------------


@pytest.fixture
def traced(stack_type: None) -> tuple[Simulation, int]:
    """A kernel that traces vfs_read, and a finished record of it made one of the second type."""
    simulation = Simulation.boot(Options(cpus=1, seed=2))
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(SetTracer("function"))
    memory = parts_of(simulation).machine.memory
    simulation.run_until(lambda _: Ring.of(memory, 0).head >= 3, 5_000_000)
    at = layout.RING_BASE + layout.RING_ENTRY_SIZE
    ip = memory.read_u64(at + layout.REC_IP)
    memory.write(at + layout.REC_OWN, (96).to_bytes(4, "little") + (3).to_bytes(2, "little") + ip.to_bytes(8, "little"))
    word = memory.read_u32(at + layout.REC_FLAGS) | NUMBER << 4
    memory.write(at + layout.REC_FLAGS, word.to_bytes(4, "little"))
    return simulation, ip


def test_snapshot_trace_and_narration_show_it(traced: tuple[Simulation, int]) -> None:
    simulation, ip = traced
    shown = Snapshot.of(simulation).trace
    assert [one.type for one in shown[:3]] == ["function", "stack depth", "function"]
    one = shown[1]
    assert (one.ip, one.parent_ip, one.function, one.text) == (ip, 0, "vfs_read", "vfs_read: 96 bytes, 3 calls")
    lines = [text for text in tracefs.read(control_files(simulation), "trace").splitlines() if not text.startswith("#")]
    assert [text.lstrip() for text in lines] == [record.line for record in shown]
    assert one.line.endswith(": vfs_read: 96 bytes, 3 calls") and "<-" in shown[0].line
    found = merged(parts_of(simulation).machine.memory, 1)
    said = sentence(event_of(found[1]), simulation.image, INT3_PROTOCOL)
    assert said.startswith("CPU0 writes record 1 of its trace buffer: stack depth at vfs_read")
    written = with_stamp((event for event in simulation.log if isinstance(event, TraceWritten)), Stamp())
    assert [event_of(record) for record in found if record.type == 0] == [*written[:1], *written[2 : len(found)]]
