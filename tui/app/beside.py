"""Files that any screen can be written into: the screen as it is, the bars on it, its time picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from textual.app import App

from lessons.picture import Lanes, Picture
from lessons.visit import Visit
from simkernel.errors import LearnerError
from simkernel.files import write_text
from tui.app import screenshot
from tui.app.palette import Entry
from tui.app.screens.prompt import Prompt
from tui.view.lanes_svg import lanes_svg
from tui.view.save import save_bars


class Shown(Protocol):
    """The screen, as this module knows it."""

    @property
    def app(self) -> App[Any]:
        """Of which it is the screen."""
        ...

    @property
    def picture(self) -> Picture:
        """What it shows."""
        ...

    @property
    def visit(self) -> Visit:
        """What one is at."""
        ...

    def tell(self, said: str, look: str = "") -> None:
        """Say something."""
        ...


def beside(screen: Shown) -> list[Entry]:
    """What can be written into a file: title, help, what asks for the name and does it."""
    lanes = next((part for part in screen.picture.parts if isinstance(part, Lanes)), None)
    out: list[Entry] = []
    if screen.picture.figure is not None:
        help_text = "Into a file: a picture where its name ends in .svg, else text."
        out.append(("Write these bars", help_text, partial(save, screen)))
    if lanes is not None:
        made = _written("The time picture", lambda: lanes_svg(lanes.time))
        out.append(_entry(screen, "Save who does what, SVG", "Write the time picture up to here into a file.", made))
    for kind, text in (("SVG", screenshot.svg), ("text", screenshot.text)):
        made = _written("This screen", partial(text, screen.app))
        ending = ".svg" if kind == "SVG" else ".txt"
        out.append(_entry(screen, f"Save the screen, {kind}", "Write this screen into a file.", made, ending))
    return out


def save(screen: Shown) -> None:
    """Write the bars that one sees into a file."""
    _ask(screen, "Write these bars", "A picture where the name ends in .svg, else text.",
         lambda name: save_bars(screen.picture, name))  # fmt: skip


def _entry(screen: Shown, title: str, help_text: str, made: Callable[[str], str], ending: str = ".svg") -> Entry:
    """A name without an ending gets this one."""

    def of(name: str) -> str:
        path = Path(name)
        return made(name if path.suffix or path.is_dir() else f"{name}{ending}")

    return title, help_text, partial(_ask, screen, title, help_text, of, ending)


def _name(screen: Shown, ending: str) -> str:
    """The name that is offered: what the screen shows, and the step; a file of that name stays, and gets a number."""
    kept = screen.visit.front.kept()
    title = f"{screen.picture.title.lower()} {'' if kept is None else f'step {kept.step}'}"
    stem = "-".join("".join(one if one.isalnum() else " " for one in title).split())
    names = (f"{stem}{f'-{number}' if number > 1 else ''}{ending}" for number in count(1))
    return next(name for name in names if not os.path.lexists(name))


def _written(what: str, text: Callable[[], str]) -> Callable[[str], str]:
    """What writes a text into the file of a name, and says so."""

    def write(name: str) -> str:
        write_text(name, text())
        return f"{what} is written to {Path(name).absolute()}."

    return write


def _ask(screen: Shown, title: str, help_text: str, made: Callable[[str], str], ending: str = ".svg") -> None:
    """Ask for a file's name, with one to take; make the file, say what became of it."""
    offered = _name(screen, ending)

    def answered(name: str | None) -> None:
        if name is not None:
            try:
                screen.tell(made(name.strip() or offered))
            except LearnerError as error:
                screen.tell(str(error), "bad")

    screen.app.push_screen(Prompt(title, f"{help_text} Enter alone takes this name.", offered), answered)
