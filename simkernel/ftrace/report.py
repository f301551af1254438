"""Texts about records: the lines of enabled_functions, and what `ftrace_bug()` says before ftrace is killed.

Formats: `t_show()` and `ftrace_bug()` of kernel/trace/ftrace.c, `__report_bug()` of lib/bug.c, `__warn()` of
kernel/panic.c (6.12). `Simplified:` where ftrace is killed while an ops is being unregistered, ftrace_shutdown() warns
once more and logs the flags of each record that is not clear; this log has the first warning alone.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

import numpy as np

from simkernel.ftrace import records as rec
from simkernel.ftrace.filters import FunctionNames
from simkernel.ftrace.needs import Kernel, Machine, symbol_text
from simkernel.ftrace.ops import FtraceOps
from simkernel.ftrace.state import FtraceState
from simkernel.ftrace.targets import current_targets
from simkernel.ftrace.trampolines import CallerCode, call_target
from simkernel.kernel import RELEASE
from simkernel.patching.commands import NAME, PID

UPDATE_INIT = 4  # a verdict of ftrace_init() alone
BUG_TYPES = {  # print_bug_type()
    UPDATE_INIT: "Initializing ftrace call sites",
    rec.UPDATE_MAKE_NOP: "Setting ftrace call site to NOP",
    rec.UPDATE_MAKE_CALL: "Setting ftrace call site to call ftrace function",
    rec.UPDATE_MODIFY_CALL: "Updating ftrace call site to call a different ftrace function",
}
FAILURES = {
    errno.EFAULT: "ftrace faulted on modifying ",
    errno.EINVAL: "ftrace failed to modify ",
    errno.EPERM: "ftrace faulted on writing ",
}
WARNED_AT = "kernel/trace/ftrace.c:2235"  # FTRACE_WARN_ON_ONCE() of ftrace_bug() in 6.12.117
LEFT_OUT = "Simplified: ftrace_bug() has no code in this kernel: no offset, registers and call trace are known."


@dataclass(frozen=True, slots=True)
class BugSite:
    """Where it failed: the site (0: nowhere), what was to be done there, and its record's flags, None without one."""

    ip: int
    verdict: int
    flags: int | None


def trampoline_ops(state: FtraceState, ip: int) -> list[FtraceOps]:
    """`ftrace_find_tramp_ops_any()` and `_next()`: the listed ops with a trampoline that want a site."""
    site = np.array([ip], dtype=np.uint64)
    return [ops for ops in state.listed if ops.trampoline and bool(ops.hash.matches(site)[0])]


def record_flags_text(flags: int) -> str:
    """Count and letters of a record, as enabled_functions shows them."""
    letters = (
        (rec.FTRACE_FL_REGS, " R", "  "),
        (rec.FTRACE_FL_IPMODIFY, " I", "  "),
        (rec.FTRACE_FL_DIRECT, " D", "  "),
        (rec.FTRACE_FL_CALL_OPS, " O", "  "),
        (rec.FTRACE_FL_MODIFIED, " M ", "   "),
    )
    return f" ({flags & rec.FTRACE_REF_MAX})" + "".join(yes if flags & bit else no for bit, yes, no in letters)


def function_lines(
    machine: Machine, kernel: Kernel, state: FtraceState, names: FunctionNames, flags: rec.Flags, bit: int
) -> list[str]:
    """The lines of enabled_functions (`bit` FTRACE_FL_ENABLED) or touched_functions (FTRACE_FL_TOUCHED)."""
    at = np.flatnonzero(rec.has(flags, bit))
    own: dict[int, str] = {int(index): "" for index in at}
    ips = names.ips[at]
    for ops in state.listed:
        if ops.trampoline:
            call = ops.trampoline + CallerCode.of(kernel, ops.trampoline_regs).call_offset
            text = _tramp_text(kernel, ops) + _arrow(machine, kernel, call)
            for index in at[ops.hash.matches(ips)].tolist():
                own[index] += text
    shared = [_arrow(machine, kernel, kernel.address(call)) for call in ("ftrace_call", "ftrace_regs_call")]
    lines = []
    for index in at.tolist():
        flag = int(flags[index])
        tail = shared[bool(flag & rec.FTRACE_FL_REGS_EN)]
        if flag & rec.FTRACE_FL_TRAMP_EN:
            tail = own[index] or "\ttramp: ERROR!"
        lines.append(names.names[index] + record_flags_text(flag) + tail)
    return lines


def _tramp_text(kernel: Kernel, ops: FtraceOps) -> str:
    return f"\ttramp: {symbol_text(kernel, ops.trampoline)} ({symbol_text(kernel, ops.func)})"


def _arrow(machine: Machine, kernel: Kernel, site: int) -> str:
    """`add_trampoline_func()`: what the inner call at `site` really calls."""
    target = call_target(site, machine.code.read(site, rec.MCOUNT_INSN_SIZE))
    return f" ->{symbol_text(kernel, target)}" if target else ""


def bug_report(
    machine: Machine,
    kernel: Kernel,
    state: FtraceState,
    failed: int,
    where: BugSite,
    expected: bytes = b"",
) -> list[str]:
    """The lines of `ftrace_bug(-failed, rec)`.

    Args:
        machine: guest data and code.
        kernel: its symbols.
        state: of ftrace.
        failed: an errno.
        where: the site that it is about.
        expected: the bytes that should have been there (EINVAL).
    """
    ip = where.ip
    lines = ["------------[ ftrace bug ]------------"]
    lines += [FAILURES.get(failed, "ftrace faulted on unknown error "), f"[<{ip:016x}>] {symbol_text(kernel, ip)}"]
    if failed == errno.EINVAL:
        lines.append(f" actual:   {rec.group_text(machine.code.read(ip, rec.MCOUNT_INSN_SIZE))}")
        lines.append(f" expected: {rec.group_text(expected)}")
    if where.verdict in BUG_TYPES:
        lines.append(BUG_TYPES[where.verdict])
    if where.flags is not None:
        lines += _record_lines(kernel, state, ip, where.flags)
    return [*lines, *_warning(state, len(machine.cpus))]


def _warning(state: FtraceState, own_cpu: int) -> list[str]:
    """The lines of `FTRACE_WARN_ON_ONCE(1)`; during boot it is the first task that asks, on CPU0."""
    cpu, pid, comm = (own_cpu, PID, NAME) if state.booted else (0, 0, "swapper")
    return [
        "------------[ cut here ]------------",
        f"WARNING: CPU: {cpu} PID: {pid} at {WARNED_AT} ftrace_bug+0x?/0x?",
        f"CPU: {cpu} UID: 0 PID: {pid} Comm: {comm} Not tainted {RELEASE}",
        LEFT_OUT,
        "---[ end trace 0000000000000000 ]---",
    ]


def _record_lines(kernel: Kernel, state: FtraceState, ip: int, flags: int) -> list[str]:
    text = f" ({flags & rec.FTRACE_REF_MAX})" + (" R" if flags & rec.FTRACE_FL_REGS else "  ")
    text += " O" if flags & rec.FTRACE_FL_CALL_OPS else "  "
    if flags & rec.FTRACE_FL_TRAMP_EN:
        found = trampoline_ops(state, ip)
        text += "".join(_tramp_text(kernel, ops) for ops in found) if found else "\ttramp: ERROR!"
    arrays = np.array([flags], dtype=np.uint64), np.array([ip], dtype=np.uint64)
    removed = next((ops for ops in state.ops if ops.old_hash is not None and ops.name not in state.order), None)
    target = int(current_targets(kernel, state, *arrays, removed)[0])
    return [f"ftrace record flags: {flags:x}", text, f" expected tramp: {target:x}"]
