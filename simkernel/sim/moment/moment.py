"""What a moment holds, and how one is taken and opened.

A moment holds what the state is a function of: engine version, digest of the image, options with the seed, the
commands and the choices made by hand with their positions, the point itself. It does not hold what the schedule drew
from the seed: opening draws it again. It also holds a digest of the guest and its hardware there, and of all that it
says itself, and opening compares; so a moment from elsewhere opens the same state or says that it cannot. The names and
the layout of our classes are no part of that digest: a moment opens wherever the same history leads to the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import msgspec

import simkernel
from simkernel.errors import GuestError, LearnerError
from simkernel.files import read_bytes
from simkernel.kernel import KernelImage
from simkernel.patching.commands import OWN_COMMANDS, Command
from simkernel.patching.subsystem import Subsystem
from simkernel.protocol import Variant, name_of, parse
from simkernel.report import Report
from simkernel.schedule import Choice
from simkernel.sim.digest import DIGEST_BYTES, feed, machine_digest
from simkernel.sim.log import Point
from simkernel.sim.moment import armour
from simkernel.sim.moment.form import Codec, EntryForm, MomentForm, in_short
from simkernel.sim.now import SimulationNow
from simkernel.sim.options import Options, built_in
from simkernel.sim.parts import SUBSYSTEMS
from simkernel.sim.simulation import Simulation
from simkernel.sim.travel import GOING

STRING_LIMIT = 2_000  # characters: up to here it is for pasting; a longer one belongs into a file
LOOK = 0x7F  # entries between two looks at the report, less one


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in history, and all that it takes to come there again.

    Attributes:
        version: of the engine that wrote it.
        image: digest of the kernel.
        options: with the seed, and the protocol that the kernel booted with.
        made: (position, entry) of every command and of every choice made by hand, ascending. Those behind the point lie
            ahead: they are what comes next.
        point: where in history, to the instruction.
        clock: of the machine there.
        state: digest of the guest and its hardware there, and of everything above but the version.
        subsystems: who patches code there; a moment's text does not name them.
    """

    version: str
    image: str
    options: Options
    made: tuple[tuple[int, Choice | Command], ...]
    point: Point
    clock: int
    state: str
    subsystems: tuple[type[Subsystem], ...] = SUBSYSTEMS

    @classmethod
    def of(cls, simulation: SimulationNow, until: int = 0) -> Moment:
        """The point at which a simulation is.

        Args:
            simulation: which.
            until: take what lies ahead along, up to this entry; all of it has to be made by hand.

        Raises:
            LearnerError: a protocol is none that a name stands for.
        """
        point = simulation.point
        if len(simulation.by_hand(point.position, until)) < until - point.position:
            raise LearnerError("what lies ahead was not made by hand: a moment ends here")
        made = tuple(simulation.by_hand(0, max(until, point.position + (point.instructions > 0))))
        moment = cls(
            simkernel.__version__,
            simulation.image.digest,
            simulation.options,
            made,
            point,
            simulation.clock,
            "",
            simulation.subsystems,
        )
        return replace(moment, state=moment._digest(simulation))

    def _digest(self, simulation: SimulationNow) -> str:
        """The digest of a simulation's machine and of what the moment's text says; the version may differ."""
        out = hashlib.blake2b(digest_size=DIGEST_BYTES)
        form = self._form()
        feed(out, (form.image, form.options, form.protocol, msgspec.to_builtins(form.made), form.place, form.clock))
        feed(out, machine_digest(simulation))
        return out.hexdigest()

    # --- as text ----------------------------------------------------------------------------------------------

    def to_string(self) -> str:
        """The moment as one line of text.

        Raises:
            LearnerError: it is farther away than one may be (`form`).
        """
        return armour.pack(_codec(self.subsystems).to_json(self._form()))

    def _form(self) -> MomentForm[EntryForm]:
        codec = _codec(self.subsystems)
        before, made = 0, list[tuple[int, EntryForm]]()
        for at, what in self.made:
            made.append((at - before, codec.form_of(what)))
            before = at
        options, protocol = _base_and_name(self.options)
        return MomentForm(self.version, self.image, options.plain(), protocol, made, self.point, self.clock, self.state)

    @classmethod
    def from_string(cls, text: str, subsystems: tuple[type[Subsystem], ...] = SUBSYSTEMS) -> Moment:
        """The moment that a string holds, with what people paste beside one (`armour`).

        Raises:
            LearnerError: it is no moment string, is cut short, has been changed or holds what cannot be.
        """
        codec = _codec(subsystems)
        form = codec.from_json(armour.unpack(text))
        options = _with_protocol(Options.read(form.options), form.protocol)
        made: list[tuple[int, Choice | Command]] = []
        at = 0
        for step, entry in form.made:
            if made and not step:
                raise LearnerError(f"the moment holds two entries for position {at} of history: it has room for one")
            at += step
            what = codec.entry_of(entry)
            cpu = getattr(what, "cpu", 0)
            if cpu >= options.cpus:
                raise LearnerError(f"entry {at} of the moment is CPU{cpu}'s; there are {options.cpus} CPUs")
            made.append((at, what))
        point = Point(*form.place)
        ahead = [at for at, _ in made if at >= point.position]
        if ahead != list(range(point.position, point.position + len(ahead))):
            raise LearnerError("what lies ahead of the moment's point has gaps: its entries follow one another")
        return cls(form.version, form.image, options, tuple(made), point, form.clock, form.state, subsystems)

    # --- opening ----------------------------------------------------------------------------------------------

    def open(self, image: KernelImage | None = None, report: Report | None = None) -> Simulation:
        """A simulation that stands at this moment.

        Args:
            image: the kernel; needed where it was read from a file.
            report: called on the way; it may cancel that.

        Raises:
            LearnerError: that state cannot be had again, with the version that could.
            Cancelled: `report` has cancelled the way.
        """
        image = self._image(image)
        simulation = Simulation(image, self.options, self.subsystems)
        simulation.foresee(self.made)
        while simulation.position < self.point.position:
            self._advance(simulation.step)
            self._look(simulation, report)
        if self.point.instructions:
            self._advance(partial(simulation.goto_point, self.point))
        if simulation.point != self.point or self._digest(simulation) != self.state:
            raise self._other_state("the state there is another one")
        return simulation

    def _advance(self, move: Callable[[], object]) -> None:
        """Move on, by an entry or in one. LearnerError where this machine cannot."""
        try:
            move()
        except (GuestError, LearnerError) as error:
            raise self._other_state(in_short(error)) from error

    def _look(self, simulation: Simulation, report: Report | None) -> None:
        """Say how far it is. LearnerError behind the moment's clock."""
        clock, position = simulation.clock, simulation.position
        if clock > self.clock:
            raise self._other_state(f"entry {position} comes {clock - self.clock:,} instructions after its clock")
        if report and not position & LOOK:
            report(GOING, clock / max(1, self.clock))

    def _image(self, image: KernelImage | None) -> KernelImage:
        file = self.options.kernel_file
        if image is None and file is not None:
            raise LearnerError(f"this moment needs its kernel: give the file {in_short(file)} again")
        given = image is not None
        image = image or built_in(self.options)
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


@cache
def _codec(subsystems: tuple[type[Subsystem], ...]) -> Codec:
    """What reads and writes the commands of these subsystems, and the patching task's own."""
    return Codec((*OWN_COMMANDS, *(command for one in subsystems for command in one.commands)))


def _base_and_name(options: Options) -> tuple[Options, str]:
    """Options as a moment holds them: with the protocol as it is, and beside them the name with its changes.

    Raises:
        LearnerError: no name stands for the protocol.
    """
    variant = options.protocol
    return replace(options, protocol=Variant(variant.base)), name_of(variant)


def _with_protocol(options: Options, name: str) -> Options:
    """The way back.

    Raises:
        LearnerError: the name is not one of the protocol that the options hold.
    """
    variant = parse(name)
    if options.protocol != Variant(variant.base):
        raise LearnerError(f"the moment is of the protocol {name}, but its options say {options.protocol.name}")
    return replace(options, protocol=variant)


def moment_string(simulation: SimulationNow) -> str:
    """The point at which a simulation is, as one line of text."""
    return Moment.of(simulation).to_string()


def read_moment(text: str) -> Moment:
    """The moment that a text holds, or the file of that name.

    Raises:
        LearnerError: as `Moment.from_string`.
    """
    return Moment.from_string(text if armour.is_moment(text) else _text_of_file(text))


def open_moment(text: str, image: KernelImage | None = None, report: Report | None = None) -> Simulation:
    """A simulation at the moment that `read_moment` finds; see `Moment.open`."""
    return read_moment(text).open(image, report)


def _text_of_file(name: str) -> str:
    """The text of the file of that name; the name itself where there is nothing of that name."""
    try:
        if not os.path.lexists(name):
            return name
    except ValueError:  # a null byte within
        return name
    return read_bytes(name, "a moment", armour.MAX_TEXT).decode(errors="replace")
