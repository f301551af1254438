"""`simkernel config`: the kernel configuration that the toy kernel stands for."""

from __future__ import annotations

import re
from importlib import resources

import click

from tui.options import JSON
from tui.output import emit_json

SETTING = re.compile(r"(?P<name>CONFIG_\w+)=(?P<value>.+)|# (?P<off>CONFIG_\w+) is not set")


def settings(text: str) -> list[dict[str, str]]:
    """The settings of a configuration file: name, value ("n" where it is not set), and the note below it if any."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if match := SETTING.fullmatch(line):
            found.append({"name": match["name"] or match["off"], "value": match["value"] or "n"})
        elif line.startswith("# Simplified: "):
            found[-1]["simplified"] = line.removeprefix("# Simplified: ")
    return found


@click.command
@JSON
def command(as_json: bool) -> None:
    """Print the configuration of Linux 6.12 that the toy kernel stands for.

    A line that no Linux could have so carries a note, `Simplified:`, that says what differs.
    """
    text = (resources.files("simkernel") / "guest" / "kernel.config").read_text(encoding="utf-8")
    if as_json:
        emit_json(settings(text))
    else:
        click.echo(text, nl=False)
