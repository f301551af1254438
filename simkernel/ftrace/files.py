"""The control files that ftrace brings (kernel/trace/ftrace.c, trace.c, 6.12): names, texts and errors are Linux's.

Once ftrace has disabled itself some files cannot be opened (ENODEV), and the others have nothing to list.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Protocol

import numpy as np

from simkernel.errors import LearnerError
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import ResetBuffer, SetFilter, SetTracer, TracingOn
from simkernel.ftrace.filters import FilterError, FunctionNames, apply_filter
from simkernel.ftrace.needs import Kernel, Machine
from simkernel.ftrace.ops import EMPTY_HASH, GLOBAL_OPS, Ips, OpsHash
from simkernel.ftrace.report import function_lines
from simkernel.ftrace.state import FtraceState
from simkernel.ftrace.tracers import TRACERS, tracer_named
from simkernel.kernel import tasks
from simkernel.trace import View
from simkernel.trace.files import Buffers
from simkernel.trace.files import files as buffer_files
from simkernel.tracefs import (
    TRACE_MODE_READ,
    TRACE_MODE_WRITE,
    Commands,
    File,
    Opened,
    Taken,
    TracefsError,
    TraceParser,
    lines,
    may_write,
    text_file,
    truncates,
)

MAX_TRACER_SIZE = 100  # kernel/trace/trace.h
# The longest token, and one: KSYM_SYMBOL_LEN + 4 (kernel/trace/ftrace.c; linux/kallsyms.h, buildid.h, module.h)
FTRACE_BUFF_MAX = (21 + 511 + 2 * (64 * 3 // 10) + 55 + 2 * 20 + 1) + 4


class FilesCore(Protocol):
    """The ftrace that these files are of (`FtraceCore`)."""

    @property
    def machine(self) -> Machine:
        """Guest data, and what memory holds as code."""
        ...

    @property
    def kernel(self) -> Kernel:
        """Its symbols and sites."""
        ...

    @property
    def records(self) -> rec.Records:
        """Its struct dyn_ftrace."""
        ...

    @property
    def names(self) -> FunctionNames:
        """The traced functions, by record."""
        ...

    @property
    def booted(self) -> bool:
        """True once ftrace_init() has come to its end."""
        ...

    @property
    def ftrace_disabled(self) -> bool:
        """True where ftrace has disabled itself."""
        ...

    def state(self) -> FtraceState:
        """All that it knows besides guest memory."""
        ...


def view_of(core: FilesCore) -> View:
    """What the lines of `trace` depend on besides the records, as it is now."""
    names: dict[int, str | None] = {}

    def symbol(address: int) -> str | None:
        if address not in names:
            known = core.kernel.ksym(address)
            names[address] = known[0].name if known else None
        return names[address]

    memory, cpus = core.machine.memory, len(core.machine.cpus)
    return View(core.state().tracer, cpus, tasks.comms(memory), symbol, core.ftrace_disabled)


def _alive(core: FilesCore, name: str) -> None:
    """Refuse where ftrace does nothing any more.

    Raises:
        TracefsError: ENODEV where ftrace has disabled itself.
    """
    if core.ftrace_disabled:
        raise TracefsError(errno.ENODEV, name, "ftrace has disabled itself (see dmesg): boot again")


# --- functions -------------------------------------------------------------------------------------------------------


class Available(Opened):
    """`available_filter_functions`, and with `sites` `available_filter_functions_addrs`."""

    def __init__(self, core: FilesCore, sites: bool) -> None:
        super().__init__("available_filter_functions" + "_addrs" * sites)
        _alive(core, self.name)  # ftrace_avail_open(), ftrace_avail_addrs_open()
        self._core, self._sites = core, sites

    def text(self) -> str:
        """A line for each traced function."""
        if self._core.ftrace_disabled:
            return ""  # t_start() finds no record
        ips, names = self._core.names.ips.tolist(), self._core.names.names
        return lines(f"{ip:x} {name}" if self._sites else name for ip, name in zip(ips, names, strict=True))


def _functions_with(core: FilesCore, bit: int) -> str:
    if core.ftrace_disabled:
        return ""  # t_start() finds no record; ftrace_enabled_open() does not ask
    return lines(function_lines(core.machine, core.kernel, core.state(), core.names, core.records.flags, bit))


def _total_info(core: FilesCore) -> str:
    """The sites that ftrace_update_code() has made NOPs, and the pages that ftrace_process_locs() had allocated."""
    pages, groups = rec.page_numbers(core.records.count if core.booted else 0)
    count = core.records.count if core.state().get(GLOBAL_OPS) else 0  # it comes after the last NOP
    return f"{count} pages:{pages} groups: {groups}\n"


# --- filters ---------------------------------------------------------------------------------------------------------


class Filter(Opened):
    """`set_ftrace_filter` or `set_ftrace_notrace`: a hash of its own, which closing puts in the place of the ops' own.

    Written are tokens (`ftrace_regex_write()`), one a write() at most; one may go on in the next. The last one, if no
    blank follows it, is processed when the file is closed, and whether it names anything is not said then
    (`ftrace_regex_release()`).
    """

    def __init__(self, core: FilesCore, kind: str, flags: int) -> None:
        super().__init__(f"set_ftrace_{kind}")
        _alive(core, self.name)  # ftrace_regex_open()
        self._core, self._kind = core, kind
        self._writes, self._append = may_write(flags), not truncates(flags)
        self._start = self._now()
        self._hash = self._start if self._append else EMPTY_HASH
        self._tokens: list[str] = []
        self._parser = TraceParser(FTRACE_BUFF_MAX)

    def _now(self) -> Ips:
        ops = self._core.state().get(GLOBAL_OPS)
        hashes = ops.hash if ops else OpsHash()
        return hashes.filter if self._kind == "filter" else hashes.notrace

    def text(self) -> str:
        """`t_start()`, `t_show()`: what this open of it has as its hash."""
        if self._core.ftrace_disabled:
            return ""
        chosen, names = set(self._hash.tolist()), self._core.names
        if not chosen:
            return f"#### {'all functions enabled' if self._kind == 'filter' else 'no functions disabled'} ####\n"
        return lines(name for ip, name in zip(names.ips.tolist(), names.names, strict=True) if ip in chosen)

    def write(self, data: bytes, position: int) -> Taken:
        """`ftrace_regex_write()`."""
        if not data:
            return Taken(0)
        _alive(self._core, self.name)
        taken = self._parser.get(data, position)
        if taken < 0:
            raise self.error(errno.EINVAL, f"no pattern is longer than {FTRACE_BUFF_MAX - 1} characters")
        if self._parser.loaded and not self._parser.cont:
            self._process()
        return Taken(taken)

    def _process(self) -> None:
        """`ftrace_process_regex()` of the parser's token."""
        token = self._parser.token.decode(errors="replace")
        self._parser.clear()
        try:
            self._hash = apply_filter(self._core.names, token, self._hash)
        except FilterError as refused:
            raise self.error(refused.errno, str(refused)) from None
        self._tokens.append(token)

    def release(self) -> Commands:
        """`ftrace_regex_release()`: the hash becomes the ops' own, whatever others have made of that meanwhile."""
        if self._parser.loaded:
            with suppress(TracefsError):  # nobody hears of it
                self._process()
        if not self._writes:
            return ()
        if self._append and not np.array_equal(self._now(), self._start):
            return (SetFilter(self._kind, " ".join(self._core.names.patterns(self._hash))),)
        return (SetFilter(self._kind, " ".join(self._tokens), self._append),)


# --- the tracer ------------------------------------------------------------------------------------------------------


class CurrentTracer(Opened):
    """`set_tracer_fops`: each write() is a whole name."""

    seq = False

    def __init__(self, core: FilesCore) -> None:
        super().__init__("current_tracer")
        self._core = core

    def text(self) -> str:
        """`tracing_set_trace_read()`."""
        return f"{self._core.state().tracer}\n"

    def write(self, data: bytes, position: int) -> Taken:
        """`tracing_set_trace_write()`, `tracing_set_tracer()`."""
        name = data[:MAX_TRACER_SIZE].split(b"\0")[0].strip(b" \t\n\v\f\r\xa0").decode(errors="replace")
        try:
            tracer_named(name)
        except LearnerError as unknown:
            raise self.error(errno.EINVAL, str(unknown)) from None
        return Taken(len(data), (SetTracer(name),))


def files(core: FilesCore) -> dict[str, File]:
    """The files of a core's ftrace and of its ring buffers, by name."""
    found = _lists(core) | _settings(core) | buffer_files(_buffers(core))
    return dict(sorted(found.items()))


def _lists(core: FilesCore) -> dict[str, File]:
    """Those that can only be read."""
    avail, addrs, tracers = "available_filter_functions", "available_filter_functions_addrs", "available_tracers"
    enabled, touched, total = "enabled_functions", "touched_functions", "dyn_ftrace_total_info"
    calling = "the functions that call something"
    ever = "those that ever called something"
    return {
        avail: File("the functions that can be traced", TRACE_MODE_READ, lambda flags: Available(core, False)),
        addrs: File("the same, with their sites", TRACE_MODE_READ, lambda flags: Available(core, True)),
        tracers: text_file(tracers, "the tracers", lambda: " ".join(TRACERS) + "\n"),
        enabled: text_file(enabled, calling, lambda: _functions_with(core, rec.FTRACE_FL_ENABLED)),
        touched: text_file(touched, ever, lambda: _functions_with(core, rec.FTRACE_FL_TOUCHED)),
        total: text_file(total, "how many records there are", lambda: _total_info(core), seq=False),
    }


def _settings(core: FilesCore) -> dict[str, File]:
    """Those that can be written."""
    return {
        "current_tracer": File("the tracer", TRACE_MODE_WRITE, lambda flags: CurrentTracer(core)),
        "set_ftrace_filter": File(
            "the functions to trace", TRACE_MODE_WRITE, lambda flags: Filter(core, "filter", flags)
        ),
        "set_ftrace_notrace": File(
            "the functions not to trace", TRACE_MODE_WRITE, lambda flags: Filter(core, "notrace", flags)
        ),
    }


def _buffers(core: FilesCore) -> Buffers:
    return Buffers(
        core.machine.memory,
        len(core.machine.cpus),
        core.kernel.address("tracing_on"),
        lambda: view_of(core),
        ResetBuffer(),
        TracingOn,
    )
