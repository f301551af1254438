"""What a change costs: small real patches touch only the places that `docs/adding.md` names, and work.

A patch of `adding/` is applied to a copy of the tree, and processes run what it adds there, its own tests among it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATCHES = ROOT / "tests" / "adding"
PAGE = ROOT / "docs" / "adding.md"
COPIED = ("simkernel", "lessons", "tui", "tests", "docs")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md")
HELD = {
    "tracer": "A tracer",
    "subsystem": "A subsystem",
    "event": "An event",
    "protocol": "A protocol",
    "function": "A guest function",
    "format": "A kernel format",
    "scenario": "A scenario",
    "activity": "An activity",
}
"""patch -> the section that it is an example of"""


def places(section: str) -> dict[str, bool]:
    """The paths that a section of the page names as places, those at the beginning of its list's items.

    Each with whether a command makes it, which the item names at once: then no patch has it.
    """
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert text is not None, f"the page has no section {section!r}"
    items = re.findall(r"^\* (.*?)(?=^\S|^$|\Z)", text[1], re.MULTILINE | re.DOTALL)
    named = [found for item in items for found in re.findall(r"(?:^|\. )`([\w./*]+)`:(\s+`\.venv/bin/)?", item)]
    return {path: bool(made) for path, made in named}


def covers(place: str, path: str) -> bool:
    """True where a place is a file's: NAME is any name, `*` part of one, `**` any folders, `/` at the end all below."""
    pattern = re.escape(place).replace("NAME", r"\w+").replace(r"\*\*/", r"(?:\w+/)*").replace(r"\*", r"\w+")
    return re.fullmatch(pattern + (".*" if place.endswith("/") else ""), path) is not None


def sections_of(patch: str) -> dict[str, str]:
    """The part of a patch for each file, by its path."""
    parts = re.split(r"^diff --git .*\n", patch, flags=re.MULTILINE)[1:]
    return {re.findall(r"^\+\+\+ b/(.*)$", part, re.MULTILINE)[0]: part for part in parts}


def apply(part: str, file: Path) -> None:
    """Make the changes of a patch's part. A hunk is found by what it takes out and keeps, wherever that lies by now."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for hunk in re.split(r"^@@.*\n", part, flags=re.MULTILINE)[1:]:
        lines = [line for line in hunk.splitlines(keepends=True) if not line.startswith("\\")]
        changed = one_change(text, lines)
        assert changed is not None, f"{file.name} has changed: mend the patch, and docs/adding.md\n{''.join(lines)}"
        text = changed
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def one_change(text: str, hunk: list[str]) -> str | None:
    """The text with a hunk's change made; None where it does not say one place.

    What is only added goes behind the line that it stands behind in the patch, whatever stands before and after that.
    """
    old, new = ("".join(line[1:] for line in hunk if line[0] in kinds) for kinds in (" -", " +"))
    if not old:
        return new
    if text.count(old) == 1:
        return text.replace(old, new)
    kinds = "".join(line[0] for line in hunk)
    if re.fullmatch(r" +\++ *", kinds):
        behind = hunk[kinds.index("+") - 1][1:]
        if f"\n{text}".count(f"\n{behind}") == 1:
            added = "".join(line[1:] for line in hunk if line[0] == "+")
            return f"\n{text}".replace(f"\n{behind}", f"\n{behind}{added}")[1:]
    return None


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the engine and of what a change of it has to do with."""
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder)  # with what Python has compiled: it goes by times and sizes
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def patch(copy: Path, name: str) -> None:
    """Apply a patch to the copy."""
    for path, part in sections_of((PATCHES / f"{name}.patch").read_text(encoding="utf-8")).items():
        apply(part, copy / path)


def run(copy: Path, *arguments: str) -> str:
    """What Python says in the copy, whose engine it imports."""
    done = subprocess.run([sys.executable, *arguments], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def passes(copy: Path, *tests: str) -> None:
    """The tests of the copy pass, and they are its own."""
    run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests)


BEGIN = """
import simkernel
from pathlib import Path
from simkernel import tracefs
from simkernel.kernel import KernelImage
from simkernel.sim.control_files import control_files
from simkernel.sim.moment import moment_string, open_moment
from simkernel.sim.narrate import sentence
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
assert Path(simkernel.__file__).is_relative_to(Path.cwd())

def say(simulation, kind):
    print(sentence(simulation.last_event(kind), simulation.image, simulation.patching.protocol))
"""

SUBSYSTEM = f"""{BEGIN}
from simkernel.switches import Flip, Flipped, SwitchesNow
image = KernelImage.from_source(Path("tests/guest/jump_label.S"))
simulation = Simulation.boot(Options(patch_quantum=40), image)
site, root = image.address("key_inside"), control_files(simulation)
for on in (True, False):
    simulation.do(Flip("key_inside", on))
    assert simulation.run_until_idle()
    held = simulation.read(site, simulation.site(site).size)
    print(held.hex(" "), tracefs.read(root, "switches").split(), simulation.subsystem(SwitchesNow).on)
    say(simulation, Flipped)
simulation.run(20_000)
parts = parts_of(simulation)
assert all(one.holds for part in parts.task.subsystems for one in part.verdicts(parts.kernel, None, False))
"""

EVENT = f"""{BEGIN}
from simkernel.kernel.sched import WentIdle
from simkernel.sim.breakpoints import OnEvent, run_to
simulation = Simulation.boot(Options(seed=5))
simulation.run(60_000)
say(simulation, WentIdle)
assert run_to(simulation, [OnEvent("WentIdle")]) is not None
opened = open_moment(moment_string(simulation))
print(opened.log[-1] == simulation.log[-1])
"""

ACTIVITY = """
from pathlib import Path
import lessons
from lessons.activities.nops import Nops
from tests.lessons import test_activity as held
from tests.tui.app.screens import drive
from tui.stepper.player import PlainVisit
assert Path(lessons.__file__).is_relative_to(Path.cwd())

held.ACTIVITIES["nops"], held.WAYS["nops"] = Nops, ("down", "down", "up")
held.test_no_key_and_no_word_means_two_things("nops")
held.test_every_place_has_a_picture_at_every_size("nops")
held.test_every_picture_is_ascii_where_that_is_asked_for("nops")
held.test_plain_mode_says_what_is_new_and_json_holds_the_picture("nops")

player = PlainVisit(Nops(), lambda text: None)
player.begin()
print([one.name for one in player.visit.front.offered()])

async def check(hand):
    print([row for row in (await hand.press("down")).splitlines() if "66 90" in row])
    print("Choose the next NOP." in await hand.press("f1"))
drive(check, activity=Nops())
"""


@pytest.mark.parametrize(("name", "section"), HELD.items())
def test_a_patch_touches_only_the_places_that_the_page_names(name: str, section: str) -> None:
    named = places(section)
    touched = list(sections_of((PATCHES / f"{name}.patch").read_text(encoding="utf-8")))
    assert [path for path in touched if not any(covers(place, path) for place in named)] == []
    by_hand = [place for place, made in named.items() if not made]
    assert [place for place in by_hand if not any(covers(place, path) for path in touched)] == []


def test_each_section_of_the_page_has_a_patch() -> None:
    assert {path.stem for path in PATCHES.iterdir()} == set(HELD)
    assert re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == [*HELD.values()]


def test_a_hunk_that_only_adds_is_found_by_the_line_that_it_stands_behind() -> None:
    hunk = [" a\n", " b\n", "+new\n", " c\n"]
    assert one_change("a\nb\nc\n", hunk) == "a\nb\nnew\nc\n"
    assert one_change("b\nother\nc\n", hunk) == "b\nnew\nother\nc\n"
    assert one_change("ab\nc\n", hunk) is one_change("b\nc\nb\n", hunk) is None
    assert one_change("b\nother\nc\n", [" b\n", "-c\n", "+new\n"]) is None


def test_what_a_place_covers() -> None:
    assert covers("simkernel/trace/NAME.py", "simkernel/trace/stack.py")
    assert not covers("simkernel/trace/NAME.py", "simkernel/trace/deep/stack.py")
    assert covers("simkernel/NAME/", "simkernel/switches/core.py") and not covers("simkernel/NAME/", "lessons/a.py")
    assert covers("simkernel/**/*.py", "simkernel/kernel/sched.py") and not covers("simkernel/**/*.py", "tui/a.py")


@pytest.mark.keystone
def test_a_tracer_that_records_how_deep_the_stack_is(copy: Path) -> None:
    patch(copy, "tracer")
    run(copy, "-m", "simkernel.kernel", "--write")
    passes(copy, "tests/test_stack.py", "tests/test_names.py", "tests/test_tracefs.py", "tests/test_public_names.py")


@pytest.mark.keystone
def test_a_tracer_beside_one_that_somebody_else_has_added(copy: Path) -> None:
    """The patch fits a tree that has another tracer by the same page, here itself under another name."""
    text = (PATCHES / "tracer.patch").read_text(encoding="utf-8")
    for word, other in (("stack", "deep"), ("Stack", "Deep"), ("STACK", "DEEP"), ("0xf\n", "0xe\n"), ("15", "14")):
        text = text.replace(word, other)
    text = text.replace(
        "from simkernel.kernel.deeps import deep_of", "from simkernel.kernel.stacks import stack_of as deep_of"
    )
    text = (
        text.replace("kernel/trace/trace_deep.c", "-")
        .replace("notrace\tt\t-", "ours\tt\t-")
        .replace("of deep", "of stack")
    )
    parts = sections_of(text)
    del parts["tests/linux_facts/facts.json"]  # the name is not Linux's
    for path, part in parts.items():
        apply(part, copy / path)
    patch(copy, "tracer")
    run(copy, "-m", "simkernel.kernel", "--write")
    passes(copy, "tests/test_stack.py", "tests/test_deep.py", "tests/test_names.py", "tests/test_tracefs.py")


@pytest.mark.keystone
def test_a_guest_function_that_another_one_calls(copy: Path) -> None:
    patch(copy, "function")
    run(copy, "-m", "simkernel.kernel", "--write")
    chosen = "not run_shows and not test_guest_models or test_guest_models and (positions or seeks or alike)"
    passes(copy, "tests/test_names.py", "tests/test_calls.py", "tests/test_guest_models.py", "-k", chosen)


def test_a_protocol_that_stores_the_last_byte_first(copy: Path) -> None:
    patch(copy, "protocol")
    passes(copy, "tests/test_protocol.py", "tests/explore/test_gallery.py", "-k", "backwards or headed")
    passes(copy, "tests/narrate/test_events.py", "-k", "another and backwards")


@pytest.mark.keystone
def test_a_subsystem_whose_sites_have_two_bytes(copy: Path) -> None:
    patch(copy, "subsystem")
    assert run(copy, "-c", SUBSYSTEM).splitlines() == [
        "eb 06 ['key_inside'] ('key_inside',)",
        "The switch at branch_inside+0x2 is on.",
        "66 90 [] ()",
        "The switch at branch_inside+0x2 is off.",
    ]


def test_an_event(copy: Path) -> None:
    patch(copy, "event")
    said, same = run(copy, "-c", EVENT).splitlines()
    assert re.fullmatch(r"CPU\d has nothing to run\.", said) and same == "True"


def test_a_kernel_format(copy: Path) -> None:
    patch(copy, "format")
    passes(copy, "tests/test_flat.py", "tests/test_moment.py", "-k", "flat or names or declared")


def test_a_scenario_is_played_once_its_folder_is_there(copy: Path) -> None:
    patch(copy, "scenario")
    assert {path.split("/")[1] for path in sections_of((PATCHES / "scenario.patch").read_text())} == {"content"}
    run(copy, "-m", "lessons.content", "--write", "four")
    said = run(copy, "-m", "tui", "step", "four", "--plain", "--script", "r w")
    flat = " ".join(said.split())
    for number in (1, 2, 3):
        assert f"bash-201 sends sync {number} to CPU0, CPU1, CPU2 and CPU3, and waits" in flat
    assert "A sync sends an IPI to each CPU and waits for all of them" in flat
    listed = [line.split()[0] for line in run(copy, "-m", "tui", "step", "--list").splitlines()]
    assert listed[listed.index("nmi") + 1] == "four"
    passes(copy, "tests/lessons/test_content.py", "tests/test_scenarios.py", "-k", "copy or code or four")


def test_an_activity_is_one_file(copy: Path) -> None:
    assert list(sections_of((PATCHES / "activity.patch").read_text())) == ["lessons/activities/nops.py"]
    patch(copy, "activity")
    offered, rows, found = run(copy, "-c", ACTIVITY).splitlines()
    assert offered == "['down', 'up']" and "nop" in rows and rows.count("66 90") == 1
    assert found == "True"
