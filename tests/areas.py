"""The processor time that each area of the project's tests takes, its children's too; printed at the end of a run.

Processor time, because it is nearly the same on a busy machine. Collecting the tests is in none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

AREAS = {
    "screens": "tui hostile",
    "lessons": "lessons tui/stepper test_left_out test_scenarios narrate",
    "kernels": "asm guest test_guest test_asm test_image test_other_kernel test_synthetic test_linux_facts test_names",
    "tools": "test_adding test_architecture test_areas test_ci test_docstrings test_example test_fast test_needs "
    "test_readme test_wheel test_without_keystone test_words",
}
"""Each area's files and folders in tests/, by how their names begin; the longest counts. The rest is the engine's."""
REST = "engine"
PROPERTY = "processor time"  # of a report: of all that its test did


def area_of(nodeid: str) -> str:
    """The area of a test, by the path that its name begins with."""
    path = nodeid.removeprefix("tests/")
    begins = {begin: area for area, files in AREAS.items() for begin in files.split()}
    return begins.get(max(filter(path.startswith, begins), key=len, default=""), REST)


def processor_time() -> float:
    """Seconds that this process and the children that it has waited for have used."""
    return sum(os.times()[:4])


def by_area(reports: Iterable[object]) -> dict[str, float]:
    """Seconds of each area, those with most first, of all reports that say how long their tests took."""
    seconds: dict[str, float] = {}
    for report in reports:
        if isinstance(report, pytest.TestReport):
            for name, value in report.user_properties:
                if name == PROPERTY and isinstance(value, float):
                    area = area_of(report.nodeid)
                    seconds[area] = seconds.get(area, 0.0) + value
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def lines(seconds: dict[str, float]) -> list[str]:
    """What is printed."""
    rounded = {area: round(value) for area, value in {**seconds, "all": sum(seconds.values())}.items()}
    return [f"{area:8} {value // 60}:{value % 60:02}" for area, value in rounded.items()]
