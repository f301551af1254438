"""The control files of the ring buffers: `trace` and `tracing_on` (kernel/trace/trace.c, 6.12).

Which commands they come to is given by whoever carries those out.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simkernel.trace import View, ringbuffer, trace_text
from simkernel.tracefs import TRACE_MODE_WRITE, Commands, File, Opened, Taken, kstrtoul, truncates


@dataclass(frozen=True, slots=True)
class Buffers:
    """The ring buffers and their switch, as their files need them.

    Attributes:
        memory: guest data.
        cpus: how many there are.
        switch: the address of `tracing_on`.
        view: what the text of `trace` depends on, as it is now.
        reset: the command that empties them.
        turn: gives the command that turns recording on or off.
    """

    memory: ringbuffer.Memory
    cpus: int
    switch: int
    view: Callable[[], View]
    reset: Any
    turn: Callable[[bool], Any]

    @property
    def on(self) -> bool:
        """True while callbacks leave records."""
        return self.memory.read_u64(self.switch) != 0


class Trace(Opened):
    """`tracing_fops`: opening it with O_TRUNC empties the buffers; what is written is nothing to it."""

    def __init__(self, buffers: Buffers, flags: int) -> None:
        super().__init__("trace")
        self._buffers = buffers
        self._empties = truncates(flags)

    def opening(self) -> Commands:
        """`tracing_open()`."""
        return (self._buffers.reset,) if self._empties else ()

    def text(self) -> str:
        """`tracer_seq_ops`."""
        memory, cpus = self._buffers.memory, self._buffers.cpus
        return trace_text(self._buffers.view(), ringbuffer.merged(memory, cpus), *ringbuffer.totals(memory, cpus))

    def write(self, data: bytes, position: int) -> Taken:
        """`tracing_write_stub()`."""
        return Taken(len(data), moved=0)


class TracingOnFile(Opened):
    """`rb_simple_fops`."""

    seq = False

    def __init__(self, buffers: Buffers) -> None:
        super().__init__("tracing_on")
        self._buffers = buffers

    def text(self) -> str:
        """`rb_simple_read()`."""
        return f"{int(self._buffers.on)}\n"

    def write(self, data: bytes, position: int) -> Taken:
        """`rb_simple_write()`: a number, whatever it is if not 0."""
        number = kstrtoul(data)
        if number == -errno.ERANGE:
            raise self.error(errno.ERANGE, "the number does not fit into 64 bits: write 0 or 1")
        if number < 0:
            raise self.error(errno.EINVAL, f"{data.decode(errors='replace').strip()!r} is no number: write 0 or 1")
        on = number != 0
        return Taken(len(data), () if on == self._buffers.on else (self._buffers.turn(on),), moved=1)


def files(buffers: Buffers) -> dict[str, File]:
    """`trace` and `tracing_on`, by name."""
    return {
        "trace": File("what the tracer has recorded", TRACE_MODE_WRITE, lambda flags: Trace(buffers, flags)),
        "tracing_on": File("whether it records", TRACE_MODE_WRITE, lambda flags: TracingOnFile(buffers)),
    }
