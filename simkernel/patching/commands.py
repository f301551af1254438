"""What a person or a script may ask of the patching task, and who asks.

Each subsystem has its commands; the task itself takes one.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME, PID = "bash", 201  # who asks and patches: the shell in which someone wrote to a control file


@dataclass(frozen=True, slots=True)
class Command:
    """What a person or a script may ask for: a small frozen value, kept in history and carried out later."""


@dataclass(frozen=True, slots=True)
class UseProtocol(Command):
    """From now on sites are patched by another protocol, by its name (`protocol.protocol_of`)."""

    name: str
