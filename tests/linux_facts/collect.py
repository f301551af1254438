"""The facts, asked of a tree of Linux's source."""

from __future__ import annotations

import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from tests.guest.names import having, in_source, listed
from tests.linux_facts import Code
from tests.linux_facts.calls import LinuxCalls
from tests.linux_facts.ftrace_64 import FUNCTIONS, assembled
from tests.linux_facts.source import LinuxSource
from tui.commands import config


def key(name: str) -> str:
    """Under what the facts have a name's statuses and letters."""
    return f"{in_source(name)} {listed()[name][2]}"


def config_page() -> str:
    """What `simkernel config` prints."""
    return (resources.files("simkernel") / "guest" / "kernel.config").read_text(encoding="utf-8")


def statuses(root: Path) -> dict[str, str]:
    linux, names = LinuxSource(root), [name for name in listed() if name not in having("ours", "data")]
    return {key(name): " ".join(sorted(linux.statuses(in_source(name), listed()[name][2]))) for name in names}


def letters(root: Path) -> dict[str, str]:
    linux, names = LinuxSource(root), [name for name in listed() if name not in having("ours")]
    return {key(name): " ".join(sorted(linux.letters(in_source(name), listed()[name][2]))) for name in names}


def calls(root: Path) -> dict[str, str]:
    linux = LinuxCalls(root)
    traced = {in_source(name): name for name in having("traced")}
    known = {name: listed()[guest][2] for name, guest in traced.items()}
    apart = {in_source(name) for name, (status, _, _) in listed().items() if status != "inline"}
    found = {}
    for guest, (status, _, file) in listed().items():
        if status not in ("ours", "data") and file.endswith((".c", ".h")):
            name = in_source(guest)
            called = linux.callees(name, file, linux.words(name, file, apart), known)
            found[guest] = " ".join(sorted(traced[one] for one in called - {name}))
    return found


def code(root: Path) -> dict[str, Code]:
    with tempfile.TemporaryDirectory() as folder:
        linux = assembled(root, Path(folder))
    return {name: linux.of(name) for name in FUNCTIONS}


def options(root: Path) -> dict[str, str]:
    known = LinuxSource(root).settings()
    asked = config.settings(config_page())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".config").write_text(config_page(), encoding="utf-8")
        command = ["make", "-s", "-C", str(root), f"O={folder}", "ARCH=x86_64", "olddefconfig"]
        subprocess.run(command, check=True, capture_output=True)
        made = (Path(folder) / ".config").read_text(encoding="utf-8")
    taken = {one["name"]: one["value"] for one in config.settings(made)}
    names = [one for one in asked if one["name"].removeprefix("CONFIG_") in known]
    return {one["name"]: f"{one['value']} {taken.get(one['name'], 'n')}" for one in names}


def rest(root: Path) -> dict[str, object]:
    """What one file says each."""
    linux = LinuxSource(root)
    return {
        "version": linux.version(),
        "probe_us": linux.probe_us(),
        "nmi_handlers": linux.nmi_handlers(),
        "guard_page": linux.guard_page(),
        "after_init_in_rodata": linux.after_init_in_rodata(),
    }


TABLES = {"statuses": statuses, "letters": letters, "calls": calls, "code": code, "options": options}
"""What asks a tree for a table of the facts."""
