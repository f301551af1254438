"""Measuring in a process of its own: who waits for it may draw meanwhile, and what native code does stays there.

The child prints a line of JSON as each step begins, then one with the figures.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from simkernel.child import child_process
from simkernel.errors import LearnerError
from simkernel.overhead import native
from simkernel.overhead.measured import ROUNDS, Difference, Measured, Show, measure

MODULE = "simkernel.overhead.apart"
PATIENCE = 0.1  # seconds between two looks whether one still waits


def measured_apart(
    names: Sequence[str] = (),
    rounds: int = ROUNDS,
    show: Show = lambda text: None,
    waiting: Callable[[], None] = lambda: None,
) -> list[Measured]:
    """`measured.measure` in a child process, which is gone at the end, also where `show` or `waiting` raises.

    `waiting` is called now and then between two steps.

    Raises:
        LearnerError: as `measure` does, or where the child dies.
    """
    native.check()
    request = json.dumps({"names": list(names), "rounds": rounds, "parent": os.getpid()})
    said: dict[str, Any] = {}
    with child_process(MODULE, request) as child:
        for line in _lines(child, waiting):
            said = json.loads(line)
            if "step" in said:
                show(said["step"])
        _out, err = child.communicate()
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
    if "refused" in said:
        raise LearnerError(said["refused"])
    if "measured" not in said:
        died = signal.Signals(-child.returncode).name if child.returncode < 0 else last
        raise LearnerError(f"the child process that measured has failed: {died or f'exit code {child.returncode}'}")
    return [_measured(one) for one in said["measured"]]


def _lines(child: subprocess.Popen[bytes], waiting: Callable[[], None]) -> Iterator[bytes]:
    """What the child prints, line by line, to its end."""
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        text = b""
        while True:
            if not selector.select(PATIENCE):
                waiting()
                continue
            more = os.read(child.stdout.fileno(), 1 << 16)
            *whole, text = (text + more).split(b"\n")
            yield from whole
            if not more:
                return


def _measured(value: dict[str, Any]) -> Measured:
    differences = tuple(Difference(**one) for one in value["differences"])
    return Measured(**value | {"differences": differences, "order": tuple(map(tuple, value["order"]))})


def main() -> None:
    """The child."""
    native.die_quietly()
    asked = json.loads(sys.argv[1])
    if os.getppid() != asked["parent"]:
        return  # it had ended before this process could say that it ends with it
    answer: dict[str, Any]
    try:
        measured = measure(asked["names"], asked["rounds"], lambda text: _say({"step": text}))
        answer = {"measured": [asdict(one) for one in measured]}
    except LearnerError as error:
        answer = {"refused": str(error)}
    _say(answer)


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
