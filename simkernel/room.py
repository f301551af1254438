"""Address space: what a simulation takes of it, and a refusal in time where a limit (`ulimit -v`) leaves too little.

Libraries in C do not raise an error where they get none: Unicorn ends the process, NumPy's OpenBLAS interrupts it.
"""

from __future__ import annotations

from pathlib import Path

from simkernel.errors import LearnerError

LIBRARIES = 192 << 20  # bytes: NumPy, Unicorn and Capstone, loaded
ENGINE = 1040 << 20  # bytes: a simulated CPU; its translations alone may take 1 GiB, which is reserved at once


def limit() -> int | None:
    """Bytes of address space that this process may have in all; None where there is no limit."""
    try:
        import resource

        soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, AttributeError, ValueError):
        return None
    return None if soft == resource.RLIM_INFINITY else soft


def used() -> int:
    """Bytes of address space that this process has now (proc(5), statm), 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    except OSError:
        return 0


def check(need: int, what: str) -> None:
    """LearnerError unless this process may have so many bytes more; `what` begins the message: "it takes"."""
    most, has = limit(), used()
    if most is not None and has + need > most:
        raise LearnerError(
            f"{what} {need >> 20:,} MiB of address space, and of the {most >> 20:,} MiB that this process may have "
            f"(`ulimit -v`) {max(0, most - has) >> 20:,} are left. Allow more, as with `ulimit -v unlimited`, "
            f"or simulate fewer CPUs: two take {LIBRARIES + 2 * ENGINE >> 20:,} MiB in all."
        )
