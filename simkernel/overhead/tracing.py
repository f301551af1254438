"""The guest's own tracer as native code: its trampolines and callbacks run on this CPU as they stand in the image.

Text and data keep their distance, so what they say about each other stays true. GS points to a per-CPU area in this
process, the ring buffer lies where RING_BASE and the number of "this CPU" lead, and each ops has a filter with all the
sites.

`Simplified:` a stamp is a reading of the guest's clock word, where Linux reads the time stamp counter. An int3 is
here a signal to the process, whose handler makes the call; a kernel's handler needs no signal.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from simkernel.errors import OurError
from simkernel.insn import call
from simkernel.kernel import KernelImage, layout
from simkernel.overhead import code, native

PCPU_AT, TASK_AT, OPS_AT, HANDLER_AT, HASH_AT = (page * native.PAGE for page in (16, 17, 18, 19, 20))
RING_AT = 48 * native.PAGE
SIZE = RING_AT + 3 * layout.RING_STRIDE
MOST_SITES = (RING_AT - HASH_AT) // 8 - 1
_MASK = (1 << 64) - 1


class NativeFtrace:
    """The guest's ftrace in executable memory; `attach` chooses what its trampolines call."""

    def __init__(self, space: native.Executable) -> None:
        self._space = space
        self._image = KernelImage.default()
        for segment in self._image.segments:
            if segment.base + len(segment.data) - layout.TEXT_BASE > PCPU_AT:
                raise OurError(f"the guest's image does not fit below {PCPU_AT:#x}")
            space.put(segment.base - layout.TEXT_BASE, segment.data)
        space.put(HANDLER_AT, code.bytes_of(code.trap(self.address("ftrace_caller"))))
        first, second, end = space.address + OPS_AT, space.address + OPS_AT + layout.FTRACE_OPS_SIZE, "ftrace_list_end"
        self._ops(first, "function_trace_call", second)
        self._ops(second, "ftrace_ops_count", self.address(end))
        for word in ("function_trace_op", "ftrace_ops_list"):
            self._put(self.address(word), first)
        self._per_cpu()

    def address(self, symbol: str) -> int:
        """Where a symbol of the guest lies in this process."""
        return self._space.address + self._image.address(symbol) - layout.TEXT_BASE

    @property
    def gs(self) -> int:
        """What GS has to point to."""
        return self._space.address + PCPU_AT

    @property
    def ring(self) -> int:
        """The ring buffer's address: at a multiple of its size, as RING_BASE is."""
        return -(-(self._space.address + RING_AT) // layout.RING_STRIDE) * layout.RING_STRIDE

    @property
    def handler(self) -> int:
        """The address of a SIGTRAP handler that makes the call of a site whose first byte is an int3."""
        return self._space.address + HANDLER_AT

    @property
    def recorded(self) -> int:
        """Records that the tracer has written."""
        return native.word(self.gs + layout.PCPU_RING_HEAD).value

    @property
    def hits(self) -> int:
        """Calls of the second ops' callback."""
        return native.word(self._space.address + OPS_AT + layout.FTRACE_OPS_SIZE + layout.OPS_HITS).value

    def attach(self, callback: str, sites: Sequence[int]) -> None:
        """Let both trampolines call a callback, and every ops' filter hold these addresses, ascending."""
        if len(sites) > MOST_SITES:
            raise OurError(f"{len(sites)} sites; the filter has room for {MOST_SITES}")
        for place in ("ftrace_call", "ftrace_regs_call"):
            at = self.address(place)
            self._space.put(at - self._space.address, call(at, self.address(callback)))
        self._space.put(HASH_AT, struct.pack(f"<{len(sites) + 1}Q", len(sites), *sites))

    def _ops(self, at: int, callback: str, following: int) -> None:
        self._put(at + layout.OPS_FUNC, self.address(callback))
        self._put(at + layout.OPS_NEXT, following)
        self._put(at + layout.OPS_FLAGS, 0)
        self._put(at + layout.OPS_NOTRACE_HASH, 0)
        self._put(at + layout.OPS_FILTER_HASH, self._space.address + HASH_AT)
        self._put(at + layout.OPS_HITS, 0)

    def _per_cpu(self) -> None:
        """An area for "this CPU"; its reader is so far ahead that no record counts as lost."""
        words = {
            layout.PCPU_NUMBER: ((self.ring - layout.RING_BASE) & _MASK) // layout.RING_STRIDE,
            layout.PCPU_CURRENT: self._space.address + TASK_AT,
            layout.PCPU_RING_TAIL: _MASK >> 1,
        }
        self._space.put(PCPU_AT, bytes(native.PAGE))
        self._space.put(TASK_AT, bytes(native.PAGE))
        for offset, value in words.items():
            self._put(self.gs + offset, value)

    def _put(self, address: int, value: int) -> None:
        self._space.put(address - self._space.address, value.to_bytes(8, "little"))
