"""The scenarios as files have them: each a folder of `lessons/content` without code, read and checked as a whole.

    path.toml             what a person watches, in this order: all scenarios, and some of them changed
    NAME/scenario.toml    what a person writes: its keys are those of `ScenarioForm`
    NAME/known.json       what was measured by running it: `python -m lessons.content --write` writes it

What a scenario names (events, functions, commands, a protocol, a model, moves) it names by value. A name that leads
to nothing is refused as the file is read, in a sentence that has the file and the key.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec

from lessons.session.director import Goes, Move, Near, Through
from lessons.session.forms import (
    ANY_COMMAND,
    ANY_MOVE,
    COMMANDS,
    MOVES,
    ClaimForm,
    KnownForm,
    NearForm,
    OwnQuestionForm,
    PathForm,
    ScenarioForm,
)
from lessons.session.own_question import Claim, OwnQuestion
from lessons.session.prepared import Prepared
from lessons.session.scenarios import FIGURES, OPTIONS, Scenario
from simkernel.errors import LearnerError, nearest
from simkernel.events import Event, event_named
from simkernel.ftrace.commands import RegisterOps, SetTracer
from simkernel.ftrace.filters import FunctionNames, apply_filter, split_tokens
from simkernel.ftrace.tracers import tracer_named
from simkernel.kernel import KernelImage
from simkernel.patching.commands import Command, Patterns, UseProtocol
from simkernel.protocol import Protocol, phase_named
from simkernel.report import Report
from simkernel.sim.digest import state_digest
from simkernel.sim.options import KERNEL_FILES, Options, built_in
from simkernel.sim.simulation import Simulation

CONTENT = resources.files("lessons") / "content"
PATH, WRITTEN, KNOWN = "path.toml", "scenario.toml", "known.json"

Form = TypeVar("Form")


@contextmanager
def _at(*place: str) -> Iterator[None]:
    """Say where it is, file and key, that something cannot be."""
    try:
        yield
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        where = [*place, path.rstrip("`").lstrip(".")]
        raise LearnerError(": ".join([*filter(None, where), what])) from None
    except LearnerError as error:
        raise LearnerError(": ".join([*place, str(error)])) from None


def _text(file: Traversable, shown: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LearnerError(f"{shown}: it cannot be read: {error}") from error


def _toml(file: Traversable, shown: str, kind: type[Form]) -> Form:
    """A file of TOML in its form."""
    try:
        plain = tomllib.loads(_text(file, shown))
    except tomllib.TOMLDecodeError as error:
        raise LearnerError(f"{shown}: this is no TOML: {error}") from None
    with _at(shown):
        return msgspec.convert(plain, kind)


def load(root: Traversable = CONTENT) -> dict[str, Scenario]:
    """All scenarios of a folder by their names, in the order of its path.

    Raises:
        LearnerError: a file is missing, or holds what cannot be; it names the file and the key.
    """
    path = read_path(root)
    folders = sorted(one.name for one in root.iterdir() if (one / WRITTEN).is_file())
    for at, step in enumerate(path):
        with _at(PATH, f"path[{at}]"):
            if (name := step.partition("@")[0]) not in folders:
                raise LearnerError(f"there is no folder {name!r} with a {WRITTEN}.{nearest(name, folders)}")
            if step in path[:at]:
                raise LearnerError(f"{step!r} stands in it twice")
    if missing := [name for name in folders if name not in path]:
        raise LearnerError(f"{PATH}: path: {missing[0]!r} is a scenario, too: name it where it is watched")
    names = [name for name in path if name in folders]
    read = (_Reader(f"{name}/{WRITTEN}").scenario(name, root / name) for name in names)
    return {one.name: one for one in read}


def read_path(root: Traversable = CONTENT) -> list[str]:
    """What a person watches, in this order: names of scenarios and, where one is changed, of steps.

    Raises:
        LearnerError: the file is missing, or holds something else.
    """
    return _toml(root / PATH, PATH, PathForm).path


class _Reader:
    """Reads one scenario; `file` is what it is called in messages."""

    def __init__(self, file: str) -> None:
        self._file = file

    def scenario(self, name: str, folder: Traversable) -> Scenario:
        """The scenario in a folder, all of it checked; LearnerError that names the file and the key."""
        form = _toml(folder / WRITTEN, self._file, ScenarioForm)
        options = self._options(form.options)
        image = built_in(options)
        names = FunctionNames(image.function_names(), image.mcount_loc)
        with self._key("function"):
            if not image.symbol(form.function).traced:
                raise LearnerError(f"{form.function} is notrace: no site stands at its start")
        self._check_figures("answer", form.answer)
        known = self._known(folder / KNOWN, options.protocol.table)
        return Scenario(
            name=name,
            title=form.title,
            question=form.question,
            answer=form.answer.strip(),
            function=form.function,
            before=self._commands("before", form.before, image, names),
            commands=self._commands("commands", form.commands, image, names),
            options=options,
            near=tuple(self._near(f"near[{at}]", one, options, image) for at, one in enumerate(form.near)),
            moves=tuple(self._move(f"moves[{at}]", one, options) for at, one in enumerate(form.moves)),
            ends_with=self._event("ends_with", form.ends_with),
            shows=tuple(self._event(f"shows[{at}]", one) for at, one in enumerate(form.shows)),
            waits=form.waits,
            ablate=form.ablate,
            stops=known.stops,
            changed=tuple(known.changed.items()),
            ablated=tuple(known.ablated.items()),
            asks=tuple(self._question(f"asks[{at}]", one, options) for at, one in enumerate(form.asks)),
        )

    def _key(self, *key: str) -> Any:
        return _at(self._file, *key)

    def _options(self, changes: dict[str, Any]) -> Options:
        """Those of stories, with the changes of the file."""
        with self._key("options"):
            if files := KERNEL_FILES.keys() & changes.keys():
                raise LearnerError(f"{min(files)} names a file, and a scenario runs everywhere: leave it out")
            return Options.read(OPTIONS.plain() | changes)

    def _check_figures(self, key: str, text: str) -> None:
        with self._key(key):
            try:
                figures = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
            except ValueError as error:
                raise LearnerError(f"its braces hold no figure: {error}") from None
            if unknown := [name for name in figures if name not in FIGURES]:
                raise LearnerError(f"there is no figure {unknown[0]!r}; there are: {', '.join(FIGURES)}")

    def _event(self, key: str, name: str) -> type[Event]:
        with self._key(key):
            return event_named(name)

    def _question(self, key: str, form: OwnQuestionForm, options: Options) -> OwnQuestion:
        texts = [(f"{key}.{name}", getattr(form, name)) for name in ("text", "hint", "why")]
        for where, text in (*texts, *((f"{key}.facts[{at}]", one) for at, one in enumerate(form.facts))):
            self._check_figures(where, text)
        counts = self._event(f"{key}.counts", form.counts) if form.counts else None
        made = (self._claim(f"{key}.choices[{at}]", one, options, counts) for at, one in enumerate(form.choices))
        at, facts, choices = self._event(f"{key}.at", form.at), tuple(form.facts), tuple(made)
        with self._key(f"{key}.choices"):
            if len({one.text for one in choices}) < len(choices):
                raise LearnerError("two of them have the same text")
        return OwnQuestion(at, facts, form.text, choices, counts, form.hint, form.why)

    def _claim(self, key: str, form: ClaimForm, options: Options, counts: type[Event] | None) -> Claim:
        """A choice, decided by a figure where events are counted, else by an event."""
        self._check_figures(f"{key}.text", form.text)
        with self._key(key):
            if counts is not None and (form.event or not form.figure):
                raise LearnerError("events are counted here: a choice names a figure, and no event")
            if counts is None and (form.figure or not form.event):
                raise LearnerError("nothing is counted here: a choice names an event, and no figure")
        self._check_figures(f"{key}.figure", f"{{{form.figure}}}" if form.figure else "")
        if form.cpu >= 0:
            self._check_cpu(key, form.cpu, options)
        event = self._event(f"{key}.event", form.event) if form.event else None
        return Claim(form.text, event, form.cpu, form.figure, form.belief)

    def _commands(
        self, key: str, plain: list[dict[str, Any]], image: KernelImage, names: FunctionNames
    ) -> tuple[Command, ...]:
        return tuple(self._command(f"{key}[{at}]", one, image, names) for at, one in enumerate(plain))

    def _command(self, key: str, plain: dict[str, Any], image: KernelImage, names: FunctionNames) -> Command:
        with self._key(key):
            form = msgspec.convert(plain, ANY_COMMAND)
            kind = COMMANDS[type(form)]
            command = kind.of_plain([getattr(form, field) for field in kind.plain_types()])
        for (field, hint), value in zip(kind.plain_types().items(), command.plain(), strict=True):
            with self._key(f"{key}.{field}"):
                if hint == Patterns and split_tokens(value):
                    apply_filter(names, value)
                if isinstance(command, RegisterOps) and field == "func":
                    image.address(value)
                if isinstance(command, SetTracer) and field == "name":
                    tracer_named(value)
        return command

    def _near(self, key: str, plain: dict[str, Any], options: Options, image: KernelImage) -> Near:
        with self._key(key):
            near = msgspec.convert(plain, NearForm)
        self._check_cpu(key, near.cpu, options)
        if near.function:
            with self._key(f"{key}.function"):
                image.address(near.function)
        return Near(near.cpu, near.distance, near.function)

    def _move(self, key: str, plain: dict[str, Any], options: Options) -> Move:
        with self._key(key):
            form = msgspec.convert(plain, ANY_MOVE)
        kind = MOVES[type(form)]
        if "cpu" in form.__struct_fields__:
            self._check_cpu(key, form.cpu, options)
        if kind is Through and form.phase:
            with self._key(f"{key}.phase"):
                return Through(phase_named(options.protocol.table, form.phase).name)
        if kind is Goes:
            return Goes(form.cpu, self._event(f"{key}.until", form.until) if form.until else None)
        move: Any = kind
        made: Move = move(*(getattr(form, field) for field in form.__struct_fields__))
        return made

    def _check_cpu(self, key: str, cpu: int, options: Options) -> None:
        with self._key(f"{key}.cpu"):
            if not 0 <= cpu < options.cpus:
                raise LearnerError(f"there is no CPU{cpu}: this scenario has CPU0 to CPU{options.cpus - 1}")

    def _known(self, file: Traversable, protocol: Protocol) -> KnownForm:
        """What was measured; nothing yet where there is no such file."""
        if not file.is_file():
            return KnownForm()
        shown = self._file.replace(WRITTEN, KNOWN)
        text = _text(file, shown)
        try:
            with _at(shown):
                known = msgspec.json.decode(text, type=KnownForm)
            for phase in known.ablated:
                with _at(shown, "ablated"):
                    protocol.phase(phase)
        except (LearnerError, msgspec.DecodeError) as error:
            said = str(error) if isinstance(error, LearnerError) else f"{shown}: this is no JSON: {error}"
            raise LearnerError(f"{said}. Delete the file, then measure: python -m lessons.content --write") from None
        return known


SCENARIOS = load()
"""All scenarios, in the order of their path."""
STORIES = tuple(read_path())
"""The whole path: beside the scenarios those that are changed, as `step` takes them."""


def scenario_named(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        LearnerError: there is none; the message has the names there are.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        raise LearnerError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}") from None


def own_site(simulation: Simulation) -> int | None:
    """The site that a scenario looks at which asks for all that was asked for here; None where there is none such."""
    made = (entry for _, entry in simulation.by_hand(0, simulation.position))
    asked = [entry for entry in made if isinstance(entry, Command) and not isinstance(entry, UseProtocol)]
    image = simulation.image
    for scenario in SCENARIOS.values():
        symbol = image.symbols.named(scenario.function)
        if symbol is not None and symbol.traced and asked == [*scenario.before, *scenario.commands]:
            return image.site_of(symbol)
    return None


def run_of(
    simulation: Simulation, prepared: Prepared, report: Report | None = None
) -> tuple[Scenario, Simulation, int] | None:
    """The scenario in whose run this is a place; None for any other run.

    Args:
        simulation: at the place.
        prepared: begins the scenario.
        report: is told what is under way.

    Returns:
        The scenario; a simulation at the place, with what the scenario has chosen ahead of it, or the one given where a
        person went another way; the position at which the story starts.
    """
    for scenario in SCENARIOS.values():
        if replace(scenario.options, protocol=simulation.options.protocol) != simulation.options:
            continue
        asked = [entry for _, entry in simulation.by_hand(0, simulation.position) if isinstance(entry, Command)]
        commands = [entry for entry in asked if not isinstance(entry, UseProtocol)]
        wanted = [*scenario.before, *scenario.commands]
        if commands[: len(wanted)] != wanted:
            continue
        run = prepared.begin(scenario, report)
        start = run.position
        same = run.options == simulation.options and run.by_hand(0, start) == simulation.by_hand(0, start)
        if same and start <= simulation.position:
            return scenario, _as_far(run, simulation), start
    return None


def _as_far(run: Simulation, simulation: Simulation) -> Simulation:
    """A run at the place at which another simulation is; that one where the run does not lead there."""
    while run.position < simulation.position and not run.halt_reason:
        run.step()
    if run.position < simulation.position:
        return simulation
    run.goto_point(simulation.point)
    return run if state_digest(run) == state_digest(simulation) else simulation
