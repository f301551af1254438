"""Every option that takes a file, with everything that a name can stand for; and every other text with odd ones.

The options are those that click knows of: a new one is in the set as soon as it is there.
"""

from __future__ import annotations

import os
import random
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from tests.hostile.harness import Outcome, run
from tui.cli import COMMANDS
from tui.cli import simkernel as group
from tui.options import FileName
from tui.streams import printable

SEED = 20_261_129
MOMENT_FILES = ("--moment",)  # texts that name a file too, where there is one
NEEDED = {
    "disas": ["vfs_read"],
    "trace": ["vfs_*", "--for", "2000"],
    "funccount": ["vfs_*", "--for", "2000"],
    "overhead": ["nop"],
    "show": ["dmesg"],
    "step": ["one", "--plain"],
    "explore": ["--no-replay"],
}
"""What a command is given besides, so that it has work to do; an argument of that place takes its place."""


def options() -> Iterator[tuple[str, str, bool]]:
    """(command line, option or "" for its arguments, whether it names a file) of each that takes a text."""
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        inner = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        for more, each in inner:
            for one in each.params:
                if not isinstance(one, click.Option):
                    yield f"{name} {more}".strip(), "", False
                elif not one.is_flag:
                    named = isinstance(one.type, FileName) or one.opts[0] in MOMENT_FILES
                    yield f"{name} {more}".strip(), one.opts[0], named


def bind(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.open(".", os.O_RDONLY)
        os.chdir(place.parent)  # a socket's name may have 107 characters
        try:
            bound.bind(place.name)
        finally:
            os.fchdir(here)
            os.close(here)


def huge(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(10 << 30)


def unreadable(place: Path) -> None:
    place.write_text("x = 1\n")
    place.chmod(0)


def unwritable(place: Path) -> None:
    place.mkdir(mode=0o500)


def random_bytes(place: Path) -> None:
    place.write_bytes(random.Random(SEED).randbytes(5_000))


MADE: dict[str, Callable[[Path], object]] = {
    "directory": Path.mkdir,
    "fifo": os.mkfifo,
    "socket": bind,
    "huge": huge,
    "unreadable": unreadable,
    "unwritable": unwritable,
    "random": random_bytes,
    "empty": Path.touch,
    "zeroes": lambda place: place.write_bytes(bytes(5_000)),
    "latin-1": lambda place: place.write_bytes(b'# gr\xf6\xdfe\nx = "\xe9"\n'),
    "utf-16": lambda place: place.write_text("x = 1\n", encoding="utf-16"),
    "byte-order-mark": lambda place: place.write_bytes(b"\xef\xbb\xbf"),
    "one-line": lambda place: place.write_text("x" * 1_000_000),
    "nested": lambda place: place.write_text("x = " + "[" * 100_000),
    "digits": lambda place: place.write_text("x = " + "9" * 5_000),
    "escape\x1b]0;t\x07": lambda place: place.write_text("\x1b]0;t\x07"),
    "loop": lambda place: place.symlink_to(place),
    "nowhere": lambda place: place.symlink_to(place.parent / "none"),
    "two\nlines": lambda place: place.write_text("x\n"),
}
"""Name -> what makes it."""
NAMES = (
    *(
        "",
        ".",
        "..",
        "/",
        "none",
        "none/none",
        "empty/none",
        "unwritable/new",
        "x" * 300,
        "~",
        "\udcff",
        "-",
        "a b",
        "\u00e9",
    ),
    *(
        "/dev/zero",
        "/dev/full",
        "/dev/null",
        "/dev/tty",
        "/dev/stdin",
        "/proc/self/mem",
        "/proc/kmsg",
        "/proc/self/fd/0",
    ),
    *MADE,
)
TEXTS = ("", " ", "\x1b]0;t\x07\x9b1m", "\udcff", "\u202eab", "x" * 10_000, "*" * 2_000, "[" * 2_000, "*a" * 40 + "b",
         "!", "%s%n", "-1", "9" * 400, "\u0663", "0x10", "1e9", "a\nb", "\U0001f600")  # fmt: skip


def make_all(folder: Path) -> None:
    """Make everything of MADE in a folder."""
    for name, make in MADE.items():
        make(folder / name)


def found_in(folder: Path) -> dict[str, object]:
    """All that there is in a folder, and what the files hold that can be read."""
    found: dict[str, object] = {}
    for place in sorted(folder.rglob("*")):
        state = place.lstat()
        is_held = stat.S_ISREG(state.st_mode) and state.st_size < 2_000_000 and os.access(place, os.R_OK)
        holds = place.read_bytes() if is_held else b""
        found[str(place.relative_to(folder))] = (state.st_mode, state.st_size, holds)
    return found


def argv(command: str, option: str, value: str) -> list[str]:
    """A command line in which an option has that value; without an option it is the argument."""
    needed = NEEDED.get(command, [])
    if not option:
        needed = [one for at, one in enumerate(needed) if at or one.startswith("-")]
        return [*command.split(), *needed, "--", value]
    return [*command.split(), *needed, option, value]


def problem(command: str, option: str, value: str, is_file: bool, folder: Path) -> str:
    """What is wrong with how an option takes a value, "" where nothing is; `folder` holds what `make_all` makes."""
    before = found_in(folder)
    found: Outcome = run(argv(command, option, value), cwd=folder, env={"XDG_STATE_HOME": str(folder / "s")})
    if fault := found.fault():
        return fault
    if is_file and option != "--moment" and found.code and printable(value).encode() not in found.err:
        return f"{found.argv}: the message names no file: {found.err.decode()}"
    if found.code == 2 and not found.err.startswith(b"simkernel: "):
        return f"{found.argv}: no message: {found.err.decode()}"
    after = found_in(folder)
    named = {value} if option == "--slides" else set()
    changed = {name for name in before if after.get(name) != before[name]} - named
    more = after.keys() - before.keys() if found.code or option != "--slides" else set()
    return f"{found.argv} changed {', '.join(sorted(changed | more))}" if changed | more else ""
