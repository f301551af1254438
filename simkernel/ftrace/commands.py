"""What a person or a script may ask of ftrace: small frozen values, kept in history and carried out later.

A control file turns what is written to it into these (`files.py`); ftrace makes a plan of each when its turn comes.
Each knows what can never be asked (`check`) and what it takes (`plan`, with an `Update` that begins at the state as it
is).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from simkernel.errors import LearnerError
from simkernel.ftrace import ops as fl
from simkernel.ftrace.filters import FunctionNames, apply_filter, split_tokens
from simkernel.ftrace.needs import Kernel
from simkernel.ftrace.ops import FtraceError, FtraceOps, Ips, OpsHash
from simkernel.ftrace.steps import ResetRings
from simkernel.ftrace.tracers import tracer_named
from simkernel.ftrace.update import Update, dead_tracer
from simkernel.kernel import layout
from simkernel.patching.commands import Command, Name, Patterns
from simkernel.patching.plan import Plan
from simkernel.patching.steps import Store

UNSUPPORTED = {
    fl.FTRACE_OPS_FL_DIRECT: "direct calls",
    fl.FTRACE_OPS_FL_SUBOP: "ops within ops",
    fl.FTRACE_OPS_FL_PID: "filters by pid",
}
CHOOSABLE = (  # flags that one may ask for
    fl.FTRACE_OPS_FL_SAVE_REGS
    | fl.FTRACE_OPS_FL_SAVE_REGS_IF_SUPPORTED
    | fl.FTRACE_OPS_FL_RECURSION
    | fl.FTRACE_OPS_FL_RCU
    | fl.FTRACE_OPS_FL_IPMODIFY
    | fl.FTRACE_OPS_FL_PERMANENT
)


Names = Callable[[], FunctionNames]
Kind = Annotated[str, Meta(pattern=r"\A(filter|notrace)\Z")]


@dataclass(frozen=True, slots=True)
class FtraceCommand(Command):
    """A command of ftrace."""

    def check(self, update: Update) -> None:
        """Refuse what can never be carried out, whatever ftrace's state.

        Raises:
            LearnerError: it never can be.
        """

    def plan(self, update: Update) -> Plan:
        """What has to be done.

        Raises:
            LearnerError: it cannot be done; a FtraceError where Linux has an errno for it.
        """
        raise NotImplementedError


# --- the tracer and its buffer ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetTracer(FtraceCommand):
    """`echo NAME > current_tracer`."""

    tag: ClassVar[str] = "tracer"
    name: Name

    def check(self, update: Update) -> None:
        """Refuse a tracer that there is not."""
        self._callback(update.kernel)

    def plan(self, update: Update) -> Plan:
        """Stop the tracer there is, and start this one."""
        callback, title = self._callback(update.kernel), f"echo {self.name} > current_tracer"
        if update.state.disabled:
            return update.plan(title, () if self.name == update.state.tracer else dead_tracer(self.name))
        update.require_ftrace()
        update.set_tracer(self.name, callback)
        return update.plan(title)

    def _callback(self, kernel: Kernel) -> int:
        """The address of the tracer's callback, 0 for nop."""
        try:
            callback = tracer_named(self.name).callback
        except LearnerError as unknown:
            raise FtraceError(errno.EINVAL, str(unknown)) from None
        return kernel.address(callback) if callback else 0


@dataclass(frozen=True, slots=True)
class TracingOn(FtraceCommand):
    """`echo 1 > tracing_on`: whether tracer callbacks write records. The sites stay as they are."""

    tag: ClassVar[str] = "tracing_on"
    on: bool

    def plan(self, update: Update) -> Plan:
        """Store the guest's word `tracing_on`."""
        word = int(self.on).to_bytes(8, "little")
        update.do(Store(update.kernel.address("tracing_on"), word, "tracing_on"))
        return update.plan(f"echo {int(self.on)} > tracing_on")


@dataclass(frozen=True, slots=True)
class ResetBuffer(FtraceCommand):
    """`echo > trace`: all ring buffers are emptied."""

    tag: ClassVar[str] = "reset"

    def plan(self, update: Update) -> Plan:
        """Empty them."""
        update.do(ResetRings())
        return update.plan("echo > trace")


# --- filters ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetFilter(FtraceCommand):
    """A `set_ftrace_filter` (kind "filter") or `set_ftrace_notrace` ("notrace") was closed after `text` was written.

    `append` is `>>`: the file was opened without O_TRUNC.
    """

    tag: ClassVar[str] = "filter"
    kind: Kind
    text: Patterns
    append: bool = False

    def check(self, update: Update) -> None:
        """Refuse a text that names no function."""
        _new_hash(update.names, OpsHash(), self.kind, self.text, False)

    def plan(self, update: Update) -> Plan:
        """Give `global_ops` its new hash, and patch where that changes what is traced."""
        return update.plan(_filter(update, fl.GLOBAL_OPS, self.kind, self.text, self.append))


@dataclass(frozen=True, slots=True)
class SetOpsFilter(FtraceCommand):
    """`ftrace_set_filter()` or `ftrace_set_notrace()` of any ops."""

    tag: ClassVar[str] = "ops_filter"
    name: Name
    kind: Kind
    text: Patterns
    append: bool = False

    def check(self, update: Update) -> None:
        """Refuse a text that names no function."""
        _new_hash(update.names, OpsHash(), self.kind, self.text, False)

    def plan(self, update: Update) -> Plan:
        """Give the ops its new hash, and patch where that changes what is traced."""
        title = _filter(update, self.name, self.kind, self.text, self.append)
        return update.plan(title if self.name == fl.GLOBAL_OPS else f"{title} of {self.name}")


def _filter(update: Update, name: str, kind: str, text: str, append: bool) -> str:
    """Give an ops its new hashes.

    Returns:
        The plan's title.
    """
    update.require_ftrace()
    update.move_hash(name, _new_hash(update.names, update.find(name).hash, kind, text, append))
    return f"echo {text.strip()} {'>>' if append else '>'} set_ftrace_{kind}"


def _new_hash(names: Names, old: OpsHash, kind: str, text: str, append: bool) -> OpsHash:
    """What writing a text makes of an ops' hashes."""
    if kind == "filter":
        return OpsHash(_applied(names, text, old.filter if append else fl.EMPTY_HASH), old.notrace)
    if kind == "notrace":
        return OpsHash(old.filter, _applied(names, text, old.notrace if append else fl.EMPTY_HASH))
    raise FtraceError(errno.EINVAL, f"there is no kind of filter {kind!r}; there are: filter, notrace")


def _applied(names: Names, text: str, start: Ips = fl.EMPTY_HASH) -> Ips:
    """`apply_filter`; a text without a token needs no names, of which there may be 200,000."""
    return apply_filter(names(), text, start) if split_tokens(text) else start


# --- ops -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegisterOps(FtraceCommand):
    """A module registers an ftrace_ops: `register_ftrace_function()`.

    Attributes:
        name: what we call it.
        func: symbol of its callback.
        flags: FTRACE_OPS_FL_*.
        filter, notrace: patterns as for set_ftrace_filter, separated by blanks; empty: none.
    """

    tag: ClassVar[str] = "register"
    name: Name
    func: Name
    flags: Annotated[int, Meta(ge=0, lt=1 << 32)] = 0
    filter: Patterns = ""
    notrace: Patterns = ""

    def check(self, update: Update) -> None:
        """Refuse flags, a callback or patterns that there are not."""
        self._ops(update.kernel, fl.ops_slot(1))
        self._hashes(update.names)

    def plan(self, update: Update) -> Plan:
        """Store its struct and hashes, then `ftrace_startup()`."""
        update.require_ftrace()
        if update.state.get(self.name) is not None:
            raise FtraceError(errno.EBUSY, f"there is an ops {self.name!r} already: unregister it or choose another")
        address = fl.free_slot({ops.address for ops in update.state.ops})
        ops, wanted = self._ops(update.kernel, address), self._hashes(update.names)
        update.do(Store(address, bytes(layout.FTRACE_OPS_SIZE), f"struct ftrace_ops of {self.name}"))
        update.startup(update.store_hashes(ops, wanted))
        return update.plan(f"register_ftrace_function({self.name})")

    def _hashes(self, names: Names) -> OpsHash:
        return OpsHash(_applied(names, self.filter), _applied(names, self.notrace))

    def _ops(self, kernel: Kernel, address: int) -> FtraceOps:
        """A DYNAMIC ops with the callback and flags that are asked for."""
        for flag, what in UNSUPPORTED.items():
            if self.flags & flag:
                raise FtraceError(errno.EOPNOTSUPP, f"this kernel's ftrace has no {what}")
        if self.flags & ~CHOOSABLE:
            raise FtraceError(errno.EINVAL, f"the flags {self.flags & ~CHOOSABLE:#x} are ftrace's own to set")
        flags = self.flags | fl.FTRACE_OPS_FL_INITIALIZED | fl.FTRACE_OPS_FL_DYNAMIC
        if flags & fl.FTRACE_OPS_FL_SAVE_REGS_IF_SUPPORTED:
            flags |= fl.FTRACE_OPS_FL_SAVE_REGS
        return FtraceOps(self.name, address, kernel.address(self.func), flags)


@dataclass(frozen=True, slots=True)
class UnregisterOps(FtraceCommand):
    """`unregister_ftrace_function()`."""

    tag: ClassVar[str] = "unregister"
    name: Name

    def plan(self, update: Update) -> Plan:
        """`ftrace_shutdown()`."""
        update.require_ftrace()
        update.find(self.name)
        if self.name == fl.GLOBAL_OPS:
            raise FtraceError(errno.EBUSY, "global_ops belongs to the tracer: echo nop > current_tracer")
        update.shutdown(self.name)
        return update.plan(f"unregister_ftrace_function({self.name})")


COMMANDS: tuple[type[FtraceCommand], ...] = (
    SetTracer, SetFilter, TracingOn, ResetBuffer, RegisterOps, UnregisterOps, SetOpsFilter
)  # fmt: skip
