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

LIBRARIES = ("unicorn", "capstone", "keystone-engine", "textual", "click", "msgspec", "numpy", "platformdirs")


def version_of(library: str) -> str | None:
    """The installed version of a distribution, None where it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def write_report(error: BaseException, moment: str = "") -> Path:
    """Write the report of `error` to a new file; where no log directory can be written, to a temporary one.

    `moment` names the place in history at which it happened, where there is one.
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
