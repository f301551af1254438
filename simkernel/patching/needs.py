"""What plans need of a machine, and nothing more: guest data, and what memory holds as code."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Memory(Protocol):
    """Guest data."""

    def read(self, address: int, size: int, /) -> bytes:
        """`size` bytes from an address."""
        ...

    def write(self, address: int, data: bytes, /) -> None:
        """Store bytes."""
        ...

    def read_u64(self, address: int, /) -> int:
        """A word of eight bytes."""
        ...

    def read_u32(self, address: int, /) -> int:
        """A word of four bytes."""
        ...

    def write_u64(self, address: int, value: int, /) -> None:
        """Store a word of eight bytes."""
        ...

    def array(self, address: int, dtype: Any, shape: int | tuple[int, ...], write: bool = False) -> npt.NDArray[Any]:
        """A view of guest memory as an array; writable only where asked for."""
        ...


class Code(Protocol):
    """Code, as memory holds it."""

    def read(self, address: int, size: int, /) -> bytes:
        """`size` bytes from an address."""
        ...

    def rows(self, addresses: npt.NDArray[np.uint64], size: int, /) -> npt.NDArray[np.uint8]:
        """The bytes at each address (n,), which ascend: shape (n, size)."""
        ...
