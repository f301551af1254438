"""Files that a person names: read within bounds, and written without harm to what was not named.

A name can stand for anything: a directory, a device that never ends, a pipe that nobody writes to, a file of ten
gigabytes. So a file is looked at before it is read, opened so that it makes nobody wait, and read to a limit.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simkernel.errors import LearnerError, nearest

MANY = 1_000  # files with one stem
LIMIT = 4 << 20  # bytes: twenty times as long as all sources of the default kernel

_KINDS = {
    stat.S_IFDIR: "it is a directory",
    stat.S_IFIFO: "it is a pipe, which may never end",
    stat.S_IFCHR: "it is a device, which may never end",
    stat.S_IFBLK: "it is a disk",
    stat.S_IFSOCK: "it is a socket",
}


def read_bytes(name: str | Path, what: str, limit: int = LIMIT) -> bytes:
    """All bytes of a regular file.

    Args:
        name: of the file.
        what: the file is to be, for the message: "a cost table".
        limit: bytes that it may have.

    Raises:
        LearnerError: it is no regular file, cannot be read, or is longer.
    """
    shown = str(name) or "a file without a name"
    try:
        with _opened(name, os.O_RDONLY) as descriptor:
            data = bytearray()
            while more := os.read(descriptor, min(1 << 20, limit + 1 - len(data))):
                data += more
    except OSError as error:
        like = _like(Path(name)) if isinstance(error, FileNotFoundError) else ""
        raise LearnerError(f"{shown} cannot be read as {what}: {error.strerror}{like}") from error
    if len(data) > limit:
        raise LearnerError(f"{name} cannot be read as {what}: it is longer than {limit:,} bytes; name the right file")
    return bytes(data)


def read_text(name: str | Path, what: str, limit: int = LIMIT) -> str:
    """All of a regular file as text in UTF-8.

    Raises:
        LearnerError: as `read_bytes`, and where it is not UTF-8.
    """
    data = read_bytes(name, what, limit)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LearnerError(
            f"{name} cannot be read as {what}: the byte {data[error.start]:#04x} in line {line} is not UTF-8; "
            "save it as text in UTF-8"
        ) from error


def write_text(name: str | Path, text: str) -> None:
    """Write a text into the regular file of that name, which may be there or not.

    Raises:
        LearnerError: it cannot be written.
    """
    write_bytes(name, text.replace("\n", os.linesep).encode("utf-8", "backslashreplace"))


def write_bytes(name: str | Path, data: bytes) -> None:
    """Write some bytes into the regular file of that name, which may be there or not.

    Raises:
        LearnerError: it cannot be written.
    """
    with _writing(name), _opened(name, os.O_WRONLY | os.O_CREAT) as descriptor:
        os.ftruncate(descriptor, 0)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)


def write_new(stem: str, ending: str, text: str) -> str:
    """The name of a file in the current folder that holds a text and replaces none.

    It is STEM.ENDING, or STEM-2.ENDING and so on where there are others; one that holds that text already is taken.

    Raises:
        LearnerError: it cannot be written.
    """
    for number in range(1, MANY + 1):
        name = f"{stem}{f'-{number}' if number > 1 else ''}.{ending}"
        if os.path.lexists(name):
            with suppress(LearnerError):
                if read_text(name, ending, max(LIMIT, 4 * len(text))) == text:
                    return name
            continue
        with _writing(name):
            try:
                with (
                    _opened(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor,
                    open(descriptor, "w", encoding="utf-8", closefd=False) as file,
                ):
                    file.write(text)
                return name
            except FileExistsError:  # somebody was faster
                continue
    raise LearnerError(f"{stem}.{ending} and {MANY - 1:,} others like it are there already: remove some")


def check_writable(name: str | Path, new: bool = False) -> None:
    """LearnerError unless a file of that name can be written; nothing is changed by asking.

    Args:
        name: of the file.
        new: there must be no such file, because nobody has asked to replace it.
    """
    if new and os.path.lexists(name):
        raise LearnerError(f"{name} would be written too, but it is there already: remove it, or choose another name")
    with _writing(name):
        try:
            with _opened(name, os.O_WRONLY):
                pass
        except FileNotFoundError:
            with _opened(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL):
                os.unlink(name)


@contextmanager
def _opened(name: str | Path, flags: int) -> Iterator[int]:
    """A descriptor of the regular file; opening it waits for nobody (a pipe would wait for its other end).

    Raises:
        OSError: it cannot be opened, or is another kind of file.
    """
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with suppress(FileNotFoundError):
            mode = os.stat(name).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, _KINDS.get(stat.S_IFMT(mode), "it is no regular file") + "; name a file")
        descriptor = os.open(name, flags, 0o666)
    except ValueError as error:  # a null byte within
        raise OSError(errno.EINVAL, f"no file can have that name ({error})") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _writing(name: str | Path) -> Iterator[None]:
    """What fails within is said as: this file cannot be written."""
    if not str(name):
        raise LearnerError("the name of the file to write is empty: give one")
    try:
        yield
    except OSError as error:
        raise LearnerError(f"{name} cannot be written: {error.strerror}") from error


def _like(path: Path) -> str:
    """The file beside it whose name is most like its own, as the end of a message."""
    try:
        like = nearest(path.name, os.listdir(path.parent))
    except (OSError, ValueError):
        return ""
    return "." + like if like else ""
