"""How control files read what is written to them: tokens that may go on in the next write(), and numbers."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

SPACES = frozenset(b" \t\n\v\f\r\xa0")  # isspace() (lib/ctype.c: 160 is _S | _SP)
NUMBER_SIZE = 66  # kstrtoul_from_user() copies no more (lib/kstrtox.c)
_NUMBER = re.compile(rb"\+?([0-9]*)(.*)", re.DOTALL)


@dataclass(slots=True)
class TraceParser:
    """`struct trace_parser` and `trace_get_user()` (kernel/trace/trace.c, 6.12): one token a call.

    Attributes:
        size: no token may be longer than this, less one.
        token: what there is of the token.
        cont: it goes on in the next write().
        fail: a token was too long; from then on none is ever complete.
    """

    size: int
    token: bytes = b""
    cont: bool = False
    fail: bool = False

    @property
    def loaded(self) -> bool:
        """True where there is a token, complete or not."""
        return not self.fail and bool(self.token)

    def clear(self) -> None:
        """Forget the token."""
        self.token, self.cont = b"", False

    def get(self, data: bytes, position: int) -> int:
        """Take from what is written up to the end of one token, and the character behind it.

        Args:
            data: one byte at least.
            position: of the file, where this is written; at 0 all begins anew.

        Returns:
            How many bytes were taken, or -EINVAL: the token is too long.
        """
        if position == 0:
            self.clear()
        at = 0
        if not self.cont:
            while at < len(data) - 1 and data[at] in SPACES:
                at += 1
            self.token = b""
            if _ends(data[at]):
                return at + 1
        end = at
        while end < len(data) and not _ends(data[end]):
            end += 1
        if len(self.token) + end - at > self.size - 1:
            self.token += data[at : at + self.size - 1 - len(self.token)]
            self.fail = True
            return -errno.EINVAL
        self.token += data[at:end]
        self.cont = end == len(data)
        return min(end + 1, len(data))


def _ends(byte: int) -> bool:
    return byte in SPACES or byte == 0


def kstrtoul(data: bytes) -> int:
    """A decimal number as `kstrtoul_from_user()` reads it: a plus sign before and a newline behind it may be.

    Returns:
        The number, or -EINVAL or -ERANGE.
    """
    number = _NUMBER.match(data[:NUMBER_SIZE].split(b"\0")[0])
    assert number is not None, "it matches anything"
    digits, rest = number.groups()
    if digits and int(digits) >= 1 << 64:
        return -errno.ERANGE
    return int(digits) if digits and rest in (b"", b"\n") else -errno.EINVAL
