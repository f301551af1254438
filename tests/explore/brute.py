"""An enumerator without any reduction: CPUs are told apart, pending stores are lists, nothing is done in one go.

It shares with the explorer what bytes do (`effects.Bench`) and the protocol's table, and nothing else. States are
plain tuples; every CPU may do anything at any time that the machine allows:

* a store puts a (cell, values) into a list of each CPU; any of them that is the oldest of its cell may arrive, whether
  the CPU will look at it or not;
* an IPI is entered, serializes, answers and returns in steps of their own, and waits as long as it likes;
* the handler takes its reference, finds the record, puts the reference and returns in steps of their own;
* where NMIs come, one comes to a CPU in any step of anything that is no NMI: also to one that has serialized and not
  answered yet, or has seen that it may go on and is still in its stopper thread or its interrupt.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from simkernel import insn
from simkernel.explore.case import Case
from simkernel.explore.effects import Bench, Flow
from simkernel.hw.fetch import FetchModel
from simkernel.protocol import Park, Part, Protocol, Release, SyncCores, Unpark, Write

Pending = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


class C(NamedTuple):
    """A CPU: the bytes it runs at the site, what is pending, where it is, what it has to answer."""

    view: bytes
    pending: Pending = ()
    where: str = "site"  # site, trampoline, trap, held, found, put, ipi, synced, acked, stopper, loop, dead, away, iret
    at: int = 0
    back: str = ""  # where an interrupt returns to
    under: str = ""  # where an NMI returns to, "" in none
    ipi: bool = False
    csd: bool = False
    stop: int = 0
    new: bool = False
    read: bytes = b""


@cache
def bench_of(case: Case) -> Bench:
    """What bytes do at the site of a case: the same in every search of it."""
    return Bench(case)


States = NDArray[np.int64]
X = TypeVar("X", bound=Hashable)


class Numbers(Generic[X]):
    """A number for each value, in the order in which they come; `facts` has a byte of what is asked of all at once."""

    def __init__(self, fact: Callable[[X], int]) -> None:
        self.all: list[X] = []
        self._numbers: dict[X, int] = {}
        self._fact, self._facts = fact, bytearray()

    def of(self, value: X) -> int:
        """Its number, a new one if it is new."""
        number = self._numbers.setdefault(value, len(self.all))
        if number == len(self.all):
            self.all.append(value)
            self._facts.append(self._fact(value))
        return number

    def facts(self, numbers: States) -> NDArray[np.uint8]:
        """The byte of each of these."""
        return np.frombuffer(self._facts, dtype=np.uint8)[numbers]


class T(NamedTuple):
    """All but the CPUs: the phase, whether it waits, memory, references, whether handlers find the batch, the end."""

    phase: int
    waiting: bool
    memory: bytes
    refs: int
    published: bool
    over: bool


DEAD, LOOPS, NEW = 1, 2, 4  # facts of a C


def _facts_of(c: C) -> int:
    return (DEAD if c.where == "dead" else 0) | (LOOPS if "loop" in (c.where, c.under) else 0) | (NEW if c.new else 0)


class Pairs:
    """What is known of each pair (T, C), for many states at once: as NumPy has it, but for what each pair is worth."""

    def __init__(self, moves_of: Callable[[int, int], list[tuple[int, int, int]]]) -> None:
        self._moves_of = moves_of
        self._rows: dict[int, tuple[int, int]] = {}  # of each pair, where its moves are, and how many
        self._moves = array("q")  # three words each: by how much T and C change, and what is broken

    def moves(self, pairs: States) -> tuple[States, States, States, States]:
        """(which of the pairs, by how much its T changes, its C, what is broken), for each move of each pair."""
        ones, inverse = np.unique(pairs, return_inverse=True)
        rows = np.array([self._row(pair) for pair in ones.tolist()], dtype=np.int64).reshape(-1, 2)[inverse]
        first, count = rows.T
        sources = np.repeat(np.arange(len(pairs)), count)
        within = np.arange(len(sources)) - np.repeat(np.cumsum(count) - count, count)
        t, c, broken = np.frombuffer(self._moves, dtype=np.int64).reshape(-1, 3)[first[sources] + within].T
        return sources, t, c, broken

    def _row(self, pair: int) -> tuple[int, int]:
        row = self._rows.get(pair)
        if row is None:
            moves = self._moves_of(pair >> NUMBER, pair & MASK)
            row = self._rows[pair] = len(self._moves) // 3, len(moves)
            for move in moves:
                self._moves.extend(move)
        return row


NUMBER = 20  # bits for the number of a CPU in a state
MASK = (1 << NUMBER) - 1
OLD = 1  # among what is broken: the old instruction was run, which breaks something once any CPU has run the new one


class Brute:
    """All states of a protocol at a case; `broken` has the properties that some step breaks, and how soon.

    A state is one integer: the number of its T, then the number of each CPU's C, in the CPUs' own order. Numbers are
    names and merge nothing: two states are one only where every field of every CPU is the same. What a CPU or the task
    can do is asked once for each T and C; NumPy puts that together for all states of a level.
    """

    def __init__(self, protocol: Protocol, case: Case, model: FetchModel, cpus: int) -> None:
        self.protocol, self.case, self.model = protocol, case, model
        self.bench = bench_of(case)
        self.broken: dict[str, int] = {}
        self.in_thread = any(isinstance(p.action, Park) and p.action.where == "thread" for p in protocol.phases)
        self.home = "away" if case.nmi else "site"
        self.serialize = next((p.action.serialize for p in protocol.phases if isinstance(p.action, Unpark)), True)
        self._shifts = tuple(NUMBER * i for i in range(cpus))
        self._top = NUMBER * cpus
        self._ts = Numbers[T](lambda t: t.over)
        self._cs = Numbers[C](_facts_of)
        self._names: list[str] = ["old", "not-at-once", "released"]  # a bit each
        self._cpu_moves, self._told = Pairs(self._moves_of), Pairs(self._told_of)
        self.states = self._run()

    def _run(self) -> int:
        """Breadth first, a level at a time; the number of states."""
        start = self._ts.of(T(-1, False, self.case.old, 0, False, False)) << self._top
        start += sum(self._cs.of(C(self.case.old, where=self.home)) << shift for shift in self._shifts)
        seen = level = np.array([start], dtype=np.int64)
        levels, steps = [level], []
        while len(level):
            sources, targets, broken = self._steps(level)
            for bit, name in enumerate(self._names):
                if broken >> bit & 1 and name != "old":
                    self.broken.setdefault(name, len(levels))
            steps.append((sources, targets))
            after = np.unique(targets)
            at = np.searchsorted(seen, after)
            new = seen[np.minimum(at, len(seen) - 1)] != after
            level = after[new]
            seen = np.insert(seen, at[new], level)
            levels.append(level)
        self._look_for_stuck(seen, levels, steps)
        return len(seen)

    def _look_for_stuck(self, states: States, levels: list[States], steps: list[tuple[States, States]]) -> None:
        """Backwards from the end, and from wherever somebody has died."""
        sources, targets = (
            np.concatenate([np.searchsorted(states, ends[side]).astype(np.uint32) for ends in steps]) for side in (0, 1)
        )
        t, cpus = self._numbers(states)
        facts = [self._cs.facts(c) for c in cpus]
        all_facts = np.bitwise_or.reduce(facts)
        reach = (self._ts.facts(t).astype(bool) & (all_facts & LOOPS == 0)) | (all_facts & DEAD != 0)
        count = -1
        while count != (count := int(reach.sum())):
            reach[sources[reach[targets]]] = True
            left = ~reach[sources]
            sources, targets = sources[left], targets[left]
        if not reach.all():
            stuck = states[~reach]
            self.broken["stuck"] = next(n for n, level in enumerate(levels) if np.isin(level, stuck).any())

    def _numbers(self, states: States) -> tuple[States, list[States]]:
        """Which T it is, and which C each CPU is."""
        return states >> self._top, [states >> shift & MASK for shift in self._shifts]

    def _steps(self, states: States) -> tuple[States, States, int]:
        """(where each step begins, where it leads, all that is broken); who is dead lets nobody go on."""
        dead = np.bitwise_or.reduce([self._cs.facts(c) for c in self._numbers(states)[1]]) & DEAD
        states = states[dead == 0]
        t, cpus = self._numbers(states)
        any_new = np.bitwise_or.reduce([self._cs.facts(c) for c in cpus]) & NEW != 0
        task = np.flatnonzero(self._ts.facts(t) == 0)
        after, broken = self._task(t[task], [c[task] for c in cpus])
        let = after >= 0
        begins, ends = [states[task][let]], [after[let]]
        everything = int(np.bitwise_or.reduce(broken[let], initial=0))
        for c, shift in zip(cpus, self._shifts, strict=True):
            sources, by_t, by_c, broken = self._cpu_moves.moves((t << NUMBER) + c)
            begins.append(states[sources])
            ends.append(begins[-1] + (by_t << self._top) + (by_c << shift))
            everything |= int(np.bitwise_or.reduce(broken, initial=0)) & ~OLD
            if (any_new[sources] & (broken & OLD != 0)).any():
                everything |= self._bits(("not-at-once",))
        return np.concatenate(begins), np.concatenate(ends), everything

    def _moves_of(self, t: int, c: int) -> list[tuple[int, int, int]]:
        """What a CPU can do: by how much the numbers of T and C change, and what is broken."""
        task, cpu = self._ts.all[t], self._cs.all[c]
        return [
            (self._ts.of(task._replace(refs=refs)) - t, self._cs.of(then) - c, self._bits(broken))
            for then, refs, broken in self._cpu(task, cpu)
        ]

    def _bits(self, broken: Iterable[str]) -> int:
        """What is broken as a number."""
        bits = 0
        for name in broken:
            if name not in self._names:
                self._names.append(name)
            bits |= 1 << self._names.index(name)
        return bits

    # --- the patching task ------------------------------------------------------------------------------------

    def _task(self, t: States, cpus: list[States]) -> tuple[States, States]:
        """(the state after its next action, -1 where a CPU does not let it; what is broken)."""
        after, broken, let = np.zeros_like(t), np.zeros_like(t), np.ones(len(t), dtype=np.bool_)
        for c, shift in zip(cpus, self._shifts, strict=True):
            _, ready, by_c, traps = self._told.moves((t << NUMBER) + c)
            let &= ready != 0
            after += (c + by_c) << shift
            broken |= traps
        ones, inverse = np.unique(t[let], return_inverse=True)
        acted = [self._ts.of(self._acted(self._ts.all[one])) for one in ones.tolist()]
        after[let] += np.array(acted, dtype=np.int64)[inverse] << self._top
        return np.where(let, after, -1), broken

    def _told_of(self, t: int, c: int) -> list[tuple[int, int, int]]:
        """One row: whether the CPU lets the next action be, by how much the number of its C changes, what is broken."""
        ready, then, traps = self._tell(self._ts.all[t], self._cs.all[c])
        return [(ready, self._cs.of(then) - c, self._bits(["released"] if traps else []))]

    def _acted(self, t: T) -> T:
        """T after the next action."""
        if t.phase < 0:
            claims = self.protocol.claims
            return t._replace(phase=0, published=claims, refs=int(claims))
        action = self.protocol.phases[t.phase].action
        if t.waiting or isinstance(action, Write):
            memory = self._stored(t, action)[0] if isinstance(action, Write) else t.memory
            over = t.phase + 1 == len(self.protocol.phases)
            return t._replace(phase=t.phase + 1, waiting=False, memory=memory, over=over)
        return t._replace(waiting=True, refs=t.refs - isinstance(action, Release))

    def _tell(self, t: T, c: C) -> tuple[bool, C, bool]:
        """(the CPU lets the next action be, the CPU after it, whether the record goes while it may trap)."""
        if t.phase < 0:
            return True, c, False
        action = self.protocol.phases[t.phase].action
        if isinstance(action, Write):
            if self.model.cell_shift is not None:
                c = c._replace(pending=c.pending + self._stored(t, action)[1])
            return True, c, self._goes(t) and self._may_trap(self._acted(t), c)
        if not t.waiting:
            match action:
                case SyncCores():
                    c = c._replace(csd=True, ipi=True)
                case Park():
                    c = c._replace(stop=1, ipi=True)
                case Unpark():
                    c = c._replace(stop=3 if c.stop else 0)
            return True, c, False
        ready = {
            SyncCores: not c.csd,
            Park: c.stop == 2,
            Unpark: c.stop == 0,
            Release: t.refs == 0 or (isinstance(action, Release) and not action.wait),
        }[type(action)]
        return ready, c, self._goes(t) and self._may_trap(t, c)

    def _goes(self, t: T) -> bool:
        """True where this phase's end is the end of the record."""
        releases = [i for i, p in enumerate(self.protocol.phases) if isinstance(p.action, Release)]
        return t.published and t.phase == (releases[0] if releases else len(self.protocol.phases) - 1)

    def _stored(self, t: T, write: Write) -> tuple[bytes, Pending]:
        """(memory after the write, the stores by cell that each CPU has yet to get)."""
        source = {
            Part.OLD: self.case.old,
            Part.NEW: self.case.new,
            Part.INT3: bytes((insn.INT3,)) * self.case.size,
        }[write.part]
        memory = bytearray(t.memory)
        cells: dict[int, list[tuple[int, int]]] = {}
        for at in write.offsets(self.case.site, self.case.size):
            if memory[at] != source[at]:
                memory[at] = source[at]
                cells.setdefault((self.case.site + at) >> (self.model.cell_shift or 0), []).append((at, source[at]))
        return bytes(memory), tuple((cell, tuple(values)) for cell, values in cells.items())

    def _may_trap(self, s: T, c: C) -> bool:
        if c.where in ("trap", "held", "found") or c.back in ("trap", "held", "found"):
            return c.at == 0
        if c.read and c.at == 0:
            return c.read[0] == insn.INT3
        heads = [value for _, values in c.pending for at, value in values if at == 0]
        mine = self._view(s, c)[0]
        return insn.INT3 in (mine, *heads)

    # --- a CPU --------------------------------------------------------------------------------------------------

    def _view(self, s: T, c: C) -> bytes:
        return s.memory if self.model.cell_shift is None else c.view

    def _serialized(self, s: T, c: C) -> C:
        return c._replace(view=s.memory, pending=()) if self.model.cell_shift is not None else c

    def _cpu(self, s: T, c: C) -> list[tuple[C, int, tuple[str, ...]]]:
        out: list[tuple[C, int, tuple[str, ...]]] = []
        seen = set()
        for at, (cell, values) in enumerate(c.pending):
            if cell not in seen:
                seen.add(cell)
                view = bytearray(c.view)
                for offset, value in values:
                    view[offset] = value
                out.append((c._replace(view=bytes(view), pending=c.pending[:at] + c.pending[at + 1 :]), s.refs, ()))
        on = c.where in ("away", "site", "trampoline") or (
            self.protocol.gate == "trap" and c.where in ("trap", "held", "found")
        )
        if c.ipi and on and not c.read and not c.under:
            out.append((c._replace(ipi=False, where="ipi", back=c.where), s.refs, ()))
        if self.case.nmi and not c.under and c.where != "dead":
            out.append((c._replace(where="site", at=0, under=c.where), s.refs, ()))
        match c.where:
            case "site":
                out += self._site(s, c)
            case "trampoline":
                out.append((self._next(c), s.refs, ()))
            case "iret":
                out.append((self._serialized(s, c)._replace(where=c.under, under=""), s.refs, ()))
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

    def _interrupt(self, s: T, c: C) -> list[tuple[C, int, tuple[str, ...]]]:
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
                    out.append((c._replace(where=self.home, at=0, back=""), s.refs, ()))
                return out
        return []

    def _site(self, s: T, c: C) -> list[tuple[C, int, tuple[str, ...]]]:
        whole = self._view(s, c)
        data = c.read + whole[c.at + len(c.read) :] + self.case.behind
        effect = self.bench.effect(self.case.site + c.at, data[:15])
        out: list[tuple[C, int, tuple[str, ...]]] = []
        if self.model is FetchModel.PIECES and s.phase >= 0 and not s.over:
            for n in range(len(c.read) + 1, min(effect.size, self.case.size - c.at) + 1):
                out.append((c._replace(read=data[:n]), s.refs, ()))
        broken: tuple[str, ...] = () if self._known(c.at, data) else ("torn",)
        then = c._replace(read=b"")
        case = self.case
        if effect.kind is Flow.TRAP:
            result = then._replace(where="trap"), s.refs, broken
        elif effect.kind in (Flow.FAULT, Flow.OTHER):
            moved = effect.kind is Flow.OTHER and effect.stack
            result = then._replace(where="dead"), s.refs, (*broken, "wrong-stack") if moved else broken
        elif case.site < effect.to < case.end:
            result = then._replace(at=effect.to - case.site), s.refs, broken
        else:
            cpu, refs, more = self._left(s, then, effect.to)
            pushed = effect.kind is Flow.CALL
            if pushed and (effect.back != case.end or (cpu.where != "dead" and cpu.where != "trampoline")):
                cpu, more = cpu._replace(where="dead"), (*more, "wrong-stack")
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

    def _next(self, c: C) -> C:
        """Behind the site: it runs the site again, but an NMI goes on to its end."""
        return c._replace(where="iret" if c.under else "site", at=0)

    def _left(self, s: T, c: C, to: int) -> tuple[C, int, tuple[str, ...]]:
        case = self.case
        called = [
            target for data, target in ((case.old, case.old_target), (case.new, case.new_target)) if data[0] == 0xE8
        ]
        passed = to in {case.end, case.old_target, case.new_target}.difference(called)
        where = "trampoline" if to in called else self._next(c).where if passed else "dead"
        after = c._replace(where=where, at=0, new=c.new or to == case.new_target)
        if to == case.new_target:
            return after, s.refs, ()
        if to != case.old_target:
            return after, s.refs, ("neither",)
        return after, s.refs, ("old", *(["back"] if c.new else []), *(["late"] if s.over else []))
