"""A kernel that is not the toy kernel: other names, another place, no GS base, no ring buffer. Patched all the same.

`guest/other.S` is put into a machine by a memory map and an `Abi` of its own. The int3 protocol changes its one site
while two CPUs run through it, beside a toy kernel in the same process, which must not notice.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simkernel import asm, insn
from simkernel.asm import Target
from simkernel.errors import GuestError
from simkernel.events import Event, Int3Claimed, Int3Done, Int3Taken, SiteRan, SyncAnswered
from simkernel.ftrace.commands import SetTracer
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, Segment
from simkernel.kernel.abi import Abi, PerCpuWords
from simkernel.kernel.kernel import Kernel
from simkernel.kernel.loader import power_on
from simkernel.kernel.memory_map import MemoryMap
from simkernel.kernel.running import RunningKernel
from simkernel.kernel.symbols import SymbolTable
from simkernel.patching.patches import Patches
from simkernel.patching.site import Form, Kind, Patch, Site
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import INT3_PROTOCOL, Variant, parse
from simkernel.schedule import Resolve, Run
from simkernel.sim.digest import state_digest
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation

FILE = Path(__file__).parent / "guest" / "other.S"
BASE, WORDS, PAGE = 0x10_0000, 0x4_0000, 0x1000
CLOCK, ASKED, HALTED, UP, WORKED, TAPPED = 0x8, 0x18, 0x28, 0x30, 0x38, 0x40


@cache
def other() -> Kernel:
    """The kernel as a value; its symbols are plain labels, and it has no list of sites."""
    made = asm.assemble([(FILE.name, FILE.read_text(encoding="utf-8"))], Target({}, BASE, 0x1_0000), sites=False)
    segments = Segment(made.base, made.text, True), Segment(made.data_base, made.data, False)
    image = KernelImage(segments, SymbolTable(made.symbols), np.empty(0, np.uint64), "", "", False)
    size = -(-len(made.data) // PAGE) * PAGE
    at = image.address
    words = PerCpuWords(clock=CLOCK, csd=ASKED, hlt=HALTED, online=UP)
    abi = Abi(
        entry=at("begin"),
        text=BASE,
        percpu=WORDS,
        stride=PAGE,
        words=words,
        ipi_vector=0x60,
        timer_vector=0x61,
        hlt_resume=frozenset(),
        bp_desc=at("change"),
        tp_vec=at("entries"),
        int3_handler=((at("trap"), at("stay")),),
        int3_claimed=at("mine"),
        nmi_stack=lambda _cpu: range(0),
        stack_of=lambda _rsp: None,
        oops_in_progress=at("dead"),
    )
    memory_map = MemoryMap(((BASE, PAGE),), ((WORDS, 8 * PAGE), (made.data_base, size)))
    return Kernel(image, memory_map, abi)


class Played:
    """The kernel on a machine, and what happens to it by a seed."""

    def __init__(self, model: FetchModel, seed: int, variant: Variant) -> None:
        self.kernel: RunningKernel = power_on(other(), 2, model, tick_period=0)
        self.machine = self.kernel.machine
        self.poke = TextPoke(self.kernel, variant)
        self.kernel.watch_with([self.poke.active])
        self.dice = random.Random(seed)
        self.events: list[Event] = []

    def word(self, cpu: int, offset: int) -> int:
        return self.kernel.percpu.read(cpu, offset)

    def cpus_run(self) -> None:
        """One of the CPUs runs a little; now and then a byte comes before its sync."""
        cpu = self.dice.randrange(2)
        for cell in self.machine.pending_at_rip(cpu):
            if self.dice.random() < 0.5:
                self.machine.step(Resolve(cpu, cell))
        quantum = self.dice.choice((1, 1, 2, 3)) if self.poke.busy else self.dice.randint(1, 50)
        self.events += self.machine.step(Run(cpu, min(quantum, self.machine.limit(cpu))))

    def change(self, old: bytes, new: bytes) -> None:
        """Change the site; a CPU may run nothing but the old instruction, an int3, or the new one."""
        site = other().image.address("work")
        kind = Kind("call of tap", (Form("old", old), Form("new", new)))
        self.poke.begin(Patches.of([Patch(Site(site, len(old), kind), old, new)]))
        for _ in range(20_000):
            if not self.poke.busy:
                return
            if self.poke.ready() and self.dice.random() < 0.3:
                self.events += self.poke.act()
            else:
                self.cpus_run()
        raise AssertionError(f"the change is not at its end: {self.poke.phase}")


def call_of_tap() -> bytes:
    return insn.call(other().image.address("work"), other().image.address("tap"))


@pytest.mark.parametrize("model", FetchModel)
def test_another_kernel_is_patched_beside_the_toy_kernel(model: FetchModel) -> None:
    assert len(FILE.read_text(encoding="utf-8").splitlines()) < 200
    alone, beside = (Simulation.boot(Options(cpus=2, seed=5)) for _ in range(2))
    for simulation in (alone, beside):
        simulation.do(SetTracer("function"))
    kinds: set[type[Event]] = set()
    for seed in range(4):
        played = Played(model, seed, Variant(INT3_PROTOCOL))
        while not (played.word(0, WORKED) and played.word(1, WORKED)):
            played.cpus_run()
            beside.step()
            alone.step()
        assert [played.word(cpu, TAPPED) for cpu in range(2)] == [0, 0]
        nop, call = insn.NOP5, call_of_tap()
        for old, new in ((nop, call), (call, nop), (nop, call)):
            played.change(old, new)
            assert played.machine.code.read(other().image.address("work"), 5) == new
            beside.step()
            alone.step()
        before = [(played.word(cpu, WORKED), played.word(cpu, TAPPED)) for cpu in range(2)]
        while any(played.word(cpu, WORKED) < before[cpu][0] + 20 for cpu in range(2)):
            played.cpus_run()
        for cpu, (worked, tapped) in enumerate(before):
            assert played.word(cpu, TAPPED) - tapped in range(19, played.word(cpu, WORKED) - worked + 2)
        ran = {event.data for event in played.events if isinstance(event, SiteRan)}
        assert ran <= {nop, call} and not played.machine.halt_reason
        kinds |= {type(event) for event in played.events}
    assert {Int3Taken, Int3Claimed, Int3Done, SiteRan, SyncAnswered} <= kinds
    assert state_digest(beside) == state_digest(alone)


def test_it_dies_of_an_int3_that_nobody_published() -> None:
    played = Played(FetchModel.INSTANT, 0, Variant(INT3_PROTOCOL))
    played.machine.code.write(other().image.address("work"), b"\xcc", fresh=True)
    while not played.machine.halt_reason:
        played.cpus_run()
    assert played.machine.halt_reason.startswith("oops on CPU")


def test_what_this_kernel_does_not_have_is_refused_by_name() -> None:
    played = Played(FetchModel.INSTANT, 0, parse("stop_machine"))
    with pytest.raises(GuestError, match="this kernel has no word for stop_machine"):
        played.change(insn.NOP5, call_of_tap())
