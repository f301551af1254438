"""`simkernel step`: a scenario, step by step, on a screen or as plain text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from simkernel.errors import LearnerError, SimkernelError
from tui.interrupt import end_in_peace
from tui.options import refuse_screen_options, takes_screen
from tui.output import emit_json, progress

if TYPE_CHECKING:
    from lessons.kept import Kept
    from tui.stepper.player import PlainVisit


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
@click.option("--list", "listing", is_flag=True, help="List all that SCENARIO may be.")
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
    """Step through SCENARIO, forwards and backwards. In plain mode without one: the list of all.

    one@3 begins at step 3 of the scenario one, one@3+without:sync-1 at step 3 of the run that fails without sync 1.
    Other changes are cpus:4, model:byte, policy:late, schedule:round-robin, seed:5, protocol:stop_machine.

    In plain mode n is the next step, b back, p the next phase; w says where one is, f the five bytes, c1 what CPU1 is
    at, y why, l the last again, h every word. An argument follows a colon: t:vfs_*. Esc leads to the list. Where keys
    are taken one by one, the key : asks for a longer word.

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
    refuse_screen_options(ascii_only, theme)
    ctx.exit(run_plain(scenario or "", script, as_json, lines, moment or ""))


def list_scenarios(as_json: bool) -> None:
    """All that can be begun, by name; of a story also its era and number of stops, of the others the question."""
    from lessons.activities.start import Start
    from lessons.session.path import PATH

    entries, of = Start().entries, {story.name: story for story in PATH}
    if as_json:
        emit_json(
            [
                {"name": one.name, "title": one.title, "question": one.question}
                | ({"era": of[one.name].protocol.table.era, "steps": of[one.name].stops} if one.name in of else {})
                for one in entries
            ]
        )  # fmt: skip
        return
    room = max(len(one.name) for one in entries)
    for one in entries:
        click.echo(f"{one.name:<{room}} {one.title}: {one.question}{f' {one.about}' if one.about else ''}")


def run_plain(
    scenario: str = "", script: str | None = None, as_json: bool = False, lines: bool = False, moment: str = ""
) -> int:
    """Plain mode from its first paragraph to its last; the exit code, 1 where what should work has failed."""
    from tui.app import kept
    from tui.stepper.words import words_of

    words = None if script is None else words_of(script)
    person = words is None and sys.stdin.isatty()
    plain = opened(scenario, as_json, moment, kept.load() if person else None)
    plain.cancels = person  # else nobody says the next word
    plain.single = person and not lines
    try:
        plain.begin()
        take_all(plain, words, lines)
        if person:
            kept.keep(plain.visit)
    except (KeyboardInterrupt, click.Abort):
        end_in_peace()  # a second signal would come while the file is written
        if person and not plain.busy:
            kept.keep(plain.visit)
        raise
    except (SimkernelError, click.ClickException, OSError):
        raise
    except Exception as crash:
        crash.add_note(f"moment: {plain.moment}")  # for the report
        raise
    return 1 if any(one.failed for one in plain.visit.all) else 0


def opened(scenario: str, as_json: bool, moment: str, last: Kept | None) -> PlainVisit:
    """What has that name before its start, or the place that a moment names, or the list; one goes back to the list.

    The list offers the place where a person left the last time.
    """
    from lessons.activities.start import Start
    from lessons.activities.story import Story
    from lessons.session.stepper import Stepper
    from tui.stepper.player import PlainVisit

    home = Start(last)
    if not (scenario or moment):
        return PlainVisit(home, click.echo, as_json)
    if not moment:
        return PlainVisit(home.named(scenario), click.echo, as_json, home=home)
    with progress("getting ready", spoken=True) as line:
        story = Story(Stepper.open(moment, report=line.report()))
    return PlainVisit(story, click.echo, as_json, home=home)


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
    from tui.stepper.words import filled

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
            click.echo(f"{filled(str(error))}\n", err=plain.as_json)
    if interactive:
        plain.take("q")


def take_keys(plain: PlainVisit) -> None:
    """Single keys from a terminal; what needs an argument asks for it."""
    from tui.stepper.keys import Keys
    from tui.stepper.words import filled

    keys = Keys(plain)
    while True:
        try:
            if not plain.take(keys.word()):
                return
        except EOFError:
            plain.take("q")
            return
        except LearnerError as error:
            click.echo(f"{filled(str(error))}\n", err=plain.as_json)
