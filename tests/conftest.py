"""Settings that hold for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import needs
from tests.engines import give_back
from tests.prepared import LENDER

# In CI the same examples every time; at a desk new ones each run. No deadline: a first call translates and is slow.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("desk", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): skipped where one of them (tests/needs.py) is missing")
    needs.promised()


@pytest.hookimpl(tryfirst=True)  # before fixtures are made
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in needs.asked(item):
        if not needs.here(name):
            needs.leave_out(name)


@pytest.hookimpl(trylast=True)  # after fixtures have let go
def pytest_runtest_teardown() -> None:
    give_back()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} skipped, by reason")
        for line in needs.counted(skipped):
            terminalreporter.line(line)


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steppers start on lent simulations (`tests/prepared.py`); the tests of scenarios prepare their own."""
    monkeypatch.setattr("tui.stepper.stepper.begin_scenario", LENDER.begin)
    yield
    LENDER.take_back()
