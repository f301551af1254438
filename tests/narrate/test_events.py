"""Every event has a sentence that can be said aloud."""

from __future__ import annotations

import re

import numpy as np
import pytest

from simkernel import events, insn
from simkernel.events import Emulated, Event, Stamp
from simkernel.kernel import KernelImage, Segment, Symbol, layout, tasks
from simkernel.kernel.symbols import SymbolTable
from simkernel.protocol import INT3_PROTOCOL, NAIVE, PROTOCOLS, STOP_MACHINE, Protocol
from simkernel.sim.narrate import PATCHING_TASK, sentence
from simkernel.sim.narrate.events import SENTENCES
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

VFS_READ = layout.TEXT_BASE + 0x40
TRACED = insn.call(VFS_READ, layout.TRAMP_BASE)
REFUSED = re.compile(r"\b(flush|stop(?!per thread)|freeze|stale|copy|simply|just|obviously)", re.IGNORECASE)
TYPES = [kind for _, kind in sorted(events.event_types().items()) if kind.__module__.startswith("simkernel.events.")]


@pytest.fixture(scope="module")
def image() -> KernelImage:
    names = ("vfs_read", "ksys_read")
    symbols = SymbolTable([Symbol(VFS_READ + 0x40 * at, name, 0x40, "T", True) for at, name in enumerate(names)])
    sites = np.array([VFS_READ, VFS_READ + 0x40], dtype=np.uint64)
    return KernelImage((Segment(layout.TEXT_BASE, bytes(0x100), True),), symbols, sites, "", "", False)


SAMPLES: dict[str, object] = {
    "title": "echo function > current_tracer",
    "protocol": "int3",
    "batch": 1,
    "sites": (VFS_READ,),
    "phase": "sync 1",
    "first": 0,
    "old": b"\x0f",
    "new": b"\xcc",
    "cpus": (0, 1),
    "waiting_for": (1,),
    "where": "thread",
    "what": "ftrace_ops_list",
    "size": 8,
    "holdouts": (101, 102),
    "type": "function",
    "text": "ftrace: allocating 90 entries in 1 pages",
    "data": insn.NOP5,
    "site": VFS_READ,
    "address": VFS_READ,
    "resume": VFS_READ + 5,
    "emulated": Emulated.NOP,
    "alike": True,
    "cr2": 0xFFFF_FFFF_8100_0044,
    "vector": 6,
    "ip": VFS_READ,
    "parent_ip": VFS_READ + 0x51,
}


def sample(kind: type[Event], **fields: object) -> Event:
    """An event of that type with values that can be."""
    own = [name for name in kind.__struct_fields__ if name != "stamp"]
    return kind(**{name: SAMPLES.get(name, 1) for name in own} | {"stamp": Stamp(during="sync 1")} | fields)  # type: ignore[arg-type]


def check(text: str) -> None:
    assert len(text.split()) <= 20, text
    assert text.endswith(".") and not REFUSED.search(text), text
    assert text.startswith(("CPU", PATCHING_TASK, "swapper-0", "The kernel log")), text


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.__name__))
def test_every_event_has_a_sentence(kind: type[Event], image: KernelImage) -> None:
    check(sentence(sample(kind), image, INT3_PROTOCOL))


def test_the_table_holds_the_events_and_nothing_else() -> None:
    assert set(SENTENCES) == set(TYPES)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.__name__))
def test_sentences_stay_short_on_eight_cpus(kind: type[Event], image: KernelImage) -> None:
    many = {
        "cpus": tuple(range(8)),
        "waiting_for": tuple(range(7)),
        "holdouts": tuple(range(100, 130)),
        "sites": (VFS_READ, VFS_READ + 0x40),
        "waited": 12_345,
        "old": insn.NOP5,
        "new": TRACED,
    }
    own = set(kind.__struct_fields__)
    text = sentence(sample(kind, **{k: v for k, v in many.items() if k in own}), image, INT3_PROTOCOL)
    assert len(text.split()) <= 26, text  # lists of CPUs and the five bytes count as one word each


def test_sentences_name_what_is_in_the_event(image: KernelImage) -> None:
    def said(event: Event) -> str:
        return sentence(event, image, INT3_PROTOCOL)

    stored = events.SiteStored(phase="write int3", sites=(VFS_READ,), first=0, old=b"\x0f", new=b"\xcc")
    assert said(stored) == f"{PATCHING_TASK} writes byte +0: at vfs_read 0F becomes CC."
    answered = events.SyncAnswered(cpu=0, waiting_for=(1,), stamp=Stamp(during="sync 1"))
    assert said(answered) == f"CPU0 answers sync 1 and goes on; {PATCHING_TASK} still waits for CPU1."
    ran = events.SiteRan(cpu=1, site=VFS_READ, data=TRACED, stamp=Stamp(during="write head"))
    assert "a call to ftrace_trampoline" in said(ran) and "during write head" in said(ran)
    early = events.SiteRan(cpu=1, site=VFS_READ, data=TRACED, stamp=Stamp(during="sync 1", begun=False))
    assert "before sync 1" in said(early) and "during" not in said(early)
    torn = events.SiteRan(cpu=1, site=VFS_READ, data=b"\xe8" + insn.NOP5[1:])
    assert "where nothing is" in said(torn)
    skipped = events.Int3Done(cpu=0, address=VFS_READ, resume=VFS_READ + 5, emulated=Emulated.NOP)
    called = events.Int3Done(cpu=0, address=VFS_READ, resume=layout.TRAMP_BASE, emulated=Emulated.CALL)
    assert "emulated a NOP" in said(skipped) and "emulated the call" in said(called)


def test_tasks_have_their_names(image: KernelImage) -> None:
    """Those that the guest gives them in memory, on as many CPUs as there can be; a pid of nobody is a number."""
    toy = KernelImage.default()
    simulation = Simulation(toy, Options(cpus=layout.NR_CPUS))
    simulation.run_until(Simulation.booted, 2_000_000)
    made = tasks.comms(parts_of(simulation).machine.memory)
    assert len(made) > 40
    assert {pid: toy.task_name(pid, 0) for pid in made if pid} == {pid: f"{made[pid]}-{pid}" for pid in made if pid}
    switched = events.Switched(cpu=1, previous=0, next=21)
    assert sentence(switched, toy, INT3_PROTOCOL) == "CPU1 switches from swapper/1-0 to migration/1-21."
    written = events.TraceWritten(cpu=0, index=3, ip=VFS_READ, parent_ip=0, pid=7)
    assert sentence(written, image, INT3_PROTOCOL).endswith(", in task 7.")


@pytest.mark.parametrize(
    ("count", "rest"),
    [
        (0, "serializes; no byte of code was pending for it."),
        (1, "serializes: it runs what is stored by now; 1 byte was pending for it."),
        (3, "serializes: it runs what is stored by now; 3 bytes were pending for it."),
    ],
)
def test_serializing_is_good_for_what_is_stored_by_then(count: int, rest: str, image: KernelImage) -> None:
    assert sentence(events.Serialized(cpu=1, count=count), image, INT3_PROTOCOL) == f"CPU1 {rest}"


def test_the_call_function_interrupt_is_no_sync_where_a_cpu_is_parked(image: KernelImage) -> None:
    taken = events.InterruptTaken(cpu=1, vector=layout.VECTOR_CALL_FUNCTION, address=VFS_READ, waited=3)
    assert "takes the call function interrupt before" in sentence(taken, image, STOP_MACHINE)


def test_the_same_answer_in_two_syncs_reads_differently(image: KernelImage) -> None:
    one, other = (events.SyncAnswered(cpu=0, waiting_for=(), stamp=Stamp(during=f"sync {n}")) for n in (1, 2))
    assert sentence(one, image, INT3_PROTOCOL) != sentence(other, image, INT3_PROTOCOL)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda p: str(p.name))
@pytest.mark.parametrize("text", ["true_now", "why", "without"])
def test_no_phase_says_what_another_one_says(protocol: Protocol, text: str) -> None:
    said = [getattr(phase, text) for phase in protocol.phases]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("protocol", [INT3_PROTOCOL, STOP_MACHINE, NAIVE], ids=lambda p: str(p.name))
def test_phase_texts_are_sentences(protocol: object) -> None:
    for phase in protocol.phases:  # type: ignore[attr-defined]
        texts = (phase.true_now, phase.why, phase.without)
        assert len(set(texts)) == 3
        for text in texts:
            for part in re.split(r"(?<=[.:;]) ", text):
                assert len(part.split()) <= 20, part


@pytest.mark.parametrize(
    ("waited", "end"), [(0, ""), (1, ", 1 instruction after it was due"), (9, ", 9 instructions after it was due")]
)
def test_an_interrupt_is_said_to_be_late_where_it_is(waited: int, end: str, image: KernelImage) -> None:
    taken = events.InterruptTaken(cpu=1, vector=layout.VECTOR_NMI, address=VFS_READ, waited=waited)
    assert sentence(taken, image, STOP_MACHINE) == f"CPU1 takes a non-maskable interrupt before vfs_read{end}."


def test_the_stopper_thread_is_named_with_its_comm(image: KernelImage) -> None:
    asked = events.ParkAsked(cpus=(0, 1), where="thread", stamp=Stamp(during="park"))
    assert "each in its stopper thread (migration/N)" in sentence(asked, image, STOP_MACHINE)
