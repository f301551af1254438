"""A protocol as the patching task carries it out at one site: a row of actions, and what memory holds after each.

The patching task makes no choices: only *when* it takes its next action is open. So where it stands is one number, how
many actions it has taken, and everything that it has done to the site is a function of that number. The actions are
those of `poke.TextPoke.act`, one for one: a schedule found here is a row of `schedule.Act` there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simkernel import insn
from simkernel.explore.case import Case
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import Park, Part, Phase, Protocol, Release, SyncCores, Unpark, Write


class Do(Enum):
    """What the patching task does in one action."""

    PUBLISH = "publish"
    STORE = "store"
    ASK = "ask"  # every CPU to serialize
    ANSWERED = "answered"
    SKIP = "skip"  # a sync that this batch does not need
    PARK = "park"
    PARKED = "parked"
    GO_ON = "go on"
    GONE_ON = "gone on"
    DROP = "drop"  # its reference
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class ProgramAction:
    """One action: what, in which phase (its index and name), and the bytes stored: offset -> value, those that differ.

    `serialize`: the CPUs serialize as they go on. `wait`: the end of the release waits for handlers.
    """

    do: Do
    phase: int = -1
    name: str = ""
    stored: tuple[tuple[int, int], ...] = ()
    serialize: bool = True
    wait: bool = True


class Program:
    """The actions of one protocol at one site, and what holds after the first n of them.

    Attributes:
        actions: in order. The next four, and `made`, are lists over n = 0..len(actions).
        memory: the site's bytes.
        references: the patching task's own on the batch, which may fall below 0.
        published: handlers find the site.
        serialize: CPUs that go on will serialize.
        in_thread: CPUs are parked in their stopper threads.
        goes_at: the action with which the batch's record goes.
        cells: the cells that the site lies in (none where stores leave nothing pending).
        offsets: the site's bytes in each.
        values: what each store to it makes of these bytes, the old ones first.
        made: how many there were.
    """

    def __init__(self, protocol: Protocol, case: Case, model: FetchModel) -> None:
        self.protocol = protocol
        self.case = case
        self.actions: list[ProgramAction] = []
        self.memory = [case.old]
        self.references = [0]
        self.published = [False]
        self.serialize = [True]
        for action in self._all_actions():
            self._append(action)
        self.in_thread = any(isinstance(p.action, Park) and p.action.where == "thread" for p in protocol.phases)
        self.goes_at = self._record_goes()
        self._make_cells(model)

    def __len__(self) -> int:
        return len(self.actions)

    def _all_actions(self) -> list[ProgramAction]:
        out = [ProgramAction(Do.PUBLISH)]
        for index, phase in enumerate(self.protocol.phases):
            out += self._of(index, phase)
        return out

    def _of(self, index: int, phase: Phase) -> list[ProgramAction]:
        name = phase.name
        match phase.action:
            case Write() as write:
                return [ProgramAction(Do.STORE, index, name, self._stored(write))]
            case SyncCores() as sync if not sync.needed(self.case.size > 1, self.case.new[0] != insn.INT3):
                return [ProgramAction(Do.SKIP, index, name)]
            case SyncCores():
                return [ProgramAction(Do.ASK, index, name), ProgramAction(Do.ANSWERED, index, name)]
            case Park():
                return [ProgramAction(Do.PARK, index, name), ProgramAction(Do.PARKED, index, name)]
            case Unpark(serialize=serialize):
                return [ProgramAction(do, index, name, serialize=serialize) for do in (Do.GO_ON, Do.GONE_ON)]
            case Release(wait=wait):
                return [ProgramAction(Do.DROP, index, name), ProgramAction(Do.RELEASED, index, name, wait=wait)]

    def _stored(self, write: Write) -> tuple[tuple[int, int], ...]:
        """Every byte that the write stores; those that change nothing go when it is known what is there."""
        source = {Part.OLD: self.case.old, Part.NEW: self.case.new, Part.INT3: bytes((insn.INT3,)) * self.case.size}
        return tuple((at, source[write.part][at]) for at in write.offsets(self.case.site, self.case.size))

    def _append(self, action: ProgramAction) -> None:
        memory = bytearray(self.memory[-1])
        stored = tuple((at, value) for at, value in action.stored if memory[at] != value)
        for at, value in stored:
            memory[at] = value
        claims = self.protocol.claims
        own = {Do.PUBLISH: int(claims), Do.DROP: self.references[-1] - 1}.get(action.do, self.references[-1])
        self.actions.append(ProgramAction(action.do, action.phase, action.name, stored, action.serialize, action.wait))
        self.memory.append(bytes(memory))
        self.references.append(own)
        self.published.append(claims)
        self.serialize.append(action.serialize if action.do is Do.GO_ON else self.serialize[-1])

    def _record_goes(self) -> int:
        """The action with which the batch's record goes: the end of its release, else the batch's end."""
        ends = [at for at, action in enumerate(self.actions) if action.do is Do.RELEASED]
        return ends[0] if ends else len(self.actions) - 1

    def _make_cells(self, model: FetchModel) -> None:
        shift = model.cell_shift
        site = self.case.site
        cells = sorted({(site + at) >> shift for at in range(self.case.size)}) if shift is not None else []
        self.cells = tuple(cells)
        self.offsets = tuple(
            tuple(at for at in range(self.case.size) if shift is not None and (site + at) >> shift == cell)
            for cell in cells
        )
        self.values: list[list[bytes]] = [[bytes(self.case.old[at] for at in own)] for own in self.offsets]
        counts = [0] * len(cells)
        self.made = [tuple(counts)]
        for n, action in enumerate(self.actions):
            for i, own in enumerate(self.offsets):
                if any(at in own for at, _ in action.stored):
                    counts[i] += 1
                    self.values[i].append(bytes(self.memory[n + 1][at] for at in own))
            self.made.append(tuple(counts))

    def view(self, arrived: tuple[int, ...]) -> bytes:
        """The bytes that a CPU runs to which so many stores of each cell have come."""
        out = bytearray(self.case.size)
        for own, values, count in zip(self.offsets, self.values, arrived, strict=True):
            for at, value in zip(own, values[count], strict=True):
                out[at] = value
        return bytes(out)
