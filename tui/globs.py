"""Patterns of functions on the command line: that an empty filter means all, and that the shell has patterns, too."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simkernel.errors import LearnerError
from tui.streams import say

if TYPE_CHECKING:
    from simkernel.sim.simulation import Simulation

COMMANDS = ("functions", "trace", "funccount", "show")  # those that take patterns


def say_empty() -> None:
    """Say on stderr that a filter has come out empty, and what that means."""
    say("the filter is empty: that means all functions, as in Linux")


def say_if_empty(simulation: Simulation) -> None:
    """The same where the filter in use is empty."""
    from simkernel.ftrace.now import FtraceNow
    from simkernel.ftrace.ops import GLOBAL_OPS

    ops = simulation.subsystem(FtraceNow).state.get(GLOBAL_OPS)
    if ops is not None and not len(ops.hash.filter):
        say_empty()


def files_among(words: Sequence[str]) -> list[str]:
    """Those of the words that name files here, as a shell makes them of a pattern that is not quoted."""
    return [word for word in words if word.strip("!") and os.path.exists(word.removeprefix("!"))]


def hint(names: Sequence[str]) -> str:
    """That words are files, and what to do; "" where there are none."""
    if not names:
        return ""
    what = f"{names[0]!r} is a file" if len(names) == 1 else f"{names[0]!r} and {len(names) - 1} more are files"
    return f"{what} in this folder: quote the pattern, or the shell puts file names in its place"


@contextmanager
def quoting(*words: str) -> Iterator[None]:
    """Add to a FilterError that the shell may have expanded a pattern, where one of the words is a file."""
    from simkernel.ftrace.filters import FilterError

    try:
        yield
    except FilterError as refused:
        if refused.token in words and (files := files_among(words)):
            raise LearnerError(f"{refused}. {hint(files)}") from refused
        raise
