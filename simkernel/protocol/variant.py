"""A protocol with changes: what an experiment patches by.

A `Variant` is a base and the changes to it, in order; all of them are values. The name ("int3 without sync 1 on nop
5x1") and the table are made from them. A name that somebody types or that a file holds becomes a variant at one door,
`spelling.parse`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from simkernel.errors import LearnerError, nearest
from simkernel.protocol.table import NOP_FORMS, Era, Phase, Protocol

EXPERIMENT = Era("used by no kernel", end="an experiment")
"""The era of a protocol with changes."""


@dataclass(frozen=True, slots=True)
class Without:
    """An ablation: a phase is left out."""

    phase: str

    def __str__(self) -> str:
        return f"without {self.phase}"

    def apply(self, protocol: Protocol) -> Protocol:
        """The protocol without the phase.

        Raises:
            LearnerError: there is no such phase, or no other.
        """
        at = protocol.phases.index(protocol.phase(self.phase))
        kept = protocol.phases[:at] + protocol.phases[at + 1 :]
        if not kept:
            raise LearnerError(f"protocol {protocol.name} has no phase but {self.phase}: nothing would be left of it")
        return replace(protocol, phases=kept)


@dataclass(frozen=True, slots=True)
class Twice:
    """A phase is done once more, right after itself; the second time is called "PHASE again"."""

    phase: str

    def __str__(self) -> str:
        return f"with {self.phase} twice"

    def apply(self, protocol: Protocol) -> Protocol:
        """The protocol with the phase done twice.

        Raises:
            LearnerError: there is no such phase.
        """
        doubled = protocol.phase(self.phase)
        at = protocol.phases.index(doubled) + 1
        again = replace(doubled, name=f"{doubled.name} again")
        return replace(protocol, phases=(*protocol.phases[:at], again, *protocol.phases[at:]))


@dataclass(frozen=True, slots=True)
class Moved:
    """A phase is done earlier or later: right before another one."""

    phase: str
    before: str

    def __str__(self) -> str:
        return f"with {self.phase} before {self.before}"

    def apply(self, protocol: Protocol) -> Protocol:
        """The protocol with the phase at its new position.

        Raises:
            LearnerError: there is no such phase, or both are the same.
        """
        phase, other = protocol.phase(self.phase), protocol.phase(self.before)
        if phase is other:
            raise LearnerError(f"{phase.name} cannot be moved before itself: name another phase")
        kept = [one for one in protocol.phases if one is not phase]
        kept.insert(kept.index(other), phase)
        return protocol.ordered(kept)


@dataclass(frozen=True, slots=True)
class OnNop:
    """A site that nobody traces holds another NOP (`NOP_FORMS`)."""

    form: str

    def __str__(self) -> str:
        return f"on nop {self.form}"

    def apply(self, protocol: Protocol) -> Protocol:
        """The protocol for a kernel that boots with this NOP.

        Raises:
            LearnerError: there is no such form.
        """
        if self.form not in NOP_FORMS:
            raise LearnerError(
                f"no NOP form {self.form!r}; there are: {', '.join(NOP_FORMS)}.{nearest(self.form, NOP_FORMS)}"
            )
        return replace(protocol, nop=NOP_FORMS[self.form])


@dataclass(frozen=True, slots=True)
class TrapGate:
    """#BP enters its handler with interrupts on."""

    def __str__(self) -> str:
        return "through a trap gate"

    def apply(self, protocol: Protocol) -> Protocol:
        """The protocol for a kernel whose gate of #BP is a trap gate."""
        return replace(protocol, gate="trap")


Change = Without | Twice | Moved | OnNop | TrapGate


@dataclass(frozen=True)
class Variant:
    """A protocol, and what is changed in it.

    Attributes:
        base: the protocol that the changes start from.
        changes: in order; each is made to what those before it have left.

    Raises:
        LearnerError: a change cannot be made.
    """

    base: Protocol
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        _ = self.table  # a variant that exists has one

    @cached_property
    def name(self) -> str:
        """What screens, moments and the command line call it: "int3 without sync 1"."""
        return " ".join((self.base.name, *map(str, self.changes)))

    @cached_property
    def table(self) -> Protocol:
        """The changed protocol; the base itself where nothing is changed."""
        table = self.base
        for change in self.changes:
            table = replace(change.apply(table), name=f"{table.name} {change}", era=EXPERIMENT)
        return table

    @cached_property
    def missing(self) -> tuple[Phase, ...]:
        """The phases of the base that the table lacks."""
        kept = {phase.name for phase in self.table.phases}
        return tuple(phase for phase in self.base.phases if phase.name not in kept)

    def changed(self, change: Change) -> Variant:
        """The variant with one more change.

        Raises:
            LearnerError: it cannot be made.
        """
        return Variant(self.base, (*self.changes, change))

    def without(self, phase: str) -> Variant:
        """The variant with a phase left out; errors as `changed`."""
        return self.changed(Without(phase))

    def twice(self, phase: str) -> Variant:
        """The variant with a phase done twice; errors as `changed`."""
        return self.changed(Twice(phase))

    def moved(self, phase: str, before: str) -> Variant:
        """The variant with a phase done right before another; errors as `changed`."""
        return self.changed(Moved(phase, before))

    def on_nop(self, form: str) -> Variant:
        """The variant for a kernel that boots with another NOP; errors as `changed`."""
        return self.changed(OnNop(form))

    def through_trap_gate(self) -> Variant:
        """The variant for a kernel with a trap gate at #BP."""
        return self.changed(TrapGate())
