"""What a person or a script may ask of the patching task, and who asks.

Each subsystem has its commands; the task itself takes one. A command says itself how a moment holds it: by its `tag`
and its fields, whose types say which values may come from a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from msgspec import Meta

from simkernel.protocol import Variant, name_of, parse

NAME, PID = "bash", 201  # who asks and patches: the shell in which someone wrote to a control file

Name = Annotated[str, Meta(max_length=200)]
Patterns = Annotated[str, Meta(max_length=1 << 20)]
"""Patterns of functions, separated by blanks."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a person or a script may ask for: a small frozen value, kept in history and carried out later.

    Attributes:
        tag: what it is called in a moment; no other command is called so.
    """

    tag: ClassVar[str]

    @classmethod
    def plain_types(cls) -> dict[str, Any]:
        """What a moment holds of it: name and type of each value, in order. Its fields, where nothing else is said."""
        hints = get_type_hints(cls, include_extras=True)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    def plain(self) -> tuple[Any, ...]:
        """These values, which JSON can hold.

        Raises:
            LearnerError: JSON cannot hold what it asks for.
        """
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    @classmethod
    def of_plain(cls, values: Sequence[Any]) -> Self:
        """The command of such values, of the right types.

        Raises:
            LearnerError: they name what there is not.
        """
        return cls(*values)


@dataclass(frozen=True, slots=True)
class UseProtocol(Command):
    """From now on sites are patched by another protocol."""

    tag: ClassVar[str] = "protocol"
    variant: Variant

    @classmethod
    def plain_types(cls) -> dict[str, Any]:
        """The variant's name."""
        return {"name": Name}

    def plain(self) -> tuple[Any, ...]:
        """The variant's name."""
        return (name_of(self.variant),)

    @classmethod
    def of_plain(cls, values: Sequence[Any]) -> Self:
        """The command for the variant of that name."""
        return cls(*map(parse, values))


OWN_COMMANDS: tuple[type[Command], ...] = (UseProtocol,)
"""The commands of the patching task itself."""
