"""One digest over a simulation's state: everything that its next history entry depends on.

Two simulations with the same digest go on in the same way. "Bit for bit the same" means this: memory, the code that
each CPU runs and what is pending of it, registers, the hardware's own state, the patching task and its subsystems,
the schedule and all that its choices depend on, the clock's ticks. The history that led there is no part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any
from typing import Protocol as Contract

import numpy as np

from simkernel.errors import OurError
from simkernel.protocol import Protocol, Variant
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

DIGEST_BYTES = 16


class Hash(Contract):
    """What a digest is fed to."""

    def update(self, data: Any, /) -> None:
        """More bytes."""
        ...


def state_digest(simulation: Simulation) -> str:
    """The digest of the state as it is now, in hexadecimal (32 digits)."""
    machine = parts_of(simulation).machine
    out = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for region in machine.memory.regions:
        out.update(region.buffer.data)
    out.update(machine.code.memory.data)
    for view in machine.code.views:
        out.update(view.code.data)
        feed(out, view.pending)
    for cpu in machine.cpus:
        feed(out, (cpu.registers(), cpu.idt(), cpu.task_register()))
    feed(out, machine.state())
    feed(out, (parts_of(simulation).task.state(), simulation.schedule_state))
    feed(out, (simulation.schedule, machine.interrupts.tick_period, machine.code.model))
    feed(out, simulation.patching.variant)
    return out.hexdigest()


def feed(out: Hash, value: Any) -> None:
    """Feed a value to a digest so that different values feed different bytes, in every process the same.

    Takes None, numbers, strings, bytes, enums, tuples, lists, sets, mappings, arrays and dataclasses of these. What
    two values may differ in and be equal all the same (`compare=False`) is left out.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        _bytes(out, b"v", repr(value).encode())
    elif isinstance(value, (bytes, bytearray)):
        _bytes(out, b"b", bytes(value))
    elif isinstance(value, Enum):
        _bytes(out, b"e", value.name.encode())
    elif isinstance(value, np.ndarray):
        _bytes(out, b"a", f"{value.dtype.str}{value.shape}".encode())
        out.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, np.generic):
        feed(out, value.item())
    elif isinstance(value, Protocol):
        feed(out, value.behaviour)
    elif isinstance(value, Variant):
        feed(out, value.table)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _bytes(out, b"d", type(value).__name__.encode())
        for field in dataclasses.fields(value):
            if field.compare:
                feed(out, getattr(value, field.name))
    elif isinstance(value, Mapping):
        _many(out, b"m", [part for key in sorted(value) for part in (key, value[key])])
    elif isinstance(value, (set, frozenset)):
        _many(out, b"s", sorted(value))
    elif isinstance(value, (tuple, list)):
        _many(out, b"t", value)
    else:
        raise OurError(f"state holds a {type(value).__name__}, which has no digest")


def _bytes(out: Hash, kind: bytes, data: bytes) -> None:
    out.update(kind + struct.pack("<Q", len(data)) + data)


def _many(out: Hash, kind: bytes, values: Iterable[Any]) -> None:
    values = list(values)
    out.update(kind + struct.pack("<Q", len(values)))
    for value in values:
        feed(out, value)
