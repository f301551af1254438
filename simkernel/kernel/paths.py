"""Straight code: how far a CPU gets from an address without meeting anything that needs a look of its own.

A CPU that has unsettled code bytes, or an interrupt that it cannot take yet, is watched instruction by instruction, so
that IRET and CPUID are seen and an interrupt is taken at the first instruction that allows it. Between such points it
may run in one go: `length` counts the instructions from an address that are fixed text, touch no site, and can neither
serialize nor change the interrupt flag. Direct jumps and calls are followed, and returns to a call that was followed.
"""

from __future__ import annotations

import numpy as np

from simkernel import disasm
from simkernel.kernel import KernelImage

_LONGEST = 256
_WATCHED = ("iret", "cpuid", "hlt", "sti", "cli", "popf", "int", "lgdt", "lidt", "ltr", "wrmsr", "pause")


class StraightPaths:
    """Answers `length` from the image's text, each address once."""

    def __init__(self, image: KernelImage) -> None:
        self._image = image
        self._lengths: dict[int, int] = {}
        self._code = [s for s in image.segments if s.executable]
        self._sites = {int(site) for site in image.mcount_loc} if len(image.mcount_loc) < 2_000 else None
        self._sorted = image.mcount_loc
        self._patched = {s.address for s in image.symbols if s.name in ("ftrace_call", "ftrace_regs_call")}
        self.after_sti = image.after_sti

    def is_start(self, address: int) -> bool:
        """True where an instruction of the image begins, and outside of the image's text."""
        return self._image.is_instruction_start(address)

    def is_site(self, address: int) -> bool:
        """True where a patch site begins."""
        if self._sites is not None:
            return address in self._sites
        at = int(np.searchsorted(self._sorted, np.uint64(address)))
        return at < len(self._sorted) and int(self._sorted[at]) == address

    def length(self, address: int) -> int:
        """How many instructions may run in one go from `address`; at least 1."""
        known = self._lengths.get(address)
        if known is None:
            known = self._lengths[address] = max(1, self._walk(address))
        return known

    def _walk(self, address: int) -> int:
        returns: list[int] = []
        count = 0
        while count < _LONGEST:
            instruction = self._decode(address)
            if instruction is None or instruction.mnemonic.startswith(_WATCHED):
                return count
            if address in self._patched or self.is_site(address):
                return count
            follow = address + instruction.size
            if instruction.is_ret:
                if not returns:
                    return count + 1
                follow = returns.pop()
            elif instruction.is_branch or instruction.is_call:
                if instruction.target is None or instruction.is_cond or "*" in instruction.op_str:
                    return count + 1
                if instruction.is_call:
                    returns.append(follow)
                follow = instruction.target
            count += 1
            address = follow
        return count

    def _decode(self, address: int) -> disasm.Instruction | None:
        for segment in self._code:
            offset = address - segment.base
            if 0 <= offset < len(segment.data):
                return next(iter(disasm.decode(bytes(segment.data[offset : offset + 16]), address)), None)
        return None
