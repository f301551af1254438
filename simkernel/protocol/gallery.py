"""All protocols by name: as Linux has it, as Linux had it, and what goes wrong."""

from __future__ import annotations

from simkernel.protocol.int3 import INT3_2012, INT3_PROTOCOL
from simkernel.protocol.stopped import STOP_MACHINE, STOP_MACHINE_BARE, STOP_MACHINE_IPI, STOP_MACHINE_IPI_BARE
from simkernel.protocol.stores import ATOMIC8, HEAD_FIRST, NAIVE, ONE_STORE, TAIL_FIRST
from simkernel.protocol.table import Protocol

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        INT3_PROTOCOL,
        INT3_2012,
        STOP_MACHINE,
        STOP_MACHINE_BARE,
        STOP_MACHINE_IPI,
        STOP_MACHINE_IPI_BARE,
        NAIVE,
        ONE_STORE,
        HEAD_FIRST,
        TAIL_FIRST,
        ATOMIC8,
    )
}
