"""Every action of the table, without a screen: what it does to the machine, and what it says to bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lessons.activities.function_table import FunctionTable
from lessons.session.actions import ACTIONS, StepperAction, apply
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper, StepperResult
from simkernel.hw.fetch import FetchModel
from simkernel.report import Report
from simkernel.schedule import Policy
from simkernel.sim.digest import state_digest
from simkernel.sim.snapshot.plain import plain


@pytest.fixture(scope="module")
def moment() -> str:
    """A place in the middle of `one`."""
    stepper = Stepper.start("one")
    apply(stepper, "goto", "6")
    return stepper.moment


@pytest.fixture
def stepper() -> Stepper:
    return Stepper.start("one")


def do(stepper: Stepper, action: str, argument: str = "") -> StepperResult:
    """Do it: the test at the end looks for these calls."""
    return apply(stepper, action, argument)


def on(result: StepperResult) -> Stepper:
    """The stepper that one goes on with."""
    assert result.stepper is not None, result.message
    return result.stepper


def phase(stepper: Stepper) -> str:
    now = stepper.snapshot.patching.phase
    return "" if now is None else now.name


def test_phases_forth_and_back(stepper: Stepper) -> None:
    met = []
    for _ in range(8):
        do(stepper, "next-phase")
        met.append(phase(stepper))
    assert met == ["write int3", "sync 1", "write tail", "sync 2", "write head", "sync 3", "release", ""]
    for expected in met[-2::-1]:
        do(stepper, "back-phase")
        assert phase(stepper) == expected
    do(stepper, "back-phase")
    assert do(stepper, "back-phase").error


def test_instructions_forth_and_back(stepper: Stepper) -> None:
    start = state_digest(stepper.simulation)
    for _ in range(5):
        assert not do(stepper, "instruction").error
    for _ in range(5):
        assert not do(stepper, "back-instruction").error
    assert state_digest(stepper.simulation) == start
    assert do(stepper, "back-instruction").error


def test_an_instruction_says_what_the_cpu_did(stepper: Stepper) -> None:
    for _ in range(30):
        cpus, clock = stepper.snapshot.cpus, stepper.snapshot.clock
        message = do(stepper, "instruction").message
        if message and " takes " not in message:
            cpu = int(message[3])
            assert message == f"CPU{cpu} {cpus[cpu].sentence}."
            assert stepper.snapshot.clock > clock
            assert [one.rip for one in stepper.snapshot.cpus if one.number != cpu] == [
                one.rip for one in cpus if one.number != cpu
            ]


def test_goto_start_and_end(stepper: Stepper) -> None:
    do(stepper, "goto", "7")
    assert len(stepper.stops()) == 7
    point = stepper.simulation.point
    do(stepper, "start")
    assert stepper.simulation.position == stepper.begin
    do(stepper, "place", str(point.position))
    assert stepper.simulation.point == point
    do(stepper, "start")
    do(stepper, "end")
    assert stepper.simulation.position == len(stepper.simulation.entries) > point.position
    point = stepper.simulation.point
    for bad in ("", "x", "-1", "99999999999"):
        assert do(stepper, "goto", bad).error
    assert stepper.simulation.point == point


def test_run_and_run_back_with_and_without_breakpoints(stepper: Stepper) -> None:
    do(stepper, "break-phase", "write tail")
    assert "write tail" in do(stepper, "run").message and phase(stepper) == "write tail"
    do(stepper, "clear-breaks")
    do(stepper, "run")
    assert len(stepper.stops()) == SCENARIOS["one"].stops
    do(stepper, "break-event", "Int3Taken")
    assert "Int3Taken" in do(stepper, "run-back").message
    do(stepper, "clear-breaks")
    do(stepper, "run-back")
    assert stepper.simulation.position == stepper.begin
    do(stepper, "break-change", "rw_verify_area 5")
    assert "changed" in do(stepper, "run").message
    do(stepper, "clear-breaks")
    do(stepper, "break-function", "rw_verify_area")
    assert "is at rw_verify_area" in do(stepper, "run").message


@pytest.mark.parametrize(
    ("action", "argument"),
    [("break-phase", "sync 9"), ("break-event", "Nothing"), ("break-function", "nonesuch"), ("break-change", "5"),
     ("break-change", "rw_verify_area 99999"), ("cpu-run", "7"), ("cpu-run", "x"), ("cpu-run", "0 99999"),
     ("cpu-read", "1"), ("cpu-resolve", "0 1"), ("nmi", ""),
     ("trace", "nonesuch*"), ("untrace", "nonesuch*"), ("second-ops", "nonesuch"),
     ("second-ops-off", ""), ("look-at", "do_syscall_64"), ("cpus", "9"), ("cpus", "two"), ("model", "hum"),
     ("policy", "hum"), ("schedule", "hum"), ("protocol", "hum"), ("seed", "-1"), ("kernel", "/no/such/file.S"),
     ("scenario", "hum"), ("open-moment", "sk4-hum"), ("export-text", "/no/such/place/x"), ("export-json", ""),
     ("place", "x"), ("place", "999999999")],
)  # fmt: skip
def test_bad_input_says_so_and_moves_nothing(stepper: Stepper, action: str, argument: str) -> None:
    before, snapshot = state_digest(stepper.simulation), stepper.snapshot
    result = do(stepper, action, argument)
    assert result.error and result.message
    assert state_digest(stepper.simulation) == before
    assert stepper.snapshot is snapshot


ODD = (
    "\N{SUPERSCRIPT TWO}",
    "9" * 5_000,
    "\N{ARABIC-INDIC DIGIT ONE}",
    "-1",
    "1_0",
    "0x",
    "1 \N{SUPERSCRIPT TWO}",
    "*" * 999,
)


@pytest.mark.parametrize("action", [one for one in ACTIONS if one.prompt and not one.name.startswith("export")])
def test_odd_input_of_any_kind_is_answered_with_a_message(action: StepperAction) -> None:
    """Whatever is typed, an action answers: what it raises but LearnerError would end the program.

    All is asked in the middle of `one`; what was refused has moved nothing, as the test above says.
    """
    stepper = None
    for argument in ODD:
        if stepper is None:
            stepper = Stepper.start("one")
            assert apply(stepper, "goto", "6").message == ""
        result = do(stepper, action.name, argument)
        assert result.message
        if not result.error:
            stepper = None


def test_by_hand(stepper: Stepper) -> None:
    do(stepper, "act")
    assert phase(stepper) == "write int3"
    while stepper.snapshot.cpus[0].function != "rw_verify_area" or stepper.snapshot.cpus[0].offset:
        do(stepper, "cpu-run", "0")
    do(stepper, "cpu-read", "0 1")
    site = stepper.snapshot.site
    assert site is not None and site.cpus[0].read == 1
    do(stepper, "act")
    do(stepper, "act")
    assert "waits for CPU0, CPU1" in do(stepper, "act").message
    assert not do(stepper, "nmi", "1").error
    assert "nmi" in stepper.snapshot.cpus[1].interrupts


def test_resolving_by_hand() -> None:
    stepper = Stepper.start("cache-line")
    do(stepper, "act")
    do(stepper, "act")
    assert not do(stepper, "cpu-resolve", "1 0").error
    site = stepper.snapshot.site
    assert site is not None
    assert [len(set(site.cpus[cpu].options[0])) for cpu in (0, 1)] == [2, 1]


def test_trace_and_untrace(stepper: Stepper) -> None:
    do(stepper, "untrace")
    stepper.simulation.run_until_idle()
    assert not do(stepper, "trace", "vfs_w*").error
    stepper.simulation.run_until_idle()
    assert stepper.snapshot.map.count(1) == 1
    assert stepper.image.symbolize(stepper.site or 0) == "vfs_write"
    assert not do(stepper, "second-ops", "vfs_read").error
    stepper.simulation.run_until_idle()
    assert stepper.snapshot.map.count(1) == 2
    assert do(stepper, "second-ops", "vfs_read").error
    assert not do(stepper, "second-ops-off").error
    stepper.simulation.run_until_idle()
    assert do(stepper, "second-ops-off").error
    do(stepper, "untrace", "vfs_write")
    stepper.simulation.run_until_idle()
    assert stepper.snapshot.map.count(1) == 0
    assert "vfs_open" in do(stepper, "look-at", "vfs_open").message
    assert stepper.snapshot.site is not None and stepper.snapshot.site.name == "vfs_open"


def test_another_machine(stepper: Stepper) -> None:
    stepper = on(do(stepper, "cpus", "3"))
    assert len(stepper.snapshot.cpus) == 3 and not stepper.stops()
    stepper = on(do(stepper, "model", "byte"))
    stepper = on(do(stepper, "policy", "late"))
    stepper = on(do(stepper, "seed", "4"))
    stepper = on(do(stepper, "schedule", "round-robin"))
    options = stepper.snapshot.options
    assert (options.model, options.policy, options.seed) == (FetchModel.BYTE, Policy.LATE, 4)
    assert options.schedule == "round-robin" and options.cpus == 3
    stepper = on(do(stepper, "protocol", "int3 without sync 2"))
    assert [row.name for row in stepper.snapshot.patching.phases].count("sync 2") == 0
    stepper = on(do(stepper, "scenario", "naive"))
    assert stepper.protocol.name == "naive" and len(stepper.snapshot.cpus) == 2


def test_another_machine_has_the_breakpoints_and_the_one_before_is_as_it_was(stepper: Stepper, moment: str) -> None:
    """Whoever still looks at the one before sees what it saw."""
    said: list[str] = []
    do(stepper, "break-phase", "sync 1")
    for action, argument in (("cpus", "3"), ("open-moment", moment), ("scenario", "naive"), ("without", "write head")):
        simulation, snapshot, digest = stepper.simulation, stepper.snapshot, state_digest(stepper.simulation)
        other = on(apply(stepper, action, argument, Report(lambda report: said.append(report.text))))
        assert other is not stepper and other.simulation is not simulation
        assert other.breakpoints == stepper.breakpoints
        assert stepper.simulation is simulation and stepper.snapshot is snapshot and state_digest(simulation) == digest
    assert said


@pytest.mark.keystone
def test_a_kernel_of_ones_own(stepper: Stepper) -> None:
    example = Path("simkernel/guest/examples/hello.S")
    stepper = on(do(stepper, "kernel", str(example)))
    assert stepper.scenario is None and not stepper.simulation.halt_reason


def test_moments(stepper: Stepper, moment: str) -> None:
    stepper = on(do(stepper, "open-moment", moment))
    assert do(stepper, "moment").message == moment
    stepper = on(do(stepper, "scenario", "one"))
    do(stepper, "next")
    looked = stepper.snapshot, stepper.passed
    given = do(stepper, "moment").moment
    assert given is not None and given.name == "one@1" and (stepper.snapshot, stepper.passed) == looked


def test_exports(stepper: Stepper, tmp_path: Path) -> None:
    do(stepper, "next")
    assert not do(stepper, "export-text", str(tmp_path / "log.txt")).error
    assert not do(stepper, "export-json", str(tmp_path / "log.json")).error
    assert json.loads((tmp_path / "log.json").read_text()) == plain(list(stepper.simulation.log))
    assert len((tmp_path / "log.txt").read_text().splitlines()) == len(stepper.simulation.log)


def test_the_rest_of_the_table(stepper: Stepper) -> None:
    do(stepper, "next")
    do(stepper, "back")
    stepper = on(do(stepper, "without", "write head"))
    assert stepper.dies and not stepper.simulation.halt_reason
    do(stepper, "run")
    assert stepper.simulation.halt_reason


def test_every_action_is_tried_in_this_file() -> None:
    tried = set(re.findall(r'do\(stepper, "([a-z-]+)"', Path(__file__).read_text(encoding="utf-8")))
    assert {action.name for action in ACTIONS} <= tried


def test_a_filter_that_comes_out_empty_traces_every_function_and_is_told_of() -> None:
    stepper = Stepper.start("one")
    result = apply(stepper, "trace", "!vfs_*")
    assert result.message == "The filter is empty, which means all functions: bash-201 will trace every function."
    assert len(FunctionTable(stepper, "!vfs_*")) == len(stepper.image.functions())
    refused = apply(stepper, "untrace", "!vfs_*")
    assert refused.error and "leaves nothing out" in refused.message
