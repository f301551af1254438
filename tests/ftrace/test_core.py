"""Plans carried out with the world stopped: order of steps, records, bytes and guest structs, by hand."""

from __future__ import annotations

import errno
import time

import numpy as np
import pytest

from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetOpsFilter, SetTracer, UnregisterOps
from simkernel.ftrace.core import NOP5
from simkernel.ftrace.ops import FtraceError
from simkernel.ftrace.steps import FreeTrampoline, PokeRecords, UpdateRecords, WriteTrampoline
from simkernel.ftrace.trampolines import call_target
from simkernel.kernel import layout
from simkernel.patching.steps import OnEachCpu, PokeMany, PokeOne, Store, SyncRcuTasks, SyncRcuTasksRude, Verify
from tests.ftrace.fakes import NAMES, Setup, do, target, warning


@pytest.fixture
def setup() -> Setup:
    return Setup.of(NAMES)


# --- boot -------------------------------------------------------------------------------------------------------------


def test_boot_turns_every_call_into_a_nop_and_builds_the_records() -> None:
    setup = Setup.of(NAMES, boot=False)
    assert target(setup, "schedule") == "__fentry__"
    lines = setup.carry_out(setup.core.boot_plan())
    assert lines == ["ftrace: allocating 8 entries in 1 pages", "ftrace: allocated 1 pages with 1 groups"]
    assert {setup.site_bytes(name) for name in NAMES} == {NOP5}
    assert setup.core.records.ips.tolist() == setup.kernel.mcount_loc.tolist()
    assert not setup.core.records.flags.any()
    assert setup.machine.memory.read_u64(setup.kernel.address("ftrace_ops_list")) == setup.kernel.address(
        "ftrace_list_end"
    )


def test_a_site_that_is_not_a_call_at_boot_is_reported_and_nothing_is_written() -> None:
    setup = Setup.of(NAMES, boot=False)
    site = setup.site("vfs_read")
    setup.machine.text_write(site, b"\xe8\x01\x02\x03\x04")
    lines = setup.carry_out(setup.core.boot_plan())[1:]
    assert target(setup, "vfs_open") == "__fentry__"
    displacement = (setup.kernel.address("__fentry__") - site - 5) & 0xFFFF_FFFF
    assert lines == [
        "------------[ ftrace bug ]------------",
        "ftrace failed to modify ",
        f"[<{site:016x}>] vfs_read+0x0/0x20",
        " actual:   e8:01:02:03:04",
        " expected: e8:" + ":".join(f"{byte:02x}" for byte in displacement.to_bytes(4, "little")),
        "Initializing ftrace call sites",
        "ftrace record flags: 0",
        " (0)    ",
        f" expected tramp: {setup.kernel.address('ftrace_caller'):x}",
        *warning(0, 0, "swapper"),
        "ftrace: allocated 1 pages with 1 groups",
    ]
    assert setup.core.ftrace_disabled and setup.core.booted
    with pytest.raises(FtraceError) as refused:
        setup.core.plan(SetFilter("filter", "schedule"))
    assert refused.value.errno == errno.ENODEV


def test_a_kernel_without_sites_says_so() -> None:
    setup = Setup.of([])
    assert [text for _, text in setup.core.log.lines] == ["ftrace: No functions to be traced?"]
    assert setup.core.ftrace_disabled


@pytest.mark.parametrize(
    ("records", "pages", "groups"),
    [(49_904, 195, 4), (45_267, 177, 4), (50_749, 200, None), (1, 1, 1), (256, 1, 1), (257, 2, 1), (0, 0, 0)],
)
def test_pages_and_groups_are_those_of_real_kernels(records: int, pages: int, groups: int | None) -> None:
    got = rec.page_numbers(records)
    assert got[0] >= -(-records // 256)
    if groups is not None:
        assert got == (pages, groups)


# --- one tracer -------------------------------------------------------------------------------------------------------


def test_the_function_tracer_sends_every_site_to_the_trampoline_of_global_ops(setup: Setup) -> None:
    do(setup, SetTracer("function"))
    assert {target(setup, name) for name in NAMES} == {"tramp:global_ops"}
    on = rec.FTRACE_FL_ENABLED | rec.FTRACE_FL_TRAMP | rec.FTRACE_FL_TRAMP_EN | rec.FTRACE_FL_TOUCHED
    assert set(setup.core.records.flags.tolist()) == {1 | on}
    inner = setup.kernel.address("ftrace_call")
    assert call_target(inner, setup.machine.code.read(inner, 5)) == setup.kernel.address("function_trace_call")
    assert setup.machine.memory.read_u64(setup.kernel.address("function_trace_op")) == fl.ops_slot(0)
    do(setup, SetTracer("nop"))
    assert {target(setup, name) for name in NAMES} == {"nop"}
    assert set(setup.core.records.flags.tolist()) == {rec.FTRACE_FL_TOUCHED}
    assert call_target(inner, setup.machine.code.read(inner, 5)) == setup.kernel.address("ftrace_stub")


def test_the_steps_of_the_first_tracer_come_in_linux_s_order(setup: Setup) -> None:
    plan = setup.core.plan(SetTracer("function"))
    code = [step for step in plan.steps if isinstance(step, PokeOne | PokeMany | Verify | WriteTrampoline)]
    told = [getattr(step, "what", type(step).__name__) for step in code]
    assert told == [
        "trampoline",
        "ftrace_call: call arch_ftrace_ops_list_func",
        "ftrace_regs_call: call arch_ftrace_ops_list_func",
        "Verify",
        "8 sites",
        "ftrace_call: call function_trace_call",
        "ftrace_regs_call: call function_trace_call",
    ]
    kinds = [type(step) for step in plan.steps]
    assert kinds.index(UpdateRecords) < kinds.index(Verify) < kinds.index(PokeRecords) < kinds.index(OnEachCpu)
    stored = next(step for step in plan.steps if isinstance(step, Store))
    assert stored.what == "function_trace_op"


def test_a_filter_set_before_the_tracer_bounds_what_is_patched(setup: Setup) -> None:
    do(setup, SetFilter("filter", "vfs_*\n"), SetFilter("notrace", "vfs_open\n"), SetTracer("function"))
    traced = [name for name in NAMES if target(setup, name) != "nop"]
    assert traced == ["vfs_read", "vfs_write"]


def test_a_filter_changed_while_tracing_patches_the_difference_only(setup: Setup) -> None:
    do(setup, SetFilter("filter", "vfs_*"), SetTracer("function"))
    plan = setup.core.plan(SetFilter("filter", "vfs_read schedule"))
    poke = next(step for step in plan.steps if isinstance(step, PokeMany))
    assert sorted(poke.patches.sites.tolist()) == sorted(setup.site(n) for n in ("schedule", "vfs_open", "vfs_write"))
    setup.carry_out(plan)
    assert [name for name in NAMES if target(setup, name) != "nop"] == ["schedule", "vfs_read"]
    do(setup, SetFilter("filter", "!schedule decay_load", append=True))
    assert [name for name in NAMES if target(setup, name) != "nop"] == ["vfs_read", "decay_load"]
    do(setup, SetFilter("filter", ""))
    assert {target(setup, name) for name in NAMES} == {"tramp:global_ops"}


def test_the_trampoline_of_global_ops_is_kept_and_its_inner_call_poked_again(setup: Setup) -> None:
    do(setup, SetTracer("function"), SetTracer("nop"))
    plan = setup.core.plan(SetTracer("function"))
    assert not [step for step in plan.steps if isinstance(step, WriteTrampoline)]
    again = next(step for step in plan.steps if isinstance(step, PokeOne))
    assert again.what == "the trampoline of global_ops calls its function"
    assert not [step for step in setup.steps if isinstance(step, SyncRcuTasks)]


def test_setting_the_tracer_that_is_set_does_nothing(setup: Setup) -> None:
    assert len(setup.core.plan(SetTracer("nop"))) == 0
    do(setup, SetTracer("function"))
    assert len(setup.core.plan(SetTracer("function"))) == 0


def test_a_new_tracer_begins_with_empty_buffers(setup: Setup) -> None:
    area = layout.PERCPU_BASE + layout.PERCPU_SIZE
    setup.machine.memory.write_u64(area + layout.PCPU_RING_HEAD, 5_000)
    setup.machine.memory.write_u64(area + layout.PCPU_RING_OVERRUN, 3_976)
    do(setup, SetTracer("function"))
    assert setup.machine.memory.read_u64(area + layout.PCPU_RING_TAIL) == 5_000
    assert setup.machine.memory.read_u64(area + layout.PCPU_RING_OVERRUN) == 0


# --- several ops ------------------------------------------------------------------------------------------------------


def test_two_ops_on_one_site_share_ftrace_caller_and_go_back(setup: Setup) -> None:
    do(setup, SetTracer("function"), RegisterOps("count", "ftrace_ops_count", filter="vfs_*"))
    assert target(setup, "schedule") == "tramp:global_ops"
    assert target(setup, "vfs_read") == "ftrace_caller"
    inner = setup.kernel.address("ftrace_call")
    assert call_target(inner, setup.machine.code.read(inner, 5)) == setup.kernel.address("arch_ftrace_ops_list_func")
    do(setup, UnregisterOps("count"))
    assert target(setup, "vfs_read") == "tramp:global_ops"


def test_who_wants_all_registers_gets_ftrace_regs_caller(setup: Setup) -> None:
    flags = fl.FTRACE_OPS_FL_SAVE_REGS
    do(setup, RegisterOps("regs", "ftrace_ops_count", flags, "vfs_read"))
    assert target(setup, "vfs_read") == "tramp:regs"
    do(setup, RegisterOps("count", "ftrace_ops_count", filter="vfs_*"))
    assert target(setup, "vfs_read") == "ftrace_regs_caller"
    assert target(setup, "vfs_open") == "tramp:count"
    do(setup, UnregisterOps("regs"))
    assert target(setup, "vfs_read") == "tramp:count"
    assert not setup.flags("vfs_read") & (rec.FTRACE_FL_REGS | rec.FTRACE_FL_REGS_EN)


def test_the_list_in_guest_memory_has_the_newest_first(setup: Setup) -> None:
    do(setup, SetTracer("function"), RegisterOps("a", "ftrace_ops_count"), RegisterOps("b", "ftrace_ops_count"))

    def walk() -> list[str]:
        memory = setup.machine.memory
        names, at = [], memory.read_u64(setup.kernel.address("ftrace_ops_list"))
        while at != setup.kernel.address("ftrace_list_end"):
            found = setup.core.state().at(at)
            assert found is not None
            names.append(found.name)
            assert memory.read_u64(at + layout.OPS_FUNC) == found.func
            assert memory.read_u64(at + layout.OPS_TRAMPOLINE) == found.trampoline
            at = memory.read_u64(at + layout.OPS_NEXT)
        return names

    assert walk() == ["b", "a", "global_ops"]
    do(setup, UnregisterOps("a"))
    assert walk() == ["b", "global_ops"]
    do(setup, UnregisterOps("b"))
    assert walk() == ["global_ops"]


def test_a_hash_in_guest_memory_is_sorted_and_never_overwritten_before_rcu(setup: Setup) -> None:
    do(setup, RegisterOps("count", "ftrace_ops_count", filter="vfs_write vfs_open"))
    ops = setup.core.state().find("count")
    memory = setup.machine.memory
    assert memory.read_u64(ops.filter_hash) == 2
    assert [memory.read_u64(ops.filter_hash + 8 + 8 * i) for i in range(2)] == [
        setup.site("vfs_open"),
        setup.site("vfs_write"),
    ]
    before = memory.read(ops.filter_hash, 24)
    do(setup, SetOpsFilter("count", "filter", "schedule decay_load"), SetOpsFilter("count", "notrace", "schedule"))
    assert memory.read(ops.filter_hash, 24) == before, "somebody may still be reading it"
    now = setup.core.state().find("count")
    assert memory.read_u64(now.address + layout.OPS_FILTER_HASH) == now.filter_hash != ops.filter_hash
    assert target(setup, "decay_load") == "tramp:count" and target(setup, "schedule") == "nop"
    do(setup, UnregisterOps("count"))
    assert setup.core.state().hashes.retired == () == setup.core.state().hashes.used


def test_hashes_are_freed_after_rcu_when_room_runs_out() -> None:
    setup = Setup.of([f"fn_{i}" for i in range(2_000)])
    do(setup, RegisterOps("count", "ftrace_ops_count", filter="fn_1*"))
    for turn in range(200):
        do(setup, SetOpsFilter("count", "filter", f"fn_{turn % 7 + 1}* fn_*{turn % 10}"))
    waits = [step for step in setup.steps if isinstance(step, SyncRcuTasks)]
    assert 0 < len(waits) < 10
    arena = setup.core.state().hashes
    blocks = sorted((*arena.used, *arena.retired))
    assert all(a + size <= b for (a, size), (b, _) in zip(blocks, blocks[1:], strict=False))


def test_a_page_that_is_used_again_is_synced_before_any_site_calls_it(setup: Setup) -> None:
    do(setup, RegisterOps("a", "ftrace_ops_count", filter="schedule"))
    first = setup.core.state().find("a").trampoline
    do(setup, UnregisterOps("a"))
    kinds = [type(step) for step in setup.steps]
    first_wait = kinds.index(SyncRcuTasksRude)
    assert kinds[first_wait : first_wait + 3] == [SyncRcuTasksRude, SyncRcuTasks, FreeTrampoline]  # ftrace_shutdown()
    plan = setup.core.plan(RegisterOps("b", "ftrace_ops_count", filter="schedule"))
    write = next(step for step in plan.steps if isinstance(step, WriteTrampoline))
    assert write.address == first and not write.fresh
    order = [type(step) for step in plan.steps]
    assert order[order.index(WriteTrampoline) + 1] is OnEachCpu


def test_a_trampoline_is_ftrace_caller_with_its_ops_built_in(setup: Setup) -> None:
    do(setup, RegisterOps("regs", "ftrace_ops_count", fl.FTRACE_OPS_FL_SAVE_REGS, "schedule"))
    ops = setup.core.state().find("regs")
    code = setup.machine.code.read(ops.trampoline, ops.trampoline_size)
    start, end = (setup.kernel.address(f"ftrace_regs_caller{part}") for part in ("", "_end"))
    assert len(code) == end - start + 2 + 8
    assert code[-10:-8] == b"\xc3\xcc"
    assert int.from_bytes(code[-8:], "little") == ops.address
    at = setup.kernel.address("ftrace_regs_caller_op_ptr") - start
    assert code[at : at + 3] == b"\x48\x8b\x15"
    assert at + 7 + int.from_bytes(code[at + 3 : at + 7], "little", signed=True) == len(code) - 8
    at = setup.kernel.address("ftrace_regs_call") - start
    assert call_target(ops.trampoline + at, code[at : at + 5]) == ops.func
    at = setup.kernel.address("ftrace_regs_caller_jmp") - start
    assert code[at : at + 2] == b"\x66\x90"


def test_fifty_thousand_records_take_a_few_vector_operations() -> None:
    setup = Setup.of([f"fn_{i}" for i in range(50_000)])
    assert len(setup.core.names) == 50_000
    began = time.perf_counter()
    plan = setup.core.plan(SetTracer("function"))
    assert time.perf_counter() - began < 0.3
    poke = next(step for step in plan.steps if isinstance(step, PokeMany))
    assert poke.total == 50_000 and (np.diff(poke.patches.sites.astype(np.int64)) > 0).all()
