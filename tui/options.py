"""The options that several commands share, and the one value that they become."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from simkernel.errors import LearnerError, nearest

MODELS = ("instant", "pieces", "line", "byte")
POLICIES = ("early", "late", "seeded")
THEMES = ("dark", "light", "high-contrast", "ansi")
MAX_CPUS = 8
MAX_FUNCTIONS = 200_000
MAX_INSTRUCTIONS = 200_000_000
KERNEL_FILES = (  # the options that name a file with a kernel, as `sim.options.KERNEL_FILES` has them
    "kernel",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which kernel is booted, on what machine. A command that lacks an option has its default."""

    kernel: Path | None = None
    functions: int | None = None
    ibt: bool = False
    cpus: int = 2
    seed: int = 0
    model: str = "pieces"
    policy: str = "seeded"
    max_instructions: int = MAX_INSTRUCTIONS

    @property
    def kernel_files(self) -> dict[str, Path]:
        """The option that names a file with a kernel, and the file; empty where the kernel is built in."""
        return {name: file for name in KERNEL_FILES if (file := getattr(self, name)) is not None}


class OneOf(click.Choice[str]):
    """One of a few words; the message names the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            listed = ", ".join(self.choices)
            self.fail(f"{value!r} is none of {listed}.{nearest(str(value), self.choices)}", param, ctx)
        return super().convert(value, param, ctx)


class FileName(click.Path):
    """The name of a file, as a Path; pathlib would take an empty one for the current directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value):
            self.fail("the name of the file is empty", param, ctx)
        return Path(value)


FILE = FileName()
KERNEL = (
    click.option("--kernel", type=FILE, metavar="FILE.S", help="Boot your own functions (needs Keystone)."),
    click.option(
        "--functions",
        type=click.IntRange(1, MAX_FUNCTIONS),
        metavar="N",
        help=f"Boot a synthetic kernel of N functions, up to {MAX_FUNCTIONS:,}.",
    ),
    click.option("--ibt", is_flag=True, help="Assemble with endbr64, as CONFIG_X86_KERNEL_IBT=y."),
)
MACHINE = (
    click.option(
        "--cpus", type=click.IntRange(1, MAX_CPUS), default=2, show_default=True, help=f"CPUs, 1 to {MAX_CPUS}."
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same run."),
    click.option(
        "--model", type=OneOf(MODELS), default="pieces", show_default=True, help="What a CPU may run of changing code."
    ),
    click.option(
        "--policy", type=OneOf(POLICIES), default="seeded", show_default=True, help="When pending bytes are resolved."
    ),
    click.option(
        "--max-instructions",
        type=click.IntRange(1),
        default=MAX_INSTRUCTIONS,
        metavar="N",
        help=f"Give up after so many guest instructions (default {MAX_INSTRUCTIONS:,}).",
    ),
)
SCREEN = (
    click.option("--ascii", "ascii_only", is_flag=True, help="The screen in ASCII, for fonts that lack its marks."),
    click.option("--theme", type=OneOf(THEMES), help="The colours of the screen."),
)
"""Of each command that opens a screen. Given before a command they are its defaults (`cli.simkernel`)."""
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")

Function = Callable[..., None]


def check_bound(options: Options, instructions: int) -> None:
    """LearnerError where a run of so many instructions (--for) is longer than the one that is given up."""
    if instructions > options.max_instructions:
        raise LearnerError(
            f"--for {instructions:,} is more than --max-instructions allows ({options.max_instructions:,}): "
            "ask for less, or allow more"
        )


def refuse_screen_options(ascii_only: bool, theme: str | None) -> None:
    """LearnerError where an option of the screen is given to plain mode."""
    if ascii_only or theme:
        raise LearnerError("--ascii and --theme are for the screen: leave them out of plain mode, which has no colours")


def takes_screen(function: Function) -> Function:
    """Give a command the options of SCREEN, as its parameters `ascii_only` and `theme`."""
    for option in reversed(SCREEN):
        function = option(function)
    return function


def takes_options(*groups: tuple[Callable[[Function], Function], ...]) -> Callable[[Function], Function]:
    """Give a command the options of `groups`, gathered in its parameter `options`, and `--json` as `as_json`."""
    fields = set(Options.__dataclass_fields__)

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in fields & given.keys()}
            kernels = [f"--{name}" for name in (*KERNEL_FILES, "functions") if chosen.get(name) is not None]
            if len(kernels) > 1:
                raise click.UsageError(f"{' and '.join(kernels)} exclude each other: give one of them.")
            options = Options(**chosen)
            check_bound(options, given.get("instructions", 0))
            function(options=options, **given)

        wrapped: Function = JSON(command)
        for option in reversed([option for group in groups for option in group]):
            wrapped = option(wrapped)
        return wrapped

    return decorate
