"""What may be asked of ftrace from outside a simulation. Each answer is about the state as it is when it is asked."""

from __future__ import annotations

import numpy as np

from simkernel.ftrace.files import FilesCore, view_of
from simkernel.ftrace.records import Flags
from simkernel.ftrace.state import FtraceState
from simkernel.trace import View


class FtraceNow:
    """The ftrace of a simulation."""

    __slots__ = ("_core",)

    def __init__(self, core: FilesCore) -> None:
        self._core = core

    @property
    def state(self) -> FtraceState:
        """The variables of kernel/trace/ftrace.c, as a frozen value."""
        return self._core.state()

    @property
    def flags(self) -> Flags:
        """A copy of all records' flags (n,), in the order of their sites; zeroes until ftrace has made the records."""
        if not self._core.booted:
            return np.zeros(len(self._core.kernel.mcount_loc), dtype=np.uint64)
        return self._core.records.flags

    @property
    def trace_view(self) -> View:
        """What the lines of `trace` depend on besides the records."""
        return view_of(self._core)
