"""Moments: a place in a simulation's history as a string that anyone can paste, and that opens the very same state.

A moment holds what the state is a function of: engine version, digest of the image, options with the seed, the
commands and the choices made by hand with their places, the place itself. What the schedule drew from the seed is not
written down: opening draws it again. It also holds a digest of the state, and opening compares; so a moment from
elsewhere opens the same state or says that it cannot.

The string is `MARK`, then base64url of: length and CRC-32 of what follows (4 bytes each, little endian), JSON
compressed by zlib. Up to `STRING_LIMIT` characters it is for pasting; a longer one belongs into a file.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import simkernel
from simkernel.digest import state_digest
from simkernel.errors import GuestError, LearnerError
from simkernel.fetch import FetchModel
from simkernel.ftrace import commands
from simkernel.ftrace.commands import Command
from simkernel.image import KernelImage
from simkernel.options import Options, load_image
from simkernel.protocol import protocol_of
from simkernel.schedule import Act, Choice, Nmi, Policy, Read, Run, Settle
from simkernel.simulation import Entry, Simulation

MARK = "sk1-"
STRING_LIMIT = 2_000  # characters
_JSON_LIMIT = 64 << 20  # bytes of JSON that a moment may unpack to

NAMES: dict[str, type[Any]] = {  # what a history entry is called in a moment
    "run": Run,
    "read": Read,
    "settle": Settle,
    "act": Act,
    "nmi": Nmi,
    "tracer": commands.SetTracer,
    "filter": commands.SetFilter,
    "tracing_on": commands.TracingOn,
    "reset": commands.ResetBuffer,
    "register": commands.RegisterOps,
    "unregister": commands.UnregisterOps,
    "ops_filter": commands.SetOpsFilter,
    "protocol": commands.UseProtocol,
}
_NAME_OF = {kind: name for name, kind in NAMES.items()}
_ENUMS: dict[str, type[Enum]] = {"model": FetchModel, "policy": Policy}


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in history, and all that it takes to come there again.

    Attributes:
        version: of the engine that wrote it. image: digest of the kernel. options: with the seed.
        protocol: the name of the one that it booted with, which tells an experiment too (`protocol.protocol_of`).
        made: (place, entry) of every command and of every choice made by hand, ascending. Those behind the place lie
            ahead: they are what comes next.
        place: history entries before it, and instructions within the entry under way.
        state: digest of the state there.
    """

    version: str
    image: str
    options: Options
    protocol: str
    made: tuple[tuple[int, Choice | Command], ...]
    place: tuple[int, int]
    state: str

    @classmethod
    def of(cls, simulation: Simulation, until: int = 0) -> Moment:
        """The place at which a simulation stands.

        Args: until: take what lies ahead along, up to this entry; all of it has to be made by hand.
        Raises: LearnerError where its protocol is one that no name can be given to.
        """
        protocol = simulation.protocol
        if protocol_of(protocol.name) != protocol:
            raise LearnerError(f"protocol {protocol.name!r} is not in the table: a moment cannot name it")
        place = simulation.place
        if not all(entry.made for entry in simulation.entries[place[0] : until]):
            raise LearnerError("what lies ahead was not made by hand: a moment ends here")
        entries = simulation.entries[: max(until, place[0] + (place[1] > 0))]
        return cls(
            simkernel.__version__,
            simulation.image.digest,
            simulation.options,
            protocol.name,
            tuple((at, entry.what) for at, entry in enumerate(entries) if entry.made),
            place,
            state_digest(simulation),
        )

    # --- as text ----------------------------------------------------------------------------------------------

    def to_string(self) -> str:
        """The moment as one line of text."""
        options = {
            field.name: _plain(getattr(self.options, field.name))
            for field in dataclasses.fields(Options)
            if getattr(self.options, field.name) != field.default
        }
        written = {
            "version": self.version,
            "image": self.image,
            "options": options,
            "protocol": self.protocol,
            "made": _pack(self.made),
            "place": list(self.place),
            "state": self.state,
        }
        packed = zlib.compress(json.dumps(written, separators=(",", ":")).encode(), 9)
        head = struct.pack("<II", len(packed), zlib.crc32(packed))
        return MARK + base64.urlsafe_b64encode(head + packed).rstrip(b"=").decode()

    @classmethod
    def from_string(cls, text: str) -> Moment:
        """The moment that a string holds.

        Raises: LearnerError where it is no moment string, is cut short, or has been changed.
        """
        text = "".join(text.split())
        if not text.startswith(MARK):
            raise LearnerError(f"not a moment string: one begins with {MARK!r}")
        written = _unpack_json(text)
        try:
            place = written["place"]
            return cls(
                str(written["version"]),
                str(written["image"]),
                _options(written["options"]),
                str(written["protocol"]),
                tuple(_unpack(written["made"])),
                (int(place[0]), int(place[1])),
                str(written["state"]),
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            version = written.get("version", "unknown") if isinstance(written, dict) else "unknown"
            raise LearnerError(
                f"the moment was written by simkernel {version}, in a form that this one "
                f"({simkernel.__version__}) cannot read: {error}"
            ) from error

    # --- opening ----------------------------------------------------------------------------------------------

    def open(self, image: KernelImage | None = None, progress: Callable[[int, int], None] | None = None) -> Simulation:
        """A simulation that stands at this moment.

        Args:
            image: the kernel; needed where it was read from a file. progress: told (entries done, entries in all).
        Raises: LearnerError where that state cannot be had again, with the version that could.
        """
        image = self._image(image)
        simulation = Simulation(image, self.options, protocol_of(self.protocol))
        made = dict(self.made)
        last = self.place[0]
        try:
            while simulation.position < last:
                self._next(simulation, made)
                simulation.step()
                if progress and not simulation.position & 0xFFF:
                    progress(simulation.position, last)
            if self.place[1]:
                self._next(simulation, made)
                simulation.goto_place(self.place)
        except (GuestError, LearnerError) as error:
            raise self._other_state(str(error)) from error
        ahead = [Entry(what, True) for at, what in self.made if at >= last]
        simulation.entries[last:] = ahead if not self.place[1] else simulation.entries[last:]
        if simulation.place != self.place or state_digest(simulation) != self.state:
            raise self._other_state("the state there is another one")
        return simulation

    @staticmethod
    def _next(simulation: Simulation, made: dict[int, Choice | Command]) -> None:
        """Put the entry that was made by hand here before the simulation, if there was one."""
        if (what := made.get(simulation.position)) is not None:
            simulation.entries.append(Entry(what, True))

    def _image(self, image: KernelImage | None) -> KernelImage:
        if image is None and self.options.kernel is not None:
            raise LearnerError(f"this moment needs its kernel: give the file {self.options.kernel} again")
        given = image is not None
        image = image or load_image(self.options)
        if image.digest != self.image:
            which = "the kernel given" if given else "the kernel of this version"
            raise LearnerError(
                f"{which} is not the one of the moment (digest {image.digest[:12]}, not {self.image[:12]}): "
                f"simkernel {self.version} wrote it"
            )
        return image

    def _other_state(self, why: str) -> LearnerError:
        if self.version == simkernel.__version__:
            return LearnerError(f"this moment does not open to the state that it names: {why}")
        return LearnerError(
            f"this moment was written by simkernel {self.version} and opens there; "
            f"simkernel {simkernel.__version__} comes to another state: {why}"
        )


def moment_string(simulation: Simulation) -> str:
    """The place at which a simulation stands, as one line of text."""
    return Moment.of(simulation).to_string()


def open_moment(text: str, image: KernelImage | None = None) -> Simulation:
    """A simulation at the moment that a string names, or the file of that name; see `Moment.open`."""
    if not text.lstrip().startswith(MARK):
        try:
            path = Path(text)
            text = path.read_text(encoding="ascii") if path.is_file() else text
        except (OSError, UnicodeDecodeError, ValueError):
            pass  # neither a file of ours nor a string: said below
    return Moment.from_string(text).open(image)


# --- entries and options as JSON -----------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _pack(made: tuple[tuple[int, Choice | Command], ...]) -> list[list[Any]]:
    """[entries since the one before, name, field, ...] of each."""
    out: list[list[Any]] = []
    before = 0
    for at, what in made:
        fields = [getattr(what, field.name) for field in dataclasses.fields(what)]
        out.append([at - before, _NAME_OF[type(what)], *fields])
        before = at
    return out


def _unpack(packed: list[list[Any]]) -> list[tuple[int, Choice | Command]]:
    out: list[tuple[int, Choice | Command]] = []
    at = 0
    for step, name, *fields in packed:
        if not all(isinstance(field, (int, str, type(None))) for field in fields):
            raise ValueError(f"an entry {name!r} with fields that are no numbers or texts")
        at += int(step)
        out.append((at, NAMES[name](*fields)))
    return out


def _options(written: dict[str, Any]) -> Options:
    values: dict[str, Any] = {n: _ENUMS[n](value) if n in _ENUMS else value for n, value in written.items()}
    options = Options(**values)
    options.validate()
    return options


def _unpack_json(text: str) -> dict[str, Any]:
    """The JSON within a moment string, once its length and checksum are right."""
    body = text[len(MARK) :]
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        length, checksum = struct.unpack_from("<II", data)
    except (binascii.Error, struct.error) as error:
        raise LearnerError("the moment string is damaged or cut short: copy all of it") from error
    packed = data[8:]
    if len(packed) < length:
        missing = -(-(length - len(packed)) * 4 // 3)
        raise LearnerError(f"the moment string is cut short: about {missing} characters are missing at its end")
    if len(packed) > length or zlib.crc32(packed) != checksum:
        raise LearnerError("the moment string is damaged: its checksum does not fit; copy it again")
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(packed, _JSON_LIMIT)
        written = json.loads(plain)
    except (zlib.error, ValueError) as error:
        raise LearnerError("the moment string is damaged: what it holds cannot be read") from error
    if not isinstance(written, dict):
        raise LearnerError("the moment string is damaged: what it holds is no moment")
    return written
