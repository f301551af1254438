"""A story where nothing is drawn: what is told of each step, what can be asked at it, and the same as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lessons.activity import PlainText, Query
from lessons.session.path import behind, reached
from lessons.session.stepper import Stepper
from lessons.story import NO_TRACE, StoryNow, answers, story_of
from lessons.story.say import phase_of
from lessons.story.time import time_picture
from simkernel.errors import LearnerError
from simkernel.sentence import sentences
from simkernel.sim.snapshot.plain import plain

MOVING = (
    "next", "back", "next-phase", "back-phase", "instruction", "back-instruction", "run", "run-back", "goto", "place",
    "start", "end", "without", "act", "cpu-run", "cpu-read", "cpu-resolve",
)  # fmt: skip
"""Actions of a session after which one may stand elsewhere in the story."""
DIED = "The kernel died here, {}: nothing moves any more; b goes a step back."
KEYS = "n next, b back, p or Enter phase, y why, f five bytes, c1 CPU1"


def opening(stepper: Stepper) -> PlainText:
    """What a story begins with: what it asks, and what there is."""
    options, site = stepper.simulation.options, stepper.snapshot.site
    what = {"protocol": stepper.variant.name, "model": options.model.value, "seed": options.seed}
    what |= {"moment": stepper.opens or stepper.moment}
    where = {} if site is None else {"function": site.name, "site": site.address}
    story = story_of(stepper)
    stands = (*answers.where(stepper, story), *_dies(stepper)) if stepper.begun else ()
    return PlainText((*answers.opening(stepper, story), *stands), keys=KEYS, data=_events(stepper) | what | where)


def step(stepper: Stepper, name: str, message: str) -> PlainText:
    """What is told once an action is done.

    Args:
        stepper: where one stands now.
        name: of the action, as the session calls it.
        message: what the session says of it, "" for nothing.
    """
    if name == "look-at":
        return PlainText((message, answers.where(stepper, story_of(stepper))[0]), data=_events(stepper))
    said = _stands(stepper, name) if name in MOVING else []
    said = [*sentences(message), *said] if name == "without" else [*said, *filter(None, [message])]
    return PlainText(tuple(said), data=_events(stepper), heading=_heading(stepper))


def _heading(stepper: Stepper) -> str:
    """The phase in which the last stop was, and what Linux calls it; "" where one stands after none."""
    phase = phase_of(stepper)
    if phase is None:
        return ""
    phases = stepper.protocol.phases
    linux = f": {phase.linux}" if phase.linux else ""
    return f"[{phases.index(phase) + 1} of {len(phases)}] {phase.name}{linux}"


def _stands(stepper: Stepper, name: str) -> list[str]:
    """The number of the step, then what has happened."""
    story = story_of(stepper)
    if not story.said:
        return [f"After step {story.step}{story.counted}:" if stepper.begun else "The start of the story."]
    back = "Back at step" if "back" in name.split("-") else "Step"
    of = f" of {story.total}" if story.total else ""
    following = behind(reached(stepper))
    then = [] if following is None else [f"Next: {following.title}: p or Enter begins it."]
    return [f"{back} {story.step}{of}{story.counted}.", *story.said, *sentences(story.ending), *then]


def _events(stepper: Stepper) -> dict[str, Any]:
    return {"events": plain(stepper.passed)}


def questions(stepper: Stepper, waits: str = "") -> Mapping[str, Query]:
    """What can be asked at a place of a story, by word.

    Args:
        stepper: where one stands.
        waits: what is said instead while a question waits for its answer; "" where none does.
    """
    words = _questions(stepper)
    return {word: Query("", partial(_refuse, waits)) for word in words if word != "w"} if waits else words


def _refuse(why: str) -> PlainText:
    raise LearnerError(why)


def _dies(stepper: Stepper) -> tuple[str, ...]:
    """That the kernel is dead where one stands, where it is."""
    return (DIED.format(stepper.simulation.halt_reason),) if stepper.simulation.halt_reason else ()


def _questions(stepper: Stepper) -> dict[str, Query]:
    dies = _dies(stepper)

    def of_story(tell: Callable[[StoryNow], list[str]], together: bool = True) -> Callable[[], PlainText]:
        return lambda: PlainText((*tell(story_of(stepper)), *dies), together)

    cpus = len(stepper.snapshot.cpus)
    return {
        "w": Query("where am I", of_story(partial(answers.where, stepper))),
        "f": Query("the five bytes", of_story(answers.five_bytes)),
        "y": Query("why", of_story(answers.why)),
        **{
            f"c{number}": Query(
                f"what CPU{number} is at" if number < cpus else "", of_story(partial(answers.cpu, number=number))
            )
            for number in range(10)
        },
        "at": Query("where the five bytes lie", of_story(answers.addresses)),
        "log": Query("the last calls that were traced", of_story(answers.records, together=False)),
        "trace-file": Query("the last lines of the file trace", partial(_trace, stepper)),
        "oops": Query(
            "the oops of the kernel", lambda: PlainText(tuple(answers.oops(story_of(stepper))), together=False)
        ),
        "time": Query("what happened at each step so far, a line each", partial(_time, stepper)),
    }


def _trace(stepper: Stepper) -> PlainText:
    lines = answers.trace_file(stepper.simulation)
    said = "\n".join((f"The last {len(lines)} lines of the file trace:", *lines))
    return PlainText((said if lines else f"The trace has {NO_TRACE}.",), data={"trace": lines})


def _time(stepper: Stepper) -> PlainText:
    time = time_picture(stepper)
    said = tuple(time.sentences()) or ("No step has been taken yet.",)
    return PlainText(said, together=False, data={"time": plain(time)})


def data(stepper: Stepper, covered: bool = False) -> dict[str, Any]:
    """Where one stands, and what is so there; where that is covered, the step only."""
    if covered:
        return {"step": len(stepper.stops())}
    story = story_of(stepper)
    snapshot = story.snapshot
    site = snapshot.site
    out: dict[str, Any] = {
        "step": story.step,
        "place": list(snapshot.point),
        "clock": snapshot.clock,
        "phase": story.why.phase,
        "waits_for": list(snapshot.patching.waits_for),
        "holds": story.why.holds,
        "verdict": story.why.verdict,
        "halt_reason": snapshot.halt_reason,
    }
    if site is not None:
        out["memory"] = site.memory.data.hex(" ")
        out["may_run"] = [[sorted(set(values)) for values in one.options] for one in site.cpus]
        out["read"] = [one.read for one in site.cpus]
    return out
