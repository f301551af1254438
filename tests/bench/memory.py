"""The peak memory of a process, asked by itself; as a program: of a command of simkernel.

Linux says it in /proc. `ru_maxrss` is what there is elsewhere, and begins with what the parent held when it forked.

python -m tests.bench.memory FILE ARGUMENT...: runs simkernel with the arguments and writes the peak, in bytes, to FILE
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak() -> int:
    """Of this process up to now, in bytes."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)


if __name__ == "__main__":
    from tui.cli import run

    file = Path(sys.argv[1])
    sys.argv = ["simkernel", *sys.argv[2:]]
    code = run()
    file.write_text(str(peak()))
    sys.exit(code)
