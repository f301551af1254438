"""A bug's report: what an author needs to know, in a file."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from importlib import metadata
from pathlib import Path

import platformdirs

from simkernel import __version__
from tui.streams import say

LIBRARIES = ("unicorn", "capstone", "keystone-engine", "textual", "click", "msgspec", "numpy", "platformdirs")


def version_of(library: str) -> str | None:
    """The installed version of a distribution, None where it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def tell(error: BaseException, moment: str = "") -> None:
    """Say that a bug of ours has ended the program, and where what it was doing is written down."""
    say(f"this is a bug of simkernel: {type(error).__name__}: {error}")
    try:
        say(f"What it was doing is written down in {write_report(error, moment)}; please send that file.")
    except OSError as failed:
        say(f"No report of it could be written: {failed.strerror}.")


def write_report(error: BaseException, moment: str = "") -> Path:
    """Write the report of `error` to a new file; where no log directory can be written, to a temporary one.

    `moment` names the point in history at which it happened, where there is one.
    """
    lines = [
        f"simkernel {__version__}, Python {platform.python_version()}, {platform.platform()}",
        *(f"{library} {version_of(library) or 'missing'}" for library in LIBRARIES),
        f"command line: {sys.argv}",
        *([f"moment: {moment}"] if moment else []),
        "",
        *traceback.format_exception(error),
    ]
    directory = Path(platformdirs.user_log_dir("simkernel", appauthor=False))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return _new_file(directory, "\n".join(lines))
    except OSError:
        return _new_file(Path(tempfile.gettempdir()), "\n".join(lines))


def _new_file(directory: Path, text: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=directory, prefix="simkernel-bug-", suffix=".txt", delete=False
    ) as file:
        file.write(text)
    return Path(file.name)
