"""Sites of two bytes and of five in one batch: jump labels and call sites of a kernel that runs them all the time."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from lessons.machine import Bytes
from lessons.session.actions import apply
from lessons.session.stepper import Stepper
from lessons.story import story_of
from lessons.story.table import table_of
from simkernel import insn
from simkernel.errors import OurError
from simkernel.events import Emulated, Event, Int3Done, SiteStored, SyncSkipped
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.validate import validate_sites
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import layout
from simkernel.kernel.validate import validate_stacks, validate_workload
from simkernel.patching.emulation import emulated
from simkernel.patching.patches import Patches
from simkernel.patching.site import Patch, Site
from simkernel.patching.validate import validate_phase
from simkernel.protocol import INT3_PROTOCOL, PROTOCOLS, Variant
from simkernel.schedule import Act, Run
from simkernel.sim.narrate import sentence
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot.site import site_snapshot
from simkernel.verdict import Verdict
from tests.explore.jumps import jump_label, kernel
from tests.patches import CALL_SITE, SHORT_LABEL, call_patch, label_patch, plan_patches, undone
from tests.rules import Watch
from tui.view.save import bytes_lines

INT3 = Variant(INT3_PROTOCOL)

BOUND = 200_000  # choices
CYCLES = 12


DOES = {insn.CALL: Emulated.CALL, insn.JMP32: Emulated.JUMP, insn.JMP8: Emulated.JUMP}  # by opcode; the rest are NOPs


def label(key: str) -> Patch:
    """A jump label of the fixture kernel, to be switched on."""
    case = jump_label(key, "nop-jmp")
    return label_patch(case.site, case.old, case.new)


def running(cpus: int, model: FetchModel, variant: Variant = INT3) -> Simulation:
    """The fixture kernel, booted, with a patching task that lets CPUs run between two actions."""
    options = Options(cpus=cpus, model=model, protocol=variant, patch_quantum=1, act_odds=4, tick_period=50_000)
    simulation = Simulation.boot(options, kernel())
    simulation.run_until_idle()
    return simulation


def check_sentence(event: Int3Done, simulation: Simulation) -> None:
    """What the handler did, and where the CPU goes on, by the names that the kernel's source gives both."""
    name = simulation.image.symbolize
    behind = f"goes on behind {name(event.address)}, "
    says = {
        Emulated.NOP: (behind, "emulated a NOP."),
        Emulated.CALL: (f"goes on at {name(event.resume)}, ", "emulated the call."),
        Emulated.JUMP: (f"goes on at {name(event.resume)}, ", "emulated the jump."),
    }
    begins, ends = says[event.emulated]
    said = sentence(event, simulation.image, simulation.patching.protocol)
    assert said.startswith(f"CPU{event.cpu} {begins}") and said.endswith(ends), said


def looked_at(simulation: Simulation) -> list[Verdict]:
    """What `verdicts` looks at, but for the records: ftrace knows nothing of these changes."""
    parts = parts_of(simulation)
    kernel, poke, ftrace = parts.kernel, parts.task.poke, parts.subsystem(FtraceCore)
    return [
        validate_phase(kernel, poke),
        validate_sites(kernel, ftrace.state(), ftrace.nop, poke.state.batch),
        validate_stacks(kernel),
        validate_workload(kernel),
    ]


def carried_out(simulation: Simulation, patches: list[Patch]) -> Counter[tuple[int, int]]:
    """Make the changes, each rule looked at after each choice; (site, where an int3 there led to) of each int3."""
    plan_patches(simulation, patches)
    led: Counter[tuple[int, int]] = Counter()
    does = {patch.site.address: DOES.get(patch.new[0], Emulated.NOP) for patch in patches}
    watch = Watch(simulation, looked_at)
    for _ in range(BOUND):
        for event in simulation.step():
            if isinstance(event, Int3Done):
                led[event.address, event.resume] += 1
                assert event.emulated is does[event.address], event
                check_sentence(event, simulation)
        assert watch.broken() == []
        assert not simulation.halt_reason, simulation.halt_reason
        if simulation.patching.idle:
            break
    assert simulation.patching.idle and watch.all_broken() == []
    for patch in patches:
        assert simulation.read(patch.site.address, patch.site.size) == patch.new
    return led


def assert_changes(simulation: Simulation, patches: list[Patch], leads: dict[int, int]) -> None:
    """To and fro, until a CPU has run each site while it was int3, both ways: each led where the new one would."""
    on, off = set(leads.items()), {(patch.site.address, patch.site.end) for patch in patches}
    left = on | off
    for _ in range(CYCLES):
        for wanted, change in ((on, patches), (off, undone(patches))):
            led = set(carried_out(simulation, change))
            assert led <= wanted
            left -= led
        if not left:
            return
    raise AssertionError(f"in {CYCLES} cycles no CPU took an int3 that leads so: {left}")


@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_a_jump_label_of_two_bytes_is_switched_on_and_off_under_running_cpus(cpus: int, model: FetchModel) -> None:
    simulation = running(cpus, model)
    key = "key_across" if cpus == 2 else "key_inside"
    assert_changes(simulation, [label(key)], {kernel().address(key): kernel().address(f"{key}_yes")})


@pytest.mark.parametrize("model", tuple(FetchModel))
@pytest.mark.parametrize("cpus", [1, 3])
def test_a_batch_of_two_and_five_bytes(cpus: int, model: FetchModel) -> None:
    simulation = running(cpus, model)
    image = kernel()
    calls = [image.site_of(image.symbol(name)) for name in ("check_branch", "x64_sys_call")]
    patches = [label(key) for key in ("key_inside", "key_across", "key_wide")]
    patches += [call_patch(at, insn.NOP5, insn.call(at, image.address("ftrace_caller"))) for at in calls]
    keys = {image.address(key): image.address(f"{key}_yes") for key in ("key_inside", "key_across", "key_wide")}
    assert_changes(simulation, patches, keys | dict.fromkeys(calls, image.address("ftrace_caller")))
    stored = [event for event in simulation.log if isinstance(event, SiteStored)]
    assert {len(event.sites) for event in stored} == {5}
    lowest = [(event.first, len(event.new)) for event in stored]
    assert lowest == [(0, 1), (1, 4), (0, 1)] * (len(lowest) // 3)


def alone(simulation: Simulation, patches: list[Patch]) -> list[Event]:
    """Make the changes while CPU 0 runs only where the patching task waits for it."""
    plan_patches(simulation, patches)
    first = simulation.logged
    for _ in range(4_000):
        if simulation.patching.idle:
            break
        simulation.step(Act() if simulation.patching.ready else Run(0, 20))
    assert simulation.patching.idle and not simulation.halt_reason
    return simulation.since(first)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_writes_the_new_bytes_and_nothing_behind_them(name: str) -> None:
    simulation = running(1, FetchModel.INSTANT, Variant(PROTOCOLS[name]))
    patches = [label(key) for key in ("key_inside", "key_across", "key_wide")]
    low, high = patches[0].site.address - 16, patches[-1].site.end + 16
    expected = bytearray(simulation.read(low, high - low))
    for patch in patches:
        expected[patch.site.address - low : patch.site.end - low] = patch.new
    alone(simulation, patches)
    assert simulation.read(low, high - low) == expected


def test_one_byte_needs_no_second_sync_and_an_int3_no_third() -> None:
    """`do_sync` of text_poke_bp_batch(): entries longer than one byte, then entries whose new byte 0 is not int3."""
    simulation = running(1, FetchModel.INSTANT)
    site = Site(kernel().address("key_wide_yes"), 1, SHORT_LABEL)  # nobody runs it while key_wide is off
    int3, ret = bytes((insn.INT3,)), bytes((insn.RET,))
    first = Patch(site, simulation.read(site.address, 1), int3)
    skipped = [
        [event.phase for event in alone(simulation, patches) if isinstance(event, SyncSkipped)]
        for patches in ([first], [Patch(site, int3, ret)], [Patch(site, ret, int3), label("key_inside")])
    ]
    assert skipped == [["sync 2", "sync 3"], ["sync 2"], []]


ADDRESS = layout.TEXT_BASE + 0x1000


@pytest.mark.parametrize(
    ("new", "opcode", "disp"),
    [
        (insn.NOPS[2], insn.JMP8, 0),
        (insn.NOP5, insn.JMP32, 0),
        (insn.NOPS[1] * 5, insn.JMP32, 0),
        (bytes.fromhex("eb 03 90 90 90"), insn.JMP32, 0),
        (insn.NOPS[3], insn.JMP32, 0),
        (insn.call(ADDRESS, ADDRESS - 0x100), insn.CALL, -0x105),
        (insn.jmp(ADDRESS, ADDRESS + 0x1234), insn.JMP32, 0x122F),
        (insn.jmp8(ADDRESS, ADDRESS - 0x10), insn.JMP8, -0x12),
        (bytes.fromhex("75 fe"), 0x75, -2),
        (b"\xc3", insn.RET, 0),
        (bytes.fromhex("c3 cc cc cc cc"), insn.RET, 0),
        (b"\xcc", insn.INT3, 0),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else None,
)
def test_an_entry_is_filled_as_text_poke_loc_init_does(new: bytes, opcode: int, disp: int) -> None:
    wide = call_patch(ADDRESS + 0x40, insn.NOP5, insn.call(ADDRESS + 0x40, ADDRESS))
    for beside in ([], [wide]):  # alone, and as a row that is padded
        batch = Patches.of([Patch(Site(ADDRESS, len(new), CALL_SITE), b"\x90" * len(new), new), *beside])
        entry = batch.entries(layout.TEXT_BASE)[0]
        assert (int(entry["opcode"]), int(entry["disp"]), int(entry["len"])) == (opcode, disp, len(new))
        assert int(entry["rel_addr"]) == 0x1000 and int(entry["old"]) == 0x90
        assert entry["text"].tobytes() == new.ljust(5, b"\0")


def test_a_padded_jump_leads_where_the_cpu_would_go() -> None:
    text = np.frombuffer(bytes.fromhex("eb 10 cc 00 00"), dtype=np.uint8).reshape(1, 5)
    opcodes, displacements = emulated(text, np.array([3], dtype=np.uint8))
    assert (opcodes[0], 3 + displacements[0]) == (insn.JMP8, 2 + 0x10)


@pytest.mark.parametrize(
    "new", ["48 89 e5", "eb 10 90", "cc cc", "75 fe cc", "e8 00 00", "0f 1f 44 00 01"], ids=lambda value: value
)
def test_where_linux_stops_with_bug_a_batch_is_refused(new: str) -> None:
    data = bytes.fromhex(new)
    batch = Patches.of([Patch(Site(ADDRESS, len(data), CALL_SITE), data, data)])
    with pytest.raises(OurError, match=f"knows no instruction {new}"):
        _ = batch.opcodes


def test_a_conditional_jump_is_refused_because_the_guest_does_not_emulate_it() -> None:
    simulation = running(1, FetchModel.INSTANT)
    patch = Patch(Site(kernel().address("key_inside"), 2, SHORT_LABEL), insn.NOPS[2], bytes.fromhex("75 06"))
    with pytest.raises(OurError, match="does not emulate"):
        parts_of(simulation).task.poke.begin(Patches.of([patch]))
    assert not simulation.patching.busy


def test_a_patch_has_the_size_of_its_site() -> None:
    with pytest.raises(OurError, match="the site at 0x10 has 2 bytes"):
        Patch(Site(0x10, 2, SHORT_LABEL), insn.NOPS[2], insn.NOP5)
    with pytest.raises(OurError, match="a site of 6 bytes at 0x10: 1 to 5"):
        Site(0x10, 6, SHORT_LABEL)


def test_a_kind_says_what_its_sites_may_hold() -> None:
    forms = [SHORT_LABEL.form(data) for data in (insn.NOPS[2], b"\xeb\x10", b"\xcc\x90")]
    assert [form and form.name for form in forms] == ["NOP", "jump", None]


@pytest.mark.parametrize("key", ["key_inside", "key_across", "key_wide"])
def test_what_is_seen_of_a_site_has_its_size(key: str) -> None:
    """At each phase of a change of a jump label: the snapshot's bytes, and the lines of plain text made of them."""
    simulation = running(1, FetchModel.BYTE)
    patch = label(key)
    address, size = patch.site.address, patch.site.size
    plan_patches(simulation, [patch])
    seen = set()
    while not simulation.patching.idle:
        simulation.step(Act() if simulation.patching.ready else Run(0, 1))
        view = site_snapshot(simulation, address)
        if view.old is None or view.new is None:
            continue
        assert (view.size, view.old.data, view.new.data) == (size, patch.old, patch.new)
        assert view.memory.data == simulation.read(address, size)
        assert [len(cpu.options) for cpu in view.cpus] == [size]
        assert view.line_break == (1 if key == "key_across" else 0)
        table = table_of(Stepper(simulation, site=address))  # the very same bytes as a table
        assert table is not None
        header, memory, *_ = bytes_lines(Bytes(name="bytes", table=table))
        assert re.findall(r"\+\d(?= )", header) == [f"+{at}" for at in range(size)]
        assert memory.replace("|", " ").split()[2 : 2 + size] == [f"{byte:02X}" for byte in view.memory.data]
        seen.add(view.memory.data)
    head, tail = bytes((insn.INT3,)), (patch.old[1:], patch.new[1:])
    assert seen == {patch.old, head + tail[0], head + tail[1], patch.new}


def test_the_story_of_two_bytes_says_jump_and_two_bytes() -> None:
    """Switched on and off again until a CPU has trapped in both: each reason speaks of this site's instruction."""
    simulation = running(2, FetchModel.BYTE)
    patch = label("key_inside")
    told: dict[Emulated, tuple[str, ...]] = {}
    for _ in range(CYCLES):
        for one in (patch, *undone([patch])):
            plan_patches(simulation, [one])
            stepper = Stepper(simulation, site=patch.site.address)
            while not simulation.patching.idle:
                assert not apply(stepper, "next").error
                said = story_of(stepper).said
                assert "five" not in " ".join(said) and "+4" not in " ".join(said), said
                assert "call" not in " ".join(said), said
                if isinstance(event := stepper.passed[-1] if stepper.passed else None, Int3Done):
                    told[event.emulated] = said
        if len(told) == 2:
            break
    assert told[Emulated.JUMP][0].endswith("the handler emulated the jump.")
    assert told[Emulated.JUMP][1].startswith("So the new jump is emulated already;")
    assert told[Emulated.NOP][0].endswith("the handler emulated a NOP.")
