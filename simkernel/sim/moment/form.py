"""The JSON of a moment: every value has a type and a range, and both are checked as it is read.

Each kind of history entry has a form of its own, an array that begins with its name: `["run", 0, 2000]`. A form says
what its fields may be. Those of the choices stand here; those of the commands follow from the commands (`Command.tag`
and its fields), so a `Codec` knows the commands that it is given. What a machine can tell alone (whether there is such
a function) is left to the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from simkernel.errors import LearnerError
from simkernel.kernel.layout import NR_CPUS
from simkernel.kernel.synthetic import MAX_FUNCTIONS
from simkernel.patching.commands import Command, Name
from simkernel.schedule import QUANTUM, Act, Choice, Nmi, Read, Resolve, Run
from simkernel.sim.moment.armour import MAX_JSON

MAX_ENTRIES = 2_000_000  # history entries before a place: opening plays each again, some 30,000 a second
MAX_CLOCK = 200_000_000  # instructions of the machine's clock before it
MAX_INSTRUCTION = 15  # bytes (Intel SDM vol. 2, 2.3.11)
SHOWN = 400  # characters of somebody else's text in a message
BLANKS = " \t\n\v\f\r"  # what separates the patterns of a filter

Cpu = Annotated[int, Meta(ge=0, lt=NR_CPUS)]


class EntryForm(Struct, array_like=True, forbid_unknown_fields=True):
    """A history entry as a moment has it; its texts hold no control characters but blanks."""

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if isinstance(value, str) and not value.translate(_NO_BLANKS).isprintable():
                raise ValueError(f"{field} holds control characters")


_NO_BLANKS = dict.fromkeys(map(ord, BLANKS))


class RunForm(EntryForm, tag="run"):
    """A `Run`."""

    cpu: Cpu
    n: Annotated[int, Meta(ge=1, le=QUANTUM)]


class ReadForm(EntryForm, tag="read"):
    """A `Read`."""

    cpu: Cpu
    n: Annotated[int, Meta(ge=1, le=MAX_INSTRUCTION)]


class ResolveForm(EntryForm, tag="resolve"):
    """A `Resolve`."""

    cpu: Cpu
    address: int | None

    def __post_init__(self) -> None:
        if self.address is not None and not 0 <= self.address < 1 << 64:
            raise ValueError("an address of more than 64 bits")


class ActForm(EntryForm, tag="act"):
    """An `Act`."""

    entries: Annotated[int, Meta(ge=0, le=MAX_FUNCTIONS)]


class NmiForm(EntryForm, tag="nmi"):
    """An `Nmi`."""

    cpu: Cpu


AnyForm = TypeVar("AnyForm")

CHOICES: dict[type[EntryForm], type[Choice]] = {  # what a form becomes; their fields are the same
    RunForm: Run,
    ReadForm: Read,
    ResolveForm: Resolve,
    ActForm: Act,
    NmiForm: Nmi,
}
_FORM_OF = {kind: form for form, kind in CHOICES.items()}


class MomentForm(Struct, Generic[AnyForm], forbid_unknown_fields=True):
    """A moment as JSON. `made`: entries since the one before, and the entry, of each that was made by hand."""

    version: Annotated[str, Meta(pattern=r"\A[0-9A-Za-z.+_-]{1,40}\Z")]
    image: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    options: Mapping[str, bool | int | float | str | None]
    protocol: Name
    made: list[tuple[Annotated[int, Meta(ge=0, le=MAX_ENTRIES)], AnyForm]]
    place: tuple[Annotated[int, Meta(ge=0, le=MAX_ENTRIES)], Annotated[int, Meta(ge=0, lt=QUANTUM)]]
    clock: Annotated[int, Meta(ge=0, le=MAX_CLOCK)]
    state: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]

    def __post_init__(self) -> None:
        if not self.protocol.isprintable():
            raise ValueError("protocol holds control characters")


class Codec:
    """Reads and writes moments whose commands are of some kinds."""

    def __init__(self, commands: Iterable[type[Command]]) -> None:
        self._command_of = {form_of_kind(kind): kind for kind in commands}
        self._form_of = _FORM_OF | {kind: form for form, kind in self._command_of.items()}
        any_form: Any = reduce(or_, self._form_of.values())
        generic: Any = MomentForm
        self._decoder: msgspec.json.Decoder[MomentForm[EntryForm]] = msgspec.json.Decoder(generic[any_form])

    def to_json(self, form: MomentForm[EntryForm]) -> bytes:
        """A moment as JSON.

        Raises:
            LearnerError: for what `from_json` would refuse: text that no JSON can carry, or a value out of range.
        """
        try:
            plain = msgspec.json.encode(form)
            self._decoder.decode(plain)
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            raise LearnerError(f"no moment can name this place: {in_short(error)}") from error
        return plain

    def from_json(self, plain: bytes) -> MomentForm[EntryForm]:
        """The moment that JSON holds.

        Raises:
            LearnerError: it is no JSON of a moment, or a value of it has another type or is out of range.
        """
        if len(plain) > MAX_JSON:
            raise LearnerError(f"{len(plain):,} bytes are no moment: {MAX_JSON:,} are the most")
        try:
            return self._decoder.decode(plain)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise LearnerError(
                f"the moment string is whole, but what it holds is no moment of this form: {in_short(error)}"
            ) from error

    def form_of(self, what: Choice | Command) -> EntryForm:
        """A history entry as a moment has it."""
        form: Any = self._form_of[type(what)]
        values = what.plain() if isinstance(what, Command) else (getattr(what, one) for one in form.__struct_fields__)
        made: EntryForm = form(*values)
        return made

    def entry_of(self, form: EntryForm) -> Choice | Command:
        """The history entry that a form stands for.

        Raises:
            LearnerError: it names what there is not.
        """
        values = tuple(getattr(form, field) for field in form.__struct_fields__)
        kind = type(form)
        return CHOICES[kind](*values) if kind in CHOICES else self._command_of[kind].of_plain(values)


def form_of_kind(kind: type[Command]) -> type[EntryForm]:
    """The form of a kind of command: its tag, and its values, none of which may be missing."""
    fields = list(kind.plain_types().items())
    form: Any = msgspec.defstruct(f"{kind.__name__}Form", fields, bases=(EntryForm,), tag=kind.tag)
    made: type[EntryForm] = form
    return made


def in_short(text: object) -> str:
    """What something says, at most `SHOWN` characters of it, none of them one that a terminal obeys."""
    said = str(text)
    said = said if said.isprintable() else ascii(said)
    return said if len(said) <= SHOWN else f"{said[: SHOWN // 2]} ... {said[-SHOWN // 4 :]}"
