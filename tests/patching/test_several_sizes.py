"""One plan whose sites have two, three and five bytes: verified together, changed in one batch, under running CPUs.

The oracle is a patcher that stops the world: it stores the new bytes while nobody runs, and needs no protocol.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

import numpy as np
import pytest

from simkernel import insn
from simkernel.events import BatchStarted, Int3Done, Logged, SiteRan, SyncSkipped
from simkernel.hw.fetch import CodeMemory, FetchModel
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Failure
from simkernel.patching.site import Patch, Site
from simkernel.patching.steps import PokeEarly, PokeMany, Verify
from simkernel.schedule import Act, Run
from simkernel.sim.options import Options
from simkernel.sim.parts import SUBSYSTEMS, parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.validate import verdicts
from tests.explore.jumps import SIZES, kernel
from tests.patches import SHORT_LABEL, call_patch, undone
from tests.patching.toy.label import Branch, JumpLabels, LabelState
from tests.rules import Watch

LABELS = " ".join(SIZES)
CYCLES = 12
BOUND = 200_000  # choices


def running(model: FetchModel, cpus: int = 2) -> Simulation:
    """The fixture kernel, booted, with a patching task that lets CPUs run between two actions."""
    options = Options(cpus=cpus, model=model, act_odds=4, tick_period=50_000)
    simulation = Simulation.boot(options, kernel(), subsystems=(*SUBSYSTEMS, JumpLabels))
    simulation.run_until_idle()
    return simulation


def with_the_world_stopped(code: CodeMemory, patches: Iterable[Patch]) -> bytes:
    """All code as it is once these changes are made."""
    held = bytearray(code.memory.tobytes())
    for patch in patches:
        at = code.map.offset(patch.site.address)
        assert held[at : at + patch.site.size] == patch.old
        held[at : at + patch.site.size] = patch.new
    return bytes(held)


def carried_out(simulation: Simulation, command: Branch) -> set[tuple[int, int]]:
    """Carry a command out; which CPU (site, CPU) has taken an int3 where. What runs, and what is left, is checked."""
    code = parts_of(simulation).machine.code
    patches = {patch.site.address: patch for patch in command.patches()}
    expected = with_the_world_stopped(code, patches.values())
    simulation.do(command)
    first, trapped, watch = simulation.logged, set(), Watch(simulation, verdicts)
    for _ in range(BOUND):
        for event in simulation.step():
            if isinstance(event, SiteRan):
                assert event.data in (patches[event.site].old, patches[event.site].new), event
            if isinstance(event, Int3Done):
                trapped.add((event.address, event.cpu))
        assert not simulation.halt_reason, simulation.halt_reason
        assert watch.broken() == []
        if simulation.patching.idle:
            break
    assert simulation.patching.idle and watch.all_broken() == []
    batches = [event.sites for event in simulation.since(first) if isinstance(event, BatchStarted)]
    assert batches == [tuple(sorted(patches))]
    assert code.memory.tobytes() == expected
    assert all(view.code.tobytes() == expected and not view.pending for view in code.views)
    return trapped


@pytest.mark.parametrize("model", tuple(FetchModel))
def test_a_plan_of_two_three_and_five_bytes_ends_as_if_the_world_had_stopped(model: FetchModel) -> None:
    simulation = running(model)
    left = {(patch.site.address, cpu) for patch in Branch(LABELS).patches() for cpu in range(2)}
    for _ in range(CYCLES):
        for on in (True, False):
            left -= carried_out(simulation, Branch(LABELS, on))
        if not left:
            break
    assert not left, "where no CPU ran the site while it was int3"


@pytest.mark.parametrize("key", SIZES)
def test_a_site_that_holds_something_else_fails_the_plan_with_the_bytes_of_its_size(key: str) -> None:
    simulation = running(FetchModel.BYTE)
    code, size = parts_of(simulation).machine.code, SIZES[key]
    wrong = next(patch for patch in Branch(LABELS).patches() if patch.site.address == kernel().address(key))
    held = wrong.old[:-1] + b"\x77"
    code.write(wrong.site.address, held, fresh=True)
    before = code.memory.tobytes()
    command = Branch(LABELS)
    verify = Verify(Patches.of(command.patches()))
    assert verify.mismatch(code) == Failure(errno.EINVAL, wrong.site.address, wrong.old)
    simulation.do(command)
    while not simulation.patching.idle:
        simulation.step(Act())
    said = [event.text for event in simulation.log if isinstance(event, Logged)][-1]
    place, what = kernel().symbolize(wrong.site.address), f"{held.hex(' ')} != {wrong.old.hex(' ')}"
    assert said == (
        f"jump_label: Fatal kernel bug, unexpected op at {place} [{wrong.site.address:x}] ({what}) size:{size}"
    )
    assert code.memory.tobytes() == before
    assert parts_of(simulation).subsystem(JumpLabels).state() == LabelState(failures=1)
    assert [simulation.site(patch.site.address).size for patch in command.patches()] == list(SIZES.values())


def test_a_batch_of_one_byte_needs_no_second_sync_whatever_else_the_plan_changes() -> None:
    """`do_sync` of text_poke_bp_batch() goes by the entries of its batch, not by those of the batches after it."""
    simulation = running(FetchModel.INSTANT, cpus=1)
    poke, at = parts_of(simulation).task.poke, kernel().address("key_wide_yes")  # nobody runs it while key_wide is off
    short = Patch(Site(at, 1, SHORT_LABEL), simulation.read(at, 1), bytes((insn.INT3,)))
    changes = Patches.of([short, *Branch(LABELS).patches()])
    poke.begin(changes.part(changes.addresses.index(at), changes.addresses.index(at) + 1))
    skipped = []
    while poke.busy:
        if poke.ready():
            skipped += [event.phase for event in poke.act() if isinstance(event, SyncSkipped)]
        else:
            simulation.step(Run(0, 20))
    assert skipped == ["sync 2", "sync 3"] and simulation.read(at, 1) == short.new


# --- where nothing is behind the last site ---------------------------------------------------------------------------


def at_the_end(code: CodeMemory, region: int) -> list[Patch]:
    """A call site, and a site of two bytes that are the last of a region."""
    image = kernel()
    call, end = image.site_of(image.symbol("check_branch")), code.map.regions[region].base
    end += code.map.regions[region].size
    short = Patch(Site(end - 2, 2, SHORT_LABEL), code.read(end - 2, 2), insn.NOPS[2])
    return [call_patch(call, code.read(call, 5), insn.call(call, image.address("ftrace_caller"))), short]


@pytest.mark.parametrize("region", [0, -1])
@pytest.mark.parametrize("model", [FetchModel.INSTANT, FetchModel.BYTE])
def test_a_short_site_may_be_the_last_of_the_code(region: int, model: FetchModel) -> None:
    simulation = running(model, cpus=1)
    parts = parts_of(simulation)
    code, poke = parts.machine.code, parts.task.poke
    patches = at_the_end(code, region)
    changes, expected = Patches.of(patches), with_the_world_stopped(code, patches)
    assert Verify(changes).mismatch(code) is None
    many, progress, done = PokeMany(changes, "the last two bytes"), None, False
    for _ in range(4_000):
        if poke.ready():
            turn = many.act(poke, progress, 0)
            progress, done = turn.progress, turn.done
        if done:
            break
        simulation.step(Run(0, 20))
        assert all(verdict.holds for verdict in verdicts(simulation) if verdict.name == "phase")
    assert done and code.memory.tobytes() == code.views[0].code.tobytes() == expected
    assert Verify(Patches.of(undone(patches))).mismatch(code) is None
    assert many.broken(code).site == int(changes.sites[0])  # all are new: the first stands for them


def test_the_sites_of_a_plan_at_boot_may_have_several_sizes() -> None:
    simulation = running(FetchModel.BYTE)
    code, poke = parts_of(simulation).machine.code, parts_of(simulation).task.poke
    patches = Branch(LABELS).patches()
    expected = with_the_world_stopped(code, patches)
    early = PokeEarly(Patches.of(patches), "all")
    first = early.act(poke, None, 3)
    last = early.act(poke, first.progress, 3)
    assert (first.done, last.done, last.progress) == (False, True, len(patches))
    assert code.memory.tobytes() == expected
    assert all(np.array_equal(view.code, code.memory) for view in code.views)
