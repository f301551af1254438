"""The pictures of the program in `docs/pictures`: `python -m tui.app.pictures` writes them.

Each is a screen as its keys lead to it, in memory: the same everywhere, so that a test can tell an old one.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from lessons.activities.start import Start
from lessons.visit import Visit
from simkernel.errors import OurError
from tui.app import screenshot
from tui.app.app import SimkernelApp

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


@dataclass(frozen=True, slots=True)
class Shot:
    """A place worth a picture.

    Attributes:
        name: of the file.
        entry: of the list of what there is to do.
        words: actions of the activity that lead there, each with its argument behind a colon.
        size: columns and rows.
        theme: the colours.
    """

    name: str
    entry: str
    words: tuple[str, ...]
    size: tuple[int, int]
    theme: str = "dark"


STOPS = (
    Shot("start", "naive", (), (80, 24)),
    Shot("sync", "one", ("search:sync 1", "next"), (120, 36)),
    Shot("oops", "one", ("search:sync 1", "without", "run"), (120, 36)),
    Shot("all", "all", ("next", "next", "next", "next"), (120, 36), "light"),
    Shot("lab", "lab", ("choose:2",), (120, 36)),
)


async def picture(stop: Shot) -> str:
    """The picture of a stop, as SVG."""
    start = Start()
    app = SimkernelApp(Visit(start, start.named(stop.entry)), theme=stop.theme)
    async with app.run_test(size=stop.size) as pilot:
        await app.settled()
        for word in stop.words:
            name, _, argument = word.partition(":")
            app.playing.ask(name, argument)
            await app.settled()
            if app.playing.look == "bad":
                raise OurError(f"{stop.name}: {word} is refused: {app.playing.said}")
        await pilot.pause()
        return screenshot.svg(app)


def main() -> int:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for stop in STOPS:
        (FOLDER / f"{stop.name}.svg").write_text(asyncio.run(picture(stop)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
