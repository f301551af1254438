"""What a moment holds is checked by type and range as it is read, and replaying it is bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from simkernel.errors import Cancelled, LearnerError
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.kernel import KernelImage
from simkernel.report import Report
from simkernel.schedule import Run
from simkernel.sim.moment import Moment, moment_string, open_moment
from simkernel.sim.options import STEPPING, Options
from simkernel.sim.simulation import Simulation
from tests.moments import armoured, held, rewritten


@pytest.fixture(scope="module")
def text() -> str:
    """Early, before a batch is under way: what most options decide has not been asked for yet."""
    simulation = Simulation(KernelImage.default(), Options(seed=7))
    simulation.step()
    return moment_string(simulation)


@pytest.fixture(scope="module")
def patching() -> str:
    simulation = Simulation.boot(Options(seed=7).paced(STEPPING))
    simulation.do(SetFilter("filter", "vfs_read"))
    simulation.do(SetTracer("function"))
    for _ in range(20):
        simulation.step()
    simulation.step(Run(1, 2))
    return moment_string(simulation)


def refused(text: str, image: KernelImage | None = None) -> str:
    """The message that opening ends in: one line that a terminal can take."""
    with pytest.raises(LearnerError) as caught:
        open_moment(text, image)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 1_000
    return message


WRONG_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("seed", "x"), ("seed", -1), ("seed", 2**64), ("cpus", 2.0), ("cpus", 0), ("cpus", 9), ("cpus", True),
    ("ibt", "a"), ("ibt", 1), ("functions", "["), ("functions", 0), ("functions", 10**9), ("kernel", 7),
    ("kernel", ""), ("act_odds", "x"), ("act_odds", 0), ("act_odds", 257), ("nmi_odds", None), ("nmi_odds", -1),
    ("nmi_odds", 65_536), ("tick_period", "x"), ("tick_period", -1), ("quantum", 0), ("quantum", 10**9),
    ("patch_quantum", 1.5), ("model", 3), ("model", "psychic"), ("policy", True), ("schedule", 4), ("protocol", None),
)  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_OPTIONS, ids=str)
def test_an_option_of_another_type_or_beyond_its_range_is_named(text: str, name: str, value: object) -> None:
    assert name in refused(rewritten(text, options={name: value}))


@pytest.mark.parametrize(("name", "value"), WRONG_OPTIONS, ids=str)
def test_a_simulation_takes_no_such_options_either(name: str, value: Any) -> None:
    with pytest.raises(LearnerError, match=name):
        Options(**{name: value}).validate()


def test_every_field_of_the_options_has_a_wrong_value_above() -> None:
    assert {name for name, _ in WRONG_OPTIONS} == set(Options.__dataclass_fields__)


@pytest.mark.parametrize(
    "entry",
    [
        [0, ["run", 2, 1]], [0, ["run", -1, 1]], [0, ["run", "0", 1]], [0, ["run", 0, 0]], [0, ["run", 0, 10**15]],
        [0, ["run", 0, 1.0]], [0, ["run", 0]], [0, ["run", 0, 1, 1]], [0, ["read", 7, 1]], [0, ["read", 0, 10**9]],
        [0, ["resolve", 0, 2**64]], [0, ["resolve", 0, -1]], [0, ["resolve", 0, "x"]], [0, ["resolve", 5, None]],
        [0, ["act", -1]], [0, ["act", "all"]], [0, ["nmi", 2]], [0, ["nmi", None]], [0, ["tracer", 7]],
        [0, ["tracer", "no such"]], [0, ["tracer", "a\x1b[31m"]], [0, ["tracer", "a" * 10_000]],
        [0, ["filter", "filter", 7, False]], [0, ["filter", "hum", "*", False]], [0, ["filter", "filter", "*", 1]],
        [0, ["filter", "filter", "\x1b]0;x\x07", False]], [0, ["tracing_on", "yes"]], [0, ["reset", 1]],
        [0, ["register", "a", 7, 0, "", ""]], [0, ["register", "a", "ftrace_stub", 2**40, "", ""]],
        [0, ["register", "a", "no_such", 0, "", ""]], [0, ["unregister", []]],
        [0, ["ops_filter", "a", "filter", 1, True]],
        [0, ["protocol", "prayer"]], [0, ["protocol", "\x1b[2J"]], [-1, ["nmi", 0]], [10**12, ["nmi", 0]],
        ["0", ["nmi", 0]], [0, []], [0, [[]]], [0, "nmi"], [0], [], 7, None,
    ],
    ids=str,
)  # fmt: skip
def test_an_entry_that_no_machine_can_carry_out_is_refused(text: str, entry: object) -> None:
    refused(rewritten(text, made=[entry]))


def test_two_entries_for_one_place_and_a_gap_ahead_are_refused(text: str) -> None:
    assert "two entries" in refused(rewritten(text, made=[[0, ["nmi", 0]], [0, ["nmi", 1]]]))
    assert "gaps" in refused(rewritten(text, made=[[5, ["nmi", 0]]]))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 7}, {"version": ""}, {"version": "1" * 100}, {"image": "f"}, {"image": None}, {"options": None},
        {"options": {"wings": 2}}, {"protocol": 7}, {"made": None}, {"made": {}}, {"place": 7}, {"place": [1]},
        {"place": [1, 2, 3]}, {"place": [-1, 0]}, {"place": [0, -1]}, {"place": [1.0, 0]}, {"place": [True, 0]},
        {"clock": -1}, {"clock": "x"}, {"clock": 10**18}, {"state": ""}, {"state": 0}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_type_or_shape_is_refused(text: str, changes: dict[str, object]) -> None:
    refused(rewritten(text, **changes))


@pytest.mark.parametrize("name", ["version", "image", "options", "protocol", "made", "place", "clock", "state"])
def test_nothing_may_be_missing(text: str, name: str) -> None:
    what = held(text)
    del what[name]
    assert name in refused(armoured(json.dumps(what).encode()))


@pytest.mark.parametrize("escape", ["\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\u202e", "\n"], ids=ascii)
def test_no_text_of_a_moment_brings_a_control_character_to_the_terminal(text: str, escape: str) -> None:
    for changes in (
        {"version": escape, "state": "0" * 32},
        {"options": {"kernel": f"a{escape}.S"}},
        {"options": {escape: 1}},
        {"options": {"schedule": escape}},
        {"protocol": escape},
        {"image": escape},
        {escape: 1},
    ):
        refused(rewritten(text, **changes))


# --- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain",
    [
        b"[" * 60_000, b'{"a":' * 60_000, b"[" + b"[]," * 20_000_000 + b"[]]", b'{"made":[' + b"[]," * 20_000_000,
        b'{"version":"' + b"a" * 60_000_000, b'{"place":[' + b"9" * 100_000, b"\xff", b"", b"null",
    ],
    ids=lambda plain: f"{plain[:9]!r}{len(plain)}",
)  # fmt: skip
def test_what_is_nested_or_huge_is_refused_at_once_and_in_little_memory(plain: bytes) -> None:
    import resource

    bomb = armoured(plain)
    del plain
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refused(bomb)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10 and time.process_time() - begin < 2  # KiB; seconds


def test_a_place_out_of_reach_is_refused_and_one_behind_its_clock_is_not_looked_for_long(text: str) -> None:
    assert "place" in refused(rewritten(text, place=[4_000_000_000, 0]))
    begin = time.process_time()
    assert "clock" in refused(rewritten(text, place=[1_999_999, 0]))
    assert time.process_time() - begin < 5


def test_a_moment_out_of_reach_is_not_written_either(text: str) -> None:
    moment = Moment.from_string(text)
    object.__setattr__(moment, "point", (4_000_000_000, 0))
    with pytest.raises(LearnerError, match="place"):
        moment.to_string()


def test_the_way_to_a_moment_says_how_far_it_is_and_can_be_ended(patching: str) -> None:
    told: list[float] = []
    open_moment(patching, report=Report(lambda report: told.append(report.part or 0.0)))
    assert told == sorted(told) and 0 < told[-1] <= 1
    with pytest.raises(Cancelled):
        open_moment(patching, report=Report(lambda report: report.cancel()))


# --- what the digest covers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"tick_period": 0}, {"tick_period": 1}, {"tick_period": 19_999}, {"nmi_odds": 1}, {"act_odds": 25},
        {"model": "byte"}, {"policy": "late"}, {"quantum": 1_999}, {"patch_quantum": 2},
        {"schedule": "round-robin"}, {"seed": 8},
    ],
    ids=str,
)  # fmt: skip
def test_a_moment_with_another_option_does_not_open(text: str, options: dict[str, object]) -> None:
    assert open_moment(text)
    assert "not open to the state that it names" in refused(rewritten(text, options={"seed": 7} | options))


def test_a_moment_whose_options_name_another_protocol_does_not_open(text: str) -> None:
    said = "the moment is of the protocol {}, but its options say {}"
    options = {"seed": 7, "protocol": "naive"}
    assert refused(rewritten(text, options=options)) == said.format("int3", "naive")
    name = "naive without write byte 0"
    assert refused(rewritten(text, protocol=name)) == said.format(name, "int3")
    assert "not open to the state that it names" in refused(rewritten(text, options=options, protocol="naive"))


def test_a_moment_with_another_history_does_not_open_where_the_state_is_the_same(patching: str) -> None:
    made = held(patching)["made"]
    made[0][0], made[1][0] = made[0][0] - 1, made[1][0] + 1
    refused(rewritten(patching, made=made))


def later(change: Callable[[Simulation], object]) -> tuple[str, Simulation]:
    simulation = Simulation.boot(Options(seed=4))
    change(simulation)
    return moment_string(simulation), simulation


def test_commands_with_the_texts_that_people_write_open_again() -> None:
    moment, simulation = later(lambda s: s.do(SetFilter("filter", " vfs_*\n\tdo_*  ")))
    assert open_moment(moment).entries == simulation.entries
