"""A moment opens the very same state, or says why it cannot."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest

from simkernel.errors import LearnerError
from simkernel.ftrace.commands import SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.patching.commands import OWN_COMMANDS, UseProtocol
from simkernel.protocol import INT3_PROTOCOL, Variant, parse
from simkernel.schedule import Choice, Nmi, Run
from simkernel.sim import options as options_room
from simkernel.sim.digest import state_digest
from simkernel.sim.moment import MARK, STRING_LIMIT, Moment, moment_string, open_moment
from simkernel.sim.moment.form import CHOICES
from simkernel.sim.options import Options
from simkernel.sim.parts import SUBSYSTEMS
from simkernel.sim.simulation import Simulation
from tests.moments import rewritten
from tui.options import KERNEL_FILES

TRACE = (SetFilter("filter", "vfs_read\n"), SetTracer("function"))


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


def patching(image: KernelImage, options: Options | None = None, entries: int = 150) -> Simulation:
    """A simulation in the middle of turning one function on."""
    simulation = Simulation.boot(options or Options(seed=7), image)
    for command in TRACE:
        simulation.do(command)
    for _ in range(entries):
        simulation.step()
    return simulation


def same(one: Simulation, other: Simulation) -> bool:
    return one.point == other.point and state_digest(one) == state_digest(other)


@pytest.mark.parametrize("model", list(FetchModel))
def test_a_moment_opens_the_same_state_and_goes_on_in_the_same_way(image: KernelImage, model: FetchModel) -> None:
    simulation = patching(image, Options(seed=3, model=model))
    text = moment_string(simulation)
    opened = open_moment(text)
    assert same(simulation, opened)
    assert moment_string(opened) == text
    for _ in range(300):
        assert simulation.step() == opened.step()
    assert same(simulation, opened)


def test_taking_a_moment_changes_nothing(image: KernelImage) -> None:
    simulation = patching(image)
    before = state_digest(simulation)
    moment_string(simulation)
    assert state_digest(simulation) == before


def test_choices_made_by_hand_are_part_of_it(image: KernelImage) -> None:
    simulation = patching(image)
    for choice in (Run(1, 3), Nmi(0), Run(0, 2), Run(0, 1)):
        simulation.step(choice)
    for _ in range(20):
        simulation.step()
    assert same(simulation, open_moment(moment_string(simulation)))


def test_a_place_within_an_entry(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(seed=5), image)
    simulation.run(100_000)
    while simulation.point.instructions < 7:
        simulation.step_instruction()
    opened = open_moment(moment_string(simulation))
    assert opened.point.instructions == 7 and same(simulation, opened)


def test_a_place_that_was_gone_back_to(image: KernelImage) -> None:
    simulation = patching(image)
    simulation.back(40)
    assert same(simulation, open_moment(moment_string(simulation)))


def test_a_protocol_without_a_phase_has_a_name(image: KernelImage) -> None:
    variant = Variant(INT3_PROTOCOL).without("sync 1").without("sync 2")
    assert parse(variant.name) == variant
    simulation = Simulation.boot(Options(seed=1, protocol=variant), image)
    for command in TRACE:
        simulation.do(command)
    simulation.run(2_000)
    assert same(simulation, open_moment(moment_string(simulation)))


def test_a_protocol_of_ones_own_has_none(image: KernelImage) -> None:
    own = Variant(dataclasses.replace(INT3_PROTOCOL, batched=3))
    later = Simulation.boot(image=image)
    later.do(UseProtocol(own))
    for simulation in (Simulation.boot(Options(protocol=own), image), later):
        with pytest.raises(LearnerError, match="not in the table"):
            moment_string(simulation)


def test_an_ordinary_moment_is_short_enough_to_paste(image: KernelImage) -> None:
    assert len(moment_string(patching(image))) <= STRING_LIMIT // 4


def test_a_file_holds_one_too(image: KernelImage, tmp_path: Path) -> None:
    simulation = patching(image)
    path = tmp_path / "moment.txt"
    path.write_text(moment_string(simulation) + "\n")
    assert same(simulation, open_moment(str(path)))


def test_every_kind_of_entry_has_a_name() -> None:
    assert {*CHOICES.values()} == {*typing.get_args(Choice)}
    kinds = [*OWN_COMMANDS, *(kind for one in SUBSYSTEMS for kind in one.commands)]
    names = "protocol tracer filter tracing_on reset register unregister ops_filter"
    assert sorted(kind.tag for kind in kinds) == sorted(names.split())


# --- what is wrong is said to be wrong --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def text(image: KernelImage) -> str:
    return moment_string(patching(image, entries=20))


def test_every_cut_and_every_changed_character_is_noticed(text: str) -> None:
    for at in range(0, len(text), 5):
        with pytest.raises(LearnerError):
            Moment.from_string(text[:at])
        with pytest.raises(LearnerError):
            Moment.from_string(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


def test_a_cut_is_called_a_cut(text: str) -> None:
    with pytest.raises(LearnerError, match="cut short"):
        Moment.from_string(text[:-30])


@pytest.mark.parametrize("wrong", ["", "hello", MARK, MARK + "!!!!", "sk9-AAAA", "\0", MARK + "A" * 5000])
def test_what_is_no_moment_is_refused(wrong: str) -> None:
    with pytest.raises(LearnerError):
        open_moment(wrong)


def test_another_version_that_comes_to_another_state_is_named(text: str) -> None:
    assert open_moment(rewritten(text, version="0.0.7"))  # the same state: it opens
    with pytest.raises(LearnerError, match=r"simkernel 0\.0\.7"):
        open_moment(rewritten(text, version="0.0.7", state="0" * 32))
    with pytest.raises(LearnerError, match="another one"):
        open_moment(rewritten(text, state="0" * 32))


def test_another_kernel_is_refused(text: str) -> None:
    with pytest.raises(LearnerError, match="digest"):
        open_moment(rewritten(text, image="f" * 64))
    with pytest.raises(LearnerError, match="digest"):
        open_moment(text, KernelImage.synthetic(500))
    with pytest.raises(LearnerError, match=r"mine\.S"):
        open_moment(rewritten(text, options={"kernel": "mine.S"}))


def test_no_moment_opens_a_file_of_this_machine_that_it_names(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of an option that is declared is asked for; one that nobody has declared is not opened either."""
    monkeypatch.setattr(KernelImage, "from_source", lambda *_, **__: pytest.fail("a file is opened"))
    other = rewritten(text, options={"kernel": "mine.S"})
    with pytest.raises(LearnerError, match=r"^this moment needs its kernel: give the file mine\.S again$"):
        open_moment(other)
    monkeypatch.setattr(options_room, "KERNEL_FILES", {})
    with pytest.raises(LearnerError, match="does not open to the state"):
        open_moment(other)


def test_every_option_that_could_name_a_file_is_declared() -> None:
    """A text that is no word of a few; the front end has the same list."""
    hints = typing.get_type_hints(Options, include_extras=True)
    texts = {name for name, hint in hints.items() if re.search(r"\b(str|bytes|\w*Path)\b", str(hint))}
    assert texts - {"schedule"} == set(options_room.KERNEL_FILES)
    assert tuple(options_room.KERNEL_FILES) == KERNEL_FILES


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"cpus": 99}},
        {"options": {"cpus": "x"}},
        {"options": {"model": "psychic"}},
        {"options": {"wings": 2}},
        {"options": []},
        {"made": [[0, "dance", 1]]},
        {"made": [[0, "run"]]},
        {"made": [[0, "run", [1], {}]]},
        {"made": 3},
        {"place": []},
        {"place": ["a", 1]},
        {"protocol": "prayer"},
        {"protocol": "int3 without shame"},
    ],
    ids=str,
)
def test_contents_that_make_no_sense_are_refused(text: str, changes: dict[str, object]) -> None:
    with pytest.raises(LearnerError):
        open_moment(rewritten(text, **changes))
