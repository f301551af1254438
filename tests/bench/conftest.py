"""One table for all benchmarks of a run, printed at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.table import Table


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """The table that each benchmark adds its rows to."""
    table = Table()
    yield table
    print("\n\n" + table.text())
