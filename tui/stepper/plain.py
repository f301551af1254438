"""Plain mode: the same steps as short paragraphs, for screen readers, logs and slow links.

`Plain` takes one word at a time (a key, an action's name, an action with its argument after a colon) and says what came
of it. It says only what changed, and what it is asked for: `w` where am I, `f` the five bytes, `c1` CPU1, `y` why, `l`
the last again. With `as_json` it says an object a step instead, with the same sentences and the events as data.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

from lessons.picture import Lanes
from lessons.session.actions import ACTIONS, Action, action_named, apply
from lessons.session.number import is_number
from lessons.session.stepper import Outcome, Stepper
from lessons.story import Story, answers, story_of
from lessons.story.time import time_picture
from lessons.story.words import MODELS, NOT_A_CPU, words_on
from simkernel.errors import LearnerError
from simkernel.sentence import sentences
from simkernel.sim.snapshot.plain import plain
from tui.stepper.player import WIDTH, Player, parted
from tui.view.paragraphs import lanes as lane_sentences

MOVES = ("next", "back", "next-phase", "back-phase", "instruction", "back-instruction", "run", "run-back", "goto")
KEYS = "Keys: n next, b back, p phase, y why, f five bytes, w where, c1 CPU1, l last, ? words, q quit, h all."


class Plain(Player):
    """Steps a story and says it."""

    refused = 0

    def __init__(self, stepper: Stepper, say: Callable[[str], None], as_json: bool = False) -> None:
        super().__init__(say, as_json)
        self.stepper = stepper

    @property
    def moment(self) -> str:
        return self.stepper.moment

    def begin(self) -> None:
        story = story_of(self.stepper)
        said = answers.opening(self.stepper, story)
        self._say("", said if self.as_json else [*said, KEYS], story)

    def take(self, text: str) -> bool:
        word, argument = parted(text)
        if not word:
            return True
        if word in ("q", "quit"):
            return False
        if (asked := self._asked(word)) is not None:
            self._say(word, asked, None)
            return True
        action = action_named(word)
        if action.name == "run" and not self.stepper.breakpoints:
            self._run(word)
        else:
            self._do(action, argument, word)
        return True

    def needs(self, word: str) -> str:
        if word in ("", "q", "quit") or self._asked(word, dry=True) is not None:
            return ""
        action = action_named(word)
        return action.prompt

    # --- what one can ask -------------------------------------------------------------------------------------

    def _asked(self, word: str, dry: bool = False) -> list[str] | None:
        """The answer to a question; None where the word is none."""
        is_cpu = len(word) == 2 and word[0] == "c" and is_number(word[1])
        if dry:
            return [] if is_cpu or word in QUESTIONS else None
        if word == "l":
            return self._last
        if word == "h":
            return help_lines()
        if word == "?":
            return word_lines(" ".join(self._last), self.stepper.simulation.options.model.value)
        if not is_cpu and word not in QUESTIONS:
            return None
        story = story_of(self.stepper)
        if is_cpu:
            return answers.cpu(story, int(word[1]))
        if word == "w":
            return answers.where(self.stepper, story)
        if word == "time":
            return lane_sentences(self._time()) or ["No step has been taken yet."]
        return {"f": answers.five_bytes, "y": answers.why, "at": answers.addresses, "log": answers.records}[word](story)

    def _time(self) -> Lanes:
        return Lanes(name="time", time=time_picture(self.stepper))

    # --- what one can do ----------------------------------------------------------------------------------------

    def _do(self, action: Action, argument: str, word: str) -> Outcome:
        outcome = apply(self.stepper, action.name, argument)
        self.stepper = outcome.stepper or self.stepper
        self.refused += outcome.error
        story = story_of(self.stepper)
        said = [] if outcome.error else self._paragraph(action, story)
        message = outcome.message
        if action.name == "without" and not outcome.error:
            said = [*sentences(message), *said]
        elif message:
            said.append(message[0].upper() + message[1:] if outcome.error else message)
        self._say(word, said, story, outcome)
        if outcome.moment is not None and outcome.moment.name and not self.as_json:
            self.say(f"simkernel step {outcome.moment.name} opens this step, too.\n")
        return outcome

    def _paragraph(self, action: Action, story: Story) -> list[str]:
        """What a step says: its number, then what has happened."""
        if action.name not in (*MOVES, "start", "end", "without", "act", "cpu-run", "cpu-read", "cpu-settle"):
            return []
        if not story.said:
            return [f"After step {story.step}:" if self.stepper.begun else "The start of the story."]
        back = "Back at step" if action.name.startswith("back") or action.name == "run-back" else "Step"
        of = f" of {story.steps}" if story.steps >= story.step else ""
        return [f"{back} {story.step}{of}.", *story.said]

    def _run(self, word: str) -> None:
        """Say each step up to the end of the story."""
        step = action_named("next")
        while not self._do(step, "", word).message:
            if self.stepper.finished:
                break

    # --- saying -------------------------------------------------------------------------------------------------

    def _say(self, word: str, said: list[str], story: Story | None, outcome: Outcome | None = None) -> None:
        if said and word not in ("h", "?"):
            self._last = said
        if self.as_json:
            self.say(json.dumps(self._object(word, said, story, outcome)))
        elif word in ("h", "?", "time"):
            self.say("\n".join(said) + "\n")
        elif said:
            self.say(textwrap.fill(" ".join(said), WIDTH, break_long_words=False, break_on_hyphens=False) + "\n")

    def _object(self, word: str, said: list[str], story: Story | None, outcome: Outcome | None) -> dict[str, Any]:
        """A step as data: where one is, what was said, the events up to here since the step before."""
        out: dict[str, Any] = {"word": word, "said": said}
        if outcome is not None:
            out |= {"message": outcome.message, "error": outcome.error}
            out |= {"name": outcome.moment.name} if outcome.moment is not None else {}
        if word == "time":
            out["time"] = plain(self._time().time)
        if story is None:
            return out
        snapshot = story.snapshot
        site = snapshot.site
        out |= {
            "step": story.step,
            "place": list(snapshot.point),
            "clock": snapshot.clock,
            "phase": story.why.phase,
            "waits_for": list(snapshot.patching.waits_for),
            "holds": story.why.holds,
            "verdict": story.why.verdict,
            "outcome": snapshot.halt_reason,
            "events": plain(self.stepper.passed),
        }
        if site is not None:
            out["memory"] = site.memory.data.hex(" ")
            out["may_run"] = [[sorted(set(values)) for values in one.options] for one in site.cpus]
            out["read"] = [one.read for one in site.cpus]
        return out


QUESTIONS = {
    "w": "where am I",
    "f": "the five bytes",
    "y": "why",
    "l": "the last again",
    "at": "where the five bytes lie",
    "log": "the last lines of the trace",
    "time": "what happened at each step so far, a line each",
    "?": "what the words of the last paragraph mean",
    "h": "this list",
}


def help_lines() -> list[str]:
    """Every word that plain mode takes, a line each."""
    lines = [f"{word}: {text}" for word, text in QUESTIONS.items()]
    lines += ["c0 to c7: what a CPU is at", "q: quit"]
    for action in ACTIONS:
        argument = f" After a colon: {action.prompt}." if action.prompt else ""
        lines.append(f"{action.word}: {action.help}{argument}")
    return lines


def word_lines(text: str, model: str) -> list[str]:
    """What the words of a text mean, and what the model is by which CPUs read code, a line each."""
    lines = [f"{word}: {meaning}" for word, meaning in words_on(text).items()]
    return [*lines, f"Model {model}: {MODELS[model]}", NOT_A_CPU]


def words_of(script: str) -> list[str]:
    """The words of a script; LearnerError where it has none."""
    words = script.split()
    if not words:
        raise LearnerError('the script is empty: --script "n n b" is next, next, back')
    return words
