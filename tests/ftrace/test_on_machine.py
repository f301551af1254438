"""Ftrace on real CPUs: who is called while sites change, and how long a trampoline's memory is left alone."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from simkernel.errors import LearnerError
from simkernel.events import Switched
from simkernel.explore.run_cpu import run_cpu_to
from simkernel.ftrace import ops as fl
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetOpsFilter, SetTracer, UnregisterOps
from simkernel.ftrace.core import FtraceCore
from simkernel.ftrace.steps import WriteTrampoline
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.patching.commands import Command
from simkernel.patching.plan import Plan
from simkernel.patching.steps import OnEachCpu, SyncRcuTasks, SyncRcuTasksRude
from simkernel.schedule import Act, Policy, Run
from simkernel.sim.options import Options
from simkernel.sim.parts import parts_of
from simkernel.sim.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


def done(simulation: Simulation) -> None:
    assert simulation.run_until_idle()
    assert not simulation.halt_reason


def site(image: KernelImage, name: str) -> int:
    return image.site_of(image.symbol(name))


def test_the_design_page_shows_the_plan_that_is_made(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(), image)
    simulation.do(SetFilter("filter", "vfs_read"))
    done(simulation)
    plan = parts_of(simulation).task.subsystems[0].plan(SetTracer("function"))
    says = [
        next((str(getattr(step, name)) for name in ("what", "name", "why") if hasattr(step, name)), "")
        for step in plan.steps
    ]
    lines = [f"    {type(step).__name__:<18} {said}".rstrip() for step, said in zip(plan.steps, says, strict=True)]
    assert "\n\n" + "\n".join(lines) + "\n\n" in (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(3))
def test_three_ops_are_called_for_their_own_functions_only_also_while_sites_change(
    image: KernelImage, seed: int
) -> None:
    """`schedule` is wanted by all three, `update_curr` by two, `decay_load` by one that changes its mind."""
    simulation = Simulation.boot(Options(seed=seed, patch_quantum=40), image)
    count = image.address("ftrace_ops_count")
    calls: Counter[tuple[str, str]] = Counter()

    def seen(cpu: int, rip: int) -> None:
        if rip == count:
            registers = parts_of(simulation).machine.cpus[cpu].registers()
            ops = parts_of(simulation).subsystem(FtraceCore).state().at(registers["rdx"])
            function = image.find(registers["rdi"])
            assert ops is not None and function is not None
            calls[ops.name, function.name] += 1

    for number, cpu in enumerate(parts_of(simulation).machine.cpus):
        cpu.observe(partial(seen, number))
    regs = fl.FTRACE_OPS_FL_SAVE_REGS
    simulation.do(RegisterOps("a", "ftrace_ops_count", filter="schedule decay_load"))
    simulation.do(RegisterOps("b", "ftrace_ops_count", filter="schedule update_curr"))
    simulation.do(RegisterOps("c", "ftrace_ops_count", regs, filter="schedule update_curr rcu_*"))
    done(simulation)
    simulation.run(60_000)
    simulation.do(SetOpsFilter("a", "filter", "schedule"))
    done(simulation)
    before = calls["a", "decay_load"]
    simulation.run(60_000)
    assert calls["a", "decay_load"] - before <= 4, "only tasks that were in its trampoline"
    hits = {
        ops.name: parts_of(simulation).machine.memory.read_u64(ops.address + layout.OPS_HITS)
        for ops in parts_of(simulation).subsystem(FtraceCore).state().ops
    }
    for name in "abc":
        told = sum(number for (ops, _), number in calls.items() if ops == name)
        assert told - 4 <= hits[name] <= told
    wanted = {"a": {"schedule", "decay_load"}, "b": {"schedule", "update_curr"}, "c": {"schedule", "update_curr"}}
    for ops, function in calls:
        assert function in wanted[ops] or (ops == "c" and function.startswith("rcu_")), (ops, function)
    assert all(calls[ops, function] for ops, functions in wanted.items() for function in functions)
    for name in "bca":
        simulation.do(UnregisterOps(name))
    done(simulation)


def stop_at(simulation: Simulation, kind: type[object]) -> None:
    """Run until the patching task's next step is of that kind."""
    assert simulation.run_until(lambda s: isinstance(parts_of(s).task.step, kind), 20_000_000)


def callee(simulation: Simulation, trampoline: int) -> str:
    """Which callback CPU0 reaches if it calls a trampoline now, as a traced function does; nothing is left behind."""
    machine = parts_of(simulation).machine
    cpu = machine.cpus[0]
    kept, state = cpu.save(), machine.state()
    stack = cpu.rsp - 0x200
    words = {address: machine.memory.read_u64(address) for address in range(stack - 0x200, stack + 0x20, 8)}
    machine.memory.write_u64(stack, site(simulation.image, "schedule") + 5)
    cpu.transfer(trampoline, stack, cpu.flags & ~0x200)
    names = {simulation.image.address(name): name for name in ("ftrace_ops_count", "function_trace_call")}
    for _ in range(200):
        if cpu.rip in names:
            break
        assert cpu.run(1) is None
    found = names[cpu.rip]
    cpu.restore(kept)
    machine.restore(state)
    for address, word in words.items():
        machine.memory.write_u64(address, word)
    return found


@pytest.mark.parametrize("synced", [True, False])
def test_a_page_that_is_used_again_runs_its_old_code_until_a_sync(image: KernelImage, synced: bool) -> None:
    options = Options(model=FetchModel.BYTE, policy=Policy.LATE, patch_quantum=40)
    simulation = Simulation.boot(options, image)
    simulation.do(RegisterOps("old", "ftrace_ops_count", filter="schedule"))
    done(simulation)
    simulation.do(UnregisterOps("old"))
    done(simulation)
    simulation.do(RegisterOps("new", "function_trace_call", filter="schedule"))
    stop_at(simulation, WriteTrampoline)
    step = parts_of(simulation).task.step
    assert isinstance(step, WriteTrampoline) and not step.fresh
    assert simulation.read(step.address, 16) == parts_of(simulation).machine.code.view_read(0, step.address, 16)
    simulation.step(Act())
    assert isinstance(parts_of(simulation).task.step, OnEachCpu)
    code = len(step.data) - 8
    assert simulation.read(step.address, code) == step.data[:code]
    assert parts_of(simulation).machine.code.view_read(0, step.address, code) != step.data[:code]
    if synced:
        assert simulation.run_until(lambda s: not isinstance(parts_of(s).task.step, OnEachCpu), 1_000_000)
        assert parts_of(simulation).machine.code.view_read(0, step.address, code) == step.data[:code]
    assert callee(simulation, step.address) == ("function_trace_call" if synced else "ftrace_ops_count")


def on_stack(simulation: Simulation, task: int, low: int, high: int) -> bool:
    """True where a task that is not running has an address of the code between `low` and `high` on its stack."""
    memory = parts_of(simulation).machine.memory
    stack = memory.read_u64(task + layout.TASK_SP)
    base = layout.TASK_STACKS + (task - layout.TASKS_BASE) // layout.TASK_SIZE * layout.TASK_STACK_STRIDE
    words = range(stack, base + layout.TASK_STACK_STRIDE, 8)
    return any(low <= memory.read_u64(address) < high for address in words)


def preempted_inside(simulation: Simulation, low: int, high: int) -> int:
    """Run until a task was preempted inside a trampoline; its pid."""
    memory = parts_of(simulation).machine.memory
    tasks = range(layout.TASKS_BASE, layout.TASKS_BASE + layout.TASKS_MAX * layout.TASK_SIZE, layout.TASK_SIZE)
    by_pid = {memory.read_u32(task + layout.TASK_PID): task for task in tasks}
    for _ in range(200_000):
        for event in simulation.step():
            if (
                isinstance(event, Switched)
                and event.previous
                and on_stack(simulation, by_pid[event.previous], low, high)
            ):
                return event.previous
    raise AssertionError("no task was preempted in the trampoline")


def waited_for(image: KernelImage, seed: int) -> bool:
    """Unregister an ops in whose trampoline a task was preempted; True where Tasks RCU waited for that task."""
    simulation = Simulation.boot(Options(seed=seed, tick_period=900, patch_quantum=1), image)
    simulation.do(RegisterOps("count", "ftrace_ops_count", filter="vfs_read vfs_write"))
    done(simulation)
    ops = parts_of(simulation).subsystem(FtraceCore).state().find("count")
    pid = preempted_inside(simulation, ops.trampoline, ops.trampoline + ops.trampoline_size)
    simulation.do(UnregisterOps("count"))
    waited = False
    while not any(isinstance(event, Switched) and event.next == pid for event in simulation.step()):
        assert not simulation.patching.idle, "the trampoline went while a task was inside"
        if isinstance(parts_of(simulation).task.step, SyncRcuTasks) and simulation.patching.holdouts:
            waited = True
            assert pid in simulation.patching.holdouts
    done(simulation)
    return waited


def test_a_trampoline_outlives_a_task_that_was_preempted_in_it(image: KernelImage) -> None:
    """The task has it on its stack only: no RIP shows it."""
    assert any(waited_for(image, seed) for seed in range(16))


def test_a_trampoline_outlives_an_idle_task_in_it(image: KernelImage) -> None:
    """Tasks RCU leaves idle tasks out; synchronize_rcu_tasks_rude() waits for the CPU."""
    simulation = Simulation.boot(Options(cpus=2, tick_period=20_000), image)
    simulation.do(RegisterOps("count", "ftrace_ops_count", filter="do_idle"))
    done(simulation)
    ops = parts_of(simulation).subsystem(FtraceCore).state().find("count")
    assert run_cpu_to(simulation, simulation.step, 1, ops.trampoline + 7, 4_000_000)
    simulation.do(UnregisterOps("count"))
    for _ in range(10_000):
        if simulation.patching.ready:
            simulation.step(Act())
        elif 0 in simulation.patching.waits_for or simulation.patching.holdouts:
            simulation.step(Run(0, 20))
        elif parts_of(simulation).kernel.percpu.read(1, layout.PCPU_CSD):
            simulation.step(Run(1, 1))  # only to its answer: the interrupt will return to the trampoline
        else:
            break
    assert isinstance(parts_of(simulation).task.step, SyncRcuTasksRude) and simulation.patching.waits_for == (1,)
    assert parts_of(simulation).subsystem(FtraceCore).state().trampolines.used == (ops.trampoline,)
    done(simulation)
    assert parts_of(simulation).subsystem(FtraceCore).state().trampolines.used == ()


def test_the_default_kernel_has_all_that_ftrace_needs(image: KernelImage) -> None:
    simulation = Simulation.boot(Options(), image)
    for command in (SetTracer("function"), RegisterOps("regs", "ftrace_ops_count", fl.FTRACE_OPS_FL_SAVE_REGS)):
        assert parts_of(simulation).subsystem(FtraceCore).plan(command).steps
    with pytest.raises(LearnerError):
        parts_of(simulation).subsystem(FtraceCore).plan(RegisterOps("x", "ftrace_ops_cuont"))


def test_a_plan_is_made_once_and_again_where_something_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation.boot()
    core, made = parts_of(simulation).subsystem(FtraceCore), list[Command]()
    plan = core.plan

    def noted(command: Command) -> Plan:
        made.append(command)
        return plan(command)

    monkeypatch.setattr(core, "plan", noted)
    simulation.do(SetTracer("function"))
    simulation.do(SetTracer("nop"))
    assert made == [SetTracer("function")], "what is queued is planned when its turn comes"
    done(simulation)
    assert made == [SetTracer("function"), SetTracer("nop")]


@pytest.mark.parametrize("functions", [None, 1_000, 8_192, 20_000])
def test_what_bounds_the_allocator_of_hashes_is_what_is_mapped(functions: int | None) -> None:
    """Every block, down to the last one that fits, is guest data behind the records; and four full hashes fit."""
    kernel = KernelImage.default() if functions is None else KernelImage.synthetic(functions)
    simulation = Simulation(kernel, Options())
    memory, sites = parts_of(simulation).machine.memory, len(kernel.mcount_loc)
    records = memory.array(layout.DYN_FTRACE_BASE, "u1", sites * layout.DYN_FTRACE_SIZE, write=True)
    arena = parts_of(simulation).subsystem(FtraceCore).state().hashes
    full, count = len(fl.hash_bytes(kernel.mcount_loc)), 0
    for size in (full, 8):
        while (place := arena.allocate(size)) is not None:
            address, arena = place
            memory.write(address, bytes([0xFF]) * size)
            count += size == full
    assert count >= 4
    assert memory.read(arena.base + arena.size - 8, 8) == bytes([0xFF]) * 8
    assert not records.any()
