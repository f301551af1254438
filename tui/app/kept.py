"""What is kept from one start to the next: the place where one stood, as a moment, and how one looked at it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
from msgspec import Meta, Struct

from lessons.session.content import SCENARIOS
from lessons.session.stepper import GivenMoment, Stepper
from simkernel.errors import LearnerError
from simkernel.files import read_bytes, write_new
from simkernel.report import Report
from simkernel.sim.moment import MAX_ENTRIES, open_moment
from tui.app.picture import DEPTHS, Look
from tui.app.theme import THEMES

CLIPBOARD = "if your terminal lets programs copy"
SIZE = 8 << 20  # bytes that the file may have: a long moment and some words

Text = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=MAX_ENTRIES)]


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """The place where one quit.

    Attributes:
        moment: as a string, "" where there was none to keep. scenario: its name, "" for none. begin: where its story
        starts. site: the address looked at, 0 for none. title, step: what to call the place.
        depth, syntax, theme: how one looked at it.
    """

    moment: Annotated[str, Meta(max_length=SIZE)] = ""
    scenario: Text = ""
    begin: Count = 0
    site: int = 0
    title: Text = ""
    step: Count = 0
    depth: str = "story"
    syntax: Annotated[str, Meta(pattern=r"\A(att|intel)\Z")] = "att"
    theme: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.site < 1 << 64:
            raise ValueError("site is no address")
        if not self.title.isprintable():
            raise ValueError("title holds control characters")
        if self.depth not in DEPTHS or self.theme not in ("", *THEMES):
            raise ValueError("there is no such depth or theme")


def of(stepper: Stepper, look: Look, theme: str) -> Kept:
    """Where a stepper stands, and how one looks at it. The place is empty where no moment can name it, and where
    nobody has moved yet: a kernel that has just booted, or a scenario of the list at its start."""
    simulation, scenario = stepper.simulation, stepper.scenario
    listed = scenario is None or SCENARIOS.get(scenario.name) == scenario
    untouched = listed and simulation.point == (stepper.begin, 0)
    try:
        moment = "" if untouched else stepper.moment
    except LearnerError:
        moment = ""
    return Kept(
        moment=moment,
        scenario=stepper.scenario.name if stepper.scenario is not None else "",
        begin=stepper.begin,
        site=stepper.site or 0,
        title=stepper.title or "a kernel",
        step=len(stepper.stops()),
        depth=look.depth,
        syntax=look.syntax,
        theme=theme,
    )


def after(last: Kept | None, now: Kept) -> Kept:
    """What to keep of two sessions: an empty place never replaces one, so looking around loses none."""
    return now if now.moment or last is None else msgspec.structs.replace(last, theme=now.theme)


def reopen(kept: Kept, report: Report | None = None) -> Stepper:
    """A stepper where the last session stood, looking at the same site if that is one.

    Raises: LearnerError where the moment does not open (another version, a file that is gone), or `report` cancels it.
    """
    simulation = open_moment(kept.moment, report=report)
    site = kept.site if kept.site in simulation.image.mcount_loc else None
    return Stepper(simulation, SCENARIOS.get(kept.scenario), site, min(kept.begin, simulation.position))


def moment_file(given: GivenMoment) -> tuple[str, str, bool]:
    """Write a moment into a file of its own in the current folder; title and text of what to say, and if that failed.

    The text says what a person types to come back.
    """
    try:
        name = write_new(given.file, "moment", f"{given.text}\n")
    except LearnerError as error:
        return f"Copied, {CLIPBOARD}", "\n".join((str(error), *_ways("LINE", given.name))), True
    return f"Kept in {name}, and copied, {CLIPBOARD}", "\n".join(_ways(name, given.name)), False


def _ways(moment: str, name: str) -> list[str]:
    """How to come back, a line each."""
    return [f"Open it: simkernel step --moment {moment}", *([f"     or: simkernel step {name}"] if name else [])]


def state_file() -> Path:
    return Path(platformdirs.user_state_dir("simkernel", appauthor=False)) / "last.json"


def load() -> Kept | None:
    """What the last session kept; None at a first start, or where the file cannot be read or holds what cannot be."""
    try:
        return msgspec.json.decode(read_bytes(state_file(), "the last place", SIZE), type=Kept)
    except (LearnerError, msgspec.MsgspecError, RecursionError):
        return None


def save(kept: Kept) -> bool:
    """Keep it for the next start; False where no file can be written, and the old one is as it was.

    The new file takes the place of the old one when all of it is on the disk: whatever ends the program or the
    machine meanwhile, there is a whole one.
    """
    file = state_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(prefix=f"{file.name}-", dir=file.parent)
    except OSError:
        return False
    try:
        with open(descriptor, "wb") as out:
            out.write(msgspec.json.encode(kept))
            out.flush()
            os.fsync(descriptor)
        os.replace(new, file)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            Path(new).unlink(missing_ok=True)
    return True
