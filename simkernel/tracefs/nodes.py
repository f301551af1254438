"""The tree of control files: directories and files, and the paths to them.

    root = Directory({"tracing_on": File(...), "instances": Directory({...})})
    handle = root.open("tracing_on", os.O_RDONLY)

A file says what it is about and which mode it has; what it holds belongs to each open of it (`handle.py`). As the user
is root, a mode forbids nothing (CAP_DAC_OVERRIDE).
"""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simkernel.tracefs.errors import TracefsError
from simkernel.tracefs.handle import Handle, Opened

TRACE_MODE_READ, TRACE_MODE_WRITE = 0o440, 0o640  # kernel/trace/trace.h: to read; to read and write
MODE_DIRECTORY = 0o750  # tracefs_create_dir() (fs/tracefs/inode.c)


@dataclass(frozen=True, slots=True)
class Stat:
    """What stat() says: `mode` with the kind of file, and the size.

    That is 0 for a file whatever it holds, as nobody knows before it is read; so read it to its end.
    """

    mode: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """A control file.

    Attributes:
        about: what it is, in a few words.
        mode: its permissions.
        opened: what one open of it holds, for the flags that it is opened with (os.O_*); it raises a TracefsError
            where the file cannot be opened.
    """

    about: str
    mode: int
    opened: Callable[[int], Opened]

    def open(self, flags: int = os.O_RDONLY) -> Handle:
        """Open it.

        Raises:
            TracefsError: the file refuses.
        """
        return Handle(self.opened(flags), flags)

    def stat(self) -> Stat:
        """Its mode and size."""
        return Stat(stat.S_IFREG | self.mode)


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory: name -> what is there."""

    entries: Mapping[str, File | Directory]
    mode: int = MODE_DIRECTORY

    def stat(self) -> Stat:
        """Its mode and size."""
        return Stat(stat.S_IFDIR | self.mode)

    def readdir(self) -> tuple[str, ...]:
        """The names in it."""
        return tuple(self.entries)

    def lookup(self, name: str) -> File | Directory:
        """What has that name.

        Raises:
            TracefsError: ENOENT with the nearest name.
        """
        if name in self.entries:
            return self.entries[name]
        close = difflib.get_close_matches(name, self.entries, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(self.entries)}"
        raise TracefsError(errno.ENOENT, name, f"there is no such file; {hint}")

    def walk(self, path: str) -> File | Directory:
        """What a path from here leads to; empty names and "." stay where they are.

        Raises:
            TracefsError: ENOENT where a name is not there, ENOTDIR where it would lead through a file.
        """
        here: File | Directory = self
        walked = ""
        for name in path.split("/"):
            if isinstance(here, File):
                raise TracefsError(errno.ENOTDIR, path, f"{walked} is a file")
            if name not in ("", "."):
                here, walked = here.lookup(name), name
        return here

    def open(self, path: str, flags: int = os.O_RDONLY) -> Handle:
        """Open the file at a path.

        Raises:
            TracefsError: as `walk`; EACCES where O_CREAT would have to make a file (`lookup_open()`, fs/namei.c, as
                tracefs has no create()); EISDIR for a directory; and what the file refuses.
        """
        try:
            node = self.walk(path)
        except TracefsError as missing:
            if missing.errno == errno.ENOENT and flags & os.O_CREAT:
                raise TracefsError(errno.EACCES, path, f"nobody can make a file here; {missing.message}") from None
            raise
        if isinstance(node, Directory):
            raise TracefsError(errno.EISDIR, path, f"it is a directory; in it are: {', '.join(node.readdir())}")
        return node.open(flags)
