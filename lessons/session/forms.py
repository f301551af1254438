"""The forms of a scenario's files: which keys there are, and of which types.

Moves and commands have a form for each kind, made of the kind's own fields, so that a new kind needs no line here but
its name.
"""

from __future__ import annotations

import dataclasses
from functools import reduce
from operator import or_
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

from lessons.session.beliefs import Belief
from lessons.session.director import Acts, Goes, Interrupts, Move, Reads, Resolves, Through
from lessons.session.scenarios import Died
from simkernel.ftrace import commands as ftrace
from simkernel.patching.commands import OWN_COMMANDS, Command

Text = Annotated[str, Meta(min_length=1)]


class ScenarioForm(Struct, forbid_unknown_fields=True):
    """A scenario as its file has it; `Scenario` says what each key is."""

    title: Text
    question: Text
    answer: Text
    function: Text
    commands: Annotated[list[dict[str, Any]], Meta(min_length=1)]
    before: list[dict[str, Any]] = []
    near: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    ends_with: Text = "BatchReleased"
    shows: list[Text] = []
    waits: Annotated[int, Meta(ge=0)] = 0
    ablate: bool = False
    options: dict[str, Any] = {}
    asks: list[OwnQuestionForm] = []


class ClaimForm(Struct, forbid_unknown_fields=True):
    """A choice of a question; `Claim` says what each key is."""

    text: Text
    event: str = ""
    cpu: int = -1
    figure: str = ""
    belief: Belief | None = None


class OwnQuestionForm(Struct, forbid_unknown_fields=True):
    """A question of a scenario; `OwnQuestion` says what each key is."""

    at: Text
    facts: Annotated[list[Text], Meta(min_length=1)]
    text: Text
    choices: Annotated[list[ClaimForm], Meta(min_length=3, max_length=4)]
    hint: Text
    why: Text
    counts: str = ""


class NearForm(Struct, forbid_unknown_fields=True):
    """`Near`, by default at the site."""

    cpu: int
    distance: Annotated[int, Meta(ge=0)] = 0
    function: str = ""


class KnownForm(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What was measured: `Scenario.stops`, `Scenario.changed` and `Scenario.ablated`."""

    stops: Annotated[int, Meta(ge=0)] = 0
    changed: dict[str, Annotated[int, Meta(ge=0)]] = {}
    ablated: dict[str, Died | None] = {}


class PathForm(Struct, forbid_unknown_fields=True):
    """The order of all scenarios."""

    path: Annotated[list[Text], Meta(min_length=1)]


def _form(name: str, field: str, tag: str, fields: list[tuple[Any, ...]]) -> type[Struct]:
    return msgspec.defstruct(name, fields, tag=tag, tag_field=field, forbid_unknown_fields=True)


def _form_of_move(kind: type[Move]) -> type[Struct]:
    """The fields of a kind of move; an event by its name, left out for none."""
    hints: dict[str, Any] = get_type_hints(kind)
    fields: list[tuple[Any, ...]] = [
        (field, str, "") if field == "until" else (field, hint) for field, hint in hints.items()
    ]
    return _form(f"{kind.__name__}Form", "move", kind.__name__.lower(), fields)


def _form_of_command(kind: type[Command]) -> type[Struct]:
    """What a moment holds of a kind of command; what has a default may be left out."""
    defaults = {f.name: (f.default,) for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING}
    fields = [(name, hint, *defaults.get(name, ())) for name, hint in kind.plain_types().items()]
    return _form(f"{kind.__name__}Form", "command", kind.tag, fields)


MOVES: dict[type[Struct], type[Move]] = {
    _form_of_move(kind): kind for kind in (Acts, Through, Goes, Reads, Resolves, Interrupts)
}
COMMANDS: dict[type[Struct], type[Command]] = {
    _form_of_command(kind): kind for kind in (*OWN_COMMANDS, *ftrace.COMMANDS)
}
ANY_MOVE: Any = reduce(or_, MOVES)
ANY_COMMAND: Any = reduce(or_, COMMANDS)
