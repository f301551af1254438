"""The program `simkernel`, also as `python -m tui`. Ctrl-C ends it quietly from here on, before all that it imports.

Python itself takes some hundredths of a second before it comes here; ctrl-C ends that with a traceback of Python's.
"""

from __future__ import annotations

import os

INTERRUPTED = 130


def end(_signal: int = 0, _frame: object = None) -> None:
    """End as a program does that was interrupted; there is nothing to put in order yet."""
    try:
        os.write(2, b"\nsimkernel: interrupted\n")
    finally:
        os._exit(INTERRUPTED)


try:
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as in the background
        signal.signal(signal.SIGINT, end)
except KeyboardInterrupt:
    end()


def main() -> None:
    """The entry point of the script `simkernel`."""
    from tui import cli

    cli.main()


if __name__ == "__main__":
    main()
