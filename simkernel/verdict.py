"""What a look at an invariant finds."""

from __future__ import annotations

from dataclasses import dataclass

from simkernel.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an invariant holds.

    Attributes:
        name: of the invariant.
        holds: True where it does.
        detail: in words, with addresses: what was found, or what was looked at.
        cpu, address: the CPU and the byte that break it, where there are such.
    """

    name: str
    holds: bool
    detail: Sentence
    cpu: int | None = None
    address: int | None = None
