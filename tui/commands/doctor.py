"""`simkernel doctor`: what is installed here, what is missing, and what that costs."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import import_module

import click

from simkernel import __version__
from simkernel.errors import LearnerError
from tui.options import JSON
from tui.output import emit_json
from tui.report import version_of


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that simkernel uses: `module` is what it imports, `cost` what does not work without it."""

    name: str
    module: str
    needed: bool
    cost: str


LIBRARIES = (
    Dependency("unicorn", "unicorn", True, "No CPU runs."),
    Dependency("capstone", "capstone", True, "Nothing can be disassembled."),
    Dependency("numpy", "numpy", True, "The engine does not load."),
    Dependency("click", "click", True, "There is no command line."),
    Dependency("msgspec", "msgspec", True, "No moment can be read, and no kernel boots."),
    Dependency("platformdirs", "platformdirs", True, "Reports and settings have no place."),
    Dependency("textual", "textual", True, "There is no screen; the commands work."),
    Dependency(
        "keystone-engine",
        "keystone",
        False,
        "--kernel FILE.S and the variants none, mcount and flag of overhead do not work; all else does.",
    ),
)
PROGRAMS = (
    Dependency("objdump", "objdump", False, "The test that compares each listing with GNU objdump is skipped."),
    Dependency("make", "make", False, "The checkout's targets (make test, make check) do not run."),
)


@dataclass(frozen=True, slots=True)
class DependencyState:
    """What was found of a part: `state` is "ok", "missing" or why it does not load."""

    name: str
    version: str
    needed: bool
    state: str
    cost: str

    @property
    def ok(self) -> bool:
        """True where the part can be used."""
        return self.state == "ok"


def look_at_library(part: Dependency) -> DependencyState:
    """Import a library, so that one which is installed but does not load is found too."""
    state = "ok"
    try:
        import_module(part.module)
    except ModuleNotFoundError:
        state = "missing"
    except Exception as error:  # a broken native library can raise anything
        state = f"does not load: {error}"
    return DependencyState(
        part.name, version_of(part.name) or "", part.needed, state, "" if state == "ok" else part.cost
    )


def look_at_program(part: Dependency) -> DependencyState:
    """Whether a program is in the PATH; it is not run."""
    state = "ok" if shutil.which(part.module) else "missing"
    return DependencyState(part.name, "", part.needed, state, "" if state == "ok" else part.cost)


def look_at_python() -> DependencyState:
    """Whether this Python is recent enough."""
    ok = sys.version_info >= (3, 11)
    cost = "" if ok else "simkernel needs Python 3.11 or later."
    return DependencyState("Python", platform.python_version(), True, "ok" if ok else "too old", cost)


def look_at_counting() -> DependencyState:
    """How simulated CPUs count the instructions that they run."""
    try:
        from simkernel.hw.way import why_hook

        why = why_hook()
    except LearnerError as error:
        return DependencyState("counting", "", True, "cannot be", str(error))
    except Exception:  # without its libraries the engine does not load; their own lines say so
        return DependencyState("counting", "", False, "unknown", "The engine does not load.")
    cost = f"Instructions are counted one by one: {why}. Results are the same, and long runs take longer."
    return DependencyState("counting", "hook" if why else "blocks", False, "ok", cost if why else "")


@click.command
@JSON
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say what is installed here, what is missing, and what that costs.

    Exit code 1 where something needed is missing.
    """
    findings = [look_at_python(), *map(look_at_library, LIBRARIES), *map(look_at_program, PROGRAMS)]
    findings.append(look_at_counting())
    healthy = all(finding.ok for finding in findings if finding.needed)
    if as_json:
        emit_json({"version": __version__, "ok": healthy, "parts": [asdict(finding) for finding in findings]})
    else:
        click.echo(f"simkernel {__version__} on {platform.platform()}")
        for finding in findings:
            click.echo(f"  {finding.name:<16} {finding.version:<10} {finding.state}")
            if finding.cost:
                click.echo(f"  {'':<16} {finding.cost}")
        click.echo("All that is needed is here." if healthy else "Something needed is missing.")
    if not healthy:
        ctx.exit(1)
