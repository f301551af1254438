"""The exact figures against a second count that steps instruction by instruction and looks at RIP only."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch

import pytest

from simkernel import disasm
from simkernel.errors import LearnerError
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.kernel import KernelImage, layout
from simkernel.overhead.exact import counted, exact
from simkernel.overhead.variants import VARIANTS, image_of, made, variant_named
from simkernel.overhead.workload import LATE, Workload
from simkernel.schedule import Run

ASSEMBLED = pytest.mark.keystone


def stepped(workload: Workload) -> Counter[int]:
    """Address -> how often it was about to run, in the workload stepped one instruction at a time."""
    machine = workload.parts.machine
    cpu = machine.cpus[0]
    executed: Counter[int] = Counter()
    machine.interrupts.tick_period = machine.clock = LATE
    machine.begin(Run(0, 1))  # the timer interrupt is taken; no instruction has run
    machine.interrupts.tick_period = 0
    while True:
        executed[cpu.rip] += 1
        machine.advance(1)
        machine.finish()
        if machine.asleep(0):
            return executed
        machine.clock = workload.parts.kernel.percpu.read(0, layout.PCPU_CLOCK)
        machine.begin(Run(0, 1))


@pytest.mark.parametrize("name", ["nop", "function", pytest.param("none", marks=ASSEMBLED)])
def test_an_independent_count_agrees(name: str) -> None:
    executed = stepped(made(name))
    told = counted(name, made(name))
    assert executed.total() == told.instructions
    sites = made(name).sites
    assert {sites[site]: executed[site] for site in sites} == told.by_function


@ASSEMBLED
def test_off_is_one_instruction_and_five_bytes_a_call_for_every_function() -> None:
    base, off = exact("none"), exact("nop")
    names = KernelImage.default().function_names()
    more = {name: off.inside.get(name, 0) - base.inside.get(name, 0) for name in names}
    assert more == {name: off.by_function[name] for name in names}
    assert off.instructions - base.instructions == off.calls == sum(off.by_function.values()) > 1000
    assert off.code - base.code == 5 * off.calls
    assert (off.reads, off.writes) == (base.reads, base.writes)


@ASSEMBLED
def test_no_function_differs_in_more_than_its_first_instruction() -> None:
    """Also of the functions that the workload does not call: all of them, instruction by instruction."""

    def listing(image: KernelImage, name: str) -> list[str]:
        symbol = image.symbol(name)
        text = image.segments[0]
        code = text.data[symbol.address - text.base :][: symbol.size]
        return [one.mnemonic for one in disasm.decode(code, symbol.address)]

    off, none = image_of("nop"), image_of("none")
    for name in off.function_names():
        first, *rest = listing(off, name)
        assert (first, rest) == ("call", listing(none, name)), name  # as built: ftrace_init() makes it the NOP
        assert off.symbol(name).size == none.symbol(name).size + MCOUNT_INSN_SIZE, name


@pytest.mark.parametrize(
    ("name", "instructions", "reads", "writes"),
    [
        ("call", 2, 1, 1),
        ("nops", 5, 0, 0),
        pytest.param("mcount", 5, 2, 2, marks=ASSEMBLED),
        pytest.param("flag", 2, 1, 0, marks=ASSEMBLED),
    ],
)
def test_the_other_beginnings_cost_what_their_instructions_say(
    name: str, instructions: int, reads: int, writes: int
) -> None:
    off, other = exact("nop"), exact(name)
    assert other.instructions - off.instructions == (instructions - 1) * off.calls
    assert other.reads - off.reads == reads * off.calls
    assert other.writes - off.writes == writes * off.calls
    assert other.system_calls == off.system_calls


def test_tracing_costs_the_more_the_more_it_does() -> None:
    spans = [exact(name).span[1] for name in ("nop", "call", "function", "regs", "two-ops")]
    assert spans == sorted(set(spans))
    assert exact("function").span[1] <= 80
    assert exact("int3").span[0] > exact("function").span[1]


@pytest.mark.parametrize(("glob", "several"), [("vfs_read", False), ("vfs_*", True)])
def test_a_filter_makes_only_its_functions_dear(glob: str, several: bool) -> None:
    off, all_on, some = exact("nop"), exact("function"), counted("function", made("function", glob))
    traced = {name: times for name, times in some.by_function.items() if fnmatch(name, glob) and times}
    assert (len(traced) > 1) == several
    assert some.span == (1, all_on.span[0])
    more = (some.span[1] - 1) * sum(traced.values())
    assert off.instructions < some.instructions < all_on.instructions
    assert some.instructions - off.instructions == more


def test_the_workload_calls_most_functions_and_each_task_makes_its_system_calls() -> None:
    off = exact("nop")
    called = [name for name, times in off.by_function.items() if times]
    assert len(called) > len(off.by_function) / 2 and sum(off.system_calls.values()) > 20


def test_the_same_workload_every_time() -> None:
    assert counted("nop", made("nop")) == counted("nop", made("nop"))


@pytest.mark.parametrize("name", [name for name, one in VARIANTS.items() if one.what.startswith("e8 ")])
def test_a_variant_names_what_its_sites_call(name: str) -> None:
    workload = made(name)
    for site in workload.sites:
        call = next(iter(disasm.decode(workload.parts.machine.code.read(site, MCOUNT_INSN_SIZE), site)))
        assert call.target is not None
        assert VARIANTS[name].what.endswith(f"  call {workload.image.code_name(call.target).partition(' at ')[0]}")


def test_an_unknown_variant_is_refused_with_those_there_are() -> None:
    with pytest.raises(LearnerError, match="no variant 'nopp'; there are: none, nop"):
        variant_named("nopp")


def test_every_variant_is_said_with_its_bytes() -> None:
    assert all(
        variant.sentence.endswith(".") and (variant.what or variant.name == "none") for variant in VARIANTS.values()
    )
