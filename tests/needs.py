"""What of a machine the tests need: where it is missing they are skipped, or fail where SIMKERNEL_NEEDS names it.

`@pytest.mark.needs("gdb", "objcopy")` names them, `@pytest.mark.keystone` the assembler. SIMKERNEL_NEEDS is a list with
commas of what must be here: with it a broken installation cannot pass by leaving out what would have failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from functools import cache
from typing import NoReturn

import pytest

from simkernel.asm import available
from simkernel.hw.way import works

GNU = frozenset({"as", "gcc", "gdb", "nm", "objcopy", "objdump", "readelf"})
"""Programs that must be GNU's: macOS has others under these names."""
OTHERS = frozenset({"bison", "flex", "make", "rsvg-convert"})
KEYSTONE, INDEX, LINUX_SOURCE = "keystone", "package-index", "linux-source"
BLOCKS = "blocks"  # instructions can be counted by blocks here
KNOWN = GNU | OTHERS | {KEYSTONE, INDEX, LINUX_SOURCE, BLOCKS}


def promised() -> frozenset[str]:
    """What SIMKERNEL_NEEDS names; `pytest.UsageError` for what no test asks for."""
    names = frozenset(filter(None, os.environ.get("SIMKERNEL_NEEDS", "").split(",")))
    if names - KNOWN:
        wrong, known = ", ".join(sorted(names - KNOWN)), ", ".join(sorted(KNOWN))
        raise pytest.UsageError(f"SIMKERNEL_NEEDS: no test needs {wrong}. Names, with commas between: {known}.")
    return names


@cache
def here(name: str) -> bool:
    """Whether this machine has it. A package index is taken to be in reach: the test that asks it finds out."""
    if name == KEYSTONE:
        return available()
    if name == BLOCKS:
        return works()
    if name == INDEX:
        return True
    if name == LINUX_SOURCE:
        return bool(os.environ.get("LINUX_SOURCE"))
    if name in GNU:
        program = shutil.which(name)
        return program is not None and "Free Software Foundation" in _said([program, "--version"])
    return shutil.which(name) is not None


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout


def leave_out(name: str, why: str = "") -> NoReturn:
    """End a test for want of `name`: skipped, or failed where SIMKERNEL_NEEDS promises it."""
    if name in promised():
        pytest.fail(f"SIMKERNEL_NEEDS names {name}, which is missing here. {why}".rstrip(), pytrace=False)
    pytest.skip(f"needs {name}")


def asked(item: pytest.Item) -> list[str]:
    """What a test's marks name, in their order."""
    named = [str(name) for mark in item.iter_markers("needs") for name in mark.args]
    if set(named) - KNOWN:
        raise pytest.UsageError(f"{item.nodeid}: tests.needs does not know {', '.join(set(named) - KNOWN)}")
    return [*([KEYSTONE] if item.get_closest_marker("keystone") else []), *named]


def counted(skipped: list[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """A line for each reason: how many tests were skipped for it, the most first."""
    reasons: Counter[str] = Counter()
    for report in skipped:
        said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[said.removeprefix("Skipped: ")] += 1
    return [f"{times:5} {reason}" for reason, times in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))]
