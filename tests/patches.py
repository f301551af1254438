"""Patches for tests that make a batch by hand."""

from __future__ import annotations

from collections.abc import Sequence

from simkernel import insn
from simkernel.ftrace.records import call_site
from simkernel.patching.patches import Patches
from simkernel.patching.plan import Plan
from simkernel.patching.site import Form, Kind, Patch, Site
from simkernel.patching.steps import PokeMany
from simkernel.schedule import Run
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

CALL_SITE = call_site(insn.NOP5)
SHORT_LABEL = Kind("jump label", (Form("NOP", insn.NOPS[2]), Form("jump", bytes((insn.JMP8,)))))
PADDED_LABEL = Kind("jump label", (Form("NOP", insn.NOPS[3]), Form("jump", bytes((insn.JMP8,)))))
LONG_LABEL = Kind("jump label", (Form("NOP", insn.NOP5), Form("jump", bytes((insn.JMP32,)))))
LABELS = {2: SHORT_LABEL, 3: PADDED_LABEL, 5: LONG_LABEL}


def call_patch(site: int, old: bytes, new: bytes) -> Patch:
    """A change of a call site."""
    return Patch(Site(site, len(old), CALL_SITE), old, new)


def label_patch(site: int, old: bytes, new: bytes) -> Patch:
    """A change of a jump label, of two bytes, three or five."""
    return Patch(Site(site, len(old), LABELS[len(old)]), old, new)


def plan_patches(simulation: Simulation, patches: Sequence[Patch]) -> None:
    """Have the patching task make these changes next, by the protocol that is in use."""
    task = parts_of(simulation).task
    assert task.idle
    simulation.step(Run(0, 1))  # no checkpoint has been kept here yet
    changes = Patches.of(patches)
    plan = Plan("jump labels", (PokeMany(changes, f"{len(changes)} jump labels"),))
    task.restore(task.state()._replace(plan=plan, step=0))
    simulation.keep_checkpoint()


def undone(patches: Sequence[Patch]) -> list[Patch]:
    """The same changes, back."""
    return [Patch(patch.site, patch.new, patch.old) for patch in patches]
