"""Settings that hold for every test."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests import areas, needs
from tests.engines import YOUNG, give_back, set_aside
from tests.prepared import LENDER, lend

# In CI the same examples every time; at a desk new ones each run. No deadline: a first call translates and is slow.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("desk", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


WAITING = ("test_newcomer.py",)
BEGUN = pytest.StashKey[float]()  # the processor time when a test began


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are processors: a test of a terminal mostly waits for another process."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): skipped where one of them (tests/needs.py) is missing")
    needs.promised()


def pytest_collection_finish() -> None:
    gc.set_threshold(YOUNG)
    set_aside()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what mostly waits for a program on a terminal: while it does, the other workers have work enough."""
    items.sort(key=lambda item: item.path.name not in WAITING)


@pytest.hookimpl(tryfirst=True)  # before fixtures are made
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[BEGUN] = areas.processor_time()
    for name in needs.asked(item):
        if not needs.here(name):
            needs.leave_out(name)


@pytest.hookimpl(trylast=True)  # after fixtures have let go
def pytest_runtest_teardown() -> None:
    give_back()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "teardown":
        report.user_properties.append((areas.PROPERTY, areas.processor_time() - item.stash[BEGUN]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seconds = areas.by_area(report for reports in terminalreporter.stats.values() for report in reports)
    if len(seconds) > 1:
        terminalreporter.section("processor time, m:ss")
        for line in areas.lines(seconds):
            terminalreporter.line(line)
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} skipped, by reason")
        for line in needs.counted(skipped):
            terminalreporter.line(line)


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steppers start on lent simulations (`tests/prepared.py`); the tests of scenarios prepare their own."""
    lend(monkeypatch)
    yield
    LENDER.take_back()
