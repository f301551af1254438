"""Every sentence that plain mode can say in the scenarios: at most 20 words, ASCII, none of the refused words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from lessons.activities.costs import Costs
from lessons.activities.lab import Lab
from lessons.activities.lab_answer import LabAnswer
from lessons.activities.lab_setup import SETTINGS
from lessons.activities.lab_words import GUESSES, WORTH, question, scene
from lessons.activities.mysteries import OFF
from lessons.activities.opening import Opening
from lessons.activities.overhead import ANSWERS, SEVERAL, SITES, Overhead
from lessons.activities.overhead_words import WORK, explained, picture_line, waiting
from lessons.activities.story import Story
from lessons.session.actions import ACTIONS
from lessons.session.content import SCENARIOS
from lessons.session.scenarios import answer_of
from lessons.session.stepper import Stepper
from lessons.story import words
from simkernel.explore.properties import PROPERTIES
from simkernel.hw.fetch import FetchModel
from simkernel.sentence import sentences
from tests.tui.measurements import little_to_count, measured_at_once
from tui.stepper.player import ASKED, PlainVisit
from tui.view.frame import frame
from tui.view.marks import UNICODE
from tui.view.text import plain

WORDS, SENTENCES = 20, 3
REFUSED = re.compile(
    r"\b(flush\w*|stop|stops|stopped|freeze|stale|cop(y|ies)|simply|just|obviously|view|pending|delivered)\b", re.I
)
NAMES = re.compile(r"\b\w*_\w+\b|\bstop_machine\b")  # of functions: they are Linux's


def objects(scenario: str) -> Iterator[tuple[str, list[str]]]:
    """What plain mode says at each step of a scenario, with each question asked there: (word, sentences)."""
    said: list[str] = []
    visit = PlainVisit(Story(Stepper.start(scenario)), said.append, as_json=True)
    visit.begin()
    for _ in range(SCENARIOS[scenario].stops):
        for word in ("n", "?", "w", "f", "c0", "c1", "y", "at", "log"):
            visit.take(word)
    visit.take("b")
    for one in map(json.loads, said):
        yield one["word"], one["said"]


def check(text: str) -> None:
    assert text.isascii(), text
    for one in sentences(text):
        assert len(one.split()) <= WORDS, f"{len(one.split())} words: {one}"
        assert not REFUSED.search(NAMES.sub("", one)), one


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_every_sentence_of_a_scenario(scenario: str) -> None:
    for word, said in objects(scenario):
        for text in said:
            check(text)
        if word == "n":
            steps = [one for text in said[1:] for one in sentences(text) if not one.startswith("Next: ")]
            if "The story ends here." in steps:  # behind it comes its answer
                steps = steps[: steps.index("The story ends here.")]
            assert 1 <= len(steps) <= SENTENCES, steps
        assert word == "log" or len(set(said)) == len(said), said


def test_every_answer_of_a_scenario() -> None:
    simulation = Stepper.start().simulation
    for scenario in SCENARIOS.values():
        answer = answer_of(scenario, simulation)
        assert answer and "{" not in answer
        check(answer)


def test_every_sentence_of_the_table_of_actions() -> None:
    for action in ACTIONS:
        check(action.help)
        assert action.help.endswith(".") and action.title and len(action.title.split()) <= 5
    player = PlainVisit(Story(Stepper.start("one")), lambda said: None)
    player.begin()
    for line in player.words():
        check(line)


def test_every_sentence_on_the_words() -> None:
    for word, meaning in words.WORDS.items():
        check(meaning)
        assert word in next(iter(words.words_on(f"here {word} stands")))
    for model in FetchModel:
        story = Story(Stepper.start("one"))
        story.apply("model", model.value)
        (note,) = story.picture().notes
        assert words.MODELS[model.value] in note and words.NOT_A_CPU in note
        drawn = frame(story.picture(), (), story.offered(), (80, 24), UNICODE)
        text = "\n".join(plain(one) for one in drawn.lines(80, 24))
        name = f"model {model.value}"
        assert name in words.standing_in(text) and words.MODELS[model.value] in words.WORDS[name]
        assert words.MODELS[model.value] in " ".join(text.split()), "the story says it at its start"
        story.apply("next")
        shown = frame(story.picture(), (), story.offered(), (80, 24), UNICODE).lines(80, 24)
        assert name in words.standing_in("\n".join(map(plain, shown)))
        check(note)


def test_every_sentence_of_the_mysteries() -> None:
    said: list[str] = []
    mysteries = PlainVisit(Opening(), said.append, as_json=True)
    mysteries.begin()
    for word in "1 n n 4 r t n n".split():
        assert mysteries.take(word)
    values = [json.loads(one) for one in said]
    assert mysteries.take("n") and json.loads(said[-1])["step"] == 0, "the story of one function"
    assert {value["cue"] for value in values} == {*range(1, 11)} - {OFF + 1}, "tracing is turned off at once"
    for value in values:
        for line in value["said"]:
            if "\n" not in line:  # gdb's
                assert line.isascii() and all(len(one.split()) <= WORDS for one in sentences(line)), line


def test_every_sentence_of_the_lab() -> None:
    lab = Lab()
    for setting in SETTINGS.values():
        for value in setting.values:
            check(setting.help(value))
    actions = (action.help for action in (*lab.actions, *LabAnswer.actions))
    properties = (text for one in PROPERTIES for text in (one.holds, one.broken))
    for text in (*scene(lab.setup), question(lab.setup), *WORTH.values(), *GUESSES.values(), *actions, *properties):
        check(text)


@pytest.mark.keystone
def test_every_sentence_on_what_tracing_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_at_once(monkeypatch)
    little_to_count(monkeypatch)
    overhead = Overhead()
    overhead.more()
    texts = [WORK, *(action.help for action in Costs.actions), *ASKED.values()]
    for _ in ANSWERS:
        texts += waiting(overhead)
        overhead.work()
        for _ in SEVERAL.get(overhead.name, " "):
            chart = overhead.chart
            if chart is None:
                assert overhead.name == SITES, "only there a table stands in the place of bars"
                continue
            texts += [chart.sentence, chart.means, picture_line(overhead)]
            texts += [one for bar in chart.bars for one in explained(overhead, bar).sentences if "Source" not in one]
            overhead.other()
        overhead.turn(1)
    for text in filter(None, texts):
        check(text)


@pytest.mark.parametrize(
    "everyday",
    [
        "CPU1 ran 0F 3E AD 3F 3F, a call to where nothing is.",
        "'z' does nothing here.",
        "Nothing happened to this site.",
    ],
)
def test_a_word_is_told_in_the_sense_in_which_it_stands_there(everyday: str) -> None:
    """A stray call leads to no NOP: "nothing" is there what it is for everybody."""
    assert "nothing" not in words.words_on(everyday) and "nop" not in words.words_on(everyday)


@pytest.mark.parametrize("word", ["sync", "serialize"])
def test_serializing_is_told_as_good_for_what_was_stored_before(word: str) -> None:
    """Of what another CPU stores afterwards it promises nothing (SDM vol. 3, Cross-Modifying Code)."""
    told = words.WORDS[word]
    assert not re.search(r"from t?here on", told, re.I)
    assert re.search(r"(?:is stored later|stores after that) is open again", told)
