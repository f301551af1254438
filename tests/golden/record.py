"""Golden runs: what 200 simulations do, written down, so that a change of the engine's structure shows what it changes.

A run is a combination of kernel, options, seed and commands. Of each the record holds, for every stretch of STRETCH
history entries, one digest of memory, code and registers at its end, one of its events (kind, CPU, address), and one
of these without addresses: where code has moved and nothing else has happened, only that one stays. They are taken
through `Simulation` alone, so that they stay comparable while the parts behind it are moved about.

    python -m tests.golden.record            every run again; exit code 1 where one differs, with the first stretch
    python -m tests.golden.record --write    write the runs anew, and say how many differ in more than addresses:
                                             of each the first stretch in which something else happened, and whether
                                             a CPU could run a torn instruction (the commit says which, and why)
    python -m tests.golden.record --write --draw     other combinations, drawn from the kernel as it is
    python -m tests.golden.record --run 17   only that run, also with --write
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import random
import struct
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkernel.errors import LearnerError
from simkernel.events import BatchStarted, Event, PieceRead, Resolved, Serialized, SiteStored
from simkernel.ftrace import commands
from simkernel.hw.fetch import FetchModel
from simkernel.hw.x86 import MAX_INSTRUCTION
from simkernel.insn import INT3
from simkernel.kernel import KernelImage
from simkernel.patching.commands import OWN_COMMANDS, Command
from simkernel.protocol import PROTOCOLS, parse
from simkernel.schedule import Policy
from simkernel.sim.options import Options, load_image
from simkernel.sim.simulation import Simulation
from tests.stress.commands import Script

FILE = Path(__file__).with_name("runs.jsonl")
RUNS = 200
STRETCH = 1_000  # history entries
DIGEST = 8  # bytes
SEED = 2026  # of the combinations
COMMANDS = {kind.tag: kind for kind in (*OWN_COMMANDS, *commands.COMMANDS)}
HAPPENED = ("entries", "clock", "kinds")  # of a stretch: what code that has only moved leaves as it was
KINDS: dict[str, str] = {"Resolved": "Settled"}
"""An event's class now -> what it was called when the runs were written. A rename is no change of a run."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a run did in up to STRETCH entries, and where it was at their end.

    Attributes:
        entries: how many. clock: that of the machine.
        kinds: a digest of the kinds of its events and of their CPUs. events: of their addresses too.
        state: a digest of memory, of the code as each CPU runs it, and of every register.
    """

    entries: int
    clock: int
    kinds: str
    events: str
    state: str


FIELDS = tuple(field.name for field in dataclasses.fields(Stretch))


@dataclass(frozen=True, slots=True)
class Golden:
    """One run: what it is made from, and what it did.

    Attributes:
        options: those that differ from the defaults, as JSON holds them. variant: the protocol, a changed one too.
        commands: (entries after boot, name, fields...). entries: how many history entries there are at most.
        stretches: in order, that of booting first. end: why nothing moves any more, "" where something does.
    """

    options: dict[str, Any]
    variant: str
    commands: list[list[Any]]
    entries: int
    stretches: tuple[Stretch, ...] = ()
    end: str = ""


def of_options(written: dict[str, Any]) -> Options:
    """Options from what differs from the defaults."""
    kinds: dict[str, type[Any]] = {"model": FetchModel, "policy": Policy}
    values = {name: kinds[name](value) if name in kinds else value for name, value in written.items()}
    return Options(**values)


# --- the combinations ----------------------------------------------------------------------------------------------


def combinations(count: int = RUNS, seed: int = SEED) -> Iterator[Golden]:
    """So many combinations, drawn so that each protocol, model, policy and kind of kernel comes often."""
    draw, usual = random.Random(seed), Options()
    default = KernelImage.default()
    functions = [symbol.name for symbol in default.functions()]
    across = ["vfs_read", "vfs_write"]  # a cache line ends within their sites
    for number in range(count):
        options: dict[str, Any] = {
            "cpus": (2, 1, 3, 4, 2, 2, 8)[number % 7],
            "seed": draw.randrange(1 << 32),
            "model": list(FetchModel)[number % 4].value,
            "policy": draw.choice(list(Policy)).value,
            "schedule": "round-robin" if draw.random() < 0.2 else "seeded",
            "nmi_odds": draw.choice((0, 0, 100, 600)),
            "patch_quantum": draw.choice((1, 1, 7, 2_000)),
            "act_odds": draw.choice((24, 24, 128)),
            "tick_period": draw.choice((usual.tick_period, usual.tick_period, usual.tick_period // 3)),
        }
        if draw.random() < 0.2:
            options["quantum"] = draw.choice((1, 16, 333))
        kind = draw.random()
        if kind < 0.1:
            options["functions"] = draw.choice((300, 2_000))
        elif kind < 0.2:
            options["ibt"] = True
        script = Script(draw.randrange(1 << 32), functions, across)
        given = list(script.commands()) if "functions" not in options else _of_synthetic(draw)
        yield Golden(options, _variant(number, draw), [*_timed(given, draw)], draw.choice((3_000, 5_000, 8_000)))


def _variant(number: int, draw: random.Random) -> str:
    """Every other run by int3, the rest by each protocol in turn; some without a phase."""
    name = "int3" if number % 2 else list(PROTOCOLS)[number // 2 % len(PROTOCOLS)]
    phases = [phase.name for phase in PROTOCOLS[name].phases]
    if draw.random() < 0.25 and len(phases) > 1:
        return f"{name} without {draw.choice(phases)}"
    return name


def _of_synthetic(draw: random.Random) -> list[Command]:
    some = " ".join(f"*{draw.randrange(10)}{draw.randrange(10)}" for _ in range(2))
    return [commands.SetFilter("filter", some), commands.SetTracer("function"), commands.SetTracer("nop")]


def _timed(given: Iterable[Command], draw: random.Random) -> Iterator[list[Any]]:
    at = 0
    for command in given:
        at += draw.randrange(20, 600)
        yield [at, command.tag, *command.plain()]


# --- a run --------------------------------------------------------------------------------------------------------


Watch = Callable[[Simulation, list[Event]], None]


def carried_out(golden: Golden, watch: Watch | None = None) -> Golden:
    """The run, with what it did just now.

    Args:
        golden: which.
        watch: called after each entry behind the boot that the schedule made, with the entry's events.
    """
    options = dataclasses.replace(of_options(golden.options), protocol=parse(golden.variant))
    simulation = Simulation(load_image(options), options)
    stretches: list[Stretch] = []
    logged = 0

    def note(entries: int) -> None:
        nonlocal logged
        kinds, events = digests_of_events(simulation.since(logged))
        stretches.append(Stretch(entries, simulation.clock, kinds, events, digest_of_state(simulation)))
        logged = simulation.logged

    simulation.run_until(Simulation.booted, 5_000_000)
    note(simulation.position)
    begin = last = simulation.position
    waiting = list(golden.commands)
    while simulation.position - begin < golden.entries and not simulation.halt_reason:
        if waiting and simulation.position - begin >= waiting[0][0]:
            _, name, *fields = waiting.pop(0)
            try:
                simulation.do(COMMANDS[name].of_plain(fields))
            except LearnerError:
                continue  # what is refused changes nothing
        else:
            events = simulation.step()
            if watch is not None:
                watch(simulation, events)
        if simulation.position - last >= STRETCH:
            note(simulation.position - last)
            last = simulation.position
    note(simulation.position - last)
    return dataclasses.replace(golden, stretches=tuple(stretches), end=simulation.halt_reason)


def could_run_torn(golden: Golden) -> bool:
    """True where at some entry a CPU could run, at a patched site, what is neither int3 nor an instruction of its own.

    Also behind the end of a batch: without a sync bytes stay pending.
    """
    whole: dict[int, set[bytes]] = {}  # site -> the instructions that stood there
    torn: list[int] = []

    def watch(simulation: Simulation, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, BatchStarted):
                for site in event.sites:
                    whole.setdefault(site, set()).update(simulation.site(site).change or ())
            elif isinstance(event, SiteStored | Resolved | PieceRead | Serialized):
                torn.extend(site for site in changed(event) if could_run(simulation, site) - whole[site])

    def changed(event: SiteStored | Resolved | PieceRead | Serialized) -> Collection[int]:
        if isinstance(event, Serialized):
            return whole if event.count else ()
        return event.sites if isinstance(event, SiteStored) else near(event.address)

    def near(address: int) -> list[int]:
        return [site for site in range(address - MAX_INSTRUCTION + 1, address + 1) if site in whole]

    carried_out(golden, watch)
    return bool(torn)


def could_run(simulation: Simulation, address: int) -> set[bytes]:
    """What the CPUs would run at a site now, besides an int3."""
    site = simulation.site(address)
    found = set()
    for cpu in range(simulation.options.cpus):
        begun = site.read(cpu)
        found.add(begun + simulation.read(address, site.size, as_cpu=cpu)[len(begun) :])
    return {data for data in found if data[0] != INT3}


def digest_of_state(simulation: Simulation) -> str:
    """Of memory, of the code as each CPU runs it, and of every register."""
    out = hashlib.blake2b(digest_size=DIGEST)
    for address, size, code in simulation.regions:
        out.update(simulation.read(address, size))
        for cpu in range(simulation.options.cpus) if code else ():
            out.update(simulation.read(address, size, as_cpu=cpu))
    for cpu in range(simulation.options.cpus):
        for name, value in sorted(simulation.cpu(cpu).registers().items()):
            out.update(f"{name}={value:x};".encode())
    return out.hexdigest()


def digests_of_events(events: Iterable[Event]) -> tuple[str, str]:
    """Of each event's kind and CPU; and of these with its address."""
    kinds, whole = (hashlib.blake2b(digest_size=DIGEST) for _ in range(2))
    for event in events:
        name = type(event).__name__
        first = event.sites[0] if isinstance(event, BatchStarted | SiteStored) else 0
        cpu, at = -1 if event.cpu is None else event.cpu, first if event.at is None else event.at
        kind = KINDS.get(name, name).encode() + struct.pack("<b", cpu)
        kinds.update(kind)
        whole.update(kind + struct.pack("<Q", at))
    return kinds.hexdigest(), whole.hexdigest()


def difference(was: Golden, now: Golden, parts: Collection[str] = FIELDS) -> str:
    """Where a run first differs from what was written down, in these parts of a stretch; "" where it does not."""
    for number, (old, new) in enumerate(zip(was.stretches, now.stretches, strict=False)):
        for part in parts:
            before, after = getattr(old, part), getattr(new, part)
            if before != after:
                return f"stretch {number}: {part} was {before}, is {after}"
    if len(was.stretches) != len(now.stretches):
        return f"{len(was.stretches)} stretches were {len(now.stretches)}"
    return "" if was.end == now.end else f"the end was {was.end!r}, is {now.end!r}"


# --- the file -------------------------------------------------------------------------------------------------------


def read() -> list[Golden]:
    """The runs as they were written down."""
    out = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        written = json.loads(line)
        stretches = tuple(Stretch(*fields) for fields in written.pop("stretches"))
        out.append(Golden(**written, stretches=stretches))
    return out


def line_of(golden: Golden) -> str:
    """A run as one line of JSON."""
    written = {field.name: getattr(golden, field.name) for field in dataclasses.fields(golden)}
    written["stretches"] = [dataclasses.astuple(stretch) for stretch in golden.stretches]
    return json.dumps(written, separators=(",", ":"))


TORN = {True: "where a CPU could run a torn instruction", False: "where no CPU could ever run a torn instruction"}


def write(kept: list[Golden], numbers: Collection[int]) -> str:
    """Write these runs anew, of what they are made from; says how much of them differs."""
    now = [carried_out(golden) if number in numbers else golden for number, golden in enumerate(kept)]
    FILE.write_text("".join(line_of(golden) + "\n" for golden in now), encoding="utf-8")
    other = [number for number in numbers if difference(kept[number], now[number])]
    worse = {number: said for number in other if (said := difference(kept[number], now[number], HAPPENED))}
    torn = {number: could_run_torn(kept[number]) for number in worse}
    return (
        f"{len(numbers)} runs are written: {len(numbers) - len(other)} as they were, "
        f"{len(other) - len(worse)} differ in addresses and bytes only, {len(worse)} in what happened"
        + "".join(f"\nrun {number}, {TORN[torn[number]]}: {said}" for number, said in worse.items())
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.record")
    parser.add_argument("--write", action="store_true", help="write what they do now, and say how much differs")
    parser.add_argument("--draw", action="store_true", help="with --write: other combinations, drawn from this kernel")
    parser.add_argument("--run", type=int, help="this one only")
    asked = parser.parse_args(arguments)
    kept = list(combinations()) if asked.draw else read()
    numbers = range(len(kept)) if asked.run is None else [asked.run]
    if asked.write:
        print(write(kept, numbers))
        return 0
    differ = 0
    for number in numbers:
        golden = kept[number]
        if said := difference(golden, carried_out(golden)):
            differ += 1
            print(f"run {number} ({golden.variant}, {golden.options}): {said}")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
