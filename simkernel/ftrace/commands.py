"""What a person or a script may ask of ftrace: small frozen values, kept in history and carried out later.

A control file turns what is written to it into these (`tracefs.py`); the patching task makes a plan of each when its
turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME, PID = "bash", 201  # who asks and patches: the shell in which someone wrote to a control file


@dataclass(frozen=True, slots=True)
class SetTracer:
    """`echo NAME > current_tracer`."""

    name: str


@dataclass(frozen=True, slots=True)
class SetFilter:
    """A `set_ftrace_filter` (kind "filter") or `set_ftrace_notrace` ("notrace") was closed after `text` was written.

    `append` is `>>`: the file was opened without O_TRUNC.
    """

    kind: str
    text: str
    append: bool = False


@dataclass(frozen=True, slots=True)
class TracingOn:
    """`echo 1 > tracing_on`: whether tracer callbacks write records. The sites stay as they are."""

    on: bool


@dataclass(frozen=True, slots=True)
class ResetBuffer:
    """`echo > trace`: all ring buffers are emptied."""


@dataclass(frozen=True, slots=True)
class RegisterOps:
    """A module registers an ftrace_ops: `register_ftrace_function()`.

    Attributes:
        name: what we call it. func: symbol of its callback. flags: FTRACE_OPS_FL_*.
        filter, notrace: patterns as for set_ftrace_filter, separated by blanks; empty: none.
    """

    name: str
    func: str
    flags: int = 0
    filter: str = ""
    notrace: str = ""


@dataclass(frozen=True, slots=True)
class UnregisterOps:
    """`unregister_ftrace_function()`."""

    name: str


@dataclass(frozen=True, slots=True)
class SetOpsFilter:
    """`ftrace_set_filter()` or `ftrace_set_notrace()` of any ops."""

    name: str
    kind: str
    text: str
    append: bool = False


@dataclass(frozen=True, slots=True)
class UseProtocol:
    """From now on sites are patched by another protocol, by its name (`protocol.protocol_of`)."""

    name: str


Command = SetTracer | SetFilter | TracingOn | ResetBuffer | RegisterOps | UnregisterOps | SetOpsFilter | UseProtocol
