"""What it costs that a machine runs in quanta, and that Unicorn counts at all."""

from __future__ import annotations

import pytest

from tests.bench.table import Table, seconds, shortest
from tests.bench.walk import Walk


@pytest.mark.bench
def test_quanta(table: Table) -> None:
    walk = Walk.of(3_000)
    walk.in_one_run()  # translations are made anew where counting begins or ends
    times = [(seconds(walk.in_quanta), seconds(walk.in_one_run)) for _ in range(40)]
    quanta, once = (min(column) for column in zip(*times, strict=True))
    walk.uncounted()
    free = shortest(40, walk.uncounted)
    table.budget("quanta of 2,000 to one counted run of the same code", quanta / once, "<=", 1.25)
    table.note("a counted run to an uncounted one", once / free)
    table.note("an instruction of an uncounted run", 1e9 * free / walk.length, "ns")
