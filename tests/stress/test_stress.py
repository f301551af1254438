"""Many random runs: ftrace changes running code, and nobody is hurt, nothing is lost and nothing is counted twice.

Hundreds of seeds here; by `make stress` ten thousand, and a thousand in both ways of counting: every fetch model under
every policy that differs there, with 2 to 4 CPUs. Each set of runs goes on until it has met every gap, every kind of
change and every CPU, for FEW seeds at least and SEEDS at most; all sets together must have met every combination of
the three.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from simkernel.hw import cpu as cpu_module
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.schedule import Policy
from simkernel.sim.digest import machine_digest
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.stress import coverage
from tests.stress.coverage import Bins
from tests.stress.harness import Setting, Stress
from tests.stress.pace import late

ALIKE = {  # no byte is ever pending there: a policy has nothing to resolve, and in `instant` nothing to read in pieces
    (FetchModel.INSTANT, Policy.EARLY): Policy.SEEDED,
    (FetchModel.INSTANT, Policy.LATE): Policy.SEEDED,
    (FetchModel.PIECES, Policy.EARLY): Policy.LATE,
}
SETS = [one for one in itertools.product(FetchModel, Policy) if one not in ALIKE]
CPUS = ((2, True), (4, True), (2, True), (3, True), (2, False), (4, True), (2, True))  # and whether there is a keeper
PARKING = {5: "stop_machine", 11: "stop_machine-ipi"}  # of twelve seeds
FEW = 16
SEEDS = -(-1_000 // len(SETS))
PARTS = 5
MANY_SEEDS = -(-10_000 // len(SETS) // PARTS)


@cache
def default_image() -> KernelImage:
    return KernelImage.default()


def required(model: FetchModel, policy: Policy) -> list[str]:
    """The bins that a set must fill."""
    return coverage.coarse(4, late(Setting(4, model, policy)))


class Runs:
    """Runs seeds of a set one after the other, each on the machine that it asks for; counts what they cover."""

    def __init__(self, model: FetchModel, policy: Policy) -> None:
        self._model, self._policy = model, policy
        self._machines: dict[Setting, Stress] = {}
        self.bins: Bins = Counter()

    def run(self, seed: int) -> Simulation:
        """The seed's machine at the end of its run. Fails at a problem, and says how to have it again."""
        cpus, kept = CPUS[seed % len(CPUS)]
        setting = Setting(cpus, self._model, self._policy, kept)
        if setting not in self._machines:
            self._machines[setting] = Stress(setting.boot(default_image()), setting, self.bins)
        machine = self._machines[setting]
        outcome = machine.run(seed, PARKING.get(seed % 12, ""), floods=seed % 21 == 20)
        assert outcome.problem is None, f"{outcome.problem} ({setting}, seed {seed})"
        for name in ("passes", "open", "entries"):
            self.bins[name] += getattr(outcome, name)
        self.bins["runs"] += 1
        return machine.simulation


def stress(model: FetchModel, policy: Policy, seeds: range, enough: int = 0) -> Bins:
    """Run the seeds; what they covered. Fails at the first problem.

    Args: enough: after so many seeds it ends where nothing is missing; 0: never.
    """
    runs = Runs(model, policy)
    for seed in seeds:
        if 0 < enough <= seed - seeds.start and not coverage.empty(runs.bins, required(model, policy)):
            break
        runs.run(seed)
    return runs.bins


def test_a_set_is_left_out_where_it_does_what_another_does_and_only_there() -> None:
    """A run in which bytes are resolved, and instructions read in pieces, wherever that can be."""
    ends = {}
    for model, policy in itertools.product(FetchModel, Policy):
        setting = Setting(2, model, policy, kept=True)
        simulation = setting.boot(default_image())
        assert Stress(simulation, setting, Counter()).run(3).problem is None
        ends[model, policy] = list(simulation.entries), list(simulation.log)
    for (model, one), end in ends.items():
        alike = {other for other in Policy if ends[model, other] == end}
        assert alike == {other for other in Policy if ALIKE.get((model, other), other) is ALIKE.get((model, one), one)}


@pytest.fixture
def all_sets(tmp_path_factory: pytest.TempPathFactory, record_property: Callable[[str, object], None]) -> AllSets:
    return AllSets(tmp_path_factory, record_property)


class AllSets:
    """Puts the bins of all sets together, whichever process ran them: who is the last sees all, and asserts."""

    def __init__(self, factory: pytest.TempPathFactory, record: Callable[[str, object], None]) -> None:
        base = factory.getbasetemp()
        self._folder = base.parent if base.name.startswith("popen-") else base  # pytest-xdist: one below it a worker
        self._record = record

    def add(self, name: str, count: int, bins: Bins) -> None:
        """The bins of one of `count` sets; the last one asserts that together they fill all there are."""
        self._record("stress", dict(bins))
        folder = self._folder / f"stress-{count}"
        folder.mkdir(exist_ok=True)
        unfinished = folder / f"{name}.part"
        unfinished.write_text(json.dumps(bins))
        unfinished.rename(folder / f"{name}.json")
        if len(files := list(folder.glob("*.json"))) == count:
            assert not coverage.empty(together(files), [*coverage.fine(4), *coverage.crossed(4)])


def together(files: list[Path]) -> Bins:
    return sum((Counter(json.loads(file.read_text())) for file in files), Counter[str]())


def check(model: FetchModel, policy: Policy, bins: Bins) -> None:
    """What each set must have met; that the tasks went on with their work; hardly a pass whose count is open, or the
    counts would say nothing; and that no release of a batch has had to wait (mutations.py says why)."""
    print(f"{model.value}, {policy.value}: {bins['runs']} runs, {bins['passes']} passes of sites, {bins['open']} open")
    print(*(f"{bins[name]:8}  {name}" for name in sorted(bins)), sep="\n")
    assert not coverage.empty(bins, required(model, policy))
    assert bins["system calls"] > 10 * bins["runs"]
    assert bins["open"] < bins["passes"] / 500
    assert bins["releases"] > bins["runs"] and not bins["releases that handlers still held"]


@pytest.mark.parametrize(("model", "policy"), SETS, ids=lambda each: str(each.value))
def test_hundreds_of_seeds(model: FetchModel, policy: Policy, all_sets: AllSets) -> None:
    first = SETS.index((model, policy)) * SEEDS
    bins = stress(model, policy, range(first, first + SEEDS), FEW)
    check(model, policy, bins)
    all_sets.add(f"{model.value}-{policy.value}", len(SETS), bins)


@pytest.mark.stress
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("model", "policy"), SETS, ids=lambda each: str(each.value))
def test_ten_thousand_seeds(model: FetchModel, policy: Policy, part: int, all_sets: AllSets) -> None:
    first = 10_000 + (SETS.index((model, policy)) * PARTS + part) * MANY_SEEDS
    bins = stress(model, policy, range(first, first + MANY_SEEDS))
    check(model, policy, bins)
    all_sets.add(f"{model.value}-{policy.value}-{part}", len(SETS) * PARTS, bins)


@pytest.mark.stress
@pytest.mark.parametrize(("model", "policy"), SETS, ids=lambda each: str(each.value))
def test_a_thousand_seeds_come_to_one_end_in_both_ways_of_counting(
    model: FetchModel, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few instructions a choice has, blocks count them where they may."""
    monkeypatch.setattr(cpu_module, "BLOCKS_FROM", 2)
    first = SETS.index((model, policy)) * SEEDS
    ways = {way: Runs(model, policy) for way in ("blocks", "hook")}
    for seed in range(first, first + SEEDS):
        ends = []
        for way, runs in ways.items():
            monkeypatch.setenv("SIMKERNEL_COUNT", way)
            simulation = runs.run(seed)
            assert {cpu._by_blocks for cpu in parts_of(simulation).machine.cpus} == {way == "blocks"}
            ends.append((machine_digest(simulation), list(simulation.entries), list(simulation.log)))
        assert ends[0] == ends[1], seed
