"""Measured: the variants as native code on this very CPU, and how far a figure can be trusted.

Three workloads: *tight*, one short function over and over; *warm*, functions of a kernel's sizes, so few that their
code fits a first cache of 32 KiB; *cold*, so many that it is some twenty times as long. What a body does between its
calls has the default kernel's counted mix of instructions (`mix.py`). In each round every variant is put down once, at
an alignment of its own, in an order of its own; the difference to the functions without a site is taken within the
round. SETS of bodies take turns: a site moves the body behind it, and how one set happens to lie then can make it
slower or faster. So a set is one observation, the median of its rounds; of the sets the median is shown, with an
interval by bootstrap (percentiles, CONFIDENCE).

The same code is measured against itself too. What it differs from itself is noise: a difference whose interval holds 0,
or that is smaller than that noise, is not measurable, and is no number.
"""

from __future__ import annotations

import os
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simkernel.overhead import native
from simkernel.overhead.bodies import BEGINNINGS, SHIFTS, Bodies, Placed
from simkernel.overhead.variants import variant_named

BASE = "none"
AGAIN = "none again"  # the same code as BASE, measured as if it were another
ROUNDS = 40
SAMPLE = 400_000  # nanoseconds of one sample, about; of three the least is taken
CONFIDENCE = 0.99
RESAMPLES = 2_000
SETS = 10
WORKLOADS = {"tight": 1, "warm": 48, "cold": 2_500}  # functions
MEANS = {
    "tight": "one short function over and over",
    "warm": "so few functions in turn that their code fits a first cache",
    "cold": "so many in turn that their code is some twenty times as long as a first cache",
}
Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A variant against the functions without a site, nanoseconds a call.

    Attributes:
        middle, low, high: the median of the sets' differences, and its interval.
        share: middle in parts of the base.
        measurable: False where that is no more than noise.
    """

    name: str
    middle: float
    low: float
    high: float
    share: float
    measurable: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """One workload: nanoseconds a call without a site, and the variants against it.

    Attributes:
        functions, calls: functions of the workload, and calls of one pass over its first set of bodies.
        base: median, nanoseconds a call.
        noise: the most that the same code differs from itself, parts of the base.
        order: all names from fast to slow; between neighbours in one group no difference is measurable.
    """

    workload: str
    functions: int
    calls: int
    base: float
    noise: float
    differences: tuple[Difference, ...]
    order: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """What measured: name of the CPU, the kernel's clock source, load average, frequency governor."""

    cpu: str
    clock: str
    load: str
    governor: str


def measure(names: Sequence[str] = (), rounds: int = ROUNDS, show: Show = lambda text: None) -> list[Measured]:
    """Measure variants in each workload, on one CPU; all of them where no names are given.

    Raises:
        LearnerError: native code cannot run here, or for an unknown variant.
    """
    native.check()
    chosen = [variant_named(name).name for name in names or BEGINNINGS if name != BASE]
    with native.kept():
        native.pin(max(native.usable_cpus()))
        return [measured_workload(workload, chosen, rounds, show) for workload in WORKLOADS]


def measured_workload(
    workload: str, names: Sequence[str], rounds: int = ROUNDS, show: Show = lambda text: None
) -> Measured:
    """One of WORKLOADS, on the CPU that this thread is on; within `native.kept`.

    A name is a variant's; what follows a space makes it a column of its own, so that one can be measured twice.
    """
    count = WORKLOADS[workload]
    show(f"{workload}: making {count:,} function{'' if count == 1 else 's'}")
    all_placed = [Placed(Bodies(count, seed), seed) for seed in range(SETS)]
    passes = [_calibrated(placed) for placed in all_placed]
    draw = random.Random()
    columns = (BASE, AGAIN, *names)
    times = np.zeros((rounds, len(columns)))
    for row in range(rounds):
        show(f"{workload}: round {row + 1} of {rounds}")
        at = row % SETS
        for column in draw.sample(range(len(columns)), len(columns)):
            name = columns[column].partition(" ")[0]
            all_placed[at].put(name, draw.randrange(SHIFTS))
            took = _sample(all_placed[at], passes[at], fewer=bool(BEGINNINGS[name].callback))
            times[row, column] = took / all_placed[at].bodies.calls()
    return statistics_of(workload, count, all_placed[0].bodies.calls(), columns, _by_set(times))


def _by_set(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(sets, columns): of each set of bodies its differences' medians, on top of its base's."""
    rows = []
    for one in range(min(SETS, len(times))):
        mine = times[one::SETS]
        rows.append(np.median(mine[:, 0]) + np.median(mine - mine[:, :1], axis=0))
    return np.array(rows)


def _calibrated(placed: Placed) -> int:
    """Passes over the workload that take about SAMPLE."""
    placed.put(BASE, 0)
    passes = 1
    while True:
        took = passes * _sample(placed, passes)
        if took >= SAMPLE / 4 or passes >= 1 << 20:
            return max(1, round(passes * SAMPLE / took))
        passes *= 4


def _sample(placed: Placed, passes: int, fewer: bool = False) -> float:
    """Nanoseconds of a pass: the least of three times so many passes, after one that warms up.

    `fewer`: so many passes may take much longer than SAMPLE; then as few as take about that.
    """
    began = time.perf_counter_ns()
    placed.run(1)
    if fewer:
        passes = min(passes, max(1, SAMPLE // (time.perf_counter_ns() - began)))
    least = 1 << 62
    for _ in range(3):
        began = time.perf_counter_ns()
        placed.run(passes)
        least = min(least, time.perf_counter_ns() - began)
    return least / passes


def statistics_of(
    workload: str, functions: int, calls: int, columns: Sequence[str], times: npt.NDArray[np.float64]
) -> Measured:
    """What times say: (observations, columns), nanoseconds a call; first the base, then the base again."""
    base = float(np.median(times[:, 0]))
    intervals = {name: _interval(times[:, at] - times[:, 0]) for at, name in enumerate(columns) if at}
    _middle, low, high = intervals.pop(AGAIN)
    noise = max(abs(low), abs(high))
    differences = tuple(
        Difference(name, middle, low, high, middle / base, _measurable((middle, low, high), noise))
        for name, (middle, low, high) in intervals.items()
    )
    return Measured(workload, functions, calls, base, noise / base, differences, _order(columns, times, noise))


def _measurable(interval: tuple[float, float, float], noise: float) -> bool:
    """Whether a difference, as median and interval, is more than noise."""
    middle, low, high = interval
    return not low <= 0 <= high and abs(middle) > noise


def _order(columns: Sequence[str], times: npt.NDArray[np.float64], noise: float) -> tuple[tuple[str, ...], ...]:
    """The columns but AGAIN, from fast to slow; one begins a group if it differs measurably from the one before."""
    more = np.median(times - times[:, :1], axis=0)
    ascending = [int(at) for at in np.argsort(more, kind="stable") if columns[at] != AGAIN]
    groups = [[columns[ascending[0]]]]
    for before, at in pairwise(ascending):
        if _measurable(_interval(times[:, at] - times[:, before]), noise):
            groups.append([])
        groups[-1].append(columns[at])
    return tuple(map(tuple, groups))


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Median, and its interval by bootstrap."""
    chosen = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    medians = np.median(values[chosen], axis=1)
    low, high = np.quantile(medians, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return float(np.median(values)), float(low), float(high)


def machine() -> Host:
    """What measures here; "unknown" where the system does not say."""
    cpu = next((line for line in _text("/proc/cpuinfo").splitlines() if line.startswith("model name")), "")
    clock = _text("/sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
    governor = _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    load = " ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else ""
    named = cpu.partition(":")[2].strip() or platform.processor()
    return Host(named or "unknown", clock or "unknown", load or "unknown", governor or "unknown")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
