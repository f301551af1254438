"""Patches for tests that make a batch by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simkernel import insn
from simkernel.ftrace.records import call_site
from simkernel.patching.batch import Batch
from simkernel.patching.plan import Plan, Step, Turn
from simkernel.patching.site import Form, Kind, Patch, Site
from simkernel.patching.text_poke import TextPoke
from simkernel.schedule import Run
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

CALL_SITE = call_site(insn.NOP5)
SHORT_LABEL = Kind("jump label", (Form("NOP", insn.NOPS[2]), Form("jump", bytes((insn.JMP8,)))))
LONG_LABEL = Kind("jump label", (Form("NOP", insn.NOP5), Form("jump", bytes((insn.JMP32,)))))


def call_patch(site: int, old: bytes, new: bytes) -> Patch:
    """A change of a call site."""
    return Patch(Site(site, len(old), CALL_SITE), old, new)


def label_patch(site: int, old: bytes, new: bytes) -> Patch:
    """A change of a jump label, of two bytes or of five."""
    return Patch(Site(site, len(old), SHORT_LABEL if len(old) == 2 else LONG_LABEL), old, new)


@dataclass(frozen=True, slots=True)
class PokeAll(Step):
    """Patches of sites of any size, as one batch."""

    patches: tuple[Patch, ...]

    def act(self, poke: TextPoke, progress: Any, entries: int) -> Turn:
        if not poke.busy:
            poke.begin(Batch.of(self.patches))
        return Turn(poke.act(entries), price=0, done=not poke.busy)


def plan_patches(simulation: Simulation, patches: Sequence[Patch]) -> None:
    """Have the patching task make these changes next, as one batch, by the protocol that is in use."""
    task = parts_of(simulation).task
    assert task.idle
    simulation.step(Run(0, 1))  # no checkpoint has been kept here yet
    task.restore(task.state()._replace(plan=Plan("jump labels", (PokeAll(tuple(patches)),)), step=0))
    simulation.keep_checkpoint()


def undone(patches: Sequence[Patch]) -> list[Patch]:
    """The same changes, back."""
    return [Patch(patch.site, patch.new, patch.old) for patch in patches]
