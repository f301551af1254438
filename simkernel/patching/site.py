"""What is patched: a site, which has a size and a kind, and a patch, which gives it other bytes.

A call site holds a NOP or a call (ftrace), a jump label a NOP or a jump, of two bytes or of five. Neither a protocol
nor the driver that carries it out knows kinds: they patch so many bytes at an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simkernel.errors import OurError
from simkernel.protocol import POKE_MAX_OPCODE_SIZE


class Form(NamedTuple):
    """What a site of some kind may hold while nobody changes it: a name, and the bytes that such a form begins with."""

    name: str
    begins: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of site.

    Attributes:
        name: as a sentence calls such a site.
        forms: what it may hold while nobody changes it; anything else is wrong there.
    """

    name: str
    forms: tuple[Form, ...]

    def form(self, data: bytes) -> Form | None:
        """The form that these bytes of a site are; None where they are none."""
        return next((form for form in self.forms if data.startswith(form.begins)), None)


@dataclass(frozen=True, slots=True)
class Site:
    """An address whose instruction may change.

    Attributes:
        address: of its first byte.
        size: of the instruction, 1 to POKE_MAX_OPCODE_SIZE bytes.
        kind: what it holds.
    """

    address: int
    size: int
    kind: Kind

    def __post_init__(self) -> None:
        if not 0 < self.size <= POKE_MAX_OPCODE_SIZE:
            raise OurError(
                f"a site of {self.size} bytes at {self.address:#x}: 1 to {POKE_MAX_OPCODE_SIZE} can be patched "
                "under running CPUs"
            )

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one site: the bytes that it should hold now, and those that it will hold."""

    site: Site
    old: bytes
    new: bytes

    def __post_init__(self) -> None:
        if not len(self.old) == len(self.new) == self.site.size:
            raise OurError(
                f"{self.old.hex(' ')} cannot become {self.new.hex(' ')}: the site at {self.site.address:#x} has "
                f"{self.site.size} bytes"
            )
