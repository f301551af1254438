"""Measuring: the native call graph against the tracer's own count; noise is no number; a real difference is one."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal

import numpy as np
import pytest

from simkernel.errors import LearnerError
from simkernel.kernel import layout
from simkernel.overhead import native
from simkernel.overhead.bodies import BEGINNINGS, Bodies, Placed
from simkernel.overhead.measured import AGAIN, BASE, ROUNDS, measure, measured_workload, statistics_of
from simkernel.overhead.variants import VARIANTS
from tui.cli import run

HERE = pytest.mark.skipif(bool(native.why_not()), reason="needs x86-64 Linux")


TRACING = [name for name, beginning in BEGINNINGS.items() if beginning.callback]


@HERE
@pytest.mark.parametrize("name", TRACING)
@pytest.mark.parametrize("count", [1, 48, 700])
def test_the_calls_are_those_that_the_guests_tracer_records(count: int, name: str) -> None:
    bodies = Bodies(count, seed=3)
    placed = Placed(bodies)
    with native.kept():
        placed.put(name, 5)
        placed.run(4)
    assert placed.tracer.recorded == 4 * bodies.calls()
    assert placed.tracer.hits == (placed.tracer.recorded if name == "two-ops" else 0)


@HERE
@pytest.mark.parametrize("name", BEGINNINGS)
def test_each_beginning_runs_to_its_end(name: str) -> None:
    placed = Placed(Bodies(48))
    with native.kept():
        placed.put(name, 7)
        placed.run(3)
    assert (placed.tracer.recorded > 0) == (name in TRACING)


def test_each_variant_has_native_code() -> None:
    assert list(BEGINNINGS) == list(VARIANTS)


@HERE
def test_a_record_is_what_the_guest_writes() -> None:
    placed = Placed(Bodies(1))
    with native.kept():
        placed.put("function", 0)
        placed.run(3)
    ip, stamps = placed.tracer.address("ftrace_caller"), []
    for number in range(3):
        at = placed.tracer.ring + number * layout.RING_ENTRY_SIZE
        assert native.word(at + layout.REC_IP).value > ip and native.word(at + layout.REC_PARENT).value > ip
        stamps.append(native.word(at + layout.REC_TS).value)
        assert ctypes.c_uint32.from_address(at + layout.REC_FLAGS).value & layout.REC_VALID
    assert stamps == [0, 1, 2]


@HERE
def test_what_a_traced_run_needs_of_the_process_is_given_back() -> None:
    class Marker(Exception):
        pass

    def noticed(*_arguments: object) -> None:
        raise Marker

    before = signal.signal(signal.SIGTRAP, noticed)
    try:
        with native.kept():
            native.pin(max(native.usable_cpus()))
            placed = Placed(Bodies(1))
            placed.put("int3", 0)
            placed.run(1)
        with pytest.raises(Marker):
            signal.raise_signal(signal.SIGTRAP)
    finally:
        signal.signal(signal.SIGTRAP, before)


def test_the_same_code_differs_from_itself_in_at_most_five_of_a_hundred_runs() -> None:
    random = np.random.default_rng(7)
    found = 0
    for _ in range(100):
        shared = random.exponential(0.3, (40, 1))  # what troubles a whole round
        times = 10 + shared + random.exponential(0.2, (40, 3))
        found += statistics_of("x", 1, 1, (BASE, AGAIN, "nop"), times).differences[0].measurable
    assert found <= 5


@HERE
@pytest.mark.stress
@pytest.mark.parametrize("workload", ["tight", "warm"])  # cold takes ten times as long, and is reckoned alike
def test_the_same_code_is_not_told_from_itself_on_this_cpu(workload: str) -> None:
    """A third measurement of the functions without a site, as if it were a variant, in a hundred whole runs."""
    found = []
    with native.kept():
        native.pin(max(native.usable_cpus()))
        for _ in range(100):
            (third,) = measured_workload(workload, [f"{BASE} a third time"], ROUNDS).differences
            if third.measurable:
                found.append(third)
    print(f"{workload}: told from itself in {len(found)} of 100 runs: {[f'{one.share:+.1%}' for one in found]}")
    assert len(found) <= 5, found


def test_a_difference_is_found_and_one_within_the_noise_is_not() -> None:
    random = np.random.default_rng(7)
    times = 10 + random.normal(0, 0.1, (40, 4))
    times[:, 2] += 1
    times[:, 3] += 0.01
    result = statistics_of("x", 1, 1, (BASE, AGAIN, "call", "nop"), times)
    large, small = result.differences
    assert result.order in ((("none", "nop"), ("call",)), (("nop", "none"), ("call",)))
    assert large.measurable and large.low < 1 < large.high and large.share == pytest.approx(0.1, abs=0.02)
    assert not small.measurable


def test_two_that_differ_from_the_base_alike_have_no_order() -> None:
    random = np.random.default_rng(7)
    times = 10 + random.normal(0, 0.1, (40, 5))
    times[:, 2:4] += 3
    times[:, 4] += 9
    order = statistics_of("x", 1, 1, (BASE, AGAIN, "call", "mcount", "function"), times).order
    assert [sorted(group) for group in order] == [["none"], ["call", "mcount"], ["function"]]


@HERE
def test_measuring_gives_the_cpus_back_and_finds_the_tracer() -> None:
    before = os.sched_getaffinity(0)
    results = measure(["function"], rounds=6)
    assert os.sched_getaffinity(0) == before
    assert [one.workload for one in results] == ["tight", "warm", "cold"]
    assert all(one.base > 0 for one in results)


@HERE
def test_a_variant_that_there_is_not_is_refused() -> None:
    with pytest.raises(LearnerError, match="no variant 'nopp'; there are: none, nop"):
        measure(["nopp"])


@HERE
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_where_nothing_can_be_measured_the_rest_is_told_and_why(
    form: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert run(["overhead", "nop", "--measure", *form]) == 2
    out = capsys.readouterr().out
    if form:
        value = json.loads(out)
        assert "aarch64" in value["measured"]["refused"] and value["exact"]["variants"]
    else:
        assert "MEASURED: not here. native code needs an x86-64 CPU; this is aarch64." in out and "MODELLED" in out
