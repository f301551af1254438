"""Experiments on this very CPU, each in a child process: what came of them, even where the child died."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simkernel.child import child_process
from simkernel.errors import LearnerError
from simkernel.overhead import code, native
from simkernel.overhead.patching import GIVE_UP, check
from simkernel.protocol import Variant

MOST_SECONDS = 55.0  # an experiment that takes longer is asked to end
MOST_CYCLES = 1_000_000_000  # changes of a site: more than any process here comes to
MOST_SAMPLES = 1_000_000  # changes of one byte whose delays are kept
GRACE = 5.0  # seconds until a child that was asked is killed
UNCLAIMED, STUCK = "unclaimed int3", "stuck"
MODULE = "simkernel.overhead.patching"
Show = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PatchedLoop:
    """What came of patching a running loop.

    Attributes:
        protocol: its name.
        straddle: the site lay across two cache lines.
        asked: changes asked for.
        cycles: changes begun.
        passes: of the loop.
        traps: int3s that a batch claimed.
        wrong: results neither old nor new.
        died: what the child died of: UNCLAIMED, STUCK (its loop did not end), else a signal; "" where it lived.
        seconds: it took.
    """

    protocol: str
    straddle: bool
    asked: int
    cycles: int
    passes: int
    traps: int
    wrong: int
    died: str
    seconds: float

    @property
    def unharmed(self) -> bool:
        """No failure and no wrong result."""
        return not self.died and not self.wrong


@dataclass(frozen=True, slots=True)
class Delay:
    """How soon another CPU ran one changed byte, without any sync.

    Attributes:
        samples: changes.
        median, p99: nanoseconds from before the store.
        still_old: share of changes after whose store was done a pass ran the old byte, besides the one under way.
        passes: such, median and 99th percentile.
    """

    samples: int
    median: float
    p99: float
    still_old: float
    passes: tuple[int, int]


def patch_loop(variant: Variant, cycles: int, straddle: bool = False, show: Show = lambda cycles: None) -> PatchedLoop:
    """Patch a running loop in a child process, by a protocol.

    Raises:
        LearnerError: for a protocol that cannot be carried out, or where this machine cannot do it.
    """
    if not 1 <= cycles <= MOST_CYCLES:
        raise LearnerError(f"{cycles:,} cycles: a number from 1 to {MOST_CYCLES:,} is needed")
    check(variant.table)
    begun = time.monotonic()
    page, answer, died = _child({"protocol": variant.name, "cycles": cycles, "straddle": straddle}, show)
    seconds = time.monotonic() - begun
    words = (code.BEGUN, code.PASSES, code.TRAPS, code.WRONG, code.UNCLAIMED)
    begun_cycles, passes, traps, wrong, unclaimed = (struct.unpack_from("<Q", page, at)[0] for at in words)
    died = UNCLAIMED if unclaimed else died if answer.get("ended", True) else STUCK
    return PatchedLoop(variant.name, straddle, cycles, begun_cycles, passes, traps, wrong, died, seconds)


def delay(count: int = 20_000) -> Delay:
    """Change one byte under a running CPU so often, and see when it ran the new one.

    Raises:
        LearnerError: for fewer than one change or more than MOST_SAMPLES, or where this machine cannot do it.
    """
    if not 1 <= count <= MOST_SAMPLES:
        raise LearnerError(f"{count:,} changes: a number from 1 to {MOST_SAMPLES:,} is needed")
    _page, answer, died = _child({"count": count}, lambda cycles: None)
    if died:
        raise LearnerError(f"the experiment was ended by {died}; the machine may be too busy. Try again.")
    samples = np.array(answer["samples"], dtype=np.float64)
    nanoseconds = samples[:, 0] * _nanoseconds_a_tick()
    low, high = np.percentile(samples[:, 1], (50, 99))
    median, p99 = np.percentile(nanoseconds, (50, 99))
    return Delay(count, float(median), float(p99), float(np.mean(samples[:, 1] > 1)), (int(low), int(high)))


def _child(asked: dict[str, Any], show: Show) -> tuple[bytes, dict[str, Any], str]:
    """Run a child to its end: the shared page then, its answer, and what it died of."""
    native.check()
    native.two_cpus()
    try:
        shared = os.memfd_create("simkernel")
    except OSError as error:
        raise LearnerError(f"memory to share with a child process is refused here ({error.strerror})") from error
    os.ftruncate(shared, native.PAGE)
    page = mmap.mmap(shared, native.PAGE)
    request = json.dumps(asked | {"page": shared, "parent": os.getpid()})
    try:
        with child_process(MODULE, request, pass_fds=(shared,)) as child:
            out, err, stuck = _watch(child, page, show)
    finally:
        os.close(shared)
    died = STUCK if stuck else signal.Signals(-child.returncode).name if child.returncode < 0 else ""
    if child.returncode > 0:
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise LearnerError(f"the child process failed: {last or f'exit code {child.returncode}'}")
    answer: dict[str, Any] = json.loads(out) if out and not died else {}
    if "refused" in answer:
        raise LearnerError(answer["refused"])
    return page[:], answer, died


def _watch(child: subprocess.Popen[bytes], page: mmap.mmap, show: Show) -> tuple[bytes, bytes, bool]:
    """Wait for a child's end; (stdout, stderr, whether it had to be killed)."""
    begun = time.monotonic()
    while True:
        try:
            out, err = child.communicate(timeout=0.1)
            return out, err, False
        except subprocess.TimeoutExpired:
            passed = time.monotonic() - begun
        show(struct.unpack_from("<Q", page, code.BEGUN)[0])
        if passed > MOST_SECONDS:
            struct.pack_into("<Q", page, GIVE_UP, 1)
        if passed > MOST_SECONDS + GRACE:
            child.kill()
            out, err = child.communicate()
            return out, err, True


def _nanoseconds_a_tick() -> float:
    """Of the time stamp counter, against the monotonic clock; both are read around a wait of 50 ms."""
    space = native.Executable(native.PAGE, code.HLT)
    read = native.function(space.put(0, code.bytes_of(code.TICKS)), ctypes.c_uint64)
    first, began = read(), time.perf_counter_ns()
    time.sleep(0.05)
    last, ended = read(), time.perf_counter_ns()
    return (ended - began) / float(last - first)
