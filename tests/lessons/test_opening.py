"""The two mysteries: their figures are the run's, each cue shows what it speaks of, and one goes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache

import pytest

from lessons.activities.boot import Boot
from lessons.activities.change import Change, shared_syncs
from lessons.activities.costs import Costs
from lessons.activities.mysteries import ASK, BOOTED, HOW, OFF, ON, OPTIONS, QUIET, SEEN, TRACED, WHY, WORRY
from lessons.activities.opening import Opening
from lessons.activities.story import Story
from lessons.lanes import Did
from lessons.picture import Map, Picture, Prose, Question, Rows
from lessons.session.content import SCENARIOS
from lessons.story.words import words_on
from lessons.visit import Visit
from simkernel import events as ev
from simkernel.errors import LearnerError
from simkernel.overhead.published import published
from simkernel.report import Report
from simkernel.sim.digest import state_digest
from simkernel.sim.snapshot.site import CALL, CHANGING, INT3, NOP
from tests.lessons.cancelling import CancelledAt
from tests.tui.playing import flat
from tui.stepper.player import PlainVisit
from tui.view.frame import frame, with_keys
from tui.view.marks import UNICODE
from tui.view.paragraphs import narration
from tui.view.text import plain

WORDS = 20  # of a sentence at most
WAY = {ASK: "1", SEEN: "next", BOOTED: "trace", HOW: "4", ON: "last", TRACED: "trace", QUIET: "next", WHY: "next"}
"""What leads from each cue to the next one; tracing is turned off at once."""
KEPT = (HOW, TRACED, QUIET)  # cues to which the machine comes by much work
HARD = re.compile(r"\b(int3|sync|trampoline|IPI|serializ\w+|batch|opcode|patch\w*|ops|beat|phase|stand-in)\b", re.I)


def cues() -> Iterator[tuple[int, Picture]]:
    """Each cue, with its picture, along WAY."""
    opening = Opening()
    yield opening.run.cue, opening.picture()
    while opening.run.cue in WAY:
        assert not opening.apply(WAY[opening.run.cue]).refused
        yield opening.run.cue, opening.picture()


@pytest.fixture(scope="module")
def pictures() -> dict[int, Picture]:
    return dict(cues())


def led(opening: Opening, cue: int, answer: str = "4") -> Opening:
    """An opening, once it is at a cue, where the second question is answered so."""
    while opening.run.cue != cue:
        assert not opening.apply(answer if opening.run.cue == HOW else WAY.get(opening.run.cue, "last")).refused
    return opening


@cache
def kept_at(cue: int) -> Opening:
    """The opening at one of the cues to which the machine comes by much work: once a process, for others to copy."""
    before = [one for one in KEPT if one < cue]
    return led(copy_of(kept_at(before[-1])) if before else Opening(), cue)


def copy_of(opening: Opening) -> Opening:
    """The same opening again, with a machine that is a fork: nothing that changes is shared."""
    machine, image = opening.run.simulation, opening.run.image
    return deepcopy(opening, {id(machine): machine.fork(), id(image): image})


def at(cue: int, answer: str = "4") -> Opening:
    """The opening at a cue, where the second question was answered so; it is one's own."""
    before = [one for one in KEPT if one <= (cue if answer == "4" else min(cue, HOW))]
    return led(copy_of(kept_at(before[-1])) if before else Opening(), cue, answer)


def part(picture: Picture, name: str) -> object:
    return next(one for one in picture.parts if one.name == name)


def said(picture: Picture) -> list[str]:
    return [one.text for one in part(picture, "said").paragraphs]  # type: ignore[attr-defined]


def sites_of(picture: Picture) -> Map:
    found = part(picture, "map")
    assert isinstance(found, Map)
    return found


def test_each_cue_has_its_picture(pictures: dict[int, Picture]) -> None:
    assert list(pictures) == [ASK, SEEN, BOOTED, HOW, ON, TRACED, QUIET, WHY, WORRY]
    listing = part(pictures[ASK], "listing").lines  # type: ignore[attr-defined]
    assert "call" in listing[1] and "<__fentry__>" in listing[1]
    rows = part(pictures[SEEN], "bytes")
    assert isinstance(rows, Rows)
    (_, file, _), (_, memory, _) = (row.cells for row in rows.rows)
    assert file.startswith("E8") and memory == "0F 1F 44 00 00"
    filled, traced, back = (sites_of(pictures[cue]).sites for cue in (BOOTED, TRACED, QUIET))
    assert (filled.count(CALL), traced.count(NOP), back.count(CALL)) == (0, 0, 0)
    assert filled.count(NOP) == traced.count(CALL) == back.count(NOP) == len(filled.states)
    questions = {cue: one.text for cue in pictures for one in pictures[cue].parts if isinstance(one, Question)}
    assert [cue for cue, text in questions.items() if text != "What next?"] == [ASK, HOW]


def test_a_copy_is_the_opening_again_and_shares_nothing() -> None:
    """Copies are what other tests begin with: they go the way of an opening that has come from power-on."""
    opening = Opening()
    for cue in KEPT:
        kept, copied = kept_at(led(opening, cue).run.cue), copy_of(kept_at(cue))
        before = kept.picture(), kept.run.known, state_digest(kept.run.simulation)
        for word in ("", "4" if cue == HOW else "next"):
            for one in (opening, copied):
                assert not word or not one.apply(word).refused
            assert copied.picture() == opening.picture()
            assert state_digest(copied.run.simulation) == state_digest(opening.run.simulation)
        copied.apply("first")
        assert (kept.picture(), kept.run.known, state_digest(kept.run.simulation)) == before


def test_the_figures_are_the_runs(pictures: dict[int, Picture]) -> None:
    seen = said(pictures[SEEN])
    ran, called = (int(one) for one in re.findall(r"(\d+) (?:times|calls)", seen[2]))
    assert ran > 0 and called == 0
    sites = len(sites_of(pictures[BOOTED]).sites.states)
    booted = said(pictures[BOOTED])
    assert f"over all {sites:,} calls" in booted[0] and "before a second CPU ran" in booted[0]
    assert said(pictures[ASK])[0] == f"A small kernel runs here, on a simulated machine with {OPTIONS.cpus} CPUs."
    real = max(one.sites for one in published("patching"))
    assert real > 100 * sites and f"counts {real:,}" in booted[3]
    assert said(pictures[TRACED])[1] == f"{sites:,} sites changed while the CPUs ran; no CPU was stopped."
    counts = part(pictures[TRACED], "counts")
    assert isinstance(counts, Rows) and sum(int(row.cells[1].replace(",", "")) for row in counts.rows) > 100
    before, still, _ = said(pictures[QUIET])
    assert still.startswith("The counts stand still: 0 more calls")
    off = at(QUIET)
    after = off.run.calls.by_site().total()
    off.apply("back")
    late = after - off.run.calls.by_site().total()
    assert late and re.fullmatch(rf"Then {late} calls? w\w+ still recorded, begun before tracing was off\.", before)
    assert part(pictures[QUIET], "counts").rows  # type: ignore[attr-defined]
    assert f"{sites:,} sites" in said(pictures[WHY])[2] and "3 waits" in said(pictures[WHY])[3]
    assert int(re.findall(r"(\d+) times", said(pictures[WORRY])[1])[0]) > 0


def test_no_sentence_is_long_and_no_word_of_the_first_question_needs_explaining(pictures: dict[int, Picture]) -> None:
    for cue, picture in pictures.items():
        for text in narration(picture):
            if "\n" not in text:  # gdb's
                assert all(len(one.split()) <= WORDS for one in re.split(r"(?<=[.?:;]) ", text)), text
            if cue in (ASK, SEEN, BOOTED, HOW):
                assert not HARD.search(text), text


def figures(cells: tuple[str, ...]) -> list[int]:
    return [int(one.replace(",", "")) for one in cells]


def test_sums_are_of_the_run_and_add_up(pictures: dict[int, Picture]) -> None:
    for cue in (TRACED, QUIET):
        counts = part(pictures[cue], "counts")
        assert isinstance(counts, Rows)
        *shown, whole = [figures(row.cells[1:])[0] for row in counts.rows]
        assert sum(shown) == whole > 0
        sites = [int(re.findall(r"\d+", row.cells[0])[0]) for row in counts.rows[-2:]]
        assert len(shown) - 1 + sites[0] == sites[1] == len(sites_of(pictures[cue]).sites.states)
    opening = at(WORRY)
    on = opening.run.changes[ON]
    sums = part(opening.picture(), "sums")
    assert isinstance(sums, Rows)
    time, took = (figures(row.cells[1:]) for row in sums.rows)
    assert took == [*(sum(step.took[cpu] for step in on.steps) for cpu in (0, 1)), took[0] + took[1]]
    assert time[0] + time[1] == time[2] and f"{time[2]:,} instructions" in said(pictures[TRACED])[2]
    assert f"{max(took[:2])} times" in said(opening.picture())[1]
    rounds = part(pictures[WHY], "sums")
    assert isinstance(rounds, Rows) and len(rounds.rows) == opening.run.found.on.syncs
    assert [row.cells[1] for row in rounds.rows] == [
        "CC as byte +0 at 240 sites", "bytes +1 to +4 at 240 sites", "E8 as byte +0 at 240 sites",
    ]  # fmt: skip


def test_a_word_of_the_change_is_explained_where_it_stands_first() -> None:
    """Batch, sync, int3 and the patching task: none stands on a screen before, or without, what it means."""
    opening, known = at(ON), set[str]()
    while opening.run.cue == ON:
        picture = opening.picture()
        labels = {one.label for part in picture.parts if isinstance(part, Prose) for one in part.paragraphs}
        known |= labels
        text = " ".join(narration(picture))
        for word in ("bash-201", "batch", "sync", "int3"):
            assert word in known or not re.search(rf"\b{word}\b", text), (word, text)
        assert not re.search(r"batch \d|protocol", text), text
        opening.apply("next")
    assert {"bash-201", "batch", "sync", "int3"} <= known


def test_who_comes_back_is_told_that_it_goes_on_and_who_was_through_begins_anew() -> None:
    opening = at(TRACED)
    told_so = opening.start(Report())
    assert opening.run.cue == TRACED and "You left here. Home" in with_keys(told_so.message) and not told_so.refused
    opening.apply("first")
    assert not opening.start(Report()).message
    through = at(WORRY)
    assert not through.start(Report()).message and through.run.cue == ASK
    assert state_digest(through.run.simulation) == state_digest(Opening().run.simulation)


def test_a_question_that_is_passed_over_says_so() -> None:
    for cue, word in ((ASK, "next"), (ASK, "enter"), (HOW, "next")):
        opening = at(cue)
        assert "left open. ←" in with_keys(opening.apply(word).message) and opening.apply("back").message == ""
        assert opening.run.cue == cue
        assert "left open" not in opening.apply("0").message
        opening.apply("back")
        assert "left open" not in opening.apply(word).message, "it was answered"


def test_an_answer_is_held_against_the_run() -> None:
    verdicts = {"1": "Not in this run: 0 calls", "2": "Right: 0 calls"}
    for answer, verdict in verdicts.items():
        opening = Opening()
        opening.apply(answer)
        assert verdict in said(opening.picture())[0] and opening.data()["answers"] == [int(answer), None]
    for word in ("0", "next", "enter"):
        opening = Opening()
        opening.apply(word)
        assert opening.run.cue == SEEN and "You said" not in " ".join(said(opening.picture()))
    texts = {answer: said(at(TRACED, answer).picture()) for answer in "12304"}
    first = {answer: text[0] for answer, text in texts.items()}
    assert "Not in this run: no CPU was stopped." in first["1"]
    assert "Not in this run: 3 waits served all 240 sites." in first["2"]
    assert re.search(r"Not in this run: \d+ functions were not called at all, and were changed\.", first["3"])
    assert "Right: 3 waits served all 240 sites." in first["4"]
    assert "You said" not in first["0"]
    for answer, text in texts.items():
        assert any(one.startswith("It is 4. It writes at every site") for one in text) == (answer != "4")
        facts = [one for one in ("no CPU was stopped", "3 waits served") if " ".join(text).count(one) > 1]
        assert not facts, text


def test_nothing_tells_the_answer_before_it_is_asked_for() -> None:
    """What the run says of a question stands in no picture before it; the change has not begun."""
    first, second = Opening(), at(HOW)
    assert "0F 1F" not in " ".join(narration(first.picture())) and not first.run.found.ran
    told_before = " ".join(narration(second.picture()))
    assert "3 waits" not in told_before and "no CPU was stopped" not in told_before and not second.run.changes


# --- the change, stepped --------------------------------------------------------------------------------------------


def test_a_change_is_stepped_forwards_and_back_exactly() -> None:
    """Each step's picture and the machine's state are the same again, back and forwards."""
    opening = at(ON)
    seen = []
    while opening.run.cue == ON:
        seen.append((state_digest(opening.run.simulation), narration(opening.picture())))
        opening.apply("next")
    assert opening.run.cue == TRACED and len(seen) == 19
    after = narration(opening.picture())
    for digest, text in reversed(seen):
        opening.apply("back")
        assert state_digest(opening.run.simulation) == digest
        assert narration(opening.picture()) == text
    for digest, _ in seen[1:]:
        opening.apply("next")
        assert state_digest(opening.run.simulation) == digest
    opening.apply("next")
    assert narration(opening.picture()) == after


def test_the_cpus_take_int3s_meanwhile_and_the_picture_shows_where() -> None:
    """What a step says of the CPUs is what the log has between its two ends."""
    opening = at(ON)
    change = opening.run.changes[ON]
    sites = [int(one) for one in opening.run.image.mcount_loc]
    counted = 0
    while opening.run.cue == ON:
        before = opening.run.place.point.position
        opening.apply("next")
        if opening.run.cue != ON:
            break
        log = opening.run.simulation.events_between(before, opening.run.place.point.position)
        traps = [one for one in log if isinstance(one, ev.Int3Taken)]
        here = change.here
        assert here.took == tuple(sum(one.cpu == cpu for one in traps) for cpu in opening.run.simulation.cpus)
        assert {sites[at] for at in here.taken} == {one.address for one in traps}
        assert here.traced == sum(isinstance(one, ev.TraceWritten) for one in log)
        picture = opening.picture()
        assert sites_of(picture).taken == here.taken
        text = "\n".join(plain(one) for one in frame(picture, (), (), (80, 24), UNICODE).lines(80, 24))
        legend = 1 if here.taken else 0
        assert text.count(UNICODE.taken) == len(here.taken) + legend, text
        counted += len(traps)
    assert counted == sum(change.figures.took) > 100


def test_a_call_is_counted_by_what_led_to_it() -> None:
    """A record of a CPU and a site answers an int3 of both, where one is open; else the new call has led to it."""
    opening = at(TRACED)
    change, log = opening.run.changes[ON], opening.run.simulation.log
    events = [one for part in log.parts(0, opening.run.simulation.logged) for one in part]
    by_place: dict[tuple[int, int | None], list[ev.Int3Taken | ev.TraceWritten]] = {}
    for event in events:
        if isinstance(event, (ev.Int3Taken, ev.TraceWritten)):
            by_place.setdefault((event.cpu, event.at), []).append(event)
    told: list[tuple[int, int]] = []
    first = change.steps[0].point.position
    for step in change.steps[1:]:
        led = left = 0
        for of_both in by_place.values():
            open_ints = 0
            for one in (one for one in of_both if one.entry < step.point.position):
                if isinstance(one, ev.Int3Taken):
                    open_ints += 1
                elif open_ints:
                    open_ints -= 1
                    led += one.entry >= first
            left += open_ints
        told.append((led, left))
        first = step.point.position
    assert told == [(step.by_int3, step.not_yet) for step in change.steps[1:]]
    stored = next(at for at, step in enumerate(change.steps) if step.phase == "write head")
    assert all(step.traced == step.by_int3 for step in change.steps[:stored])
    assert sum(step.by_int3 for step in change.steps) + change.steps[-1].not_yet == sum(change.figures.took)
    assert sum(step.traced - step.by_int3 for step in change.steps[stored:]) > 100


def test_a_lane_shows_an_int3_wherever_the_step_tells_of_one() -> None:
    opening = at(TRACED)
    change = opening.run.changes[ON]
    for step, moment in zip(change.steps[1:], change.time.moments, strict=True):
        for cpu, mark in enumerate(moment.marks[1:]):
            assert (mark.did is Did.INT3 or mark.trapped) == bool(step.took[cpu]), moment
    opening.apply("back")
    while opening.run.change is not None and opening.run.change.at:
        moments, took = opening.run.change.time.moments, opening.run.change.here.took
        text = [plain(one) for one in frame(opening.picture(), (), (), (80, 24), UNICODE).lines(80, 24)]
        lanes = [one for one in text if one.startswith((" CPU0 ", " CPU1 "))][-2:]
        for lane, times in zip(lanes, took, strict=True):
            column = len(" bash-201 ") + 2 * (opening.run.change.at - 1)
            assert (UNICODE.did[Did.INT3] in lane[column : column + 2]) == bool(times), (moments[-1], text)
        opening.apply("back")


def test_what_a_step_says_follows_the_map_and_who_waits() -> None:
    opening, states = at(ON), set()
    while opening.run.cue == ON:
        text, sites = " ".join(narration(opening.picture())), sites_of(opening.picture()).sites
        states |= {state for state in (INT3, CHANGING) if sites.count(state)}
        assert ("takes an exception" in text) == bool(sites.count(INT3))
        assert ("at a site of the batch" in text) == bool(sites.count(CHANGING))
        waits = opening.run.simulation.patching.waits_for
        assert ("Waits: no task." in text) == (not waits)
        assert all(f"CPU{cpu}" in text for cpu in waits)
        opening.apply("next")
    assert states == {INT3, CHANGING}


def test_the_time_picture_is_of_the_steps() -> None:
    opening = at(TRACED)
    opening.apply("back")
    time = opening.run.changes[ON].time
    assert time.lanes == ("bash-201", "CPU0", "CPU1") and time.at == len(time.moments) == 18
    task = [moment.marks[0].did for moment in time.moments]
    assert [task.count(did) for did in (Did.WRITES, Did.SENDS, Did.GOES_ON, Did.RELEASES)] == [3, 3, 3, 1]
    assert task.count(Did.WAITS) == 6, "one for each answer"
    for lane in (1, 2):
        did = [moment.marks[lane].did for moment in time.moments]
        assert did.count(Did.ANSWERS) == did.count(Did.ASKED) == 3
    assert any(moment.marks[lane].trapped for moment in time.moments for lane in (1, 2))


def test_enter_goes_from_phase_to_phase_and_run_step_by_step() -> None:
    opening, phases = at(ON), []
    while opening.run.cue == ON:
        phases.append(opening.run.changes[ON].here.phase)
        opening.apply("enter")
    syncs = [phase for phase in phases if phase.startswith("sync")]
    assert syncs == ["sync 1", "sync 2", "sync 3"] and len(phases) == len({*phases}) + 1
    opening, steps = at(ON), 0
    while opening.apply("run").goes_on:
        steps += 1
        assert opening.run.changes[ON].at == steps
    assert steps == 18 and opening.run.cue == TRACED


def test_turning_off_can_be_looked_at_step_by_step_afterwards() -> None:
    opening = at(QUIET)
    opening.apply("back")
    change = opening.run.changes[OFF]
    assert opening.run.cue == OFF and change.at_end and isinstance(change.here.event, ev.PlanEnded)
    opening.apply("back")
    assert not change.at_end and "emulates the new instruction, the NOP" not in " ".join(narration(opening.picture()))
    while not sites_of(opening.picture()).sites.count(INT3):
        opening.apply("back")
    assert "emulates the new instruction, the NOP" in " ".join(narration(opening.picture()))
    opening.apply("last")
    assert opening.run.cue == QUIET


# --- the way there and back -----------------------------------------------------------------------------------------


def test_every_place_comes_back_as_it_was() -> None:
    opening, seen = Opening(), []
    while True:
        seen.append((state_digest(opening.run.simulation), said(opening.picture())))
        if opening.run.cue not in WAY:
            break
        opening.apply("next" if opening.run.cue != TRACED else "trace")
    for digest, text in reversed(seen[:-1]):
        while (state_digest(opening.run.simulation), said(opening.picture())) != (digest, text):
            assert not opening.apply("back").refused, text
    assert opening.run.cue == ASK and opening.apply("back").refused
    opening.apply("3")
    assert opening.run.cue == ASK
    opening.apply("2")
    assert "Right" in said(opening.picture())[0], "another answer, the second time"
    opening.apply("first")
    assert opening.run.cue == ASK


def test_where_the_cues_lead() -> None:
    kinds = {BOOTED: Boot, WHY: Costs}
    for cue, kind in kinds.items():
        visit = Visit(at(cue))
        visit.apply("1")
        assert isinstance(visit.front, kind) and visit.crumbs == ("Two mysteries",)
        assert visit.back() and isinstance(visit.front, Opening) and visit.front.run.cue == cue
    for word in ("next", "enter"):
        visit = Visit(at(WORRY))
        assert visit.apply(word).opens is visit.front and isinstance(visit.front, Story), word
        assert not visit.start().refused and visit.front.stepper.scenario == SCENARIOS["one"]


def test_what_leads_nowhere_says_why() -> None:
    opening = Opening()
    for word in ("back", "first", "trace", "run", "last", "7"):
        result = opening.apply(word)
        assert result.refused and result.message and opening.run.cue == ASK, word
    opening.apply("next")
    assert "nothing is asked" in opening.apply("1").message


@pytest.mark.parametrize("cue", [ASK, SEEN, ON, TRACED])
def test_what_is_cancelled_leaves_one_where_one_was(cue: int) -> None:
    """At the k-th time that the work says how far it is, for every k up to 50."""
    opening = at(cue)
    if cue == ON:
        opening.apply("next")
    before = opening.run.place, state_digest(opening.run.simulation), said(opening.picture())
    word = {ASK: "1", SEEN: "next", ON: "last", TRACED: "trace"}[cue]
    for k in range(1, 51):
        report = CancelledAt(k)
        result = opening.apply(word, report=report)
        if report.calls < k:  # it was over before
            assert not result.refused
            opening.apply("back")
            break
        assert result.refused and "cancelled" in result.message
        assert (opening.run.place, state_digest(opening.run.simulation), said(opening.picture())) == before, k
    assert not opening.apply(word).refused and opening.run.cue > cue


def test_a_change_that_kills_the_kernel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    opening = at(ON)
    change = opening.run.changes[ON]
    monkeypatch.setattr(type(opening.run.simulation), "halt_reason", "the kernel died on CPU1: test")
    with pytest.raises(Exception, match="died on CPU1"):
        change.forward(Report())
    assert change.at == 0


def test_waits_are_those_of_the_largest_batch() -> None:
    assert shared_syncs([]) == 0
    assert isinstance(at(ON).run.changes[ON], Change)


def test_plain_mode_goes_the_same_way() -> None:
    out: list[str] = []
    player = PlainVisit(Opening(), out.append)
    player.begin()
    assert "call 0x" in flat(out[-1]) and len(out[-1].splitlines()) > 10, "gdb's lines are kept"
    for word in ("1", "n", "n", "4"):
        assert player.take(word)
    out.clear()
    assert player.take("r") and len(out) == 19, "a paragraph a step"
    assert "Step 2: bash-201 writes CC at +0." in out[1]
    for word in ("t", "n", "n", "?"):
        assert player.take(word)
    assert player.take_line("h") and player.take_line(""), "Enter goes on: to the story"
    assert "Trace one function." in flat(out[-1]) and player.take("n") and "Step 1 of 24." in out[-1]
    assert player.take("esc") and "One thing should worry you" in flat(out[-1])
    with pytest.raises(LearnerError):
        PlainVisit(Opening(), out.append).take("7")


def test_its_terms_are_told_of() -> None:
    opening = at(ON)
    for _ in range(4):
        opening.apply("next")
    words = words_on("\n".join(narration(opening.picture())))
    assert {"int3", "sync", "answer", "exception", "handler", "site"} <= set(words)
