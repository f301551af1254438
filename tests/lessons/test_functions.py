"""The table of functions: what it lists, sorts, finds and leads to; of many no more is read than is seen."""

from __future__ import annotations

import pytest

from lessons.activities.function_table import ORDERS, FunctionTable
from lessons.activities.functions import AROUND, PAGE, Functions
from lessons.picture import Rows
from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from simkernel.report import Report
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.tui.playing import flat
from tui.stepper.player import PlainVisit
from tui.view.arrange import arrange, target
from tui.view.frame import frame
from tui.view.marks import UNICODE
from tui.view.paragraphs import narration
from tui.view.text import plain

MANY = 50_000


def functions(stepper: Stepper | None = None) -> Functions:
    one = stepper or Stepper.start("one")
    out = Functions(lambda report: one)
    out.start(Report())
    return out


def table_of(activity: Functions) -> Rows:
    return next(part for part in activity.picture().parts if isinstance(part, Rows))


def test_the_table_is_what_the_kernel_has() -> None:
    stepper = Stepper.start("one")
    stepper.simulation.run_until_idle()
    stepper.simulation.run(100_000)
    rows = list(FunctionTable(stepper))
    image = stepper.image
    assert [row.name for row in rows] == image.function_names()
    assert [row.site for row in rows] == [int(site) for site in image.mcount_loc]
    for row in rows:
        assert row.code == stepper.simulation.read(row.address, len(row.code))
        assert (row.data[0] == 0xE8) == row.enabled == (row.name == "rw_verify_area") == bool(row.wanted)
        assert row.calls == stepper.calls.by_site()[row.site]
    sorts = {"address": lambda row: row.site, "name": lambda row: row.name, "calls": lambda row: (-row.calls, row.name)}
    for order in ORDERS:
        table = FunctionTable(stepper, order=order)
        assert list(table) == sorted(rows, key=sorts[order])
        assert table[3] == table[0:5][3] == list(table)[3] and table.calls == sum(row.calls for row in rows) > 0


def test_behind_endbr64_it_is_said_where_the_five_bytes_stand() -> None:
    for ibt, row, looked in (
        (False, "irq_enter_rcu is not traced.",
         "These are the first five bytes of irq_enter_rcu: 0F 1F 44 00 00, nop."),
        (True, "BYTES are those of its site, at +4: endbr64 comes first.",
         "These are the five bytes at irq_enter_rcu+4, behind its endbr64: 0F 1F 44 00 00, nop."),
    ):  # fmt: skip
        stepper = Stepper(Simulation.boot(Options(ibt=ibt)))
        about = next(one for one in narration(functions(stepper).picture()) if "is not traced" in one)
        assert row in about and ("endbr64" in about) == ibt
        assert apply(stepper, "look-at", "irq_enter_rcu").message == looked
        assert stepper.snapshot.site is not None and stepper.snapshot.site.memory.text == "nop"


def test_it_is_searched_sorted_and_moved_in() -> None:
    activity = functions()
    names = activity._stepper(Report()).image.function_names()
    activity.apply("search", "vfs")
    assert activity.table is not None
    assert [row.name for row in activity.table] == [name for name in names if "vfs" in name]
    activity.apply("search", "vfs_*")
    assert all(row.name.startswith("vfs_") for row in activity.table)
    before = narration(activity.picture())
    result = activity.apply("search", "nothing_like_it")
    assert result.refused and "nothing_like_it" in result.message and narration(activity.picture()) == before
    activity.apply("search", "")
    assert len(activity.table) == len(names)
    for number, order in enumerate(ORDERS, 1):
        activity.apply(str(number))
        assert activity.order == order
        activity.apply("choose", order)
        assert activity.order == order
    assert "no order '7'" in activity.apply("7").message
    activity.apply("1")
    ways = (("last", len(names) - 1), ("down", len(names) - 1), ("back", len(names) - 1 - PAGE), ("first", 0),
            ("up", 0), ("down", 1), ("next", 1 + PAGE))  # fmt: skip
    for word, cursor in ways:
        activity.apply(word)
        assert activity.cursor == cursor and activity.chosen.name == names[cursor], word
    activity.apply("point", "7")
    assert activity.chosen.name == names[7]


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("enter", ("look-at", "rw_verify_area")),
        ("only", ("trace", "rw_verify_area")),
        ("untrace", ("untrace", "rw_verify_area")),
        ("trace-all", ("trace", "*rw_verify_area*")),
        ("untrace-all", ("untrace", "*rw_verify_area*")),
        ("second-ops", ("second-ops", "rw_verify_area")),
        ("break", ("break-function", "rw_verify_area")),
    ],
)
def test_it_leads_back_to_the_steps_with_what_is_asked(word: str, asked: tuple[str, str]) -> None:
    activity = functions()
    activity.apply("search", "rw_verify_area")
    result = activity.apply(word)
    assert result.leaves and result.asks == asked


def test_t_traces_a_function_or_takes_it_out() -> None:
    activity = functions()
    activity.apply("search", "vfs_write")
    result = activity.apply("t")
    assert result.leaves and result.asks == ("trace", "vfs_write")
    stepper = Stepper.start("one")
    stepper.simulation.run_until_idle()
    activity = functions(stepper)
    activity.apply("search", "rw_verify_area")
    assert "rw_verify_area is wanted by 1 tracer. t: watch it being taken out" in " ".join(
        narration(activity.picture())
    )
    result = activity.apply("t")
    assert result.leaves and result.asks == ("untrace", "rw_verify_area")


def test_all_of_them_without_a_pattern() -> None:
    for word, asked in (("trace-all", ("trace", "*")), ("untrace-all", ("untrace", ""))):
        activity = functions()
        assert activity.apply(word).asks == asked


def test_calls_follow_a_run_and_a_run_that_is_cancelled() -> None:
    stepper = Stepper.start("one")
    stepper.simulation.run_until_idle()
    activity = functions(stepper)
    before = activity.table.calls if activity.table else -1
    narration = activity.apply("run").message
    assert activity.table is not None and activity.table.calls > before
    assert f"with {activity.table.calls - before:,} traced calls." in narration and "Only the calls" not in narration
    seen: list[str] = []

    def hear(report: Report) -> None:
        seen.append(report.text)
        if len(seen) == 3:
            report.cancel()

    clock = stepper.simulation.clock
    assert activity.apply("run", report=Report(hear)).refused
    assert 0 < stepper.simulation.clock - clock < 100_000
    assert activity.table.calls == sum(row.calls for row in FunctionTable(stepper))


@pytest.fixture(scope="module")
def many() -> Stepper:
    """A kernel with many functions, at rest."""
    return Stepper(Simulation.boot(Options(functions=MANY)))


def test_of_many_functions_no_more_is_read_than_is_seen(many: Stepper, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    read = Simulation.read

    def counted(self: Simulation, address: int, size: int, as_cpu: int | None = None) -> bytes:
        nonlocal reads
        reads += 1
        return read(self, address, size, as_cpu)

    monkeypatch.setattr(Simulation, "read", counted)
    activity = functions(many)
    for word in ("down", "last", "back", "1"):
        reads = 0
        activity.apply(word)
        lines = frame(activity.picture(), (), activity.offered(), (120, 36), UNICODE).lines(120, 36)
        assert reads <= 2 * AROUND + 8, word
        text = "\n".join(map(plain, lines))
        assert f"{UNICODE.here} {activity.chosen.name[:12]}" in text and "FUNC" in text
    part = table_of(activity)
    assert (len(part.rows), part.total) == (2 * AROUND, len(activity.table or ()))
    assert activity.table is not None and len(activity.table) >= MANY


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (160, 45)])
def test_the_chosen_row_is_seen_under_the_headings_and_a_click_chooses_what_is_seen(size: tuple[int, int]) -> None:
    activity = functions()
    width, height = size
    for cursor in (0, 1, 100, 239):
        activity.apply("point", str(cursor))
        body = arrange(activity.picture(), width - 2, height - 2, UNICODE, {})
        block = next(one for one in body.blocks if one.part.name == "table")
        rows = [plain(one) for one in block.lines]
        assert "FUNC" in rows[0] and sum(UNICODE.here in row for row in rows) == 1
        assert target(block, 5, 0) is None
        for y, row in enumerate(rows[1:-1], 1):
            found = target(block, 5, y)
            assert found is not None and activity.table is not None
            name = activity.table[int(found[1])].name
            assert row.strip(f" {UNICODE.here}").startswith(name[:12])
        above = rows[-1].count(UNICODE.up_arrow)
        assert bool(above) == (cursor > len(rows)), rows[-1]
        counted = [int(word) for word in rows[-1].split() if word.isdigit()]
        assert sum(counted) + len(rows) - 2 == 240


def test_columns_that_have_no_room_are_counted() -> None:
    activity = functions()
    narrow, wide = (
        "\n".join(plain(one) for one in frame(activity.picture(), (), (), size, UNICODE).lines(*size))
        for size in ((60, 20), (120, 36))
    )
    assert "BYTES           +2" in narrow and "FLAGS" not in narrow
    assert "OPS  FLAGS" in wide and "its code in memory" in wide and "<+0>:" in wide


def test_plain_mode_says_which_function_is_chosen() -> None:
    out: list[str] = []
    player = PlainVisit(functions(), out.append)
    player.begin()
    for word in ("search:rw_verify_area", "3", "w"):
        assert player.take(word)
    assert "FUNC rw_verify_area" in flat(out[-1]) and "chosen" in flat(out[-1])
    assert not player.take("t")
