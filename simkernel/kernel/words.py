"""The five bytes at every call site of a kernel as numbers: what is compared fast.

On a large kernel the sites lie far apart, and reading them takes a millisecond; so the numbers are kept until the code
changes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simkernel.hw.code_map import Offsets
from simkernel.hw.fetch import CodeMemory
from simkernel.hw.memory import Bytes

Words = npt.NDArray[np.uint64]


def words_at(code: Bytes, offsets: Offsets) -> Words:
    """The five bytes at each offset of a code buffer as a number, first byte lowest. None is among its last eight."""
    every = np.ndarray(len(code) - 7, np.uint64, code.data, strides=(1,))
    found: Words = every[offsets] & np.uint64(0xFF_FFFF_FFFF)
    return found


class SiteWords:
    """The words of some sites, in memory and as each CPU runs them if nothing is resolved first; read-only."""

    def __init__(self, code: CodeMemory, sites: Words) -> None:
        """Find the sites in the code buffers.

        Args:
            code: memory's code and each CPU's view of it.
            sites: addresses, ascending, (n,).
        """
        self.sites = sites
        self._code, self._offsets = code, code.map.offsets(sites)
        self._kept: dict[int | None, tuple[int, Words]] = {}  # by CPU; with the version of its code

    def in_memory(self) -> Words:
        """What memory holds at each site (n,)."""
        return self._of(None, self._code.memory, self._code.version)

    def of_cpu(self, cpu: int) -> Words:
        """What a CPU runs at each site (n,)."""
        view = self._code.views[cpu]
        return self.in_memory() if view.code is self._code.memory else self._of(cpu, view.code, view.version)

    def _of(self, cpu: int | None, code: Bytes, version: int) -> Words:
        kept = self._kept.get(cpu)
        if kept is None or kept[0] != version:
            words = words_at(code, self._offsets)
            words.flags.writeable = False
            kept = self._kept[cpu] = version, words
        return kept[1]
