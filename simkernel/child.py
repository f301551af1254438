"""Another process of ours, for what this one must not do itself: work that has to be ended, or that may end it.

It imports from where this one does, and from nowhere else. Python left to itself looks first into the folder that it is
started in, and a learner's json.py there would run in place of Python's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])  # of the packages; not on the path of `python -c` elsewhere
_START = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


@contextmanager
def child_process(
    module: str, *arguments: str, stdin: int = subprocess.DEVNULL, pass_fds: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `module` as a program, with pipes for what it writes; it has ended when the block has, whatever happens.

    Args:
        module: as `python -m` takes it.
        *arguments: of the program.
        stdin: as for subprocess.Popen.
        pass_fds: descriptors that it inherits.
    """
    path = [entry for entry in sys.path if entry]
    path += [] if ROOT in path else [ROOT]
    # -P: no folder of its own accord. PYTHONPATH is in `path` already, and an empty part of it means: here.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", _START, json.dumps(path), module, *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=pass_fds,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
