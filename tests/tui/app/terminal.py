"""The real program in a real pseudo-terminal: pexpect runs it, pyte is the screen that it draws on."""

from __future__ import annotations

import os
import re
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

# Sequences of newer terminals, which pyte would print: private modes, kitty's keyboard protocol, titles.
NEWER = re.compile(rb"\x1b\[[<>=?][0-9;]*[a-zA-Z$]+|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
MODE = re.compile(rb"\x1b\[\?([0-9]+)([hl])")
ON_AT_FIRST = ("7", "25")  # private modes: lines wrap, the cursor is seen
WAIT = 60.0  # seconds for what must come; it comes much sooner
FRAME = 0.03  # seconds: Textual draws what has changed 60 times a second
LOOK = 0.05  # seconds between two looks at what does not come from the terminal
ROOT = Path(__file__).parents[3]


class Terminal:
    """`simkernel` on a terminal of a kind and size; `state` is its home, `folder` the one that it is run in."""

    def __init__(
        self,
        arguments: list[str],
        state: Path,
        term: str,
        locale: str,
        columns: int = 80,
        rows: int = 24,
        folder: Path = ROOT,
        **more: str,
    ) -> None:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environ = keep | {"TERM": term, "LC_ALL": locale, "XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)} | more
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._shown: str | None = None  # the screen's text, once it is asked for
        self.left: list[str] | None = None  # what the program has left switched at its end
        self.begun = time.monotonic()
        self.child = pexpect.spawn(
            sys.executable, ["-P", "-m", "tui", *arguments], env=environ, dimensions=(rows, columns), cwd=str(folder)
        )
        self._settings = termios.tcgetattr(self.child.fileno())[:6]

    @property
    def pid(self) -> int:
        assert self.child.pid is not None
        return self.child.pid

    def read(self, seconds: float = 0.05) -> str:
        """What stands on the screen after a moment."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._take(left):
            pass
        return self._text()

    def until(self, come: str | Callable[[], object]) -> str:
        """Wait until a text stands on the screen or something is so; the screen then."""
        end = time.monotonic() + WAIT

        def is_so() -> object:
            return come in self._text() if isinstance(come, str) else come()

        while not is_so():
            is_open = self._take(LOOK)
            assert is_open and time.monotonic() < end or is_so(), f"{come!r} has not come:\n{self._text()}"
        return self._text()

    def _take(self, seconds: float) -> bool:
        """Draw what comes next, within a time; False where the program has ended and nothing can."""
        try:
            data = self.child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        assert isinstance(data, bytes)
        self.raw += data
        self._stream.feed(NEWER.sub(b"", data))
        self._shown = None
        return True

    def _text(self) -> str:
        """What stands on the screen."""
        if self._shown is None:
            self._shown = "\n".join(self.screen.display)
        return self._shown

    def still(self) -> str:
        """What stands on the screen once nothing more is drawn: a picture may come in several pieces.

        The program then waits for somebody: it sleeps, and neither works nor writes for longer than a frame takes.
        """
        shown, did = self.read(FRAME), worked(self.pid)
        while (shown, did, True) != (now := (self.read(2 * FRAME), worked(self.pid), sleeps(self.pid))):
            shown, did, _ = now
        return shown

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def _left_switched(self) -> list[str]:
        """What the program has switched and not switched back, once it has ended: private modes (the alternate screen,
        the cursor, reports of the mouse), the keyboard protocol, the terminal's own settings (echo, whole lines)."""
        now = {mode.decode(): state == b"h" for mode, state in MODE.findall(self.raw)}
        left = [mode for mode, is_on in now.items() if is_on != (mode in ON_AT_FIRST)]
        left += ["keyboard"] * (self.raw.count(b"\x1b[>") - self.raw.count(b"\x1b[<u"))
        return left + ["settings"] * (termios.tcgetattr(self.child.fileno())[:6] != self._settings)

    def end(self) -> int:
        """The exit code, negative for a signal, once the program has ended; `raw` holds all that it wrote."""
        self.child.expect(pexpect.EOF, timeout=WAIT)
        if isinstance(self.child.before, bytes):
            self.raw += self.child.before
        self.left = self._left_switched()
        self.child.close()
        status = self.child.exitstatus if self.child.signalstatus is None else -self.child.signalstatus
        assert status is not None
        return status


def worked(pid: int) -> int:
    """The processor time that a process has used, in ticks of the clock; -1 where the system is not Linux."""
    status = Path(f"/proc/{pid}/stat")
    return sum(map(int, status.read_text().rpartition(")")[2].split()[11:13])) if status.exists() else -1


def sleeps(pid: int) -> bool:
    """Whether a process waits for something; True where the system is not Linux."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "S"


def until_worked(pid: int, seconds: float = 1.0) -> None:
    """Wait until a process has used so much processor time: one second takes a command past its boot."""
    end = time.monotonic() + WAIT
    if worked(pid) < 0:
        time.sleep(2 * seconds)
    while 0 <= worked(pid) < seconds * os.sysconf("SC_CLK_TCK"):
        assert time.monotonic() < end, "it does not work"
        time.sleep(0.02)


def until_it_rests(pid: int, seconds: float = 0.3) -> None:
    """Wait until a process has used no processor time for so long: it waits for somebody."""
    end, before = time.monotonic() + WAIT, -1
    while before != (before := worked(pid)):
        assert time.monotonic() < end, "it does not rest"
        time.sleep(seconds)
