"""Hostile state files, by seed: what may stand where the last session's place is kept, and a start with it.

Run as a module with a seed, it starts the screen with each and prints what went wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from msgspec.structs import asdict

from lessons.activities.start import Start
from lessons.activities.story import Story
from lessons.kept import Kept
from lessons.visit import Visit
from simkernel.kernel import KernelImage
from simkernel.sim.moment import moment_string
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation
from tests.hostile import moments
from tests.tui.app.screens import Hand, press
from tui.app import kept
from tui.app.app import SimkernelApp
from tui.app.start import front

COUNT = 50
LONGEST = 10.0  # seconds that a start may take, the boot of the kernel under it left out


def hostile(seed: int) -> Iterator[tuple[str, bytes]]:
    """COUNT files: the name of each, and its bytes."""
    image = KernelImage.default()
    real = moments.real_moments(image)
    whole = asdict(
        Kept(
            moment_string(Simulation.boot(Options(seed=1), image)), "one", 207, 0, "Trace one", 3, seen=("naive", "one")
        )
    )
    plain = json.dumps(whole).encode()
    fixed = [
        b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"a":' * 100_000, plain[:-1] + b',"more":' + b"[" * 50_000,
        b'{"moment":"' + b"a" * 50_000_000 + b'"}', b" " * 50_000_000, b"\xff\xfe" + plain,
        plain.decode().encode("utf-16"), plain + plain, plain[: len(plain) // 2], b"\0" * 4_096,
        plain.replace(b"Trace", b"\x1b[31m"), plain.replace(b"Trace", b"\\u001b]0;x\\u0007"),
        plain.replace(b"207", b"9" * 5_000), plain.replace(b'"naive"', b'"naive",' * 200_000 + b'"x"'),
        plain.replace(b'"naive"', b'"\\u001b[2J"'), plain.replace(b'["naive", "one"]', b"7"),
    ]  # fmt: skip
    for number, data in enumerate(fixed):
        yield f"fixed {number}", data
    for number in range(len(fixed), COUNT):
        draw = random.Random(f"{seed} {number}")
        yield f"{seed} {number}", json.dumps(whole | _changes(draw, real)).encode()


def _changes(draw: random.Random, real: list[str]) -> dict[str, Any]:
    """Values of other types and ranges, moments that do not open, and places that fit together badly."""
    changed: dict[str, Any] = {}
    for _ in range(draw.choice((1, 1, 2, 3))):
        match draw.randrange(6):
            case 0:
                changed["moment"] = draw.choice(moments.KINDS)(draw, draw.choice(real))[:100_000]
            case 1:
                changed["moment"] = draw.choice(real)
            case 2:
                changed["site"] = draw.choice((-1, 1, 2**63, 2**64 - 1, 2**70, 0xFFFF_FFFF_8100_0000))
            case 3:
                changed["begin"] = draw.choice((0, 1, 10**6, 2**40))
                changed["scenario"] = draw.choice(("", "one", "all", "without-sync-1", "no such", "\x1b[2J"))
            case 4:
                changed["seen"] = draw.choice(([], ["one"] * 101, ["no such"], ["a" * 300], [1], "one", {"one": 1}))
            case _:
                changed[draw.choice(list(asdict(Kept())))] = draw.choice(moments.ODD)
    return changed


def start(data: bytes) -> str:
    """Start the screen with such a file, go on where it says, take a step, quit: what went wrong, "" for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "last.json"
        file.write_bytes(data)
        with mock.patch.object(kept, "state_file", return_value=file):
            begin = time.monotonic()
            try:
                asyncio.run(_start())
            except Exception:
                return traceback.format_exc(limit=-6)
            took = time.monotonic() - begin
            again = kept.load()
    if took > LONGEST:
        return f"it took {took:.1f} s"
    return "" if again is None or again.title.isprintable() else f"it kept the title {again.title!r}"


async def _start() -> None:
    """Start as the command does; go on where the file says, if it offers that."""
    last = kept.load()
    start = Start(last)
    app = SimkernelApp(Visit(start, *front(start, None if last is not None and last.moment else "one", None)))
    async with app.run_test(size=(80, 24)) as pilot:
        hand = Hand(app, pilot)
        await hand.read()
        if app.visit.front is start:
            if "Go on where you left" not in hand.text():
                raise ValueError("it does not offer to go on")
            await hand.press("enter")
            if not isinstance(app.visit.front, Story) or hand.refused == bool(app.visit.front.moment):
                raise ValueError(f"it says nothing of a place that does not open: {hand.text()}")
        for key in ("right", "x", "left", "m", "escape", "q"):
            await press(hand, key)
            if any(not char.isprintable() and char != "\n" for char in hand.text()):
                raise ValueError(f"a control character on the screen: {hand.text()!r}")


def main(seed: int) -> int:
    """Print what went wrong; how many did."""
    faults = 0
    for name, data in hostile(seed):
        if wrong := start(data):
            faults += 1
            print(f"--- {name}: {data[:60]!r}\n{wrong}", flush=True)
    print(f"{faults} of {COUNT} went wrong")
    return faults


if __name__ == "__main__":
    os.environ.setdefault("XDG_STATE_HOME", tempfile.gettempdir())
    sys.exit(main(int(sys.argv[1])) > 0)
