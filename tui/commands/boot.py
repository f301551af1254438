"""`simkernel boot`: the toy kernel comes up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tui.options import KERNEL, MACHINE, Options, takes_options
from tui.output import emit_json, say, wait_for_a_key
from tui.session import boot, check_alive, engine_options, image_of

if TYPE_CHECKING:
    from lessons.activities.boot import Booting
    from simkernel.sim.simulation import Simulation


@click.command
@click.option("--step", is_flag=True, help="Say each thing that happens; on a terminal wait for a key after each.")
@takes_options(KERNEL, MACHINE)
def command(step: bool, options: Options, as_json: bool) -> None:
    """Boot the toy kernel and print its log.

    On the way ftrace_init holds each site against `call __fentry__` and writes a NOP there.
    """
    if step:
        step_through(options, as_json)
        return
    simulation = boot(options)
    from simkernel import tracefs
    from simkernel.sim.control_files import control_files

    log = tracefs.read(control_files(simulation), "dmesg")
    if as_json:
        emit_json(summary(simulation) | {"dmesg": log.splitlines()})
    else:
        click.echo(log, nl=False)
        click.echo(sentence_of(summary(simulation)))


def summary(simulation: Simulation) -> dict[str, Any]:
    """What has come up, in numbers."""
    return {
        "cpus": simulation.options.cpus,
        "functions": len(simulation.image.functions()),
        "instructions": simulation.clock,
        "digest": simulation.image.digest,
    }


def sentence_of(numbers: dict[str, Any]) -> str:
    """The numbers of `summary` in a sentence."""
    return (
        f"{numbers['cpus']} CPUs run tasks after {numbers['instructions']:,} instructions; "
        f"{numbers['functions']:,} functions can be traced."
    )


def happenings(booting: Booting, limit: int) -> Iterator[tuple[int, str]]:
    """Boot the machine; what happens on the way, as (clock, sentence)."""
    shown, more = 0, True
    while more and booting.simulation.clock < limit:
        more = booting.step()
        yield from booting.said[shown:]
        shown = len(booting.said)


def step_through(options: Options, as_json: bool) -> None:
    """Boot and print each event as a sentence."""
    from lessons.activities.boot import Booting
    from simkernel.errors import GuestError

    booting = Booting(image_of(options), engine_options(options))
    simulation = booting.simulation
    waits = not as_json and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    steps = []
    for number, (clock, text) in enumerate(happenings(booting, options.max_instructions), 1):
        steps.append({"step": number, "clock": clock, "text": text})
        if not as_json:
            say(text, f"{number:>4}  {clock:>9,}  ")
        if waits and not wait_for_a_key():
            return
    check_alive(simulation)
    if not simulation.booted():
        raise GuestError(f"the kernel is not up after {options.max_instructions:,} instructions (--max-instructions)")
    if as_json:
        emit_json(summary(simulation) | {"steps": steps})
    else:
        click.echo(sentence_of(summary(simulation)))
