"""The doors to this very machine: executable memory, CPUs, signals, membarrier. x86-64 Linux only, no root."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simkernel.errors import LearnerError

PAGE = 4096
SIGTRAP = 5
SA_SIGINFO, SA_NODEFER = 4, 0x40000000
SYS_ARCH_PRCTL, ARCH_SET_GS, ARCH_GET_GS = 158, 0x1001, 0x1004  # syscall_64.tbl; asm/prctl.h
SYS_MEMBARRIER = 324  # arch/x86/entry/syscalls/syscall_64.tbl
MEMBARRIER_QUERY, MEMBARRIER_SYNC_CORE, MEMBARRIER_REGISTER_SYNC_CORE = 0, 1 << 5, 1 << 6  # linux/membarrier.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # linux/prctl.h
SIGKILL = 9


def why_not() -> str:
    """Why native code cannot run here, in a sentence; "" where it can."""
    if sys.platform != "linux":
        return f"native code needs Linux on x86-64; this is {platform.system() or sys.platform}"
    if platform.machine() not in ("x86_64", "AMD64") or sys.maxsize < 1 << 32:
        return f"native code needs an x86-64 CPU; this is {platform.machine()}"
    return ""


def check() -> None:
    """LearnerError where native code cannot run here."""
    if reason := why_not():
        raise LearnerError(reason)


class Executable:
    """Memory that may be written and run; filled with one byte."""

    def __init__(self, size: int, fill: int) -> None:
        try:
            self._map = mmap.mmap(-1, size, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        except OSError as error:
            raise LearnerError(
                f"this system gives no memory that can be written and run ({error.strerror}): a hardened kernel, "
                "SELinux or seccomp forbids it"
            ) from error
        self._map[:] = bytes((fill,)) * size
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def put(self, offset: int, code: bytes) -> int:
        """Store code at an offset; its address."""
        self._map[offset : offset + len(code)] = code
        return self.address + offset


def function(address: int, result: Any, *arguments: Any) -> Callable[..., Any]:
    """The C function at an address. Python's lock is given back while it runs."""
    made: Callable[..., Any] = ctypes.CFUNCTYPE(result, *arguments)(address)
    return made


def word(address: int) -> ctypes.c_uint64:
    """The 64-bit word at an address."""
    return ctypes.c_uint64.from_address(address)


def usable_cpus() -> list[int]:
    """The CPUs that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def two_cpus() -> tuple[int, int]:
    """Two CPUs to run on; LearnerError where there is one."""
    cpus = usable_cpus()
    if len(cpus) < 2:
        raise LearnerError("one CPU runs the site while another changes it: that needs two CPUs, and this has one")
    return cpus[0], cpus[1]


def pin(cpu: int) -> None:
    """Let this thread run on one CPU only."""
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        raise LearnerError(f"a thread cannot be bound to CPU {cpu} here ({error.strerror})") from error


def on_cpu(cpu: int, run: Callable[[], Any]) -> threading.Thread:
    """A thread, started, that runs on one CPU; it does not keep the process alive."""

    def pinned() -> None:
        pin(cpu)
        run()

    thread = threading.Thread(target=pinned, daemon=True)
    thread.start()
    return thread


class Membarrier:
    """membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: every running thread serializes before it returns."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        offered = self._call(MEMBARRIER_QUERY)
        if not offered & MEMBARRIER_SYNC_CORE:
            raise LearnerError(
                "this kernel's membarrier has no SYNC_CORE (Linux 4.16 has): there is no sync to patch by"
            )
        self._call(MEMBARRIER_REGISTER_SYNC_CORE)

    def _call(self, command: int) -> int:
        result: int = self._libc.syscall(SYS_MEMBARRIER, command, 0, 0)
        if result < 0:
            reason = os.strerror(ctypes.get_errno())
            raise LearnerError(f"membarrier is refused here ({reason}): an old kernel, or a seccomp filter forbids it")
        return result

    def sync(self) -> None:
        """Returns when every running thread of this process has serialized."""
        self._call(MEMBARRIER_SYNC_CORE)


class _Sigaction(ctypes.Structure):
    """struct sigaction of the C library on x86-64 (glibc and musl agree)."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def handle_sigtrap(handler: int) -> None:
    """Let machine code at an address handle SIGTRAP, for all of this process."""
    _sigaction(_Sigaction(handler=handler, flags=SA_SIGINFO | SA_NODEFER))


def _sigaction(action: _Sigaction | None) -> _Sigaction:
    """Set what SIGTRAP does, or nothing; what it did before."""
    before = _Sigaction()
    if ctypes.CDLL(None).sigaction(SIGTRAP, action and ctypes.byref(action), ctypes.byref(before)):
        raise LearnerError("sigaction is refused here: no handler for SIGTRAP can be installed")
    return before


@contextmanager
def kept() -> Iterator[None]:
    """What handles SIGTRAP, where this thread's GS points and which CPUs it may use is at the end as it was before.

    No program needs GS meanwhile: on x86-64 Linux threads have their own data behind FS.
    """
    cpus, action, gs = os.sched_getaffinity(0), _sigaction(None), ctypes.c_uint64()
    _arch_prctl(ARCH_GET_GS, ctypes.addressof(gs))
    try:
        yield
    finally:
        if os.sched_getaffinity(0) != cpus:
            os.sched_setaffinity(0, cpus)
        _sigaction(action)
        set_gs(gs.value)


def set_gs(address: int) -> None:
    """Let GS of this thread point there."""
    _arch_prctl(ARCH_SET_GS, address)


def _arch_prctl(command: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(SYS_ARCH_PRCTL, command, ctypes.c_uint64(argument)):
        raise LearnerError(f"arch_prctl is refused here ({os.strerror(ctypes.get_errno())}): GS cannot be set")


def die_quietly() -> None:
    """This process leaves no core file, and ends with its parent."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
