"""What a screen is drawn from: frozen, made anew after each action. The app keeps nothing of the machine but this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.view.marks import UNICODE, Marks

if TYPE_CHECKING:
    from lessons.lanes import TimePicture
    from lessons.session.stops import Stops
    from lessons.story import Story
    from simkernel.sim.snapshot import Snapshot
    from simkernel.sim.snapshot.changes import Thing

DEPTHS = ("story", "code", "all")


@dataclass(frozen=True, slots=True)
class Look:
    """How one looks at it; no part of the machine's state.

    Attributes:
        depth: of DEPTHS. syntax: "att" or "intel". marks: glyphs or ASCII.
        cpu: the one in focus; `follows`: it is the one that something has just happened to, until a person chooses.
    """

    depth: str = "story"
    syntax: str = "att"
    cpu: int = 0
    follows: bool = True
    marks: Marks = field(default=UNICODE)


@dataclass(frozen=True, slots=True)
class Picture:
    """One moment as a screen draws it.

    Attributes:
        story: the moment in words and marks; its snapshot is the machine. look: see above. title: what one watches.
        time: which lane did what at each step.
        stops: those of the story up to here. begin: where it starts. breakpoints: their addresses.
        message: what the last action said; `failed`: that it could not be done. busy: something is under way.
        ready: False while what one wants to watch is still being made. from_lab: Esc leads back to the lab.
        dies: the kernel dies at the end of what history knows.
    """

    story: Story
    look: Look
    time: TimePicture
    title: str = ""
    stops: Stops = field(default_factory=lambda: Stops([], [], 0, 0))
    begin: int = 0
    breakpoints: tuple[int, ...] = ()
    message: str = ""
    failed: bool = False
    busy: str = ""
    ready: bool = True
    from_lab: bool = False
    dies: bool = False

    @property
    def snapshot(self) -> Snapshot:
        return self.story.snapshot

    @property
    def marks(self) -> Marks:
        return self.look.marks

    def changed(self, what: Thing) -> bool:
        """True where the last move changed it (`snapshot.changes`)."""
        return any(change.what == what for change in self.snapshot.changes)
