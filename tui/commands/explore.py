"""`simkernel explore`: take a step out of a protocol and see whether the kernel survives every order of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from tui.options import JSON, MODELS, OneOf
from tui.output import emit_json, progress, say

if TYPE_CHECKING:
    from simkernel.explore import Finding
    from simkernel.protocol import Variant

CHANGES = ("nop-call", "call-call", "call-nop")
PLACES = ("inside", "across")
NOPS = ("nop5", "5x1", "2+3", "jmp+3")
NOT_SAFE = 1


@click.command
@click.option("--protocol", "name", default="int3", show_default=True, metavar="NAME", help="How to patch.")
@click.option("--without", multiple=True, metavar="PHASE", help="Leave a phase out, e.g. sync-1; may be repeated.")
@click.option("--twice", multiple=True, metavar="PHASE", help="Do a phase once more; may be repeated.")
@click.option("--move", "moves", multiple=True, metavar="PHASE:BEFORE", help="Do a phase before another one.")
@click.option("--nop", type=OneOf(NOPS), default="nop5", show_default=True, help="What an untraced site holds.")
@click.option("--trap-gate", is_flag=True, help="#BP enters its handler with interrupts on.")
@click.option("--change", type=OneOf(CHANGES), default="nop-call", show_default=True, help="What becomes of the site.")
@click.option(
    "--place",
    type=OneOf(PLACES),
    default="inside",
    show_default=True,
    help="The site lies inside a cache line, or across two.",
)
@click.option("--model", type=OneOf(MODELS), default="byte", show_default=True, help="What a CPU may run meanwhile.")
@click.option(
    "--nmi",
    is_flag=True,
    help="NMIs come at any moment, and only their handlers run the site. Without it no NMI comes.",
)
@click.option("--cpus", type=click.IntRange(1, 4), default=2, show_default=True, help="CPUs, 1 to 4.")
@click.option("--property", "properties", multiple=True, metavar="NAME", help="Ask for this one only; may be repeated.")
@click.option("--states", type=click.IntRange(1), default=1_000_000, show_default=True, help="Give up after so many.")
@click.option("--ablation", is_flag=True, help="Print the table: every protocol, whole and with each step left out.")
@click.option("--markdown", is_flag=True, help="With --ablation: as the page simkernel/explore/ablation.md.")
@click.option("--no-replay", is_flag=True, help="Do not play a schedule on the simulation.")
@JSON
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **asked: Any) -> None:
    """Look at every order of events of a protocol: safe, or the shortest schedule that breaks it.

    A wrong name of a phase or a protocol is answered by the list of them.
    Exit codes: 0 safe; 1 not safe, or not finished, and it says which; 2 it cannot be asked so.
    """
    refuse_contradictions(ctx, as_json)
    if asked["ablation"]:
        print_ablation(as_json, asked["markdown"], not asked["no_replay"])
        return
    from simkernel.explore import Question, explore
    from simkernel.explore.properties import USUAL
    from simkernel.hw.fetch import FetchModel

    question = Question(
        changed(asked),
        asked["change"],
        asked["place"],
        FetchModel(asked["model"]),
        asked["cpus"],
        tuple(dict.fromkeys(asked["properties"])) or USUAL,
        asked["states"],
        asked["nmi"],
    )
    with progress("exploring") as line:
        finding = explore(question, line.report())
    moment = "" if asked["no_replay"] or not finding.broken else played(finding)
    if as_json:
        emit_json(as_value(finding) | {"moment": moment or None})
    else:
        tell(finding, moment)
    ctx.exit(0 if finding.safe else NOT_SAFE)


def refuse_contradictions(ctx: click.Context, as_json: bool) -> None:
    """LearnerError for options of which one would have no effect."""
    from simkernel.errors import LearnerError

    given = [
        option.opts[0]
        for option in ctx.command.params
        if option.name and ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]
    others = [one for one in given if one not in ("--ablation", "--markdown", "--json", "--no-replay")]
    if "--ablation" in given and others:
        raise LearnerError(f"--ablation is the table of all protocols: leave out {', '.join(others)}")
    if "--markdown" in given and "--ablation" not in given:
        raise LearnerError("--markdown prints the table: give --ablation with it")
    if "--markdown" in given and as_json:
        raise LearnerError("--markdown and --json are two ways to print the table: choose one")


def print_ablation(as_json: bool, as_markdown: bool, with_moments: bool) -> None:
    """The table of ablations: for a terminal, as a page, or all that is known of it (with moments it takes minutes)."""
    from simkernel.explore import ablation

    with progress("exploring every cell"):
        if as_json:
            emit_json(list(ablation.values(with_moments)))
        else:
            click.echo(ablation.markdown() if as_markdown else ablation.as_text(), nl=not as_markdown)


def changed(asked: dict[str, Any]) -> Variant:
    """The protocol that the options name, with what they change in it."""
    from simkernel.errors import LearnerError
    from simkernel.protocol import parse, phase_named

    variant = parse(asked["name"])

    def named(typed: str) -> str:
        return phase_named(variant.table, typed).name

    for phase in asked["without"]:
        variant = variant.without(named(phase))
    for phase in asked["twice"]:
        variant = variant.twice(named(phase))
    for move in asked["moves"]:
        phase, colon, before = move.partition(":")
        if not colon:
            raise LearnerError(f"--move {move}: name two phases, PHASE:BEFORE, as in sync-2:write-tail")
        variant = variant.moved(named(phase), named(before))
    if asked["nop"] != "nop5":
        variant = variant.on_nop(asked["nop"])
    return variant.through_trap_gate() if asked["trap_gate"] else variant


def played(finding: Finding) -> str:
    """The moment at which the schedule begins on the simulation, "" where the machine does not go that way.

    Raises: OurError where it ends in another verdict there.
    """
    from simkernel.errors import OurError
    from simkernel.explore.replay import replay
    from simkernel.explore.stage import Unplayable

    with progress("playing it on the simulation"):
        try:
            done = replay(finding)
        except Unplayable:
            return ""
    if finding.broken not in done.broken:
        raise OurError(f"{finding.verdict()} The simulation says: {', '.join(sorted(done.broken)) or 'nothing'}.")
    return done.moment


def tell(finding: Finding, moment: str) -> None:
    """The schedule, a line a step, the verdict, why it is so, and where to see it."""
    from simkernel.explore.reasons import why

    for number, line in enumerate(finding.sentences(), 1):
        say(line, f"{number:3}  ")
    say(finding.verdict())
    if reason := why((finding,)):
        say(f"Why: {reason}")
    if moment:
        click.echo(
            f"It was played on the simulation and ended so there too. Watch it:\nsimkernel demo --moment {moment}"
        )


def as_value(finding: Finding) -> dict[str, Any]:
    """The answer as JSON has it."""
    from simkernel.explore.reasons import why

    asked = finding.question
    return {
        "protocol": asked.variant.name,
        "change": asked.change,
        "place": asked.place,
        "model": asked.model.value,
        "cpus": asked.cpus,
        "nmi": asked.nmi,
        "properties": list(asked.properties),
        "states": finding.states,
        "finished": finding.finished,
        "safe": finding.safe,
        "broken": finding.broken or None,
        "schedule": finding.sentences(),
        "verdict": finding.verdict(),
        "why": why((finding,)) or None,
    }
