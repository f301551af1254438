"""What is kept from one start to the next: the place where one stood, as a moment, and how one looked at it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import platformdirs

from lessons.scenarios import SCENARIOS
from simkernel.errors import LearnerError
from simkernel.moment import open_moment
from tui.app.picture import DEPTHS, Look
from tui.app.theme import THEMES
from tui.stepper.stepper import Stepper


@dataclass(frozen=True, slots=True)
class Kept:
    """The place where one quit.

    Attributes:
        moment: as a string, "" where there was none to keep. scenario: its name, "" for none. begin: where its story
        starts. site: the address looked at, 0 for none. title, step: what to call the place.
        depth, syntax, theme: how one looked at it.
    """

    moment: str = ""
    scenario: str = ""
    begin: int = 0
    site: int = 0
    title: str = ""
    step: int = 0
    depth: str = "story"
    syntax: str = "att"
    theme: str = ""


def of(stepper: Stepper, look: Look, theme: str) -> Kept:
    """Where a stepper stands, and how one looks at it. The place is empty where no moment can name it, and where
    nobody has moved yet: a kernel that has just booted, or a scenario of the list at its start."""
    simulation, scenario = stepper.simulation, stepper.scenario
    listed = scenario is None or SCENARIOS.get(scenario.name) == scenario
    untouched = listed and simulation.place == (stepper.begin, 0)
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
        step=len(stepper.beats()),
        depth=look.depth,
        syntax=look.syntax,
        theme=theme,
    )


def after(last: Kept | None, now: Kept) -> Kept:
    """What to keep of two sessions: an empty place never replaces one, so looking around loses none."""
    return now if now.moment or last is None else replace(last, theme=now.theme)


def reopen(kept: Kept) -> Stepper:
    """A stepper where the last session stood.

    Raises: LearnerError where the moment does not open (another version, a file that is gone).
    """
    scenario = SCENARIOS.get(kept.scenario)
    return Stepper(open_moment(kept.moment), scenario, kept.site or None, kept.begin)


def state_file() -> Path:
    return Path(platformdirs.user_state_dir("simkernel", appauthor=False)) / "last.json"


def load() -> Kept | None:
    """What the last session kept; None at a first start, or where the file cannot be read or holds what cannot be."""
    try:
        kept = Kept(**json.loads(state_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    fine = all(type(getattr(kept, one.name)) is type(one.default) for one in fields(kept))
    looks = kept.depth in DEPTHS and kept.syntax in ("att", "intel") and kept.theme in ("", *THEMES)
    return kept if fine and looks else None


def save(kept: Kept) -> bool:
    """Keep it for the next start; False where no file can be written."""
    file = state_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(kept)), encoding="utf-8")
    except OSError:
        return False
    return True
