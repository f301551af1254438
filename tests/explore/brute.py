"""An enumerator without any reduction: CPUs are told apart, pending stores are lists, nothing is done in one go.

It shares with the explorer what bytes do (`effects.Bench`) and the protocol's table, and nothing else. States are
plain tuples; every CPU may do anything at any time that the machine allows:

* a store puts a (cell, values) into a list of each CPU; any of them that is the oldest of its cell may arrive, whether
  the CPU will look at it or not;
* an IPI is entered, serializes, answers and returns in steps of their own, and waits as long as it likes;
* the handler takes its reference, finds the record, puts the reference and returns in steps of their own.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from simkernel import insn
from simkernel.explore.case import Case
from simkernel.explore.effects import Bench, Kind
from simkernel.fetch import FetchModel
from simkernel.protocol import Park, Part, Protocol, Release, SyncCores, Unpark, Write

Pending = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


class C(NamedTuple):
    """A CPU: the five bytes it runs, what is pending, where it is, what it has to answer."""

    view: bytes
    pending: Pending = ()
    where: str = "site"  # site, trampoline, trap, held, found, put, ipi, synced, acked, stopper, loop, dead
    at: int = 0
    back: str = ""  # where an interrupt returns to
    ipi: bool = False
    csd: bool = False
    stop: int = 0
    new: bool = False
    read: bytes = b""


class S(NamedTuple):
    """Everything: phase and stage within it, memory, references, batch published, CPUs."""

    phase: int
    waiting: bool
    memory: bytes
    refs: int
    published: bool
    over: bool
    cpus: tuple[C, ...]


class Brute:
    """All states of a protocol at a case; `broken` has the properties that some step breaks."""

    def __init__(self, protocol: Protocol, case: Case, model: FetchModel, cpus: int) -> None:
        self.protocol, self.case, self.model = protocol, case, model
        self.bench = Bench(case)
        self.broken: dict[str, int] = {}
        self.states = 0
        self.in_thread = any(isinstance(p.action, Park) and p.action.where == "thread" for p in protocol.phases)
        self.serialize = next((p.action.serialize for p in protocol.phases if isinstance(p.action, Unpark)), True)
        self.start = S(-1, False, case.old, 0, False, False, (C(case.old),) * cpus)
        self._run()

    def _run(self) -> None:
        depth = {self.start: 0}
        queue = deque([self.start])
        before: dict[S, list[S]] = {}
        while queue:
            state = queue.popleft()
            for after, broken in self.steps(state):
                for name in broken:
                    self.broken.setdefault(name, depth[state] + 1)
                before.setdefault(after, []).append(state)
                if after not in depth:
                    depth[after] = depth[state] + 1
                    queue.append(after)
        self.states = len(depth)
        ends = [s for s in depth if self._ended(s) or any(c.where == "dead" for c in s.cpus)]
        reach = set(ends)
        while ends:
            for one in before.get(ends.pop(), ()):
                if one not in reach:
                    reach.add(one)
                    ends.append(one)
        if len(reach) < len(depth):
            self.broken["stuck"] = min(depth[s] for s in depth if s not in reach)

    def _ended(self, s: S) -> bool:
        return s.over and not any(c.where == "loop" for c in s.cpus)

    def steps(self, s: S) -> list[tuple[S, tuple[str, ...]]]:
        if any(c.where == "dead" for c in s.cpus):
            return []
        out = [] if s.over else self._task(s)
        for i, c in enumerate(s.cpus):
            for then, refs, broken in self._cpu(s, c):
                cpus = (*s.cpus[:i], then, *s.cpus[i + 1 :])
                if "old" in broken and any(one.new for one in s.cpus):
                    broken = (*broken, "at-once")
                out.append((s._replace(cpus=cpus, refs=refs), tuple(b for b in broken if b != "old")))
        return out

    # --- the patching task ------------------------------------------------------------------------------------

    def _task(self, s: S) -> list[tuple[S, tuple[str, ...]]]:
        if s.phase < 0:
            claims = self.protocol.claims
            return [(s._replace(phase=0, published=claims, refs=int(claims)), ())]
        action = self.protocol.phases[s.phase].action
        cpus = s.cpus
        if not s.waiting:
            match action:
                case Write():
                    return [self._next(self._store(s, action))]
                case SyncCores():
                    cpus = tuple(c._replace(csd=True, ipi=True) for c in cpus)
                case Park():
                    cpus = tuple(c._replace(stop=1, ipi=True) for c in cpus)
                case Unpark():
                    cpus = tuple(c._replace(stop=3) for c in cpus)
                case Release():
                    s = s._replace(refs=s.refs - 1)
            return [(s._replace(waiting=True, cpus=cpus), ())]
        done = {
            SyncCores: not any(c.csd for c in cpus),
            Park: all(c.stop == 2 for c in cpus),
            Unpark: all(c.stop == 0 for c in cpus),
            Release: s.refs == 0 or (isinstance(action, Release) and not action.wait),
        }[type(action)]
        return [self._next(s)] if done else []

    def _next(self, s: S) -> tuple[S, tuple[str, ...]]:
        last = s.phase + 1 == len(self.protocol.phases)
        releases = [i for i, p in enumerate(self.protocol.phases) if isinstance(p.action, Release)]
        goes = s.phase == releases[0] if releases else last
        broken = ("released",) if goes and s.published and any(self._may_trap(s, c) for c in s.cpus) else ()
        return s._replace(phase=s.phase + 1, waiting=False, over=last), broken

    def _store(self, s: S, write: Write) -> S:
        source = {Part.OLD: self.case.old, Part.NEW: self.case.new, Part.INT3: bytes((insn.INT3,)) * 5}[write.part]
        memory = bytearray(s.memory)
        cells: dict[int, list[tuple[int, int]]] = {}
        shift = self.model.cell_shift
        for at in write.offsets(self.case.site):
            if memory[at] != source[at]:
                memory[at] = source[at]
                cells.setdefault((self.case.site + at) >> (shift or 0), []).append((at, source[at]))
        new = tuple((cell, tuple(values)) for cell, values in cells.items())
        if shift is None:
            return s._replace(memory=bytes(memory))
        cpus = tuple(c._replace(pending=c.pending + new) for c in s.cpus)
        return s._replace(memory=bytes(memory), cpus=cpus)

    def _may_trap(self, s: S, c: C) -> bool:
        if c.where in ("trap", "held", "found") or c.back in ("trap", "held", "found"):
            return c.at == 0
        if c.read and c.at == 0:
            return c.read[0] == insn.INT3
        heads = [value for _, values in c.pending for at, value in values if at == 0]
        mine = self._view(s, c)[0]
        return insn.INT3 in (mine, *heads)

    # --- a CPU --------------------------------------------------------------------------------------------------

    def _view(self, s: S, c: C) -> bytes:
        return s.memory if self.model.cell_shift is None else c.view

    def _serialized(self, s: S, c: C) -> C:
        return c._replace(view=s.memory, pending=()) if self.model.cell_shift is not None else c

    def _cpu(self, s: S, c: C) -> list[tuple[C, int, tuple[str, ...]]]:
        out: list[tuple[C, int, tuple[str, ...]]] = []
        seen = set()
        for at, (cell, values) in enumerate(c.pending):
            if cell not in seen:
                seen.add(cell)
                view = bytearray(c.view)
                for offset, value in values:
                    view[offset] = value
                out.append((c._replace(view=bytes(view), pending=c.pending[:at] + c.pending[at + 1 :]), s.refs, ()))
        on = c.where in ("site", "trampoline") or (
            self.protocol.gate == "trap" and c.where in ("trap", "held", "found")
        )
        if c.ipi and on and not c.read:
            out.append((c._replace(ipi=False, where="ipi", back=c.where), s.refs, ()))
        match c.where:
            case "site":
                out += self._site(s, c)
            case "trampoline":
                out.append((c._replace(where="site", at=0), s.refs, ()))
            case "trap":
                known = s.refs != 0 and s.published and c.at == 0
                broken = () if known else ("unclaimed",)
                refs = s.refs + 1 if known else s.refs
                out.append((c._replace(where="held" if known else "dead"), refs, broken))
            case "held":
                out.append((c._replace(where="found"), s.refs, ()))
            case "found":
                out.append((c._replace(where="put"), s.refs - 1, ()))
            case "put":
                skip = self.protocol.handler == "skip"
                then = self._serialized(s, c._replace(where="site", at=0))
                out.append((*self._left(s, then, self.case.end if skip else self.case.new_target),))
            case _:
                out += self._interrupt(s, c)
        return out

    def _interrupt(self, s: S, c: C) -> list[tuple[C, int, tuple[str, ...]]]:
        home = c._replace(where=c.back, back="")
        match c.where:
            case "ipi":
                then = self._serialized(s, c) if c.csd else c
                return [(then._replace(where="synced"), s.refs, ())]
            case "synced":
                return [(c._replace(where="acked", csd=False), s.refs, ())]
            case "acked":
                if c.stop == 1:
                    return [(c._replace(where="loop", stop=2), s.refs, ())]
                return [(self._serialized(s, home), s.refs, ())]
            case "loop" if c.stop == 3:
                then = self._serialized(s, c) if self.serialize else c
                return [(then._replace(where="stopper", stop=0), s.refs, ())]
            case "stopper":
                out: list[tuple[C, int, tuple[str, ...]]] = [(self._serialized(s, home), s.refs, ())]
                if self.in_thread:
                    out.append((c._replace(where="site", at=0, back=""), s.refs, ()))
                return out
        return []

    def _site(self, s: S, c: C) -> list[tuple[C, int, tuple[str, ...]]]:
        whole = self._view(s, c)
        data = c.read + whole[c.at + len(c.read) :] + self.case.behind
        effect = self.bench.effect(self.case.site + c.at, data[:15])
        out: list[tuple[C, int, tuple[str, ...]]] = []
        if self.model is FetchModel.PIECES and s.phase >= 0 and not s.over:
            for n in range(len(c.read) + 1, min(effect.size, 5 - c.at) + 1):
                out.append((c._replace(read=data[:n]), s.refs, ()))
        broken: tuple[str, ...] = () if self._known(c.at, data) else ("torn",)
        then = c._replace(read=b"")
        case = self.case
        if effect.kind is Kind.TRAP:
            result = then._replace(where="trap"), s.refs, broken
        elif effect.kind in (Kind.FAULT, Kind.ASTRAY):
            moved = effect.kind is Kind.ASTRAY and effect.stack
            result = then._replace(where="dead"), s.refs, (*broken, "stack") if moved else broken
        elif case.site < effect.to < case.end:
            result = then._replace(at=effect.to - case.site), s.refs, broken
        else:
            cpu, refs, more = self._left(s, then, effect.to)
            if effect.kind is Kind.CALL and effect.back != case.end:
                cpu, more = cpu._replace(where="dead"), (*more, "stack")
            result = cpu, refs, (*broken, *more)
        return [*out, result]

    def _known(self, at: int, data: bytes) -> bool:
        if at == 0 and data[0] == insn.INT3:
            return True
        for whole in (self.case.old, self.case.new):
            size = self.case.instructions(whole).get(at)
            if size and data[:size] == whole[at : at + size]:
                return True
        return False

    def _left(self, s: S, c: C, to: int) -> tuple[C, int, tuple[str, ...]]:
        case = self.case
        known = to in (case.old_target, case.new_target)
        where = "site" if to == case.end else "trampoline" if known else "dead"
        after = c._replace(where=where, at=0, new=c.new or to == case.new_target)
        if to == case.new_target:
            return after, s.refs, ()
        if to != case.old_target:
            return after, s.refs, ("neither",)
        return after, s.refs, ("old", *(["back"] if c.new else []), *(["late"] if s.over else []))
