"""Measuring: the native call graph against the tracer's own count; noise is no number; a real difference is one."""

from __future__ import annotations

import os

import numpy as np
import pytest

from simkernel.errors import LearnerError
from simkernel.overhead import native
from simkernel.overhead.bodies import BEGINNINGS, Bodies, Placed
from simkernel.overhead.measured import AGAIN, BASE, evaluate, measure
from simkernel.overhead.variants import VARIANTS

HERE = pytest.mark.skipif(bool(native.why_not()), reason="needs x86-64 Linux")


@HERE
@pytest.mark.parametrize("count", [1, 48, 700])
def test_the_calls_are_those_that_the_tracer_records(count: int) -> None:
    bodies = Bodies(count, seed=3)
    placed = Placed(bodies)
    placed.put("function", 5)
    placed.run(4)
    assert placed.recorded == 4 * bodies.calls()


@HERE
@pytest.mark.parametrize("name", BEGINNINGS)
def test_each_beginning_runs_to_its_end(name: str) -> None:
    placed = Placed(Bodies(48))
    placed.put(name, 7)
    placed.run(3)
    assert (placed.recorded > 0) == (name == "function")
    assert name in VARIANTS


def test_the_same_code_differs_from_itself_in_at_most_five_of_a_hundred_runs() -> None:
    random = np.random.default_rng(7)
    found = 0
    for _ in range(100):
        shared = random.exponential(0.3, (40, 1))  # what troubles a whole round
        times = 10 + shared + random.exponential(0.2, (40, 3))
        found += evaluate("x", 1, 1, (BASE, AGAIN, "nop"), times).differences[0].measurable
    assert found <= 5


def test_a_difference_is_found_and_one_within_the_noise_is_not() -> None:
    random = np.random.default_rng(7)
    times = 10 + random.normal(0, 0.1, (40, 4))
    times[:, 2] += 1
    times[:, 3] += 0.01
    result = evaluate("x", 1, 1, (BASE, AGAIN, "call", "nop"), times)
    large, small = result.differences
    assert large.measurable and large.low < 1 < large.high and large.share == pytest.approx(0.1, abs=0.02)
    assert not small.measurable


@HERE
def test_measuring_gives_the_cpus_back_and_finds_the_tracer() -> None:
    before = os.sched_getaffinity(0)
    results = measure(["function"], rounds=6)
    assert os.sched_getaffinity(0) == before
    assert [one.workload for one in results] == ["tight", "warm", "cold"]
    assert all(one.base > 0 for one in results)


@HERE
def test_what_has_no_native_code_is_refused() -> None:
    with pytest.raises(LearnerError, match="'int3' has no native code to measure; there are: none, nop"):
        measure(["int3"])
