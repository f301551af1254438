"""tracefs: ftrace's control files as a table, name -> read, write, with Linux's names, texts and errors.

Reading gives the text that Linux's file would have. Writing carries nothing out: it gives the commands that closing the
file would amount to, and whoever holds the simulation hands them to it. Everything that can fail at the `write()`
fails here, with Linux's errno and with a sentence that says what to do instead. A filter that fails in the middle
still takes effect as far as it was read, as in Linux: both the commands and the error come back.

`kallsyms` is /proc/kallsyms, and `dmesg` what that command prints; they stand here for convenience.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simkernel.errors import LearnerError
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import ResetBuffer, SetFilter, SetTracer, TracingOn
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.filters import FilterError, apply_filter, split_tokens
from simkernel.ftrace.ops import GLOBAL_OPS, Ips, OpsHash
from simkernel.ftrace.report import function_lines
from simkernel.ftrace.tracers import TRACERS
from simkernel.kernel import tasks
from simkernel.patching.commands import Command
from simkernel.trace import View, ringbuffer, trace_text

MODE_READ, MODE_WRITE = 0o440, 0o640  # TRACE_MODE_READ, TRACE_MODE_WRITE (kernel/trace/trace.h)


class TracefsError(LearnerError):
    """A file refuses: `errno` is what the system call would have returned."""

    def __init__(self, number: int, name: str, message: str) -> None:
        super().__init__(f"{name}: {os.strerror(number)}: {message}")
        self.errno = number


class Running(Protocol):
    """Whatever holds a running kernel, such as a Simulation."""

    @property
    def core(self) -> FtraceCore: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to: commands for the simulation, and the error that the writer sees, if any."""

    commands: tuple[Command, ...] = ()
    error: TracefsError | None = None


@dataclass(frozen=True, slots=True)
class ControlFile:
    """A file: what it is about, how it is read, and how it is written (None: it cannot be).

    `needs_ftrace`: opening it gives ENODEV once ftrace has disabled itself.
    """

    about: str
    read: Callable[[FtraceCore], str]
    write: Callable[[FtraceCore, str, bool], Written] | None = None
    needs_ftrace: bool = False

    @property
    def mode(self) -> int:
        return MODE_READ if self.write is None else MODE_WRITE


def lines(texts: list[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


# --- functions -----------------------------------------------------------------------------------------------------


def _available(core: FtraceCore) -> str:
    return lines(list(core.names.names))


def _available_addrs(core: FtraceCore) -> str:
    return lines([f"{ip:x} {name}" for ip, name in zip(core.names.ips.tolist(), core.names.names, strict=True)])


def _functions_with(bit: int) -> Callable[[FtraceCore], str]:
    def read(core: FtraceCore) -> str:
        if core.ftrace_disabled:
            return ""  # t_start() finds no record; ftrace_enabled_open() does not ask
        flags = core.records.flags
        return lines(function_lines(core.machine, core.kernel, core.state(), core.names, flags, bit))

    return read


def _total_info(core: FtraceCore) -> str:
    """The sites that ftrace_update_code() has made NOPs, and the pages that ftrace_process_locs() had allocated."""
    pages, groups = rec.page_numbers(core.records.count if core.booted else 0)
    count = core.records.count if core.state().get(GLOBAL_OPS) else 0  # it comes after the last NOP
    return f"{count} pages:{pages} groups: {groups}\n"


# --- filters -------------------------------------------------------------------------------------------------------


def _global_hash(core: FtraceCore) -> OpsHash:
    ops = core.state().get(GLOBAL_OPS)
    return ops.hash if ops else OpsHash()


def _hash_of(core: FtraceCore, kind: str) -> Ips:
    own = _global_hash(core)
    return own.filter if kind == "filter" else own.notrace


def _read_filter(kind: str, nothing: str) -> Callable[[FtraceCore], str]:
    def read(core: FtraceCore) -> str:
        chosen = set(_hash_of(core, kind).tolist())
        if not chosen:
            return f"{nothing}\n"
        both = zip(core.names.ips.tolist(), core.names.names, strict=True)
        return lines([name for ip, name in both if ip in chosen])

    return read


def _write_filter(kind: str) -> Callable[[FtraceCore, str, bool], Written]:
    name = f"set_ftrace_{kind}"

    def write(core: FtraceCore, text: str, append: bool) -> Written:
        start = _hash_of(core, kind)
        tokens = split_tokens(text)
        for index, token in enumerate(tokens):
            try:
                apply_filter(core.names, token, start)
            except FilterError as refused:
                kept = SetFilter(kind, " ".join(tokens[:index]), append)
                return Written((kept,), TracefsError(refused.errno, name, str(refused)))
        return Written((SetFilter(kind, " ".join(tokens), append),))

    return write


# --- the tracer and its buffer ----------------------------------------------------------------------------------------


def _write_tracer(core: FtraceCore, text: str, append: bool) -> Written:
    name = text.split("\0")[0].rstrip()
    if name not in TRACERS:
        close = difflib.get_close_matches(name, TRACERS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        message = f"there is no tracer {name!r}; available_tracers has: {' '.join(TRACERS)}{hint}"
        return Written((), TracefsError(errno.EINVAL, "current_tracer", message))
    return Written((SetTracer(name),))


def _read_tracing_on(core: FtraceCore) -> str:
    return f"{int(core.machine.memory.read_u64(core.kernel.address('tracing_on')) != 0)}\n"


def _write_tracing_on(core: FtraceCore, text: str, append: bool) -> Written:
    number = text.strip()
    if not (number.isascii() and number.isdigit()):
        return Written((), TracefsError(errno.EINVAL, "tracing_on", f"{number!r} is no number: write 0 or 1"))
    on = int(number) != 0
    return Written(() if _read_tracing_on(core) == f"{int(on)}\n" else (TracingOn(on),))


def _read_trace(core: FtraceCore) -> str:
    memory, cpus = core.machine.memory, len(core.machine.cpus)
    records = ringbuffer.merged(memory, cpus)
    return trace_text(view_of(core), records, *ringbuffer.totals(memory, cpus))


def view_of(core: FtraceCore) -> View:
    """What the lines of `trace` depend on besides the records, as it is now."""
    names: dict[int, str | None] = {}

    def symbol(address: int) -> str | None:
        if address not in names:
            known = core.kernel.ksym(address)
            names[address] = known[0].name if known else None
        return names[address]

    memory, cpus = core.machine.memory, len(core.machine.cpus)
    return View(core.state().tracer, cpus, tasks.comms(memory), symbol, core.ftrace_disabled)


def _write_trace(core: FtraceCore, text: str, append: bool) -> Written:
    return Written(() if append else (ResetBuffer(),))


# --- the kernel ------------------------------------------------------------------------------------------------------


def _kallsyms(core: FtraceCore) -> str:
    """/proc/kallsyms as root reads it."""
    shown = (symbol for symbol in core.kernel.symbols if symbol.kind != ".")
    own = [f"{symbol.address:016x} {symbol.kind} {symbol.name}" for symbol in shown]
    pages = core.state().trampolines.used
    return lines([*own, *(f"{page:016x} t ftrace_trampoline\t[__builtin__ftrace]" for page in pages)])


def _dmesg(core: FtraceCore) -> str:
    return lines([f"[{now // 10**9:5d}.{now % 10**9 // 1_000:06d}] {text}" for now, text in core.log.lines])


FILES: dict[str, ControlFile] = {
    "available_filter_functions": ControlFile("the functions that can be traced", _available, None, True),
    "available_filter_functions_addrs": ControlFile("the same, with their sites", _available_addrs, None, True),
    "available_tracers": ControlFile("the tracers", lambda core: " ".join(TRACERS) + "\n"),
    "current_tracer": ControlFile("the tracer", lambda core: f"{core.state().tracer}\n", _write_tracer),
    "dmesg": ControlFile("the kernel log", _dmesg),
    "dyn_ftrace_total_info": ControlFile("how many records there are", _total_info),
    "enabled_functions": ControlFile("the functions that call something", _functions_with(rec.FTRACE_FL_ENABLED)),
    "kallsyms": ControlFile("the kernel's symbols", _kallsyms),
    "set_ftrace_filter": ControlFile(
        "the functions to trace",
        _read_filter("filter", "#### all functions enabled ####"),
        _write_filter("filter"),
        True,
    ),
    "set_ftrace_notrace": ControlFile(
        "the functions not to trace",
        _read_filter("notrace", "#### no functions disabled ####"),
        _write_filter("notrace"),
        True,
    ),
    "touched_functions": ControlFile("those that ever called something", _functions_with(rec.FTRACE_FL_TOUCHED)),
    "trace": ControlFile("what the tracer has recorded", _read_trace, _write_trace),
    "tracing_on": ControlFile("whether it records", _read_tracing_on, _write_tracing_on),
}


def check_name(name: str) -> ControlFile:
    """The file of that name. Raises: TracefsError (ENOENT) with the nearest name."""
    if name in FILES:
        return FILES[name]
    close = difflib.get_close_matches(name, FILES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(FILES)}"
    raise TracefsError(errno.ENOENT, name, f"there is no such file; {hint}")


def _open(running: Running, name: str) -> ControlFile:
    """The file of that name. Raises: TracefsError (ENOENT, ENODEV) where it cannot be opened."""
    file = check_name(name)
    if file.needs_ftrace and running.core.ftrace_disabled:
        raise TracefsError(errno.ENODEV, name, "ftrace has disabled itself (see dmesg): boot again")
    return file


def read(running: Running, name: str) -> str:
    """The whole text of a file, as it is now. Raises: TracefsError (ENOENT, ENODEV) where it cannot be opened."""
    return _open(running, name).read(running.core)


def write(running: Running, name: str, text: str, append: bool = False) -> Written:
    """`echo text > name`, or `>>` with `append`: opened, written and closed. Nothing is carried out.

    Raises: TracefsError for a file that is not there (ENOENT), needs an ftrace that has disabled itself (ENODEV) or
    cannot be written (EINVAL); nothing has been opened.
    """
    file = _open(running, name)
    if file.write is None:
        raise TracefsError(errno.EINVAL, name, "this file can only be read")
    return file.write(running.core, text, append)
