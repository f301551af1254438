"""The door for names: what a person types or a file holds becomes a `Variant`, or an error says what is wrong with it.

    VARIANT = PROTOCOL CHANGE*
    CHANGE  = "without" PHASE | "with" PHASE "twice" | "with" PHASE "before" PHASE
            | "on" "nop" FORM | "through" "a" "trap" "gate"

A name is split into words. A phase's name may have several, and none of its words begins what can follow it. It may
also be typed with hyphens (sync-1). `str` of the values goes the other way: `parse(variant.name) == variant`.
"""

from __future__ import annotations

from collections.abc import Sequence

from simkernel.errors import LearnerError, nearest
from simkernel.protocol.gallery import PROTOCOLS
from simkernel.protocol.table import Phase, Protocol
from simkernel.protocol.variant import Change, Moved, OnNop, TrapGate, Twice, Variant, Without

MAX_NAME = 1_000  # characters
EXPECTED = "without PHASE, with PHASE twice, with PHASE before PHASE, on nop FORM, through a trap gate"
_ENDS_A_PHASE = (("without",), ("with",), ("twice",), ("before",), ("on", "nop"), ("through", "a"))
_FORMER = {"go on": "unpark"}
"""Phase names that a moment on disk may hold, and what they are called now."""


def parse(text: str) -> Variant:
    """The variant of that name.

    Args:
        text: "int3", "int3 without sync 1 on nop 5x1".

    Raises:
        LearnerError: the protocol, a change, a phase or a form is not known, or the name does not end with one.
    """
    if len(text) > MAX_NAME:
        raise LearnerError(f"a protocol's name of {len(text):,} characters; {MAX_NAME:,} are the most")
    words = text.split()
    variant = Variant(_base(words[0] if words else ""))
    at = 1
    while at < len(words):
        change, at = _change(words, at, variant.table)
        variant = variant.changed(change)
    return variant


def name_of(variant: Variant) -> str:
    """The name that `parse` makes the same variant of.

    Raises:
        LearnerError: the base is in no table that names lead to.
    """
    if PROTOCOLS.get(variant.base.name) != variant.base:
        raise LearnerError(f"protocol {variant.base.name!r} is not in the table: no name leads to it")
    return variant.name


def phase_named(protocol: Protocol, typed: str) -> Phase:
    """The phase of a protocol that somebody names; its words may be joined by hyphens.

    Raises:
        LearnerError: there is none; the message has the names there are.
    """
    names = [phase.name for phase in protocol.phases]
    spaced = typed.replace("-", " ")
    name = next((one for one in (typed, spaced, _FORMER.get(spaced)) if one in names), typed)
    return protocol.phase(name, [one.replace(" ", "-") for one in names])


def _base(name: str) -> Protocol:
    try:
        return PROTOCOLS[name]
    except KeyError:
        raise LearnerError(
            f"no protocol {name!r}; there are: {', '.join(PROTOCOLS)}.{nearest(name, PROTOCOLS)}"
        ) from None


def _change(words: Sequence[str], at: int, protocol: Protocol) -> tuple[Change, int]:
    """The change that begins at a word, and the index of the word behind it."""
    match words[at:]:
        case ["without", *_]:
            phase, end = _phase(words, at, protocol)
            return Without(phase), end
        case ["with", *_]:
            phase, end = _phase(words, at, protocol)
            if words[end : end + 1] == ["twice"]:
                return Twice(phase), end + 1
            if words[end : end + 1] == ["before"]:
                before, end = _phase(words, end, protocol)
                return Moved(phase, before), end
        case ["on", "nop", form, *_]:
            return OnNop(form), at + 3
        case ["through", "a", "trap", "gate", *_]:
            return TrapGate(), at + 4
    raise LearnerError(f"unknown change {' '.join(words[at:])!r}; expected: {EXPECTED}")


def _phase(words: Sequence[str], before: int, protocol: Protocol) -> tuple[str, int]:
    """The name of the phase behind a word, and the index of the word behind the name."""
    end = first = before + 1
    while end < len(words) and not any(tuple(words[end : end + len(one)]) == one for one in _ENDS_A_PHASE):
        end += 1
    if end == first:
        names = ", ".join(phase.name for phase in protocol.phases)
        raise LearnerError(f"no phase is named behind {words[before]!r}; protocol {protocol.name} has: {names}")
    return phase_named(protocol, " ".join(words[first:end])).name, end
