"""A run is a function of its options, seed and commands: whole or in pieces, watched or not, in every process."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest

from simkernel import tracefs
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.protocol import INT3_PROTOCOL, NOP_FORMS, Protocol, SyncCores, Variant, parse
from simkernel.schedule import Policy
from simkernel.sim.control_files import control_files
from simkernel.sim.digest import feed, state_digest
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

IMAGE = KernelImage.default()
COMMANDS = (
    SetFilter("filter", "vfs_* *lock"),
    SetTracer("function"),
    RegisterOps("count", "ftrace_ops_count", filter="vfs_* schedule"),
    SetFilter("filter", "*lock*"),
)
RUNS = [
    Options(cpus=2, seed=1, model=FetchModel.BYTE, patch_quantum=30),
    Options(cpus=3, seed=2, model=FetchModel.PIECES, patch_quantum=30, nmi_odds=1000),
    Options(cpus=2, seed=3, model=FetchModel.LINE, policy=Policy.LATE, schedule="round-robin", patch_quantum=64),
    Options(cpus=2, seed=4, model=FetchModel.INSTANT, protocol=parse("stop_machine"), patch_quantum=30),
    Options(cpus=2, seed=5, model=FetchModel.BYTE, protocol=parse("naive"), patch_quantum=2),
]
IDS = ["byte", "pieces", "line", "stop_machine", "naive"]


@cache
def carried_out(options: Options, entries: int, go_on: str, seed: int = 0) -> tuple[str, str, int]:
    """Boot, give the commands, let so many entries happen: digest, text of the trace, number of events."""
    rng = random.Random(seed)
    simulation = Simulation.boot(options, IMAGE)
    ends = [cpu.observe(lambda _: None) for cpu in parts_of(simulation).machine.cpus] if go_on == "watched" else []
    for command in COMMANDS:
        simulation.do(command)
    end = simulation.position + entries
    while simulation.position < end and not simulation.halt_reason:
        if go_on == "pieces":
            simulation.step_instruction(n=rng.choice((1, 1, 2, 5, 40, 700)))
        else:
            simulation.step()
    for stop in ends:
        stop()
    return state_digest(simulation), tracefs.read(control_files(simulation), "trace"), len(simulation.log)


@pytest.mark.parametrize("options", RUNS, ids=IDS)
@pytest.mark.parametrize("other", ["pieces", "watched"])
def test_a_choice_does_the_same_in_pieces_and_under_watch(options: Options, other: str) -> None:
    assert carried_out(options, 2500, other, options.seed) == carried_out(options, 2500, "whole")


def test_two_processes_write_the_same_trace() -> None:
    program = (
        "from tests.test_deterministic import *; print(json.dumps([carried_out(run, 6000, 'whole') for run in RUNS]))"
    )
    one, other = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
        )
        for seed in ("1", "2718")
    )
    assert dict(zip(IDS, one, strict=True)) == dict(zip(IDS, other, strict=True))
    traces = {name: trace for name, (_, trace, _) in zip(IDS, one, strict=True)}
    assert {name for name, trace in traces.items() if " <-" not in trace} <= {"naive"}


def test_another_seed_is_another_run() -> None:
    assert carried_out(Options(seed=1), 1000, "whole") != carried_out(Options(seed=2), 1000, "whole")


def test_the_digest_knows_what_a_protocol_does_and_not_how_it_is_told() -> None:
    def digest(protocol: Protocol) -> str:
        out = hashlib.blake2b()
        feed(out, Variant(protocol))
        return out.hexdigest()

    first, *others = INT3_PROTOCOL.phases
    told = replace(INT3_PROTOCOL, prose="another", phases=(replace(first, why="another"), *others))
    done = replace(INT3_PROTOCOL, phases=(replace(first, action=SyncCores()), *others))
    assert digest(told) == digest(INT3_PROTOCOL)
    changed = (done, replace(INT3_PROTOCOL, nop=NOP_FORMS["5x1"]), replace(INT3_PROTOCOL, gate="trap"))
    assert len({digest(one) for one in (INT3_PROTOCOL, *changed)}) == 4
