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

from simkernel import disasm, insn, layout
from simkernel.fetch import FetchModel
from simkernel.image import KernelImage
from simkernel.protocol import INT3_PROTOCOL, Protocol, Release
from simkernel.simulation import Simulation
from tests.stress.harness import Setting

Change = Callable[[Simulation], None]
Entries = npt.NDArray[Any]  # struct text_poke_loc, one for each site of the batch

BUSY = Setting(2, FetchModel.PIECES, kept=True)
BYTE = Setting(2, FetchModel.BYTE, kept=True)
PREEMPTED = Setting(2, FetchModel.PIECES, kept=True, tick=2_000)
EAGER = Setting(2, FetchModel.INSTANT, kept=True, eager=True)


@dataclass(frozen=True)
class Mutation:
    """What is changed: the protocol, the booted machine, or both."""

    name: str
    outcome: str
    protocol: Protocol = INT3_PROTOCOL
    change: Change | None = None
    setting: Setting = BUSY
    either: bool = False  # what one of the two instructions counts may be lost: only call -> call tells

    def boot(self, image: KernelImage) -> Simulation:
        simulation = self.setting.boot(image, self.protocol)
        if self.change is not None:
            self.change(simulation)
        return simulation


def _text(simulation: Simulation, address: int, data: bytes) -> None:
    """The guest's text is another one, for every CPU."""
    simulation.machine.write_code(address, data, fresh=True)


# --- the guest ----------------------------------------------------------------------------------------------------


def list_function_without_hash_test(simulation: Simulation) -> None:
    """ftrace_ops_list_func looks into the hashes as before, and goes on whatever it finds."""
    image = simulation.image
    symbol, lookup = image.symbol("ftrace_ops_list_func"), image.address("ftrace_lookup_ip")
    code = list(disasm.decode(simulation.machine.text_read(symbol.address, symbol.size), symbol.address))
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
    poke = simulation.task.poke
    entries = poke._entries
    setattr(poke, "_entries", lambda batch: change(entries(batch)))  # noqa: B010


def somebody_elses_breakpoints(simulation: Simulation) -> None:
    """A task whose user part is nothing but int3s, and a handler that goes on behind each, as a debugger's would.

    The guest has nobody else who uses int3. poke_int3_handler is asked about each (`Simplified:` ring 0), and takes its
    reference, at any time: that is what release waits for. The batch's own int3s are all over when sync 3 is; Linux
    says so too, in smp_text_poke_batch_finish() (6.16): after it one waits only if the new instruction is an int3.
    """
    image = simulation.image
    task, handler = image.symbol("user_cat"), image.symbol("exc_int3")
    end = task.address + task.size
    again = end - len(insn.jmp(0, 0))
    _text(simulation, task.address, bytes([insn.INT3]) * (again - task.address) + insn.jmp(again, task.address))
    unclaimed = handler.address + simulation.machine.text_read(handler.address, handler.size).index(MOV_3_ESI)
    stub = layout.TRAMP_BASE + layout.TRAMP_SIZE - 0x40  # no trampoline is ever so far up
    below = CMP_IP + (task.address & 0xFFFF_FFFF).to_bytes(4, "little") + bytes.fromhex("72 0e")  # jb .Lnot_ours
    above = CMP_IP + (again & 0xFFFF_FFFF).to_bytes(4, "little") + bytes.fromhex("77 01 c3")  # ja .Lnot_ours; ret
    code = below + above + MOV_3_ESI
    code += insn.jmp(stub + len(code), unclaimed + len(MOV_3_ESI))
    _text(simulation, stub, code)
    _text(simulation, unclaimed, insn.jmp(unclaimed, stub))
    simulation.run(3_000_000)  # until the task has come back from where it sleeps


MOV_3_ESI = bytes.fromhex("be 03 00 00 00")  # movl $VECTOR_BP, %esi: on the way to die()
CMP_IP = bytes.fromhex("48 81 bf 80 00 00 00")  # cmpq $..., PT_RIP(%rdi)


# --- the machine --------------------------------------------------------------------------------------------------


def translations_stay(simulation: Simulation) -> None:
    """Code has changed, and what was translated of the old is kept."""
    machine = simulation.machine
    setattr(machine, "_drop_changed", lambda cpu: machine.code.views[cpu].dirty.clear())  # noqa: B010


# --- the table ----------------------------------------------------------------------------------------------------


SMALL_BATCHES = replace(INT3_PROTOCOL, batched=1)  # so that one follows right on another
RELEASED_AT_ONCE = replace(
    SMALL_BATCHES, phases=(*INT3_PROTOCOL.phases[:-1], replace(INT3_PROTOCOL.phases[-1], action=Release(wait=False)))
)

MUTATIONS = (
    Mutation("without sync 1", "torn bytes", INT3_PROTOCOL.without("sync 1"), setting=BYTE),
    Mutation("without sync 2", "torn bytes", INT3_PROTOCOL.without("sync 2"), setting=BYTE),
    Mutation("without sync 3", "oops: int3", INT3_PROTOCOL.without("sync 3"), setting=BYTE),
    Mutation("the handler skips", "events missing", replace(INT3_PROTOCOL, handler="skip"), either=True),
    Mutation("#BP through a trap gate", "oops: int3", INT3_PROTOCOL.through_trap_gate(), setting=PREEMPTED),
    Mutation("the batch unsorted", "oops: int3", change=unsorted),
    Mutation("release without its wait", "oops: int3", RELEASED_AT_ONCE, somebody_elses_breakpoints, EAGER),
    Mutation("the list function without its hash test", "events too many", change=list_function_without_hash_test),
    Mutation("translations stay", "events missing", change=translations_stay),
    Mutation("poke_int3_handler claims nothing", "oops: int3", change=claims_nothing),
    Mutation("the batch's words zeroed", "oops: int3", change=words_zeroed),
)
SOUND = Mutation("somebody else's breakpoint", "", SMALL_BATCHES, change=somebody_elses_breakpoints, setting=EAGER)
