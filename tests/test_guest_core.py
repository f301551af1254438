"""The guest's core: boot, traps, int3s, syncs, trampolines and callbacks, run on a machine with a small subsystem."""

from __future__ import annotations

import pytest

from simkernel import disasm, insn
from simkernel.errors import GuestError
from simkernel.kernel import layout
from simkernel.patching.patches import Patches
from simkernel.patching.text_poke import TextPoke
from simkernel.schedule import Run
from simkernel.trace import ringbuffer
from tests.guest.core_kernel import CoreKernel, core_image
from tests.patches import call_patch

pytestmark = pytest.mark.keystone

ENABLED, SAVE_REGS = 1, 4  # FTRACE_OPS_FL_*


def assert_right(kernel: CoreKernel, at_least: int) -> None:
    """No oops, no wrong result, and so many system calls at least."""
    assert kernel.machine.halt_reason == ""
    assert kernel.total(layout.TASK_ERRORS) == 0
    assert kernel.total(layout.TASK_SYSCALLS) >= at_least


def target(kernel: CoreKernel, name: str = "stub_add_second") -> int:
    """A site that every system call passes."""
    return kernel.site(name)


@pytest.mark.parametrize("ibt", [False, True])
def test_boot_makes_the_tasks_of_each_cpu_and_they_run(ibt: bool) -> None:
    kernel = CoreKernel(cpus=3, ibt=ibt).online()
    kernel.run(400)
    names = {(comm, pid) for comm, pid, _ in kernel.tasks()}
    assert {("swapper/2", 0), ("migration/0", 0x10), ("first", 0x22), ("second", 0x31)} <= names
    assert len(list(kernel.tasks())) == 3 * 4
    assert_right(kernel, 40)
    assert any(kernel.percpu.read(cpu, layout.PCPU_MISC) for cpu in range(3)), "no task was preempted in the kernel"


def test_no_handler_trampoline_or_callback_leads_to_a_site() -> None:
    image = core_image()
    traced = {symbol.address for symbol in image.functions()}
    names = """asm_exc_int3 exc_int3 poke_int3_handler asm_exc_nmi asm_sysvec_call_function die __switch_to_asm
        asm_sysvec_apic_timer_interrupt __switch_to ftrace_caller ftrace_regs_caller function_trace_call
        arch_ftrace_ops_list_func ftrace_lookup_ip ftrace_ops_count ftrace_stub __fentry__ default_idle_call
        default_idle stop_cpu_and_wait"""
    for name in names.split():
        symbol = image.symbol(name)
        assert not symbol.traced, name
        for instruction in disasm.decode(image.text_of(symbol), symbol.address):
            assert instruction.target not in traced, f"{name} leads to {image.symbolize(instruction.target or 0)}"


# --- trampolines and callbacks ----------------------------------------------------------------------------------------


def traced_kernel(names: list[str], cpus: int = 1, tick_period: int = 0) -> CoreKernel:
    """The function tracer, alone, at the sites of these functions."""
    kernel = CoreKernel(cpus=cpus, tick_period=tick_period).online()
    ops = kernel.add_ops(0, "function_trace_call", [])
    trampoline = kernel.trampoline(ops, "function_trace_call")
    for name in names:
        kernel.call_from(name, trampoline)
    return kernel


def test_a_traced_call_costs_71_instructions() -> None:
    kernel = traced_kernel(["stub_add_second"])
    kernel.run_to("stub_add_second")
    before = kernel.machine.cpus[0].registers()
    assert len(kernel.steps_until(target(kernel) + 5)) == 71
    after = kernel.machine.cpus[0].registers()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"rip", "eflags"}


def test_the_longest_way_through_the_tracer_is_at_most_80_instructions() -> None:
    kernel = traced_kernel(["nmi_handle"])
    kernel.percpu.write(0, layout.PCPU_RING_HEAD, 5000)
    kernel.run(1)
    kernel.nmi(0)
    kernel.run_to("nmi_handle")
    assert len(kernel.steps_until(kernel.site("nmi_handle") + 5)) == 78
    assert kernel.percpu.read(0, layout.PCPU_RING_OVERRUN) == 1


def test_records_say_who_called_what_in_which_state() -> None:
    kernel = traced_kernel(
        ["stub_add", "stub_add_second", "irq_enter_rcu", "hrtimer_interrupt", "nmi_handle"], 1, 2_500
    )
    for _ in range(40):
        kernel.run(10, quantum=97)
        kernel.nmi(0)
    image = kernel.image
    seen: dict[tuple[str, str], set[tuple[bool, bool, bool, int]]] = {}
    for record in ringbuffer.merged(kernel.machine.memory, 1):
        name = image.symbolize(record.site)
        state = record.irqs_off, record.hardirq, record.nmi, record.preempt_depth
        seen.setdefault((name, image.symbolize(record.caller).partition("+")[0]), set()).add(state)
        assert record.pid in (0, 0x10, 0x20, 0x30)
    user = {(False, False, False, 0), (True, False, False, 0)}
    assert seen["stub_add", "x64_sys_call"] == user
    assert seen["stub_add_second", "stub_add_first"] == {(off, False, False, 1) for off in (False, True)}
    assert (True, True, False, 0) in seen["hrtimer_interrupt", "__sysvec_apic_timer_interrupt"]
    assert all(not state[1] for state in seen["irq_enter_rcu", "sysvec_apic_timer_interrupt"])
    assert all(state[:3] == (True, True, True) for state in seen["nmi_handle", "exc_nmi"])


def test_an_idle_task_begins_with_a_call_so_that_its_first_site_has_a_parent() -> None:
    kernel = CoreKernel(cpus=3)
    trampoline = kernel.trampoline(kernel.add_ops(0, "function_trace_call", []), "function_trace_call")
    kernel.call_from("cpu_startup_entry", trampoline)
    kernel.online()
    assert kernel.machine.halt_reason == ""
    parents = [kernel.image.find(record.caller - 1) for record in ringbuffer.merged(kernel.machine.memory, 3)]
    assert sorted(parent.name if parent else "" for parent in parents) == ["start_kernel", *["start_secondary"] * 2]


def test_every_event_is_in_the_buffer_or_counted_as_lost() -> None:
    kernel = traced_kernel(["stub_add", "stub_add_first", "stub_add_second"], 2, 30_000)
    memory = kernel.machine.memory
    read = 0
    for round_ in range(40):
        kernel.run(60, quantum=1_111)
        if round_ in (10, 12):
            read += len(ringbuffer.consume(memory, 2))
    while any(ringbuffer.Ring.of(memory, cpu).under_way(memory) for cpu in range(2)):
        kernel.run(1, quantum=1)
    rings = [ringbuffer.Ring.of(memory, cpu) for cpu in range(2)]
    left = len(ringbuffer.merged(memory, 2))
    assert sum(ring.overrun for ring in rings) > 0
    assert sum(ring.head for ring in rings) == read + left + sum(ring.overrun for ring in rings)


def test_the_list_function_calls_the_ops_whose_hashes_match_and_no_other() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    kernel.run(5)
    names = ["schedule", "stub_add", "stub_add_first", "stub_add_second", "x64_sys_call"]
    filters: list[tuple[list[str], list[str]]] = [
        (["stub_add"], []),
        (["stub_add_second", "stub_add", "schedule"], []),
        ([], ["x64_sys_call", "schedule"]),
        (names, ["stub_add_first"]),
        ([], []),
    ]
    ops = [kernel.add_ops(i, "ftrace_ops_count", *pair) for i, pair in enumerate(filters)]
    memory = kernel.machine.memory
    memory.write_u64(ops[-1] + layout.OPS_FILTER_HASH, layout.HEAP_BASE + 0x3F000)  # a hash that is there, and empty
    skipped = kernel.add_ops(7, "ftrace_ops_count", [], flags=ENABLED | SAVE_REGS)
    kernel.inner_call("arch_ftrace_ops_list_func")
    hits = dict.fromkeys(names, 0)
    sites = {kernel.site(name): name for name in names}
    for name in names:
        kernel.call_from(name, kernel.image.address("ftrace_caller"))

    def count(rip: int) -> None:
        if rip in sites:
            hits[sites[rip]] += 1

    end = kernel.machine.cpus[0].observe(count)
    kernel.run(60)
    kernel.run_to("do_syscall_64")
    end()
    for address, (wanted, unwanted) in zip(ops, filters, strict=True):
        expected = sum(hits[name] for name in names if (not wanted or name in wanted) and name not in unwanted)
        assert memory.read_u64(address + layout.OPS_HITS) == expected > 0
    assert memory.read_u64(skipped + layout.OPS_HITS) == 0
    assert_right(kernel, 5)


@pytest.mark.parametrize("own", [True, False])
def test_ftrace_regs_caller_shows_and_restores_every_register(own: bool) -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    ops = kernel.add_ops(0, "stub_regs_callback", [], flags=ENABLED | SAVE_REGS)
    kernel.inner_call("stub_regs_callback")
    where = (
        kernel.trampoline(ops, "stub_regs_callback", regs=True) if own else kernel.image.address("ftrace_regs_caller")
    )
    kernel.call_from("stub_add_second", where)
    kernel.run_to("stub_add_second")
    before = kernel.machine.cpus[0].registers()
    kernel.steps_until(target(kernel) + 5)
    after = kernel.machine.cpus[0].registers()
    assert {name for name in before if before[name] != after[name]} == {"rip"}
    offsets = {name[3:].lower(): value for name, value in vars(layout).items() if name.startswith("PT_")}
    copy = {name: kernel.machine.memory.read_u64(layout.HEAP_BASE + 0x20000 + at) for name, at in offsets.items()}
    names = "rax rbx rcx rdx rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 rsi".split()
    assert {name: copy[name] for name in names} == {name: before[name] for name in names}
    assert (copy["rip"], copy["rsp"], copy["eflags"]) == (target(kernel) + 5, before["rsp"], before["eflags"])
    assert (copy["cs"], copy["ss"], copy["orig_rax"]) == (layout.KERNEL_CS, layout.KERNEL_DS, 0)


def test_a_callback_may_change_the_flags() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    kernel.inner_call("stub_regs_callback")
    kernel.call_from("stub_add_second", kernel.image.address("ftrace_regs_caller"))
    kernel.run_to("stub_add_second")
    flags = kernel.machine.cpus[0].flags
    direction = 0x400
    kernel.machine.memory.write_u64(layout.HEAP_BASE + 0x21018, direction)
    kernel.steps_until(target(kernel) + 5)
    assert kernel.machine.cpus[0].flags == flags | direction


def test_a_callback_may_lead_to_another_body_or_to_a_direct_function() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    kernel.inner_call("stub_regs_callback")
    kernel.call_from("stub_add_second", kernel.image.address("ftrace_regs_caller"))
    memory = kernel.machine.memory
    kernel.run(20)
    assert_right(kernel, 3)
    memory.write_u64(layout.HEAP_BASE + 0x21008, kernel.image.address("stub_direct"))
    kernel.run(20)
    assert memory.read_u64(layout.HEAP_BASE + 0x21010) > 1
    assert_right(kernel, 6)
    memory.write_u64(layout.HEAP_BASE + 0x21008, 0)
    memory.write_u64(layout.HEAP_BASE + 0x21000, kernel.image.address("stub_other_body"))
    kernel.run(20)
    assert kernel.total(layout.TASK_ERRORS) > 0, "the other body did not run"


# --- int3 -------------------------------------------------------------------------------------------------------------


def int3_everywhere(kernel: CoreKernel, trampoline: int = 0) -> TextPoke:
    """Every site is int3 and stays so: a batch after its first write."""
    pokes = [
        call_patch(int(site), insn.NOP5, insn.call(int(site), trampoline) if trampoline else insn.NOP5)
        for site in kernel.image.mcount_loc
    ]
    poke = kernel.text_poke()
    poke.begin(Patches.of(pokes))
    poke.act()
    poke.act()
    return poke


def references(kernel: CoreKernel) -> int:
    return kernel.machine.memory.read_u32(kernel.image.address("bp_desc") + layout.DESC_REFS)


def test_int3s_at_all_sites_are_answered_as_nops() -> None:
    kernel = CoreKernel(tick_period=10_000).online()
    int3_everywhere(kernel)
    kernel.run(3_000, quantum=50)
    assert_right(kernel, 20)
    assert 1 <= references(kernel) <= 1 + kernel.cpus


def test_int3s_at_all_sites_are_answered_as_calls() -> None:
    kernel = CoreKernel(tick_period=20_000).online()
    trampoline = kernel.trampoline(kernel.add_ops(0, "ftrace_ops_count", []), "ftrace_ops_count")
    int3_everywhere(kernel, trampoline=trampoline)
    kernel.run(3_000, quantum=50)
    assert_right(kernel, 20)
    assert kernel.machine.memory.read_u64(layout.FTRACE_OPS_BASE + layout.OPS_HITS) > 50


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_the_search_finds_each_entry_of_a_batch(size: int) -> None:
    image = core_image()
    others = [int(site) for site in image.mcount_loc if image.symbolize(int(site)) != "stub_add_second"]
    for before in range(size):
        kernel = CoreKernel(cpus=1, tick_period=0).online()
        site = target(kernel)
        low = [at for at in others if at < site][:before]
        high = [at for at in others if at > site][: size - 1 - before]
        poke = kernel.text_poke()
        poke.begin(Patches.of([call_patch(at, insn.NOP5, insn.NOP5) for at in [*low, site, *high]]))
        poke.act()
        kernel.machine.code.write(site, b"\xcc", fresh=True)
        kernel.run(10)
        assert_right(kernel, 2)
        assert references(kernel) == 1


def test_an_int3_that_is_not_in_the_batch_is_fatal_and_keeps_no_reference() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    poke = kernel.text_poke()
    poke.begin(Patches.of([call_patch(kernel.site(name), insn.NOP5, insn.NOP5) for name in ("schedule", "stub_add")]))
    poke.act()
    kernel.machine.code.write(target(kernel), b"\xcc", fresh=True)
    with pytest.raises(GuestError, match="has halted"):
        kernel.run(50)
    memory = kernel.machine.memory
    regs = kernel.percpu.read(0, layout.PCPU_OOPS_REGS)
    assert kernel.word("oops_in_progress") == 1
    assert kernel.percpu.read(0, layout.PCPU_OOPS_VECTOR) == layout.VECTOR_BP
    assert memory.read_u64(regs + layout.PT_RIP) == target(kernel) + 1
    assert references(kernel) == 1


def test_an_int3_that_comes_after_its_batch_is_nobodys() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    emulate_at(kernel, insn.JMP32)
    kernel.machine.memory.write_u32(kernel.image.address("bp_desc") + layout.DESC_REFS, 0)
    with pytest.raises(GuestError, match="has halted"):
        kernel.run(50)
    assert kernel.percpu.read(0, layout.PCPU_OOPS_VECTOR) == layout.VECTOR_BP
    assert references(kernel) == 0


def emulate_at(kernel: CoreKernel, opcode: int) -> None:
    """An int3 at the target, with an entry of the batch that says what to do."""
    poke = kernel.text_poke()
    poke.begin(Patches.of([call_patch(target(kernel), insn.NOP5, insn.NOP5)]))
    poke.act()
    kernel.machine.memory.write(layout.TP_VEC + layout.TP_OPCODE, bytes([opcode]))
    kernel.machine.code.write(target(kernel), b"\xcc", fresh=True)


def test_ret_is_emulated_by_popping_the_interrupted_stack() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    kernel.run_to("stub_add_second")
    before = kernel.machine.cpus[0].registers()
    parent = kernel.machine.memory.read_u64(before["rsp"])
    emulate_at(kernel, insn.RET)
    kernel.machine.step(Run(0, 1))
    kernel.steps_until(parent)
    after = kernel.machine.cpus[0].registers()
    assert after["rsp"] == before["rsp"] + 8
    assert {name for name in before if before[name] != after[name]} == {"rip", "rsp"}


def test_skip_mode_resumes_behind_the_site_whatever_the_new_instruction_is() -> None:
    kernel = CoreKernel(cpus=1, tick_period=0).online()
    emulate_at(kernel, insn.CALL)
    kernel.machine.memory.write_u64(kernel.image.address("int3_skip_mode"), 1)
    kernel.machine.memory.write(layout.TP_VEC + layout.TP_DISP, (0x7FFF0000).to_bytes(4, "little"))
    kernel.run(20)
    assert_right(kernel, 3)
