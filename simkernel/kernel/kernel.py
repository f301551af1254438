"""A kernel as a value: its bytes and symbols, the memory that it is made for, and how the host sees it."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.kernel.abi import Abi
from simkernel.kernel.image import KernelImage
from simkernel.kernel.memory_map import MemoryMap


@dataclass(frozen=True, slots=True)
class Kernel:
    """All that a machine needs to run a kernel, and the host to patch it.

    Attributes:
        image: what is loaded.
        memory_map: where it lies.
        abi: the contract between host and guest.
    """

    image: KernelImage
    memory_map: MemoryMap
    abi: Abi
