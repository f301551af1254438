"""`simkernel step`: a scenario, step by step, on a screen or as plain text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from simkernel.errors import LearnerError, SimkernelError
from tui.options import takes_screen
from tui.output import emit_json, progress

if TYPE_CHECKING:
    from tui.stepper.player import Player

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
        from tui.app.start import open_screen

        ctx.exit(open_screen(scenario, ascii_only, theme, moment))
    if ascii_only or theme:
        raise LearnerError("--ascii and --theme are for the screen: leave them out of plain mode, which has no colours")
    if not (scenario or moment):
        from lessons.session.content import SCENARIOS

        raise LearnerError(f"name a scenario: mysteries, lab, overhead, boot, {', '.join(SCENARIOS)}")
    ctx.exit(run_plain(scenario or "", script, as_json, lines, moment or ""))


def list_scenarios(as_json: bool) -> None:
    """Each scenario's name, question, era and number of stops."""
    from lessons.session.content import SCENARIOS

    if as_json:
        emit_json(
            [
                {"name": one.name, "title": one.title, "question": one.question, "era": one.era, "beats": one.stops}
                for one in SCENARIOS.values()
            ]
        )
        return
    for one in SCENARIOS.values():
        click.echo(f"{one.name:<12}{one.question} {one.stops} steps; {one.era}.")


def run_plain(scenario: str, script: str | None, as_json: bool, lines: bool, moment: str = "") -> int:
    """Plain mode from its first paragraph to its last; the exit code."""
    from tui.stepper.plain import words_of

    words = None if script is None else words_of(script)
    while True:
        plain = opened(scenario, as_json, moment)
        try:
            plain.begin()
            words = take_all(plain, words, lines)
        except (SimkernelError, click.ClickException, OSError):
            raise
        except Exception as crash:
            crash.add_note(f"moment: {plain.moment}")  # for the report
            raise
        scenario, moment = plain.next_scenario, ""
        if not scenario:
            return exit_code(plain, words is not None or not sys.stdin.isatty())


def opened(scenario: str, as_json: bool, moment: str = "") -> Player:
    """The scenario of that name at its start, one of what stands beside them, or the place that a moment names."""
    from lessons.session.named_step import start
    from lessons.session.stepper import Stepper
    from tui.stepper import plain
    from tui.stepper.visiting import PlainVisit

    with progress("getting ready") as line:
        if scenario == "mysteries":
            from lessons.activities.opening import Opening

            return PlainVisit(Opening(), click.echo, as_json)
        if scenario == "lab":
            from lessons.activities.lab import Lab

            return PlainVisit(Lab(), click.echo, as_json)
        if scenario == "boot":
            from lessons.activities.boot import Boot
            from simkernel.sim.options import Options, load_image

            return PlainVisit(Boot(load_image(Options()), Options()), click.echo, as_json)
        if scenario == "overhead":
            from lessons.activities.costs import Costs

            return PlainVisit(Costs(), click.echo, as_json)
        stepper = Stepper.open(moment, report=line.report()) if moment else start(scenario, line.report())
        return plain.Plain(stepper, click.echo, as_json)


def take_all(plain: Player, words: list[str] | None, lines: bool) -> list[str] | None:
    """Take a script's words, lines or keys until they end or the story does; the words of the script that are left."""
    if words is not None:
        left = iter(words)
        for word in left:
            if not plain.take(word) or plain.refused:
                break
        return list(left)
    if lines or not sys.stdin.isatty():
        take_lines(plain)
    else:
        take_keys(plain)
    return None


def exit_code(plain: Player, unattended: bool) -> int:
    """2 where a word of a script could not be done, 1 where the kernel died of itself, else 0."""
    from lessons.session.content import SCENARIOS
    from simkernel.events import Oopsed

    if plain.refused and unattended:
        return 2
    if not hasattr(plain, "stepper"):
        return 0
    scenario = plain.stepper.scenario
    promised = scenario is None or scenario.ends_with is Oopsed or SCENARIOS.get(scenario.name) != scenario
    return 1 if plain.stepper.simulation.halt_reason and not promised else 0


def take_lines(plain: Player) -> None:
    """Words with Enter, several in a line too: `n n f`; an action with an argument has a line of its own."""
    interactive = sys.stdin.isatty()
    for line in sys.stdin:
        try:
            if not plain.take_line(line):
                return
        except LearnerError as error:
            if not interactive:
                raise
            click.echo(f"{error}\n")
        if plain.refused and not interactive:
            return


def take_keys(plain: Player) -> None:
    """Single keys from a terminal; `c` waits for a CPU's number, an action that needs an argument asks for it."""
    while True:
        key = click.getchar()
        if key in END_OF_INPUT:
            return
        word = ARROWS.get(key, key)
        if word == "c":
            word += click.getchar()
        try:
            prompt = plain.needs(word)
            if prompt:
                word = f"{word}:{click.prompt(prompt, default='', show_default=False)}"
            if not plain.take(word):
                return
        except LearnerError as error:
            click.echo(f"{error}\n")
