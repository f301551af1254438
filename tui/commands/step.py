"""`simkernel step`: a scenario, step by step, on a screen or as plain text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from simkernel.errors import LearnerError, SimkernelError
from tui.options import takes_screen
from tui.output import emit_json, progress

if TYPE_CHECKING:
    from tui.stepper.player import PlainVisit

ARROWS = {"\x1b[C": "n", "\x1b[D": "b", " ": "n", "\x1b[6~": "n", "\x1b[5~": "b", "\r": "p", "\n": "p", "\x7f": "P"}
END_OF_INPUT = ("\x04", "")


@click.command
@click.argument("scenario", required=False)
@click.option("--plain", "is_plain", is_flag=True, help="Short paragraphs instead of a screen.")
@click.option("--script", metavar="WORDS", help='What to do, as words: "n n b p". It implies --plain.')
@click.option("--json", "as_json", is_flag=True, help="One JSON object a step. It implies --plain.")
@click.option("--lines", is_flag=True, help="Take words with Enter instead of single keys. It implies --plain.")
@takes_screen
@click.option(
    "--moment", metavar="TEXT", help="Open the place that a line (or a file with it) names, in place of a scenario."
)
@click.option("--list", "listing", is_flag=True, help="List the scenarios.")
@click.pass_context
def command(
    ctx: click.Context,
    scenario: str | None,
    is_plain: bool,
    script: str | None,
    as_json: bool,
    lines: bool,
    listing: bool,
    ascii_only: bool,
    theme: str | None,
    moment: str | None,
) -> None:
    """Step through SCENARIO, forwards and backwards.

    one@3 begins at step 3 of the scenario one, one@3+without:sync-1 at step 3 of the run that fails without sync 1.
    Other changes are cpus:4, model:byte, policy:late, schedule:round-robin, seed:5, protocol:stop_machine.

    In plain mode n is the next step, b back, p the next phase; w says where one is, f the five bytes, c1 what CPU1 is
    at, y why, l the last again, h every word. An argument follows a colon: t:vfs_*.

    Exit code 1 where the toy kernel died in a scenario that is not about that.
    """
    if listing:
        list_scenarios(as_json)
        return
    if scenario and moment:
        raise LearnerError("a scenario or a moment, not both")
    if moment is not None and not moment.strip():
        raise LearnerError("--moment is empty: give the line that names a place, or the file that holds it")
    if not (is_plain or script is not None or as_json or lines):
        from lessons.activities.start import check_name
        from tui.app.start import open_screen

        check_name(scenario or "mysteries")
        ctx.exit(open_screen(scenario, ascii_only, theme, moment))
    if ascii_only or theme:
        raise LearnerError("--ascii and --theme are for the screen: leave them out of plain mode, which has no colours")
    if not (scenario or moment):
        from lessons.session.content import SCENARIOS

        raise LearnerError(f"name a scenario: mysteries, lab, overhead, boot, {', '.join(SCENARIOS)}")
    ctx.exit(run_plain(scenario or "", script, as_json, lines, moment or ""))


def list_scenarios(as_json: bool) -> None:
    """Each story of the path: its name, question, era and number of stops."""
    from lessons.session.path import PATH

    if as_json:
        emit_json(
            [
                {"name": one.name, "title": one.title, "question": one.question, "era": one.scenario.era,
                 "steps": one.stops}
                for one in PATH
            ]
        )  # fmt: skip
        return
    for one in PATH:
        steps = f"{one.stops} steps; " if one.stops else ""
        click.echo(f"{one.name:<12} {one.question} {steps}{one.scenario.era.without_end}.")


def run_plain(scenario: str, script: str | None, as_json: bool, lines: bool, moment: str = "") -> int:
    """Plain mode from its first paragraph to its last; the exit code, 1 where what should work has failed."""
    from tui.stepper.words import words_of

    words = None if script is None else words_of(script)
    plain = opened(scenario, as_json, moment)
    plain.cancels = words is None and sys.stdin.isatty()  # else nobody says the next word
    try:
        plain.begin()
        take_all(plain, words, lines)
    except (SimkernelError, click.ClickException, OSError):
        raise
    except Exception as crash:
        crash.add_note(f"moment: {plain.moment}")  # for the report
        raise
    return 1 if plain.visit.front.failed else 0


def opened(scenario: str, as_json: bool, moment: str = "") -> PlainVisit:
    """What has that name before its start, or the place that a moment names."""
    from lessons.activities.start import Start
    from lessons.activities.story import Story
    from lessons.session.stepper import Stepper
    from tui.stepper.player import PlainVisit

    if not moment:
        return PlainVisit(Start().named(scenario), click.echo, as_json)
    with progress("getting ready") as line:
        return PlainVisit(Story(Stepper.open(moment, report=line.report())), click.echo, as_json)


def take_all(plain: PlainVisit, words: list[str] | None, lines: bool) -> None:
    """Take a script's words, lines or keys until they end or one quits."""
    if words is not None:
        all(plain.take(word) for word in words)
    elif lines or not sys.stdin.isatty():
        take_lines(plain)
    else:
        take_keys(plain)


def take_lines(plain: PlainVisit) -> None:
    """Words with Enter, several in a line too: `n n f`; an action with an argument has a line of its own.

    At a keyboard Enter alone is Enter; an empty line of a file is none.
    """
    interactive = sys.stdin.isatty()
    for line in sys.stdin:
        if not (interactive or line.strip()):
            continue
        try:
            if not plain.take_line(line):
                return
        except LearnerError as error:
            if not interactive:
                raise
            click.echo(f"{error}\n", err=plain.as_json)


def take_keys(plain: PlainVisit) -> None:
    """Single keys from a terminal; what needs an argument asks for it."""
    while True:
        key = click.getchar()
        if key in END_OF_INPUT:
            return
        word = ARROWS.get(key, key)
        if plain.is_begun(word):
            word += click.getchar()
        try:
            prompt = plain.needs(word)
            if prompt:
                word = f"{word}:{click.prompt(prompt, default='', show_default=False)}"
            if not plain.take(word):
                return
        except LearnerError as error:
            click.echo(f"{error}\n", err=plain.as_json)
