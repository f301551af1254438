"""The areas whose processor time a run prints."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.areas import AREAS, PROPERTY, area_of, by_area, lines, processor_time

TESTS = Path(__file__).parent


def report(nodeid: str, *properties: tuple[str, object]) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, "passed", None, "teardown", user_properties=properties)


def test_every_name_of_an_area_is_that_of_a_file_or_folder() -> None:
    here = [path.relative_to(TESTS).as_posix() for path in (*TESTS.glob("*"), *TESTS.glob("tui/*"))]
    for begin in " ".join(AREAS.values()).split():
        assert any(name.startswith(begin) for name in here), begin


@pytest.mark.parametrize(
    ("nodeid", "area"),
    [
        ("tests/tui/app/test_lab.py::test_a", "screens"),
        ("tests/tui/stepper/test_lab.py::test_a", "lessons"),
        ("tests/lessons/test_lab.py::test_a", "lessons"),
        ("tests/test_guest_core.py::test_a[tui]", "kernels"),
        ("tests/test_ci.py::test_a", "tools"),
        ("tests/test_history.py::test_a", "engine"),
    ],
)
def test_the_longest_name_that_fits_says_the_area(nodeid: str, area: str) -> None:
    assert area_of(nodeid) == area


def test_what_is_printed_is_the_sum_of_what_reports_say() -> None:
    reports = [
        report("tests/test_cpu.py::test_a", (PROPERTY, 61.0), ("stress", 5)),
        report("tests/test_cpu.py::test_b", (PROPERTY, 0.4)),
        report("tests/asm/test_data.py::test_a", (PROPERTY, 119.6)),
        report("tests/test_ci.py::test_a"),
        object(),
    ]
    assert lines(by_area(reports)) == ["kernels  2:00", "engine   1:01", "all      3:01"]


@pytest.mark.skipif(os.name == "nt", reason="its system does not say what children took")
def test_the_time_of_a_child_counts_once_it_has_been_waited_for() -> None:
    before, ours = processor_time(), time.process_time()
    work = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert processor_time() - before > 0.2 > time.process_time() - ours
