"""A protocol's table carried out on this very CPU: one thread runs a loop over the site, another changes it.

The tables are the simulator's own objects; only this driver is new. The sync is membarrier, the int3 a SIGTRAP, its
handler machine code (`code.py`). All of it happens in a child process, because a protocol may kill it.

An int3 that stands in memory while no batch is under way is the failure that kills a kernel (die("int3") in
exc_int3(), arch/x86/kernel/traps.c, 6.12): the handler notes it and ends the child.

`Simplified:` a handler of SIGTRAP can begin after the batch has ended, since membarrier does not wait for it; where the
site is whole by then it goes back to it. In Linux the last sync makes sure that there is none so late. `Release` has
nobody to wait for: a handler looks up once whether a batch claims its int3.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from functools import partial

from simkernel.errors import LearnerError
from simkernel.insn import INT3, NOP5, call
from simkernel.overhead import code, native
from simkernel.protocol import Part, Protocol, Release, SyncCores, Write, parse

LINE = 64
PATIENCE = 5.0  # seconds until a loop that has not run the site, or has not ended, counts as stuck
GIVE_UP = 0x38  # word of the data page; not 0: the parent has seen enough
SPACE = 16 * native.PAGE
MIDDLE = SPACE // 2  # the loop lies there; a call to nowhere ends in HLT, or outside
HANDLER_AT = native.PAGE
Step = Callable[[], object]


def check(protocol: Protocol) -> None:
    """LearnerError for a protocol that this driver cannot carry out."""
    for phase in protocol.phases:
        if not isinstance(phase.action, Write | SyncCores | Release):
            raise LearnerError(
                f"{protocol.name} has the phase {phase.name!r}: a process cannot make other CPUs stand still. "
                "Take int3, or one of the protocols of plain stores."
            )


def store(address: int, data: bytes) -> Step:
    """Bytes of the site as one store: of their own size where a CPU has one, else of the eight that they lie in."""
    kind = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32}.get(len(data))
    if kind is not None:
        return partial(setattr, kind.from_address(address), "value", int.from_bytes(data, "little"))
    start = address & ~7 if address % 8 + len(data) <= 8 else address
    around = bytearray(ctypes.string_at(start, 8))  # the bytes beside the site do not change
    around[address - start : address - start + len(data)] = data
    return partial(setattr, native.word(start), "value", int.from_bytes(around, "little"))


def steps(protocol: Protocol, site: int, old: bytes, new: bytes, data: int, target: int, sync: Step) -> list[Step]:
    """What a change from `old` to `new` is made of, in the order of the protocol's table."""
    parts = {Part.OLD: old, Part.NEW: new, Part.INT3: bytes((INT3,)) * len(new)}
    emulate = native.word(data + code.EMULATE)
    out: list[Step] = []
    if protocol.claims:
        calls = new != NOP5 and protocol.handler == "emulate"
        out.append(partial(setattr, emulate, "value", target if calls else 1))
    out.append(partial(_count, native.word(data + code.BEGUN)))
    for phase in protocol.phases:
        match phase.action:
            case Write(part=part) as write:
                offsets = write.offsets(site, len(new))
                if offsets:
                    out.append(store(site + offsets.start, parts[part][offsets.start : offsets.stop]))
            case SyncCores():
                out.append(sync)
            case Release():
                out.append(partial(setattr, emulate, "value", 0))
    return out


def _count(word: ctypes.c_uint64) -> None:
    word.value += 1


def patch(protocol: Protocol, cycles: int, straddle: bool, data: int) -> bool:
    """Change the site so many times, to and fro, while a thread on another CPU runs it; False: its loop did not end."""
    runner, writer = native.two_cpus()
    sync = native.Membarrier().sync
    space = native.Executable(SPACE, code.HLT)
    at = MIDDLE + (LINE - code.SITE - 2 if straddle else 16 - code.SITE)
    loop = space.put(at, code.bytes_of(code.LOOP))
    site, target = loop + code.SITE, loop + code.TARGET
    native.handle_sigtrap(space.put(HANDLER_AT, code.bytes_of(code.handler(data, site))))
    to_call, to_nop = (
        steps(protocol, site, old, new, data, target, sync)
        for old, new in ((NOP5, call(site, target)), (call(site, target), NOP5))
    )
    give_up = native.word(data + GIVE_UP)
    thread = native.on_cpu(runner, partial(native.function(loop, None, ctypes.c_void_p), data))
    native.pin(writer)
    passes = native.word(data + code.PASSES)
    while not passes.value:
        pass  # the loop runs before the first change
    for cycle in range(cycles):
        for step in to_nop if cycle % 2 else to_call:
            step()
        if give_up.value:
            break
    seen, end = passes.value, time.monotonic() + PATIENCE
    while passes.value < seen + 2 and time.monotonic() < end:
        pass  # the second pass from here runs what the last change has left, be it an int3 that nobody claims
    native.word(data + code.STOP).value = 1
    thread.join(PATIENCE)
    return not thread.is_alive()


def delays(count: int, data: int) -> list[tuple[int, int]]:
    """One byte changed so often, without any sync: (ticks until the other CPU ran it, its passes meanwhile) of each."""
    runner, writer = native.two_cpus()
    space = native.Executable(SPACE, code.HLT)
    spin = space.put(0, code.bytes_of(code.SPIN))
    delay = space.put(HANDLER_AT, code.bytes_of(code.DELAY))
    samples = (ctypes.c_uint64 * (2 * count))()
    thread = native.on_cpu(runner, partial(native.function(spin, None, ctypes.c_void_p), data))
    native.pin(writer)
    while not native.word(data + code.PASSES).value:
        pass
    arguments = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
    native.function(delay, None, *arguments)(data, spin + code.IMMEDIATE, ctypes.addressof(samples), count)
    native.word(data + code.STOP).value = 1
    thread.join(PATIENCE)
    return list(zip(samples[0::2], samples[1::2], strict=True))


def main() -> None:
    """The child: the shared page and what to do are its arguments; the answer is JSON on stdout."""
    import mmap
    import os

    native.die_quietly()
    asked = json.loads(sys.argv[1])
    if os.getppid() != asked["parent"]:
        return  # it had ended before this process could say that it ends with it
    page = mmap.mmap(asked["page"], native.PAGE)
    data = ctypes.addressof(ctypes.c_char.from_buffer(page))
    answer: dict[str, object] = {}
    try:
        if "protocol" in asked:
            answer["ended"] = patch(parse(asked["protocol"]).table, asked["cycles"], asked["straddle"], data)
        else:
            answer["samples"] = delays(asked["count"], data)
    except LearnerError as error:
        answer["refused"] = str(error)
    print(json.dumps(answer), flush=True)
    os._exit(0)  # nobody waits for a thread that ran elsewhere


if __name__ == "__main__":
    main()
