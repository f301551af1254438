"""Questions of stories: what is asked, that nothing tells it before it is answered, that the answer is the run's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from math import sqrt

import pytest

from lessons.activities.story import Story
from lessons.activity import CHOOSE
from lessons.lanes import Did
from lessons.machine import Bytes, PhaseState, Strip
from lessons.picture import Choice, Lanes, Part, Picture, Prose
from lessons.picture import Question as Asks
from lessons.session.beliefs import Belief
from lessons.session.content import STORIES
from lessons.session.stepper import Stepper
from lessons.story import cover
from lessons.story.look import Look
from lessons.story.parts import picture_of
from lessons.story.questions import StoryQuestion
from lessons.table import Mark
from simkernel.errors import LearnerError
from simkernel.events import Event, Int3Done, Int3Taken, SiteRan, SiteStored, SyncAnswered, SyncEnded, SyncSent
from simkernel.hw.fetch import FetchModel
from simkernel.insn import INT3
from simkernel.report import Report
from simkernel.schedule import Resolve, Run
from simkernel.sim.narrate import PATCHING_TASK
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot.plain import plain as as_json
from tui.stepper.player import PlainVisit
from tui.view.frame import frame
from tui.view.lecture import lecture
from tui.view.marks import ASCII, UNICODE, Marks
from tui.view.paragraphs import narration
from tui.view.parts import forms
from tui.view.text import plain

SIZES = ((60, 20), (80, 24), (120, 36), (160, 45))
START = ["first store", "old left", "answered"]
NAMES = {
    "naive": ["comes"],
    "one": [*START, "comes", "handler", "head"],
    "one@0+without:sync-1": ["first store", "comes"],
    "all": ["own", "old left", "answered", "comes", "head"],
    "one@0+model:byte+without:sync-2": [*START, "comes", "head"],
    "slow-ipi": ["first store", "own", "answered", "comes", "head"],
    "nmi": ["answered", "comes"],
    "second-ops": [*START, "handler", "comes", "head"],
    "off": ["first store", "handler", "old left", "answered", "comes", "head"],
    "cache-line": [*START, "comes", "head", "last sync"],
    "recursion": [*START, "comes", "head", "own"],
    "one@0+model:byte+seed:1": [*START, "comes", "head", "last sync"],
}
"""What is asked in each story of the path, in its order; and in one beside it, for what the path does not decide."""
PLAIN = {
    "CC at +0", "it takes the int3 at byte +0", "CPU0 only", "nobody", "nowhere, for the kernel dies", "bash-201 alone",
    "at ftrace_trampoline, at once", "bash-201 goes on without CPU1", "CPU1 takes the int3",
    "240, one for each function", "720, 3 for each function", "CPU1 answers, for nothing can delay an IPI",
    "bash-201 writes the tail, without CPU1's answer", "CPU0 takes an int3 there, for it is inside that call already",
    "bash-201 writes the old instruction back",
}  # fmt: skip
"""Wrong choices that no belief leads to."""


def begun(what: str) -> Story:
    """A story that asks, at its start."""
    story = Story.of(what)
    story.start(Report())
    story.apply("questions")
    return story


def asked_in(what: str) -> Iterator[tuple[Story, StoryQuestion]]:
    """A story at each of its questions, before it is answered; then it goes on without an answer."""
    story = begun(what)
    while not story.apply("next").refused:
        asked = story.asking.at(story.stepper)
        if asked is not None:
            assert asked.open
            yield story, asked.question
        if story.stepper.over or story.stepper.simulation.halt_reason:
            return


@cache
def met(what: str) -> list[tuple[StoryQuestion, Picture, Picture, int]]:
    """Each question of a story: itself, the picture with it, the picture without it, and the known steps."""
    out = []
    for story, question in asked_in(what):
        out.append((question, story.picture(), picture_of(story.stepper, Look()), story.stepper.known_stops))
    return out


@pytest.mark.parametrize("what", NAMES)
def test_a_story_asks_where_something_is_decided(what: str) -> None:
    assert [question.name for question, *_ in met(what)] == NAMES[what]
    for question, *_ in met(what):
        assert 3 <= len(question.choices) == len(set(question.choices)) <= 4
        assert question.hint and question.why and question.facts
        assert question.beliefs[question.right] is None
        wrong = {one for one, belief in zip(question.choices, question.beliefs, strict=True) if belief is None}
        assert wrong - {question.answer} <= PLAIN
        assert len(set(question.beliefs)) > 1 or what == "all"


def test_no_rule_of_thumb_finds_the_right_answer() -> None:
    asked = [question for what in STORIES for question, *_ in met(what)]
    by_chance = sum(1 / len(question.choices) for question in asked)
    rules: dict[str, Callable[[StoryQuestion], str]] = {
        "first": lambda one: one.choices[0],
        "last": lambda one: one.choices[-1],
        "longest": lambda one: max(one.choices, key=len),
        "shortest": lambda one: min(one.choices, key=len),
    }
    for name, rule in rules.items():
        assert sum(rule(one) == one.answer for one in asked) <= by_chance + sqrt(by_chance * 3 / 4), name
    places = {question.right for question in asked}
    assert places == set(range(4))


def test_what_is_asked_names_most_beliefs_about_code_that_changes() -> None:
    named = {belief for what in NAMES for question, *_ in met(what) for belief in question.beliefs}
    assert {*Belief} - named == {Belief.NOP_IS_FREE, Belief.COMPILED_NOPS, Belief.SEARCH_AT_RUN_TIME}
    assert set(STORIES) < set(NAMES)


# --- nothing tells the answer ----------------------------------------------------------------------------------------


def without_the_question(picture: Picture) -> Picture:
    """All of a picture but what is asked, for the choices hold the answer, and what is said of any such part."""
    parts = (
        replace(one, text="", choices=(Choice("0", ""),)) if isinstance(one, Asks) else one for one in picture.parts
    )
    return replace(picture, parts=tuple(replace(one, help="") for one in parts))


def texts(picture: Picture) -> Iterator[str]:
    """A picture at each size, in plain mode and as JSON, without line breaks and bars."""
    rest = without_the_question(picture)
    for size in SIZES:
        for marks in (UNICODE, ASCII):
            shown = frame(rest, ("Scenarios",), (), size, marks)
            yield flat("\n".join(plain(one) for one in shown.lines(*size)), marks)
            yield flat("\n".join(plain(one) for one in lecture(rest, ("Scenarios",), size, marks)), marks)
    yield flat("\n".join(narration(rest)), UNICODE)
    yield flat(json.dumps(as_json(rest), default=sorted_marks), UNICODE)


def sorted_marks(marks: frozenset[Mark]) -> list[str]:
    return sorted(one.value for one in marks)


def flat(text: str, marks: Marks) -> str:
    return " ".join(text.replace(marks.line, " ").replace(marks.new, "").replace(marks.int3, "").split())


def secrets(question: StoryQuestion, shown: Picture, steps: int) -> set[str]:
    """What must not stand in a covered picture: of the question, and of the picture without one."""
    out = {question.answer, question.why, question.hint, f"of {steps}"}
    out |= {way for way in shown.path if not way.startswith("model ")}  # which stands in the title line too
    for part in shown.parts:
        if isinstance(part, Lanes) and question.name in ("answered", "last sync"):
            out.add(part.time.sentences()[-1])
        if isinstance(part, Strip):
            ahead = [one.name for one in part.phases if one.stage is PhaseState.TO_COME]
            out |= {text for one in ahead for text in (f"○ {one}", f"o {one}", f'"{one}"')}
        if isinstance(part, Bytes):
            rows = [*part.table.cpus, *([part.table.becomes] if part.table.becomes is not None else [])]
            for row in rows:
                first = row.cells[0].text
                out |= {f"{row.label} {first}", f"{row.label}: {first}"}
            out |= {f'"label": "{part.table.becomes.label}"'} if part.table.becomes is not None else set()
            out |= {row.remark for row in rows if row.remark}
        if isinstance(part, Prose) and part.name in ("why", "who in Linux", "waits", "reasons", "trace"):
            for one in part.paragraphs:
                out |= (
                    {one.text, f"{one.label} {one.text}"[:30], f'"label": "{one.label}"'} if one.label else {one.text}
                )
    return out


def leaks(question: StoryQuestion, picture: Picture, shown: Picture, steps: int) -> set[str]:
    """Which of these stand in a picture anyway."""
    every = list(texts(picture))
    return {one for one in secrets(question, shown, steps) if any(one in text for text in every)}


@pytest.mark.parametrize("what", NAMES)
def test_nothing_tells_before_it_is_answered(what: str) -> None:
    for question, picture, shown, steps in met(what):
        assert not leaks(question, picture, shown, steps), question.name
        strip = next(part for part in shown.parts if isinstance(part, Strip))
        for ahead in (one.name for one in strip.phases if one.stage is PhaseState.TO_COME):
            assert not any(ahead in one for one in (*question.choices, *question.facts)), ahead
        told_there = flat("\n".join(narration(shown)), UNICODE)
        assert sum(one in told_there for one in secrets(question, shown, steps)) > 3


def as_it_is(part: Part, question: StoryQuestion) -> Part:
    return part


@pytest.mark.parametrize("kind", [Strip, Bytes])
def test_each_cover_covers(kind: type[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cover.COVERS, kind, as_it_is)
    for story, question in asked_in("one"):
        if kind is Bytes or question.name != "head":
            shown = picture_of(story.stepper, Look())
            assert leaks(question, story.picture(), shown, story.stepper.known_stops)


def test_a_part_without_a_cover_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cover.COVERS, Prose, as_it_is)
    for story, question in asked_in("one"):
        shown = picture_of(story.stepper, Look())
        found = leaks(question, story.picture(), shown, story.stepper.known_stops)
        assert any(one.startswith("Why ") for one in found)


@pytest.mark.parametrize("what", ["one", "nmi"])
def test_the_time_picture_ends_here_and_does_not_tell(what: str) -> None:
    story = begun(what)
    for _ in range(story.stepper.known_stops):
        story.apply("next")
    story.apply("first")
    while not story.apply("next").refused and not story.stepper.over:
        asked = story.asking.at(story.stepper)
        if asked is None:
            continue
        story.asking._asked[story.stepper].clear()  # as if it had not been asked
        story.asking.come(story.stepper)
        lanes = next(part for part in story.picture().parts if isinstance(part, Lanes))
        moments = lanes.time.moments
        assert [one.step for one in moments] == list(range(1, lanes.time.at + 1))
        assert "goes on" not in moments[-1].sentence
        assert moments[-1].marks[0].did is not Did.GOES_ON
        if asked.question.name == "answered":
            assert moments[-1].marks[0].did is Did.NOTHING


def stands_whole(part: Asks, picture: Picture, size: tuple[int, int]) -> bool:
    """Whether all that a question says is on the screen, at its place."""
    body = frame(picture, ("Scenarios",), (), size, UNICODE).body
    block = next(one for one in body.blocks if one.part == part)
    return [plain(one).rstrip() for one in block.lines] == [
        plain(one).rstrip() for one in forms(part, block.width, UNICODE)[0]
    ]


def of_question(picture: Picture) -> Asks:
    return next(part for part in picture.parts if isinstance(part, Asks))


def test_the_question_its_hint_and_each_answer_are_whole_at_each_size() -> None:
    looked_at = set()
    for what in NAMES:
        for story, question in asked_in(what):
            if (question.name, question.text, question.why) in looked_at:
                continue
            looked_at.add((question.name, question.text, question.why))
            asked = story.asking.at(story.stepper)
            assert asked is not None
            shown = picture_of(story.stepper, Look())
            pictures = [cover.covered(shown, one) for one in (asked, replace(asked, hinted=True))]
            for answer in (None, *range(len(question.choices))):
                pictures.append(picture_of(story.stepper, Look(), replace(asked, answer=answer, passed=answer is None)))
            for picture in pictures:
                part = of_question(picture)
                assert all(stands_whole(part, picture, size) for size in SIZES), (what, part)


def test_the_key_line_has_the_answers_and_only_keys_that_work() -> None:
    for what in ("one", "all"):
        for story, question in asked_in(what):
            for size in SIZES:
                *_, keys = frame(story.picture(), ("Scenarios",), story.offered(), size, UNICODE).lines(*size)
                text = plain(keys).strip()
                assert text.startswith(f"1 to {len(question.choices)} answer  0 hint  → skip  "), text
                assert not {"x", "Enter", "m", "c", "r", "t"} & {word.split()[0] for word in text.split("  ")}
            story.apply("1")
            *_, keys = frame(story.picture(), ("Scenarios",), story.offered(), (80, 24), UNICODE).lines(80, 24)
            assert "answer" not in plain(keys)


# --- the answer is the run's -----------------------------------------------------------------------------------------


SOON = 8_000  # instructions of one CPU


def alone(simulation: Simulation, cpu: int, found: Callable[[Event], bool]) -> Event | None:
    """The first event of a kind that comes where one CPU alone goes on, in a fork of the run."""
    fork = simulation.fork()
    try:
        for _ in range(SOON):
            for event in fork.step(Run(cpu)):
                if found(event):
                    return event
    finally:
        fork.close()
    return None


def comes(stepper: Stepper, cpu: int) -> bytes | None:
    """What a CPU runs at the site where it goes on alone and comes there: an int3, or what it ran."""
    site = stepper.site

    def here(event: Event) -> bool:
        if isinstance(event, Int3Taken):
            return event.address == site and event.cpu == cpu
        return isinstance(event, SiteRan) and event.site == site and event.cpu == cpu

    event = alone(stepper.simulation, cpu, here)
    return event.data if isinstance(event, SiteRan) else None if event is None else bytes((INT3,))


def holds(simulation: Simulation, site: int, cpu: int) -> bytes:
    """What a CPU has read at a site, and what it would read now, as it sees it: an int3 alone, else five bytes."""
    read = simulation.site(site).read(cpu)
    data = read + simulation.read(site + len(read), 5 - len(read), as_cpu=cpu)
    return data[:1] if data[0] == INT3 else data


def resolved(stepper: Stepper, cpu: int) -> set[bytes]:
    """All that a CPU may turn out to hold at the site: with no pending byte resolved, with each, with all."""
    assert stepper.site is not None
    pending = list(stepper.simulation.site(stepper.site).pending(cpu))
    out = set()
    for some in range(1 << len(pending)):
        fork = stepper.simulation.fork()
        for at, address in enumerate(pending):
            if some >> at & 1:
                fork.step(Resolve(cpu, address))
        out.add(holds(fork, stepper.site, cpu))
        fork.close()
    return out


def read_old_left(stepper: Stepper, question: StoryQuestion) -> None:
    """What each CPU holds, as late as can be; those in the middle of the instruction go on, too."""
    site = stepper.snapshot.site
    assert site is not None
    assert site.old is not None
    can = [one.cpu for one in site.cpus if holds(stepper.simulation, site.address, one.cpu) == site.old.data]
    assert (
        question.answer
        == {
            (0,): "CPU0 only",
            (1,): "CPU1 only",
            (0, 1): "CPU0 and CPU1, until each has answered",
            (): "neither, for memory holds CC now",
        }[tuple(can)]
    )
    inside = [one.cpu for one in site.cpus if one.read]
    stepper.goto(stepper.stops()[-2].position)
    assert all((comes(stepper, cpu) == site.old.data) == (cpu in can) for cpu in inside)


def read_answered(stepper: Stepper, question: StoryQuestion) -> None:
    """The patching task cannot act; a CPU that has answered comes through other functions, or through none."""
    assert stepper.simulation.patching.waits_for == (1,)
    assert not stepper.simulation.patching.ready
    fork = stepper.simulation.fork()
    functions = set()
    for _ in range(3_000):
        fork.step(Run(0))
        functions.add(fork.image.symbolize(fork.cpu(0).rip).partition("+")[0])
    fork.close()
    free = len(functions) > 3
    assert question.answer == (f"{PATCHING_TASK} alone" if free else f"{PATCHING_TASK} and CPU0")


def read_comes(stepper: Stepper, question: StoryQuestion) -> None:
    """The CPU that is asked about comes to the site."""
    site = stepper.snapshot.site
    assert site is not None
    assert site.old is not None
    assert site.new is not None
    cpu = int(question.text[3])
    ran = holds(stepper.simulation, site.address, cpu)
    assert comes(stepper, cpu) in (ran, None)
    whole = {bytes((INT3,)): "it takes the int3 at byte +0", site.old.data: "it runs the old instruction",
             site.new.data: "it runs the new instruction"}  # fmt: skip
    assert question.answer == whole.get(ran, "it runs a torn instruction, half old, half new")


def read_handler(stepper: Stepper, question: StoryQuestion) -> None:
    """One plays on, and sees."""
    cpu, site = int(question.text[len("Where does CPU")]), stepper.site
    assert site is not None
    while not any(isinstance(one, Int3Done) for one in stepper.passed):
        assert stepper.forward()
    place = stepper.image.symbolize(stepper.simulation.cpu(cpu).rip)
    name = stepper.image.symbolize(site)
    assert question.answer == {
        "ftrace_caller": "at ftrace_caller, at once",
        f"{name}+0x5": f"at {name}+5, at once",
    }.get(place, "at ftrace_trampoline, at once")
    assert place in ("ftrace_caller", f"{name}+0x5") or stepper.image.code_name(
        stepper.simulation.cpu(cpu).rip
    ).startswith("ftrace_trampoline")


def read_head(stepper: Stepper, question: StoryQuestion) -> None:
    """What the CPU holds, with any of its pending bytes resolved."""
    site = stepper.snapshot.site
    assert site is not None
    assert site.old is not None
    assert site.new is not None
    runs = resolved(stepper, int(question.text.partition("can CPU")[2][0]))
    whole = [one for one in (site.new.data, bytes((INT3,)), site.old.data) if one in runs]
    shown = [one.hex(" ").upper() for one in whole]
    mixed = ", or torn, as " if runs - {*whole} else ""
    start = ", ".join(shown) if mixed else " or ".join(shown) if len(shown) > 1 else f"{shown[0]} only"
    assert question.answer.partition(mixed or "\n")[0] == start
    assert bool(mixed) == ("torn" in question.answer)


def mixes(stepper: Stepper, old: bytes, stored: bytes) -> set[bytes]:
    """All that a CPU can run of a site whose bytes one store changes, as its model has it: counted out here."""
    model, first = stepper.simulation.options.model, stepper.site
    assert first is not None
    if model is FetchModel.PIECES:
        return {old[:count] + stored[count:] for count in range(6)}
    changed = [at for at in range(5) if old[at] != stored[at]]
    parts = {(first + at) // 64 if model is FetchModel.LINE else at for at in changed}
    out = set()
    for come in product((False, True), repeat=len(parts)):
        there = dict(zip(sorted(parts), come, strict=True))
        new = [there.get((first + at) // 64 if model is FetchModel.LINE else at, False) for at in range(5)]
        out.add(bytes(stored[at] if new[at] else old[at] for at in range(5)))
    return out


def read_first_store(stepper: Stepper, question: StoryQuestion) -> None:
    """Each store, and all that a CPU can run of the bytes that it leaves."""
    site = stepper.snapshot.site
    assert site is not None and site.old is not None and site.new is not None
    old, new = site.old.data, site.new.data
    stores = {
        f"{new[:1].hex().upper()} at +0": new[:1] + old[1:],
        f"{new[1:].hex(' ').upper()} at +1 to +4": old[:1] + new[1:],
        f"{new.hex(' ').upper()}, all at once": new,
        "CC at +0": bytes((INT3,)) + old[1:],
    }
    torn = {}
    for text, stored in stores.items():
        torn[text] = {one for one in mixes(stepper, old, stored) if one not in (old, new) and one[0] != INT3}
    assert set(question.choices) == {text for text, stored in stores.items() if stored != old}
    assert [text for text in question.choices if not torn[text]] == [question.answer]
    for text, against in question.against.items():
        said = bytes.fromhex(against.removeprefix("Your store lets a CPU run ").rstrip("."))
        assert said in torn[text]


def read_last_sync(stepper: Stepper, question: StoryQuestion) -> None:
    """CPU0 has answered: each choice is looked at in the state that is there."""
    trap = bytes((INT3,))
    assert stepper.simulation.patching.waits_for == (1,)
    assert not stepper.simulation.patching.ready
    assert not any(cpu.parked for cpu in stepper.snapshot.cpus)
    assert trap not in resolved(stepper, 0)
    assert trap in resolved(stepper, 1)
    assert question.answer == "CPU1 takes the int3"


def read_own(stepper: Stepper, question: StoryQuestion) -> None:
    """One plays on, and counts or sees what comes next."""
    seen: list[Event] = []
    while stepper.simulation.patching.busy and stepper.forward():
        seen += stepper.passed
    stops = [one for one in seen if one.stop and (one.at is None or one.at == stepper.site)]
    if question.text.startswith("How many syncs"):
        syncs = {one.entry for one in seen if isinstance(one, SyncSent)}
        assert question.answer == f"{len(syncs)}, for all of them together"
    elif "IPI" in question.facts[0]:
        first = next(one for one in stops if isinstance(one, SyncAnswered | SyncEnded | SiteStored))
        assert isinstance(first, SyncAnswered) and first.cpu == 0
        assert question.answer == "CPU0 answers, and goes on"
    else:
        assert isinstance(stops[0], SiteRan) and stops[0].cpu == 0
        assert question.answer == "CPU0 runs the same call again, inside the first one"


def test_what_the_files_questions_take_for_given_is_so() -> None:
    for what, name in (("slow-ipi", "own"), ("recursion", "own"), ("all", "own")):
        story, question = next((story, one) for story, one in asked_in(what) if one.name == name)
        snapshot = story.stepper.snapshot
        if what == "slow-ipi":
            assert [cpu.interrupts_on for cpu in snapshot.cpus] == [True, False]
            assert question.facts[1] == "CPU1 is in its timer interrupt: its interrupts are off."
            assert snapshot.cpus[1].function == "task_tick_fair"  # which the tick alone calls
        elif what == "recursion":
            assert snapshot.site is not None and snapshot.site.memory == snapshot.site.new
        else:
            assert len(snapshot.patching.sites) == 240


READ: dict[str, Callable[[Stepper, StoryQuestion], None]] = {
    "old left": read_old_left, "answered": read_answered, "comes": read_comes, "handler": read_handler,
    "head": read_head, "first store": read_first_store, "last sync": read_last_sync, "own": read_own,
}  # fmt: skip


@pytest.mark.parametrize("what", NAMES)
def test_the_right_answer_is_what_the_run_shows(what: str) -> None:
    for story, question in asked_in(what):
        of = story.stepper
        READ[question.name](Stepper(of.simulation.fork(), None, of.site, of.begin), question)


# --- answering -------------------------------------------------------------------------------------------------------


def asked_who_can() -> Story:
    """A story at the question which CPU can still run the old instruction."""
    story = next(story for story, question in asked_in("one") if question.name == "old left")
    assert story.picture().place == "step 4 · question 2 · model pieces"
    return story


def test_no_story_asks_by_itself() -> None:
    story = Story.of("one")
    story.start(Report())
    for _ in range(24):
        story.apply("next")
        assert not any(isinstance(one, Asks) for one in story.picture().parts)
    assert story.apply("1").message == "nothing is asked here"


def test_an_answer_is_told_in_words_and_why() -> None:
    story = asked_who_can()
    question = story.asking.at(story.stepper).question  # type: ignore[union-attr]
    right, wrong_one = number_of(story, "CPU0 only"), number_of(story, "neither, for the CPUs wait for the patch")
    assert story.apply(right).message == ""
    answer = next(part for part in story.picture().parts if part.name == "answer")
    assert narration(replace(story.picture(), parts=(answer,)))[1:] == [
        "In the model pieces: which CPU can still run the old instruction here?",
        f"Your answer, {right}, right: CPU0 only.",
        f"Because: {question.why}",
    ]
    assert story.picture().place == "step 4 of 24 · model pieces"
    wrong = asked_who_can()
    wrong.apply(wrong_one)
    at = (lines := narration(wrong.picture())).index(
        f"Your answer, {wrong_one}, not in this run: neither, for the CPUs wait for the patch."
    )
    assert lines[at + 1 : at + 3] == [f"{right}, in this run: CPU0 only.", f"Because: {question.why}"]
    shown = frame(wrong.picture(), (), (), (80, 24), ASCII).lines(80, 24)
    assert [plain(one) for one in shown if "in this run" in plain(one)] == [
        f" = {wrong_one}   not in this run: neither, for the CPUs wait for the patch",
        f"   {right}   in this run: CPU0 only",
    ]


def test_nought_gives_a_hint_and_the_question_stays() -> None:
    story = asked_who_can()
    question = story.asking.at(story.stepper).question  # type: ignore[union-attr]
    story.apply("0")
    assert f"0: Hint: {question.hint}" in narration(story.picture())
    assert any(isinstance(one, Asks) for one in story.picture().parts)
    assert story.apply("7").message == "7 is no answer here: 1 to 4, or 0 for a hint"


def test_going_on_is_no_answer_and_going_back_asks_again() -> None:
    story = asked_who_can()
    story.apply("back")
    assert story.picture().place == "step 3 of 24 · model pieces"
    story.apply("next")
    assert any(isinstance(one, Asks) for one in story.picture().parts)
    assert story.apply("next").message == "The question is left open: go back, and it is asked again."
    story.apply("back")
    assert any(isinstance(one, Asks) for one in story.picture().parts)
    assert [(one.answer, one.passed) for one in story.asking.all] == [(None, True), (None, False)]
    story.apply(number_of(story, "CPU0 only"))
    assert [one.answer is None for one in story.asking.all] == [True, False]


def number_of(story: Story, text: str) -> str:
    """The digit for a choice of the question that is open."""
    asked = story.asking.at(story.stepper)
    assert asked is not None
    return str(asked.question.choices.index(text) + 1)


def test_enter_leads_on_where_a_story_with_questions_ends() -> None:
    story = begun("off")
    while not story.stepper.ending:
        assert not story.apply("next").refused
    following = story.apply("enter")
    assert following.opens is not None and following.leaves


def test_what_would_tell_cannot_be_asked_for() -> None:
    story = asked_who_can()
    assert [one.name for one in story.offered()] == ["next", "back", "phase-back", "first", "view", "questions", CHOOSE]
    for word in ("x", "m", "c", "t", "r", "end", "enter", "5", "look-at"):
        result = story.apply(word, "vfs_read")
        assert result.refused, word
    story.apply("questions")
    assert not any(isinstance(one, Asks) for one in story.picture().parts)


def test_a_run_and_a_phase_end_at_the_next_question() -> None:
    story = begun("one")
    steps = []
    for _ in range(6):
        story.apply("run")
        steps.append(len(story.stepper.stops()))
        story.apply("1")
    assert steps == [1, 4, 6, 9, 11, 18]
    story.apply("run")
    assert story.stepper.over
    again = begun("one")
    assert again.apply("enter").stays
    again.apply("1")
    assert [again.apply("enter").stays for _ in range(2)] == [False, True]
    assert again.picture().place.startswith("step 4 · question 2")


def test_what_goes_on_by_itself_stops_at_a_question() -> None:
    story = begun("one")
    assert [story.apply("next").stays for _ in range(5)] == [True, False, False, True, False]


# --- where nothing is drawn ------------------------------------------------------------------------------------------


def played(words: str, as_json: bool = False) -> list[str]:
    """What plain mode says, word by word."""
    said: list[str] = []
    visit = PlainVisit(Story.of("one"), said.append, as_json)
    visit.begin()
    out = []
    for word in words.split():
        said.clear()
        visit.take(word)
        out.append("".join(said))
    return out


def test_plain_mode_asks_and_covers() -> None:
    right = number_of(asked_who_can(), "CPU0 only")
    *_, asked, where = played("questions n n n n w")
    for text in (flat(asked, UNICODE), flat(where, UNICODE)):
        assert "In the model pieces: which CPU can still run the old instruction here?" in text
        assert f"{right}: CPU0 only" in text and "0: I do not know yet: a hint" in text
    for secret in ("0F 1F 44 00 00, nop", "has read", "write tail", "of 24", "Why", "Holds", "waits for CPU0"):
        assert secret not in asked.replace("was: 0F 1F 44 00 00, nop", ""), secret
        assert secret not in where.replace("was: 0F 1F 44 00 00, nop", ""), secret
    for word in ("f", "y", "c1", "time", "x", "log"):
        with pytest.raises(LearnerError, match="a question waits for its answer"):
            played(f"questions n n n n {word}")
    *_, hint, answer, bytes_now = played(f"questions n n n n 0 {right} f")
    assert hint.startswith("Hint: ")
    assert flat(answer, UNICODE).startswith(f"Your answer, {right}, right: CPU0 only. Because: CPU0 runs 0F, which")
    assert "CPU0 has read 0F" in flat(bytes_now, UNICODE)


def test_json_covers() -> None:
    asked = json.loads(played("questions n n n n", as_json=True)[-1])
    answered = json.loads(played("questions n n n n 2", as_json=True)[-1])
    assert {"may_run", "memory", "holds", "events"} & set(asked) == set()
    assert asked["offered"] == ["next", "back", "phase-back", "first", "view", "questions", CHOOSE]
    assert {"may_run", "memory", "holds"} <= set(answered)
    for text in ("sync 2", "rest from memory", "write head", "call ftrace_trampoline"):
        assert text not in json.dumps(asked)


def test_a_run_in_plain_mode_ends_at_a_question() -> None:
    assert "After which one can no CPU run" in played("questions r")[-1]
    assert "which CPU can still run" in played("questions r 2 r")[-1]
