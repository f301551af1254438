"""An open control file: a position, what this one open of it holds, and the commands that it has come to.

`Handle` is what the VFS does for every file (fs/read_write.c, fs/seq_file.c); `Opened` is what one kind of file does
(`struct file_operations` and the file's private data). Nothing here is carried out: opening, writing and closing give
commands, and whoever holds the handle takes them and hands them to the simulation.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import Any

from simkernel.tracefs.errors import TracefsError

ACCMODE = os.O_RDONLY | os.O_WRONLY | os.O_RDWR  # O_ACCMODE, which not every system's Python has
Commands = tuple[Any, ...]  # for the simulation; which there are is not known here


def may_read(flags: int) -> bool:
    """True where a file opened with these flags (os.O_*) can be read (FMODE_READ)."""
    return flags & ACCMODE != os.O_WRONLY


def may_write(flags: int) -> bool:
    """The same of writing (FMODE_WRITE)."""
    return flags & ACCMODE != os.O_RDONLY


def truncates(flags: int) -> bool:
    """True for writing with O_TRUNC: the flags of `>`, not those of `>>`."""
    return may_write(flags) and bool(flags & os.O_TRUNC)


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of one write().

    Attributes:
        count: the bytes that were taken; the caller writes the others again.
        commands: what the simulation has to do for it.
        moved: how far the position moves; None: by `count`.
    """

    count: int
    commands: Commands = ()
    moved: int | None = None


class Opened:
    """What one open of a file holds. What a kind of file does not do is refused here as the VFS refuses it.

    Attributes:
        name: of the file.
        seq: its text is made once and stays for this handle (a seq_file); else each read() makes it anew
            (`simple_read_from_buffer()`, fs/libfs.c).
    """

    seq = True

    def __init__(self, name: str) -> None:
        self.name = name

    def opening(self) -> Commands:
        """The commands of opening it."""
        return ()

    def text(self) -> str:
        """Its whole text, as it is now."""
        raise self.error(errno.EINVAL, "this file can only be written")

    def write(self, data: bytes, position: int) -> Taken:
        """Take what is written at a position.

        Raises:
            TracefsError: with the system call's errno.
        """
        raise self.error(errno.EINVAL, "this file can only be read")  # vfs_write(): not FMODE_CAN_WRITE

    def release(self) -> Commands:
        """The commands of closing it."""
        return ()

    def error(self, number: int, message: str) -> TracefsError:
        """An error of this file."""
        return TracefsError(number, self.name, message)


class Handle:
    """An open file (`struct file`).

    `Simplified:` the text of a seq_file is made at once when reading begins. Linux makes it a page at a time, so a long
    text may show changes that came while it was read.

    Attributes:
        flags: os.O_* that it was opened with.
        position: where the next read() or write() begins (`f_pos`).
    """

    def __init__(self, opened: Opened, flags: int) -> None:
        self.flags = flags
        self.position = 0
        self._opened = opened
        self._commands: list[Any] = list(opened.opening())
        self._closed = False
        self._text: bytes | None = None
        self._read_to = 0  # `m->read_pos`: where the last read() ended

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from the position on, all for -1; b"" at the end.

        Raises:
            TracefsError: EBADF where it is closed or not open for reading, EINVAL where it cannot be read.
        """
        data = self.pread(size, self.position)
        self.position += len(data)
        return data

    def pread(self, size: int, offset: int) -> bytes:
        """The same from an offset; the position stays."""
        self._check(may_read(self.flags), "reading")
        if offset < 0:
            raise self._opened.error(errno.EINVAL, f"there is no offset {offset}")
        if size == 0:
            return b""
        begins = offset == 0 or offset != self._read_to  # seq_read_iter(): then from the first record again
        if self._text is None or begins or not self._opened.seq:
            self._text = self._opened.text().encode()
        data = self._text[offset:] if size < 0 else self._text[offset : offset + size]
        self._read_to = offset + len(data)
        return data

    def write(self, data: bytes) -> int:
        """Write at the position.

        Returns:
            How many bytes were taken, as a write() may take only some.

        Raises:
            TracefsError: EBADF where it is closed or not open for writing, EINVAL where it cannot be written, and
                whatever the file refuses.
        """
        self._check(may_write(self.flags), "writing")
        taken = self._opened.write(data, self.position)
        self._commands += taken.commands
        self.position += taken.count if taken.moved is None else taken.moved
        return taken.count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position.

        Returns:
            Where it is now.

        Raises:
            TracefsError: EINVAL for a position before the beginning, or counted from the end of a seq_file.
        """
        self._check(True, "")
        if self._opened.seq and not may_read(self.flags):
            self.position = 0  # tracing_lseek() (kernel/trace/trace.c)
            return 0
        if whence == os.SEEK_CUR:
            offset += self.position
        elif whence != os.SEEK_SET and (self._opened.seq or whence != os.SEEK_END):
            raise self._opened.error(
                errno.EINVAL, "a position counts from the beginning (SEEK_SET) or from the present one (SEEK_CUR)"
            )
        if offset < 0:
            raise self._opened.error(errno.EINVAL, f"there is no offset {offset}")
        self.position = offset
        return offset

    def close(self) -> None:
        """Close it; `take` has the commands of that.

        Raises:
            TracefsError: EBADF where it is closed.
        """
        self._check(True, "")
        self._closed = True
        self._commands += self._opened.release()

    def take(self) -> Commands:
        """The commands of opening, writing and closing since the last call, in order.

        What a file says depends on the commands that were carried out, so carry them out before the next call.
        """
        commands = tuple(self._commands)
        self._commands.clear()
        return commands

    def _check(self, open_for_it: bool, what: str) -> None:
        if self._closed:
            raise self._opened.error(errno.EBADF, "it is closed: open it again")
        if not open_for_it:
            raise self._opened.error(errno.EBADF, f"it is not open for {what}")
