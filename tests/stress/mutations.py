"""One thing changed that the protocol, the guest or the machine relies on: each a row, with the outcome it must show.

Rows change a booted machine, as a fault in it would: the protocol's table, the guest's text and data, or the host's
own part. `outcome` is the name of the first problem that a stress run finds (checks.Problem).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simkernel import disasm
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.protocol import INT3_PROTOCOL, STOP_MACHINE, Release, Variant
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from tests.stress.checks import BYTES_DIFFER
from tests.stress.harness import INT3, Setting
from tests.stress.record import HELD, UNCLAIMED

Change = Callable[[Simulation], None]
Entries = npt.NDArray[Any]  # struct text_poke_loc, one for each site of the batch

BUSY = Setting(2, FetchModel.PIECES, kept=True)
BYTE = Setting(2, FetchModel.BYTE, kept=True)
PREEMPTED = Setting(2, FetchModel.PIECES, kept=True, tick=2_000)


@dataclass(frozen=True)
class Mutation:
    """What is changed: the protocol, the booted machine, or both."""

    name: str
    outcome: str
    setting: Setting = BUSY
    variant: Variant = INT3
    overlooks: str = ""  # a problem that is not looked for, to see what comes of it
    change: Change | None = None
    either: bool = False  # what one of the two instructions counts may be lost: only call -> call tells

    def boot(self, image: KernelImage) -> Simulation:
        simulation = self.setting.boot(image, self.variant)
        if self.change is not None:
            self.change(simulation)
        return simulation


def _text(simulation: Simulation, address: int, data: bytes) -> None:
    """The guest's text is another one, for every CPU."""
    parts_of(simulation).machine.code.write(address, data, fresh=True)


# --- the guest ----------------------------------------------------------------------------------------------------


def list_function_without_hash_test(simulation: Simulation) -> None:
    """arch_ftrace_ops_list_func looks into the hashes as before, and goes on whatever it finds."""
    image = simulation.image
    symbol, lookup = image.symbol("arch_ftrace_ops_list_func"), image.address("ftrace_lookup_ip")
    code = list(disasm.decode(simulation.read(symbol.address, symbol.size), symbol.address))
    asked = [at for at, instruction in enumerate(code) if instruction.is_call and instruction.target == lookup]
    assert len(asked) == 2, "the filter and the notrace hash"
    for at in asked:
        branch = code[at + 2]
        assert code[at + 1].mnemonic == "test" and branch.is_cond
        _text(simulation, branch.address, b"\x90" * branch.size)


def claims_nothing(simulation: Simulation) -> None:
    """poke_int3_handler says of every int3 that it is not the batch's."""
    _text(simulation, simulation.image.address("poke_int3_handler"), b"\x31\xc0\xc3")  # xor %eax,%eax; ret


def words_zeroed(simulation: Simulation) -> None:
    """The batch is published, and its vector is nothing but zeroes."""
    _vector(simulation, np.zeros_like)


def unsorted(simulation: Simulation) -> None:
    """The batch is published from its last entry to its first."""
    _vector(simulation, lambda entries: entries[::-1])


def _vector(simulation: Simulation, change: Callable[[Entries], Entries]) -> None:
    poke = parts_of(simulation).task.poke
    entries = poke._published
    setattr(poke, "_published", lambda batch: change(entries(batch)))  # noqa: B010


# --- the machine --------------------------------------------------------------------------------------------------


def translations_stay(simulation: Simulation) -> None:
    """Code has changed, and what was translated of the old is kept."""
    machine = parts_of(simulation).machine
    setattr(machine, "_drop_changed", lambda cpu: machine.code.views[cpu].dirty.clear())  # noqa: B010


def unwaited(variant: Variant) -> Variant:
    """A protocol of its own: the same one, whose release does not wait for the handlers that hold a reference."""
    phases = (
        replace(phase, action=Release(wait=False)) if isinstance(phase.action, Release) else phase
        for phase in variant.table.phases
    )
    table = replace(variant.table, name=f"{variant.name}, its release unwaited", phases=tuple(phases))
    return Variant(table)


SINGLY = Variant(replace(INT3_PROTOCOL, batched=1))  # so that the next batch comes right behind
MUTATIONS = (
    Mutation("without sync 1", "torn bytes", BYTE, INT3.without("sync 1")),
    Mutation("without sync 2", "torn bytes", BYTE, INT3.without("sync 2")),
    Mutation("without sync 3", BYTES_DIFFER, BYTE, INT3.without("sync 3")),
    Mutation("without sync 3, overlooked", "oops: int3", BYTE, INT3.without("sync 3"), BYTES_DIFFER),
    Mutation("release without its wait", HELD, BUSY, unwaited(INT3.without("sync 3"))),
    Mutation("release without its wait, overlooked", UNCLAIMED, BUSY, unwaited(SINGLY.without("sync 3")), HELD),
    Mutation("the handler skips", "events missing", BUSY, Variant(replace(INT3_PROTOCOL, handler="skip")), either=True),
    Mutation("#BP through a trap gate", "oops: int3", PREEMPTED, INT3.through_trap_gate()),
    Mutation("the batch unsorted", "oops: int3", change=unsorted),
    Mutation("the list function without its hash test", "events too many", change=list_function_without_hash_test),
    Mutation("translations stay", "oops: int3", change=translations_stay),
    Mutation("poke_int3_handler claims nothing", "oops: int3", change=claims_nothing),
    Mutation("the batch's words zeroed", "oops: int3", change=words_zeroed),
    Mutation("NMIs run what stop_machine changes", "torn bytes", BYTE, Variant(STOP_MACHINE)),
)
"""*Release without its wait* stands for that and sync 3 together. With sync 3, and #BP through an interrupt gate, no
handler of a batch outlives that sync, so the release never has to wait. Linux says so: "the below spin-wait will not
happen. IOW. unless the replacement instruction is INT3, this case goes unused" (smp_text_poke_batch_finish() in
arch/x86/kernel/alternative.c, 6.16; commit 451283cd40bc). The search agrees for every order of events
(tests/explore/test_release.py), and the stress counts. So the wait is the second of two guards, and without sync 3 it
is the only one. Then a handler that still holds its reference later drops that of the next batch, and an int3 of a
batch that *is* published finds none to take.
"""
