"""Hostile moments, by seed: real ones with something wrong, made so that as much as possible of it is looked at.

    text       a real string with characters changed, lost, added, or something beside it
    values     the right checksum, and one to three values of another type or beyond their range
    entries    commands and choices that no machine of the moment can carry out, or out of order
    plausible  other values that could be: places, options, commands; most come to another state
    bytes      what is no such JSON at all: cut, nested, huge

Run as a module with a count and a seed, it prints what went wrong: `python -m tests.hostile.moments 5000 1`.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from simkernel.errors import LearnerError
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.patching.commands import UseProtocol
from simkernel.protocol import parse
from simkernel.report import Report
from simkernel.schedule import Nmi, Policy, Run
from simkernel.sim.moment import moment_string, open_moment
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.moments import armoured, held

LONGEST = 10.0  # seconds that opening one may take
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 7, 8, 255, 256, 2**15, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 2**70, 10**15,
    10**400, -(10**30), 0.5, 2.0, 1e308, "", "x", "0", "1", "\0", "\x1b[31m", "\x1b]0;title\x07", "\u202e", "é",
    "\ud800", "a" * 5_000, "*" * 300, "int3", "int3 without sync 1", "function", "nop", "vfs_read", "!*", "[", "naive",
    "seeded", "round-robin", "byte", "line", "late", "global", [], {}, [[]], [0], [0, 0], {"a": 1}, [None] * 50,
    [[0, ["run", 0, 1]]],
)  # fmt: skip
BESIDE = ("> ", '"', "'", "\u201c", "\u201d", "`", "$ simkernel demo --moment ", "simkernel step --moment=", "\n", "\t",
          "\r\n", "\u2026", "é", "\u00a0", "\ufeff", "=", "==", "-", "--", "\0", "\x1b[2J", ".", " --json", "sk4-",
          "sk1-", "%", "\ud800", "\U0001f600", "<", ">")  # fmt: skip


def real_moments(image: KernelImage) -> list[str]:
    """One of each kind of place: power-on, booting, booted, within a batch, by hand, within an entry, an experiment."""
    simulation = Simulation(image, Options(seed=3))
    found = [moment_string(simulation)]
    for _ in range(30):
        simulation.step()
    found.append(moment_string(simulation))
    for options in (
        Options(seed=7),
        Options(cpus=1, model=FetchModel.BYTE, policy=Policy.LATE, act_odds=256, nmi_odds=900),
        Options(cpus=3, schedule="round-robin", quantum=300, patch_quantum=20, tick_period=5_000),
        Options(model=FetchModel.LINE, protocol=parse("stop_machine")),
    ):
        simulation = Simulation.boot(options, image)
        found.append(moment_string(simulation))
        simulation.do(SetFilter("filter", "vfs_*"))
        simulation.do(RegisterOps("counter", "ftrace_ops_count", 0, "do_*", "vfs_*"))
        simulation.do(SetTracer("function"))
        for _ in range(150):
            simulation.step()
        for choice in (Run(0, 3), Nmi(0), Run(options.cpus - 1, 2)):
            simulation.step(choice)
        found.append(moment_string(simulation))
        while simulation.point.instructions < 2 and not simulation.halt_reason:
            simulation.step_instruction()
        found.append(moment_string(simulation))
    simulation = Simulation.boot(Options(seed=1), image)
    simulation.do(UseProtocol(parse("int3 without sync 1")))
    simulation.do(SetTracer("function"))
    return [*found, moment_string(simulation)]


# --- what is done to them ------------------------------------------------------------------------------------------


def text(draw: random.Random, moment: str) -> str:
    """Characters changed, lost, added, or something beside them."""
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(moment) + 1)
        match draw.randrange(8):
            case 0:
                moment = moment[:at]
            case 1:
                moment = moment[:at] + draw.choice(BESIDE) + moment[at:]
            case 2:
                moment = (
                    moment[:at] + chr(draw.choice((draw.randrange(128), draw.randrange(0x3000)))) + moment[at + 1 :]
                )
            case 3:
                moment = draw.choice(BESIDE) + moment
            case 4:
                moment += draw.choice(BESIDE)
            case 5:
                moment = moment[:at] + moment[at + draw.randrange(1, 40) :]
            case 6:
                moment = "".join(draw.choice((one, one.swapcase())) if one.isalpha() else one for one in moment)
            case _:
                width = draw.randrange(1, 90)
                moment = "\n".join("> " + moment[i : i + width] for i in range(0, len(moment), width))
    return moment


def values(draw: random.Random, moment: str) -> str:
    """One to three values of another type or beyond their range, keys lost or added."""
    what = held(moment)
    for _ in range(draw.choice((1, 1, 2, 3))):
        part, key = draw.choice(list(_places(what)))
        match draw.randrange(8):
            case 0 if isinstance(part, dict):
                part.pop(key, None)
            case 1 if isinstance(part, dict):
                part[draw.choice(("cpus", "seed", "wings", "\x1b", ""))] = copy.deepcopy(draw.choice(ODD))
            case 2 if isinstance(part, list):
                part.insert(key, copy.deepcopy(draw.choice(ODD)))
            case _:
                part[key] = copy.deepcopy(draw.choice(ODD))
    return armoured(json.dumps(what).encode())


def _places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) within some JSON."""
    for key in list(part) if isinstance(part, dict) else range(len(part)):
        yield part, key
        if isinstance(part[key], (dict, list)):
            yield from _places(part[key])


NAMES = ("vfs_read", "*", "!vfs_*", "do_*", "nobody", "function", "nop", "global_ops", "counter", "ftrace_ops_count",
         "ftrace_stub", "boot_stage", "int3", "naive", "stop_machine", "int3 without sync 1", "int3 with sync 2 twice",
         "int3 with release before write int3", "int3 through a trap gate", "int3 on nop 5x1", "atomic8 without park",
         "int3 without write int3 without sync 1 without write tail", "", "17", "[", "a" * 200)  # fmt: skip


def entry(draw: random.Random) -> list[Any]:
    """An entry that a moment may hold, as far as its types go."""

    def cpu() -> int:
        return draw.randrange(3)

    def name() -> str:
        return draw.choice(NAMES)

    kind = draw.choice(("filter", "notrace"))
    makers: list[Callable[[], list[Any]]] = [
        lambda: ["run", cpu(), draw.choice((1, 2, 50, 2_000))],
        lambda: ["read", cpu(), draw.randrange(1, 16)],
        lambda: ["resolve", cpu(), draw.choice((None, 0, 2**64 - 1, 0xFFFF_FFFF_8100_0000 + draw.randrange(0x2000)))],
        lambda: ["act", draw.choice((0, 1, 7, 200_000))],
        lambda: ["nmi", cpu()],
        lambda: ["tracer", name()],
        lambda: ["filter", kind, " ".join(name() for _ in range(draw.randrange(4))), draw.random() < 0.5],
        lambda: ["tracing_on", draw.random() < 0.5],
        lambda: ["reset"],
        lambda: ["register", name(), name(), draw.choice((0, 1, 4, 16, 1 << draw.randrange(32))), name(), name()],
        lambda: ["unregister", name()],
        lambda: ["ops_filter", name(), kind, name(), draw.random() < 0.5],
        lambda: ["protocol", name()],
    ]
    return draw.choice(makers)()


def entries(draw: random.Random, moment: str) -> str:
    """Entries added, some of them soon after power-on, some behind the place."""
    what = held(moment)
    for _ in range(draw.choice((1, 2, 3, 10, 60))):
        what["made"].insert(draw.randrange(len(what["made"]) + 1), [draw.choice((0, 1, 1, 1, 5, 200)), entry(draw)])
    if draw.random() < 0.7:
        what["place"][0] += draw.choice((0, 10, 300, 2_000))
    if draw.random() < 0.3:
        what["protocol"] = draw.choice(NAMES)
    what["clock"] += draw.choice((0, 100, 500_000))
    return armoured(json.dumps(what).encode())


def plausible(draw: random.Random, moment: str) -> str:
    """Values of the right type and range that are others."""
    what = held(moment)
    changes: list[Callable[[], None]] = [
        lambda: what["options"].update(tick_period=draw.choice((0, 1, 2, 900, 10**9))),
        lambda: what["options"].update(nmi_odds=draw.choice((0, 1, 2_000, 1 << 15))),
        lambda: what["options"].update(act_odds=draw.randrange(1, 257)),
        lambda: what["options"].update(model=draw.choice(("instant", "pieces", "line", "byte"))),
        lambda: what["options"].update(policy=draw.choice(("early", "late", "seeded"))),
        lambda: what["options"].update(schedule=draw.choice(("seeded", "round-robin"))),
        lambda: what["options"].update(cpus=draw.randrange(1, 9)),
        lambda: what["options"].update(seed=draw.randrange(2**63)),
        lambda: what["options"].update(quantum=draw.randrange(1, 2_001), patch_quantum=draw.randrange(1, 2_001)),
        lambda: what["options"].update(ibt=True),
        lambda: what["options"].update(functions=draw.choice((1, 49, 200, 5_000))),
        lambda: what["options"].update(kernel=draw.choice(("/dev/zero", "hello.S", "/etc/passwd", "a" * 4_000))),
        lambda: what["options"].update(protocol=draw.choice(NAMES)),
        lambda: what.update(place=[draw.choice((0, 1, 100, 1_000, 1_999_999)), draw.choice((0, 0, 1, 1_999))]),
        lambda: what.update(clock=draw.choice((0, 1, 10_000, 400_000))),
        lambda: what.update(version=draw.choice(("0.0.1", "9.9"))),
        lambda: what.update(protocol=draw.choice(NAMES)),
    ]
    for change in draw.sample(changes, draw.choice((1, 1, 2, 4))):
        change()
    return armoured(json.dumps(what).encode())


def raw(draw: random.Random, moment: str) -> str:
    """What is no such JSON."""
    plain = json.dumps(held(moment)).encode()
    many = draw.choice((1_000, 60_000))
    nested = draw.choice(
        (b"[" * many, b'{"a":' * many, b"[" * many + b"]" * many, b'{"a":' * many + b"1" + b"}" * many)
    )
    return armoured(
        draw.choice(
            (
                plain[: draw.randrange(len(plain))],
                plain + draw.choice((b"x", b"{}", b"\0", plain)),
                bytes(draw.choice((one, draw.randrange(256))) if draw.random() < 0.02 else one for one in plain),
                nested,
                plain[:-1] + b',"more":' + nested + b"}",
                plain.replace(b'"made": [', b'"made": [' + nested + b",", 1),
                plain.replace(b'"options": {', b'"options": {"seed":' + nested + b",", 1),
                b"[" + b"[]," * draw.choice((1_000, 1_000_000, 20_000_000)) + b"[]]",
                plain.replace(b'"made": [', b'"made": [' + b'[1,["nmi",0]],' * 250_000, 1),
                plain.replace(b'"made": [', b'"made": [' + b"[]," * 1_000_000, 1),
                b'"' + b"a" * draw.choice((10, 30_000_000)) + b'"',
                b"9" * draw.choice((10, 5_000, 100_000)),
                b"", b"null", b"[]", b"{}", b"7", b"\xff\xfe", plain.decode().encode("utf-16"),
            )
        )
    )  # fmt: skip


KINDS = (text, text, values, values, entries, plausible, raw)


def hostile(count: int, seed: int, image: KernelImage) -> Iterator[tuple[str, str]]:
    """So many of them: the kind of each, and the text that is given."""
    real = real_moments(image)
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        kind = KINDS[number % len(KINDS)]
        yield f"{kind.__name__} {seed} {number}", kind(draw, draw.choice(real))


def fault(given: str) -> str:
    """What went wrong in opening it; "" where it opened, or was refused as it should be."""
    begin = time.monotonic()
    try:
        open_moment(given, report=Report(lambda told: told.cancel() if time.monotonic() - begin > LONGEST else None))
    except LearnerError as error:
        said = str(error)
        if not said.isprintable() or len(said) > 1_000:
            return f"a message of {len(said)} characters that no terminal should get: {said[:300]!r}"
    except Exception:
        return traceback.format_exc(limit=-6)
    took = time.monotonic() - begin
    return f"it took {took:.1f} s" if took > LONGEST else ""


def main(count: int, seed: int) -> int:
    """Print what went wrong; how many did."""
    faults = 0
    for name, given in hostile(count, seed, KernelImage.default()):
        if wrong := fault(given):
            faults += 1
            print(f"--- {name}: {given[:60]!r}\n{wrong}", flush=True)
    print(f"{faults} of {count} went wrong")
    return faults


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])) > 0)
