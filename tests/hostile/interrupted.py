"""Runs `simkernel ARGV` and interrupts it as the import number N begins, counted from when ctrl-C is taken care of.

Usage: python interrupted.py N ARGV...; with N = -1 it prints on stderr at the end how many imports there were.
"""

from __future__ import annotations

import signal
import sys


class Imports:
    """Counts imports; sends SIGINT to this process at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def __call__(self, event: str, arguments: object) -> None:
        if event == "import" and signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            self.count += 1
            if self.count == self.at:
                signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    imports = Imports(int(sys.argv.pop(1)))
    sys.addaudithook(imports)
    if imports.at < 0:
        import os

        leave = os._exit

        def tell(code: int) -> None:
            os.write(2, str(imports.count).encode())
            leave(code)

        os._exit = tell  # type: ignore[assignment]
    from tui.__main__ import main

    main()
