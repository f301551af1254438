"""What a simulation is made from: the choices that are fixed before its first instruction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simkernel import layout
from simkernel.board import TICK_PERIOD
from simkernel.errors import LearnerError
from simkernel.fetch import FetchModel
from simkernel.image import KernelImage
from simkernel.protocol import protocol_named
from simkernel.schedule import QUANTUM, Policy


@dataclass(frozen=True, slots=True)
class Options:
    """What a simulation is made from.

    Attributes:
        cpus: 1 to 8. seed: of the schedule's random state.
        model: what a CPU may run (`fetch.py`). policy: how a run settles what is uncertain.
        schedule: "seeded" or "round-robin". protocol: name in `protocol.PROTOCOLS`.
        kernel: a source file instead of the default kernel. functions: a synthetic kernel of so many.
        ibt: the kernel built with endbr64 at its functions' entries.
        quantum, patch_quantum: most instructions of a choice, and while a batch is under way.
        act_odds: of 256 times that the patching task could act, how often it does (seeded schedule).
        nmi_odds: of 65,536 choices, how many are NMIs. tick_period: in instructions.
    """

    cpus: int = 2
    seed: int = 0
    model: FetchModel = FetchModel.PIECES
    policy: Policy = Policy.SEEDED
    schedule: str = "seeded"
    protocol: str = "int3"
    kernel: str | None = None
    functions: int | None = None
    ibt: bool = False
    quantum: int = QUANTUM
    patch_quantum: int = 1
    act_odds: int = 24
    nmi_odds: int = 0
    tick_period: int = TICK_PERIOD

    def validate(self) -> None:
        """LearnerError for values that no machine can have."""
        if not 1 <= self.cpus <= layout.NR_CPUS:
            raise LearnerError(f"{self.cpus} CPUs: between 1 and {layout.NR_CPUS} can be simulated")
        if self.schedule not in ("seeded", "round-robin"):
            raise LearnerError(f"no schedule {self.schedule!r}; there are: seeded, round-robin")
        if not 1 <= self.quantum <= QUANTUM or not 1 <= self.patch_quantum <= QUANTUM:
            raise LearnerError(f"a quantum is between 1 and {QUANTUM} instructions")
        if self.kernel is not None and self.functions is not None:
            raise LearnerError(
                "a kernel is either read from a file or synthetic: give --kernel or --functions, not both"
            )
        protocol_named(self.protocol)


def load_image(options: Options) -> KernelImage:
    """The kernel that the options name."""
    if options.kernel is not None:
        return KernelImage.from_source(Path(options.kernel), ibt=options.ibt)
    if options.functions is not None:
        return KernelImage.synthetic(options.functions)
    return KernelImage.default(ibt=options.ibt)
