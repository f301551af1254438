"""What a person hears who sees no screen: questions whole, tables with their titles, each word with its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from lessons.activities.boot import Boot
from lessons.activities.lab import Lab
from lessons.activities.lab_words import GUESSES, question
from lessons.activities.opening import Opening
from lessons.activities.story import LEFT_OPEN, Story
from lessons.activity import Action, Activity, Result
from lessons.session.stepper import Stepper
from lessons.story.words import WORDS, standing_in
from simkernel.errors import Cancelled, LearnerError
from simkernel.report import Report
from simkernel.sim.options import Options, load_image
from tests.tui.playing import flat, played
from tui.stepper.player import PlainVisit


def story(name: str = "one") -> partial[PlainVisit]:
    return partial(PlainVisit, Story(Stepper.start(name)))


def says(activity: Activity, words: str) -> list[str]:
    return [flat(one) for one in played(partial(PlainVisit, activity), words)]


def test_each_question_of_the_lab_is_told_whole() -> None:
    lab = Lab()
    for said in says(lab, "n n b without:sync-1")[1:]:
        asked = [question(lab.setup), *(f"{key}: {text}" for key, text in GUESSES.items())]
        assert [one in said for one in asked] == [True] * len(asked), said


def test_what_is_chosen_next_is_told_alone() -> None:
    _, down, up = says(Lab(), "down up")
    assert down.startswith("write tail, chosen.") and "write int3" not in up.partition(".")[0]
    assert "The phases of" not in down + up


def test_a_table_of_functions_is_told_a_page_at_a_time_with_whole_names() -> None:
    _, page, following, down, few = map(flat, played(story(), "functions n down search:vfs_*"))
    assert "Here are 1 to 12 of 240." in page and page.count("FUNC ") == 12
    assert "generic_smp_call_function_single_interrupt" in page and "…" not in page
    assert "Here are 13 to 24 of 240." in following and following.count("FUNC ") == 12
    assert down.count("FUNC ") == 1 and "Here are" not in down
    assert few.count("FUNC vfs_") == 7 and "/ search" in page.partition("Keys: ")[2]


def test_the_bytes_that_boot_writes_have_a_name() -> None:
    *_, before, after = says(Boot(load_image(Options()), Options()), "n n n n")
    for number, said in ((16, before), (32, after)):
        title, _, rows = said.partition(f"Site {number} of 240, at ")[2].partition(": ")
        assert title and "in the file, E8" in rows and f"Of 240 sites: {number} NOP" in said
    assert "in memory, 0F 1F 44 00 00" in before


def test_each_step_of_boot_shows_something_new_from_the_first_on() -> None:
    start, first, second, *_ = says(Boot(load_image(Options()), Options()), "n n n")
    assert "Power-on." in start and "begins: ftrace_init." in first and "The kernel log says" in second


def test_a_question_that_is_left_open_says_so() -> None:
    assert flat(played(story(), "n questions n")[-1]).startswith(f"{LEFT_OPEN} Step 2 of 24.")


def test_keys_are_named_where_one_comes_to() -> None:
    lab, answer = says(Lab(), "2")
    assert "Keys: down choose, p or Enter change, x leave out" in lab and "a digit answer, w where" in lab
    assert "Keys: n next, p or Enter watch it, b move before" in answer


def test_no_key_of_a_screen_is_named_beside_a_word() -> None:
    assert "b leads back to it" in says(Lab(), "n")[-1]
    assert not any("plain mode" in one or "←" in one for one in says(Lab(), "n n b"))


@pytest.mark.parametrize("word", ["n", "r", "i", "act", "run-cpu:0,3", "nmi:1", "trace:vfs_read"])
def test_where_the_kernel_has_died_a_word_says_what_can_be_done(word: str) -> None:
    with pytest.raises(LearnerError, match="The kernel died here, oops on CPU1: b goes back, p begins the next story"):
        played(story("naive"), f"r {word}")


@pytest.mark.parametrize("word", ["f", "y", "c0", "c1", "w", "at"])
def test_where_the_kernel_has_died_an_answer_says_so(word: str) -> None:
    assert "The kernel died here, oops on CPU1" in flat(played(story("naive"), f"r {word}")[-1])


def test_where_the_kernel_has_died_no_phase_is_next() -> None:
    said = flat(played(story("naive"), "r y")[-1])
    assert "Broken: CPU1" in said and "Next" not in said and "write byte" not in said
    assert "Next: write byte 4" in flat(played(story("naive"), "r b b y")[-1])


@pytest.mark.parametrize(("ends", "busy"), [(KeyboardInterrupt, True), (LearnerError, False), (Cancelled, False)])
def test_what_a_signal_ends_leaves_no_place_to_keep(ends: type[BaseException], busy: bool) -> None:
    """What is refused or cancelled has left the place as it was."""

    class Half(Boot):
        def do(self, action: Action, argument: str, report: Report) -> Result:
            raise ends("here")

    plain = PlainVisit(Half(load_image(Options()), Options()), lambda text: None)
    plain.begin()
    assert not plain.busy
    with suppress(ends, LearnerError):
        plain.take("n")
    assert plain.busy is busy


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("run-cpu", "run-cpu takes the number of a CPU and, if you like, how many instructions, as run-cpu:1"),
        ("run-cpu:x,5", "as run-cpu:1 or run-cpu:1,5; not 'x,5'"),
        ("nmi:1,2", "nmi takes the number of a CPU, as nmi:1; not"),
        ("break-phase", "break-phase takes the name of a phase, as break-phase:sync-2; there are: write int3, sync 1"),
        (
            "model",
            "model takes more, after a colon: instant, pieces, line or byte. There are: instant",
        ),
        ("cpus", "cpus takes more, after a colon: 1 to 8."),
    ],
)
def test_a_word_that_lacks_something_is_told_what(word: str, said: str) -> None:
    with pytest.raises(LearnerError, match=said):
        played(story(), f"n {word}")


def test_a_cpu_and_a_phase_are_named_as_the_help_names_them() -> None:
    *_, ran, stop = map(flat, played(story(), "n run-cpu:0,3 break-phase:sync-2"))
    assert ran == "After step 1: CPU0 has run 3 instructions."
    assert stop == "Breakpoint at phase sync 2. Run goes there."


def test_words_are_explained_that_were_said_and_no_others() -> None:
    words = played(story(), "n ? n ? p ?")
    for said, meant in zip(words[1::2], words[2::2], strict=True):
        explained = [one.partition(":")[0] for one in meant.splitlines()]
        stands = [one for one in standing_in(said) if not WORDS[one].startswith("On the map")]
        assert [one for one in explained if one in WORDS] == stands
    *_, boot = played(partial(PlainVisit, Boot(load_image(Options()), Options())), "end ?")
    assert "ftrace: " in boot and "written: " not in boot
    assert "page fault: " in played(story("naive"), "r ?")[-1]
    assert any(one.startswith("call: ") for one in words[2].splitlines()) or standing_in(words[1])


def test_what_is_covered_is_said_in_words_and_an_answer_against_the_run() -> None:
    asked, answered = map(flat, played(story(), "n questions 1")[2:])
    assert "CPU0 may run: covered until you answer." in asked and "??" not in asked
    assert "A phase is under way, its name covered until you answer." in asked
    assert answered.startswith("Your answer, 1, not in this run: E8 at +0. 3, in this run: CC at +0. Because: ")
    assert len(answered.partition("Because: ")[2].split(". ")) > 1


@pytest.mark.parametrize("word", ["graph", "next-cpu", "focus-cpu:0", "syntax", "names"])
def test_what_changes_nothing_that_is_heard_says_what_it_did(word: str) -> None:
    assert "." in flat(played(story(), f"n {word}")[-1])


def test_enter_is_named_in_the_list_of_words_and_of_keys() -> None:
    for activity in (Lab(), Boot(load_image(Options()), Options())):
        begin, words = says(activity, "h")
        assert "p or Enter" in begin and "p or Enter: " in words


@pytest.mark.parametrize(
    ("activity", "words", "steps"),
    [
        (lambda: Story(Stepper.start("one")), "n n n", 24),
        (Lab, "2 n", 5),
        (Opening, "1 n n n n n n n", 4),
    ],
)
def test_json_has_the_time_picture_as_data(activity: Callable[[], Activity], words: str, steps: int) -> None:
    """Who does what at which step, and what is done: no drawn line."""
    last = json.loads(played(partial(PlainVisit, activity()), words, as_json=True)[-1])
    (lanes,) = (one for one in last["picture"]["parts"] if one["type"] == "Lanes")
    moments = lanes["time"]["moments"]
    assert len(moments) >= min(steps, 3) and all({"step", "sentence", "marks"} <= set(one) for one in moments)
    assert {"did"} <= set(moments[0]["marks"][0]) and isinstance(lanes["time"]["at"], int)
