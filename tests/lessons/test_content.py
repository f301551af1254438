"""The scenarios' files: what they may hold, and how a wrong one is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lessons import content
from lessons.session.content import SCENARIOS, load
from lessons.session.stepper import Stepper
from lessons.story.questions import question_at
from simkernel.errors import LearnerError

CONTENT = Path(content.__file__).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all scenarios, to damage."""
    return Path(shutil.copytree(CONTENT, tmp_path / "content", ignore=shutil.ignore_patterns("__pycache__", "*.py")))


def test_a_copy_holds_the_same_scenarios(copy: Path) -> None:
    assert load(copy) == SCENARIOS and list(load(copy)) == list(SCENARIOS)


def test_no_folder_of_a_scenario_has_code() -> None:
    held = {file.name for folder in CONTENT.iterdir() if folder.is_dir() for file in folder.iterdir()}
    assert held - {"__main__.cpython-311.pyc"} >= {"scenario.toml", "known.json"}
    assert {file.suffix for name in SCENARIOS for file in (CONTENT / name).iterdir()} == {".toml", ".json"}


def test_a_scenario_asks_its_own_question() -> None:
    stepper = Stepper.start("slow-ipi")
    asked = []
    for _ in range(3):
        assert stepper.forward()
        stepper.looked()
        question = question_at(stepper)
        asked += [] if question is None else [question.text]
    assert asked[1:] == [SCENARIOS["slow-ipi"].asks[0].text]


DAMAGE = {
    # what is wrong: (file, what stands there, what is put in its place, what the message says)
    "an unknown event": (
        "one/scenario.toml", '"SiteRan" },\n    { move = "through", phase = "sync 2"',
        '"SiteRann" },\n    { move = "through", phase = "sync 2"',
        "one/scenario.toml: moves[4].until: no event is called 'SiteRann'; there are: ",
    ),
    "an event at the end": (
        "one/scenario.toml", 'ends_with = "TraceWritten"', 'ends_with = "Tracewritten"',
        "one/scenario.toml: ends_with: no event is called 'Tracewritten'; there are: ",
    ),
    "an event that is to be shown": (
        "naive/scenario.toml", '"SiteStored", "SiteRan"', '"Event", "SiteRan"',
        "naive/scenario.toml: shows[0]: no event is called 'Event'; there are: ",
    ),
    "an unknown function": (
        "one/scenario.toml", 'function = "rw_verify_area"', 'function = "vfs_raed"',
        "one/scenario.toml: function: no symbol 'vfs_raed'",
    ),
    "a function without a site": (
        "one/scenario.toml", 'function = "rw_verify_area"', 'function = "do_syscall_64"',
        "one/scenario.toml: function: do_syscall_64 is notrace: no site stands at its start",
    ),
    "a function that a CPU is to be near": (
        "slow-ipi/scenario.toml", "task_tick_fair", "task_tick",
        "slow-ipi/scenario.toml: near[0].function: no symbol 'task_tick'",
    ),
    "a CPU that there is not": (
        "one/scenario.toml", "{ cpu = 1, distance = 40 }", "{ cpu = 2, distance = 40 }",
        "one/scenario.toml: near[0].cpu: there is no CPU2: this scenario has CPU0 to CPU1",
    ),
    "a CPU that cannot move": (
        "one/scenario.toml", 'move = "reads", cpu = 0', 'move = "reads", cpu = -1',
        "one/scenario.toml: moves[1].cpu: there is no CPU-1: this scenario has CPU0 to CPU1",
    ),
    "a distance below nothing": (
        "one/scenario.toml", "distance = 40", "distance = -1",
        "one/scenario.toml: near[0]: distance: Expected `int` >= 0",
    ),
    "an unknown move": (
        "one/scenario.toml", 'move = "reads"', 'move = "leaps"',
        "one/scenario.toml: moves[1]: move: Invalid value 'leaps'",
    ),
    "a move without what it needs": (
        "one/scenario.toml", 'move = "reads", cpu = 0, count = 1', 'move = "reads", cpu = 0',
        "one/scenario.toml: moves[1]: Object missing required field `count`",
    ),
    "a move with too much": (
        "one/scenario.toml", '{ move = "acts" }', '{ move = "acts", cpu = 1 }',
        "one/scenario.toml: moves[2]: Object contains unknown field `cpu`",
    ),
    "a number that is a word": (
        "one/scenario.toml", "count = 1", 'count = "one"',
        "one/scenario.toml: moves[1]: count: Expected `int`, got `str`",
    ),
    "an unknown phase": (
        "one/scenario.toml", 'phase = "sync 2"', 'phase = "sync 4"',
        "one/scenario.toml: moves[5].phase: protocol int3 has no phase 'sync 4'",
    ),
    "an unknown command": (
        "one/scenario.toml", 'command = "tracer"', 'command = "tracers"',
        "one/scenario.toml: commands[0]: command: Invalid value 'tracers'",
    ),
    "an unknown tracer": (
        "off/scenario.toml", '{ command = "tracer", name = "nop" }', '{ command = "tracer", name = "nope" }',
        "off/scenario.toml: commands[0].name: ",
    ),
    "a filter that names no function": (
        "one/scenario.toml", 'text = "rw_verify_area"', 'text = "vfs_raed"',
        "one/scenario.toml: before[0].text: no traced function is called 'vfs_raed'; the nearest name is 'vfs_read'",
    ),
    "an unknown callback": (
        "second-ops/scenario.toml", "ftrace_ops_count", "ftrace_ops_counts",
        "second-ops/scenario.toml: commands[0].func: no symbol 'ftrace_ops_counts'",
    ),
    "an unknown protocol": (
        "naive/scenario.toml", 'protocol = "naive"', 'protocol = "naiv"',
        "naive/scenario.toml: options: no protocol 'naiv'; there are: ",
    ),
    "an unknown model": (
        "cache-line/scenario.toml", 'model = "line"', 'model = "lines"',
        "cache-line/scenario.toml: options: the option model cannot be 'lines': it is one of instant, ",
    ),
    "a question at no event": (
        "all/scenario.toml", 'at = "BatchStarted"', 'at = "BatchStart"',
        "all/scenario.toml: asks[0].at: no event is called 'BatchStart'",
    ),
    "a question with two choices": (
        "all/scenario.toml", '    { text = "{sites}, one for each function", figure = "sites" },\n', "",
        "all/scenario.toml: asks[0].choices: Expected `array` of length >= 3",
    ),
    "a question with one choice twice": (
        "recursion/scenario.toml", '"bash-201 writes the old instruction back"',
        '"CPU0 runs the same call again, inside the first one"',
        "recursion/scenario.toml: asks[0].choices: two of them have the same text",
    ),
    "a choice that names an event where events are counted": (
        "all/scenario.toml", 'figure = "sites"', 'event = "SyncSent"',
        "all/scenario.toml: asks[0].choices[1]: events are counted here: a choice names a figure, and no event",
    ),
    "a choice that names no event": (
        "slow-ipi/scenario.toml", 'event = "SyncAnswered", cpu = 1', 'figure = "sites"',
        "slow-ipi/scenario.toml: asks[0].choices[1]: nothing is counted here: a choice names an event, and no figure",
    ),
    "a choice with an unknown figure": (
        "all/scenario.toml", 'figure = "sites"', 'figure = "site"',
        "all/scenario.toml: asks[0].choices[1].figure: there is no figure 'site'; there are: ",
    ),
    "a choice of a CPU that there is not": (
        "slow-ipi/scenario.toml", 'event = "SyncAnswered", cpu = 1', 'event = "SyncAnswered", cpu = 4',
        "slow-ipi/scenario.toml: asks[0].choices[1].cpu: there is no CPU4",
    ),
    "a choice of an unknown belief": (
        "slow-ipi/scenario.toml", "sync-barrier", "barrier",
        "slow-ipi/scenario.toml: asks[0].choices[2].belief: Invalid enum value 'barrier'",
    ),
    "a figure in a hint that there is not": (
        "all/scenario.toml", 'hint = "A sync', 'hint = "{many} A sync',
        "all/scenario.toml: asks[0].hint: there is no figure 'many'; there are: ",
    ),
    "an unknown option": (
        "cache-line/scenario.toml", 'model = "line"', 'modle = "line"',
        "cache-line/scenario.toml: options: there is no option 'modle'; there are: ",
    ),
    "a file of this machine": (
        "cache-line/scenario.toml", 'model = "line"', 'kernel = "/etc/passwd"',
        "cache-line/scenario.toml: options: kernel names a file, and a scenario runs everywhere: leave it out",
    ),
    "a figure that nobody computes": (
        "all/scenario.toml", "{sites}", "{cites}",
        "all/scenario.toml: answer: there is no figure 'cites'; there are: sites, waits, every, most, large, batches",
    ),
    "a brace without an end": (
        "all/scenario.toml", "{sites}", "{sites",
        "all/scenario.toml: answer: its braces hold no figure: ",
    ),
    "a key that there is not": (
        "one/scenario.toml", "question =", "qestion =",
        "one/scenario.toml: Object contains unknown field `qestion`",
    ),
    "no function": (
        "one/scenario.toml", 'function = "rw_verify_area"\n', "",
        "one/scenario.toml: Object missing required field `function`",
    ),
    "a key too many": (
        "one/scenario.toml", "ablate = true", "ablate = true\nstops = 24",
        "one/scenario.toml: Object contains unknown field `stops`",
    ),
    "no TOML": (
        "one/scenario.toml", 'title = "', "title = ",
        "one/scenario.toml: this is no TOML: Invalid value (at line 1, column 9)",
    ),
    "a scenario that is not on the path": (
        "path.toml", '    "one",\n', "", "path.toml: path: 'one' is a scenario, too: name it where it is watched",
    ),
    "a scenario twice": (
        "path.toml", '    "one",\n', '    "one",\n    "one",\n', "'one' stands in it twice",
    ),
    "a scenario without a folder": (
        "path.toml", '"one"', '"on"', "path[1]: there is no folder 'on' with a scenario.toml. Did you mean 'one'?",
    ),
    "no JSON": (
        "one/known.json", '"stops":', '"stops"', "one/known.json: this is no JSON: ",
    ),
    "a result of a phase that there is not": (
        "one/known.json", "sync 3", "sync 4", "one/known.json: ablated: protocol int3 has no phase 'sync 4'",
    ),
    "a result that cannot be": (
        "one/known.json", '"ran": "int3"', '"ran": "int4"',
        "one/known.json: ablated[...].ran: Invalid enum value 'int4'",
    ),
}  # fmt: skip
"""One of each kind that the loader refuses."""


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_copy_is_refused_with_its_file_and_key(what: str, copy: Path) -> None:
    name, there, instead, said = DAMAGE[what]
    file = copy / name
    text = file.read_text(encoding="utf-8")
    assert there in text
    file.write_text(text.replace(there, instead, 1), encoding="utf-8")
    with pytest.raises(LearnerError) as refused:
        load(copy)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("path.toml", Path.unlink),
        ("one/scenario.toml", lambda file: file.write_bytes(b"\xff\xfe")),
        ("one/known.json", lambda file: file.write_bytes(b"\xff\xfe")),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name: str, damage: Callable[[Path], object], copy: Path) -> None:
    damage(copy / name)
    with pytest.raises(LearnerError, match=f"^{name}: it cannot be read: "):
        load(copy)


def test_a_new_scenario_is_a_folder_whose_results_are_not_known_yet(copy: Path) -> None:
    new = copy / "again"
    shutil.copytree(copy / "one", new)
    (new / "known.json").unlink()
    path = copy / "path.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("]", '    "again",\n]'), encoding="utf-8")
    last = list(load(copy).values())[-1]
    assert (last.name, last.stops, last.ablated) == ("again", 0, ())
