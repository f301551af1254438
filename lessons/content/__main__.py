"""`python -m lessons.content --check | --write [NAME ...]`: what is known of each scenario, against its runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from lessons import content as folder
from lessons.session.actions import apply
from lessons.session.content import KNOWN, SCENARIOS
from lessons.session.forms import KnownForm
from lessons.session.left_out import SOME, measured
from lessons.session.own_question import OwnQuestion
from lessons.session.path import PATH, count
from lessons.session.scenarios import FIGURES, Scenario
from lessons.session.stepper import Stepper
from lessons.story.questions.own import decided
from lessons.story.say import stop_here
from simkernel.errors import GuestError, SimkernelError, nearest


def measure(scenario: Scenario, runs: int = SOME) -> KnownForm:
    """What running a scenario shows.

    Args:
        scenario: which.
        runs: how many to try, where directed moves do not lead to the death of its kernel.

    Raises:
        GuestError: its story does not come to its end, its own question is not decided, or a phase is needed and no
            run dies without it.
    """
    stepper = Stepper.start(scenario)
    apply(stepper, "run")
    if not stepper.finished:
        raise GuestError(f"{scenario.name}: the story does not come to {scenario.ends_with.__name__}")
    for at, asked in enumerate(scenario.asks):
        if not _is_decided(scenario, asked):
            raise GuestError(f"{scenario.name}: asks[{at}]: no step has its event, or no choice is what the run shows")
    phases = [phase.name for phase in scenario.table.phases] if scenario.ablate else []
    changed = {one.name: count(one) for one in PATH if one.start.changes and one.start.scenario == scenario.name}
    return KnownForm(len(stepper.stops()), changed, {phase: measured(scenario, phase, runs) for phase in phases})


def _is_decided(scenario: Scenario, asked: OwnQuestion) -> bool:
    """Whether a question of the scenario comes up in its run, and one of its choices is right there."""
    stepper = Stepper.start(scenario)
    figures = {name: figure(scenario, stepper.simulation) for name, figure in FIGURES.items()}
    while not stepper.finished and stepper.forward():
        here = stop_here(stepper)
        if here is not None and isinstance(here.events[-1], asked.at):
            return decided(stepper, scenario, asked, figures) is not None
    return False


def as_text(known: KnownForm) -> bytes:
    """A file of it; what has its default is left out of it."""
    return msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n"


def main() -> int:
    """0 if all that is known is what the runs show (or was written), 1 if not, 2 if a scenario cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m lessons.content", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="run each scenario and compare with its known.json")
    what.add_argument("--write", action="store_true", help="run each scenario and write its known.json")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; none: all")
    options = parser.parse_args()
    for name in options.names:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario {name!r}.{nearest(name, SCENARIOS)}")
    differ = []
    for name in options.names or SCENARIOS:
        scenario = SCENARIOS[name]
        file = Path(folder.__file__).parent / name / KNOWN
        try:
            fresh = as_text(measure(scenario))
        except SimkernelError as error:
            print(error, file=sys.stderr)
            return 2
        if options.write:
            file.write_bytes(fresh)
        elif not file.exists() or file.read_bytes() != fresh:
            differ.append(name)
        print(f"{name}: {msgspec.json.decode(fresh)['stops']} stops")
    if differ:
        print(f"{', '.join(differ)}: run python -m lessons.content --write, and look at the changes", file=sys.stderr)
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
