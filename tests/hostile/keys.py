"""Storms of keys at the screens: random keys, alone and many in one write, on a real terminal, drawn from a seed.

Whatever comes, the program lives, or one of the keys has ended it as it ends it for a person; and the terminal is as it
was before.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect

from tests.tui.app.terminal import Terminal

SIZES = ((60, 20), (80, 24), (120, 36))
STARTS = ("step one", "", "step lab", "step overhead", "step mysteries", "step all")
STORMS = [(seed, STARTS[seed % len(STARTS)], SIZES[seed % len(SIZES)]) for seed in range(18)]
STORMS += [(35, "step all", (60, 20)), (43, "", (20, 5)), (61, "", (80, 24)), (70, "step mysteries", (60, 20))]
"""Those of the second line found what the eighteen do not."""
KEYS = 400
MOST = 24  # keys in one write
QUIT = "\x11"
PATIENCE = 30.0  # seconds that ctrl-Q may take

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ?+-<>:.*_\u00e9\u6f22"
MOVES = ("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b[1;5H", "\x1b[1;5F")
ACTS = ("\r", "\r", "\x1b", "\x1b", "\t", "\x1b[Z", "\x7f", " ", "\x10", ":", "/one\r\r", "/lab\r\r", "/costs\r\r",
        ":boot\r", ":functions\r", ":one step a second\r", "r", "x", "m", "v", "c", "?", "\x1bOP", "/")  # fmt: skip
ODD = ("\x00", "\x01", "\x05", "\x0b", "\x15", "\x17", "\x1b[3~", "\x1b[2~", "\x1b[24~", "\x1b[99~", "\x1b[")
REPORTS = (
    "\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m",
    "\x1b[<64;{x};{y}M",
    "\x1b[<35;{x};{y}M",
    "\x1b[I",
    "\x1b[O",
    "\x1b[200~vfs_*\n\x1b[201~",
)
BROKEN = "\udcff"  # a byte that is no text
QUITS = ("q", "\x03", QUIT)  # few: each ends a run


def keys(rng: random.Random, size: tuple[int, int]) -> Iterator[str]:
    """Keys without end."""
    while True:
        kind = rng.choices((LETTERS, MOVES, ACTS, ODD, REPORTS, BROKEN, QUITS), (30, 25, 35, 6, 8, 1, 0.3))[0]
        key = rng.choice(kind)
        if key in QUITS and kind is not QUITS:
            continue
        yield key.replace("{x}", str(rng.randint(1, size[0]))).replace("{y}", str(rng.randint(1, size[1])))


def storm(seed: int, start: str, size: tuple[int, int], count: int, folder: Path) -> str:
    """What is wrong with how a storm of `count` keys ended; "" where nothing is."""
    rng = random.Random(seed)
    source = keys(rng, size)
    sent: list[str] = []
    while len(sent) < count:
        terminal = Terminal(start.split(), folder, "xterm-256color", "C.UTF-8", *size, folder)
        terminal.read(rng.uniform(0.0, 3.0))
        while len(sent) < count and terminal.child.isalive():
            more = [next(source) for _ in range(min(rng.choice((1, 1, 3, MOST)), count - len(sent)))]
            sent += more
            try:
                terminal.child.send("".join(more).encode(errors="surrogateescape"))
            except OSError:
                break
            terminal.read(rng.choice((0.02, 0.1, 0.5)))
        if said := _wrong(terminal):
            return f"storm {seed}, {start!r}, {size}, after {sent[-60:]}: {said}"
    return ""


def _wrong(terminal: Terminal) -> str:
    """End it, if it has not ended; what is wrong with that."""
    until = time.monotonic() + PATIENCE
    while terminal.child.isalive() and time.monotonic() < until:
        with contextlib.suppress(OSError):
            terminal.child.send("\x1b" + QUIT)
        terminal.read(0.5)
    try:
        code = terminal.end()
    except pexpect.TIMEOUT:
        return "it does not end"
    text = terminal.raw.decode(errors="replace")
    if (
        "Traceback" in text or "bug of simkernel" in text or code not in (0, 130)
    ):  # 130: ctrl-C before there is a screen
        return f"exit code {code}: {text[-2000:]}"
    return f"left switched: {terminal.left}" if terminal.left else ""
