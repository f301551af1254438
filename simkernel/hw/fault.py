"""The exceptions that stop a CPU in an instruction, and which of them an access to memory is."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.hw.x86 import VECTOR_GP, VECTOR_PF

PF_PROT, PF_WRITE, PF_INSTR = 1, 2, 16  # X86_PF_* (asm/trap_pf.h); SDM vol. 3, figure 4-12


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception that stopped a run: vector, error code (None where the vector has none), CR2 of a page fault.

    RIP is where the frame shall point: behind the instruction for int3 and INT n, at it otherwise.
    """

    vector: int
    error: int | None = None
    cr2: int = 0


def access_fault(address: int, write: bool = False, fetch: bool = False, mapped: bool = False) -> Fault:
    """The exception of an access that may not be: #GP where the address is not canonical, else #PF.

    Args:
        address: of the access.
        write: it writes.
        fetch: it fetches an instruction.
        mapped: there is a page, which does not allow it.
    """
    if (address >> 47) not in (0, 0x1FFFF):
        return Fault(VECTOR_GP, 0)
    return Fault(VECTOR_PF, PF_WRITE * write | PF_INSTR * fetch | PF_PROT * mapped, address)
