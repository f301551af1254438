"""Two digests over a simulation: of the guest and its hardware, and of all that the next history entry depends on.

    machine_digest   what a real machine would hold: memory, the code that each CPU runs and what is pending of it,
                     registers, interrupts on their way, the clock. A moment keeps it, so it is the same in every
                     version that comes to the same bytes: no name and no layout of our classes is part of it.
    state_digest     the same, and what Python holds besides: the patching task and its subsystems, observers, the
                     schedule and all that its choices depend on. Two simulations with the same one go on in the same
                     way: "bit for bit the same" means this. It compares within one version.

The history that led there is no part of either.
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
import numpy.typing as npt
from msgspec import Struct

from simkernel.errors import OurError
from simkernel.hw.machine import Machine
from simkernel.hw.x86 import PAGE_SIZE
from simkernel.protocol import Protocol, Variant
from simkernel.sim.now import SimulationNow
from simkernel.sim.parts import parts_of

DIGEST_BYTES = 16


class Hash(Contract):
    """What a digest is fed to."""

    def update(self, data: Any, /) -> None:
        """More bytes."""
        ...


def machine_digest(simulation: SimulationNow) -> str:
    """The digest of the guest and its hardware as they are now, in hexadecimal (32 digits).

    What the patching task has in mind is no part: it follows from the same history, and what it does shows in memory.
    """
    machine, out = parts_of(simulation).machine, hashlib.blake2b(digest_size=DIGEST_BYTES)
    for region in machine.memory.regions:
        out.update(region.buffer.data)
    _feed_machine(out, machine)
    return out.hexdigest()


def state_digest(simulation: SimulationNow) -> str:
    """The digest of the state as it is now, in hexadecimal (32 digits)."""
    machine = parts_of(simulation).machine
    out = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for region in machine.memory.regions:
        _feed_pages(out, region.buffer)
    _feed_machine(out, machine)
    feed(out, machine.state())
    feed(out, (parts_of(simulation).task.state(), simulation.schedule_state))
    feed(out, (simulation.schedule, machine.interrupts.tick_period, machine.code.model))
    feed(out, simulation.patching.variant)
    return out.hexdigest()


def _feed_pages(out: Hash, buffer: npt.NDArray[np.uint8]) -> None:
    """Feed the pages that hold anything but zeros, and which those are: they are few."""
    pages = buffer.view(np.uint64).reshape(-1, PAGE_SIZE // 8)
    held = np.flatnonzero(pages.any(axis=1))
    feed(out, (len(pages), held.astype("<i8").tobytes()))
    out.update(pages[held].tobytes())


def _feed_machine(out: Hash, machine: Machine) -> None:
    """Feed all but memory: bytes and numbers in the order that stands here, and the SDM's names of registers.

    Of why the machine halted it takes that it has: the reason's words are ours, and memory and registers tell it.
    """
    out.update(machine.code.memory.data)
    for view in machine.code.views:
        out.update(view.code.data)
        pending = [item.left() for item in view.pending]
        feed(out, [(offsets.astype("<i8").tobytes(), values.tobytes()) for offsets, values in pending])
    for cpu in machine.cpus:
        feed(out, (cpu.registers(), cpu.idt(), cpu.task_register()))
    for state in machine.states:
        feed(out, (state.ipi_sent, state.nmi_sent, state.ticks_seen, state.reading))
    feed(out, (machine.clock, bool(machine.halt_reason)))


def feed(out: Hash, value: Any) -> None:
    """Feed a value to a digest so that different values feed different bytes, in every process the same.

    Takes None, numbers, strings, bytes, enums, tuples, lists, sets, mappings, arrays, dataclasses and Structs of
    these. What two values may differ in and be equal all the same (`compare=False`) is left out.
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
    elif isinstance(value, Struct):
        _bytes(out, b"d", type(value).__name__.encode())
        for name in value.__struct_fields__:
            feed(out, getattr(value, name))
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
