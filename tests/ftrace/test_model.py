"""Any sequence of updates, against a naive model that says site by site what Linux's rules come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from simkernel.ftrace import ops as fl
from simkernel.ftrace import records as rec
from simkernel.ftrace.commands import RegisterOps, SetOpsFilter, SetTracer, UnregisterOps
from simkernel.ftrace.trampolines import call_target
from simkernel.kernel import layout
from simkernel.patching.commands import Command
from tests.ftrace.fakes import NAMES, Setup, target

# --- the naive model --------------------------------------------------------------------------------------------------


@dataclass
class Model:
    """What Linux's rules come to, said site by site: who wants it, hence what it calls."""

    ops: dict[str, tuple[bool, set[str], set[str]]] = field(default_factory=dict)  # regs, filter, notrace
    touched: set[str] = field(default_factory=set)

    def users(self, name: str) -> list[str]:
        return [o for o, (_, f, n) in self.ops.items() if (not f or name in f) and name not in n]

    def expect(self, name: str) -> tuple[int, str]:
        users = self.users(name)
        regs = any(self.ops[user][0] for user in users)
        if users:
            self.touched.add(name)
        where = ["nop", f"tramp:{users[0]}" if users else ""][len(users)] if len(users) < 2 else ""
        return len(users), where or ("ftrace_regs_caller" if regs else "ftrace_caller")


OPS = ["a", "b", "c"]
functions = st.sets(st.sampled_from(NAMES), max_size=4)
moves = st.one_of(
    st.tuples(st.just("register"), st.sampled_from(OPS), st.booleans(), functions, functions),
    st.tuples(st.just("unregister"), st.sampled_from(OPS)),
    st.tuples(
        st.just("hash"), st.sampled_from([*OPS, "global_ops"]), st.sampled_from(["filter", "notrace"]), functions
    ),
    st.tuples(st.just("tracer"), st.booleans()),
)


def command_of(move: tuple[object, ...], model: Model, hashes: dict[str, set[str]]) -> Command | None:
    """The command of a move, done to the model as well; None where it makes no sense now."""
    match move:
        case ("register", str(name), bool(regs), set(chosen), set(not_chosen)) if name not in model.ops:
            model.ops[name] = (regs, chosen, not_chosen)
            flags = fl.FTRACE_OPS_FL_SAVE_REGS if regs else 0
            return RegisterOps(name, "ftrace_ops_count", flags, " ".join(chosen), " ".join(not_chosen))
        case ("unregister", str(name)) if name in model.ops:
            del model.ops[name]
            return UnregisterOps(name)
        case ("hash", str(name), str(kind), set(chosen)) if name in model.ops or name == "global_ops":
            if name == "global_ops":
                hashes[kind] = chosen
            if name in model.ops:
                regs, filter_, notrace = model.ops[name]
                model.ops[name] = (regs, chosen, notrace) if kind == "filter" else (regs, filter_, chosen)
            return SetOpsFilter(name, kind, " ".join(chosen))
        case ("tracer", bool(on)):
            if on:
                model.ops.setdefault("global_ops", (False, hashes["filter"], hashes["notrace"]))
            else:
                model.ops.pop("global_ops", None)
            return SetTracer("function" if on else "nop")
    return None


def guest_list(setup: Setup) -> dict[str, tuple[set[str], set[str]]]:
    """What `arch_ftrace_ops_list_func` finds in guest memory: the ops from the head on, with filter and notrace."""
    memory, at = setup.machine.memory, setup.machine.memory.read_u64(setup.kernel.address("ftrace_ops_list"))
    names = dict(zip(setup.kernel.mcount_loc.tolist(), NAMES, strict=True))
    found: dict[str, tuple[set[str], set[str]]] = {}
    while at != setup.kernel.address("ftrace_list_end"):
        ops = setup.core.state().at(at)
        assert ops is not None
        hashes = []
        for offset in (layout.OPS_FILTER_HASH, layout.OPS_NOTRACE_HASH):
            place = memory.read_u64(at + offset)
            count = memory.read_u64(place) if place else 0
            ips = [memory.read_u64(place + 8 + 8 * i) for i in range(count)]
            assert ips == sorted(ips)
            hashes.append({names[ip] for ip in ips})
        found[ops.name] = (hashes[0], hashes[1])
        at = memory.read_u64(at + layout.OPS_NEXT)
    return found


def check_guest_view(setup: Setup, model: Model) -> None:
    """Guest code would call the same ops for each function as the model says."""
    found = guest_list(setup)
    assert found == {name: (chosen, excluded) for name, (_, chosen, excluded) in model.ops.items()}


def check_against(setup: Setup, model: Model) -> None:
    """The whole table, every byte of the sites, and the inner calls, against the model."""
    for name in NAMES:
        count, where = model.expect(name)
        flags = setup.flags(name)
        assert (flags & rec.FTRACE_REF_MAX, target(setup, name)) == (count, where), name
        regs = any(model.ops[user][0] for user in model.users(name))
        tramp = where.startswith("tramp:")
        wanted = {
            rec.FTRACE_FL_ENABLED: count > 0,
            rec.FTRACE_FL_TRAMP: tramp,
            rec.FTRACE_FL_TRAMP_EN: tramp,
            rec.FTRACE_FL_REGS: regs,
            rec.FTRACE_FL_REGS_EN: regs,
            rec.FTRACE_FL_TOUCHED: name in model.touched,
        }
        assert flags & ~rec.FTRACE_REF_MAX == sum(bit for bit, on in wanted.items() if on), name
    inner = {
        setup.kernel.find(call_target(at, setup.machine.code.read(at, 5)) or 0)
        for at in (setup.kernel.address("ftrace_call"), setup.kernel.address("ftrace_regs_call"))
    }
    names = list(model.ops)
    lone = "function_trace_call" if names == ["global_ops"] else "arch_ftrace_ops_list_func"
    (found,) = inner
    assert found is not None and found.name == (lone if names else "ftrace_stub")
    check_guest_view(setup, model)
    trampolines = {ops.trampoline for ops in setup.core.state().ops if ops.trampoline}
    assert trampolines == set(setup.core.state().trampolines.used)


@settings(max_examples=150)
@given(st.lists(moves, min_size=1, max_size=12))
def test_any_sequence_of_updates_comes_to_what_the_rules_say(sequence: list[tuple[object, ...]]) -> None:
    setup, model = Setup.of(NAMES), Model()
    hashes: dict[str, set[str]] = {"filter": set(), "notrace": set()}
    for move in sequence:
        command = command_of(move, model, hashes)
        if command is None:
            continue
        plan = setup.core.plan(command)
        setup.carry_out(plan)
        assert not setup.core.ftrace_disabled, setup.core.log.lines
        check_against(setup, model)


@given(st.lists(moves, min_size=2, max_size=8), st.integers(0, 10_000))
def test_state_and_memory_are_all_there_is(sequence: list[tuple[object, ...]], cut: int) -> None:
    """Going back to any step and on again gives the same."""
    setup, model = Setup.of(NAMES), Model()
    hashes: dict[str, set[str]] = {"filter": set(), "notrace": set()}
    steps = []
    for move in sequence:
        if (command := command_of(move, model, hashes)) is not None:
            plan = setup.core.plan(command)
            setup.carry_out(plan)
            steps += [(command, i) for i in range(len(plan))]
    final, memory, text = setup.core.state(), setup.machine.memory.data.copy(), setup.machine.areas[0][1].copy()
    again = Setup.of(NAMES)
    for index, (command, number) in enumerate(steps):
        if number == 0:
            plan = again.core.plan(command)
        if index == cut % max(1, len(steps)):
            kept = again.core.state(), again.machine.memory.data.copy(), [a.copy() for _, a in again.machine.areas]
            for step in plan.steps[number:]:
                again.take(step)
            again.core.restore(kept[0])
            again.machine.memory.data[:] = kept[1]
            for (_, area), saved in zip(again.machine.areas, kept[2], strict=True):
                area[:] = saved
        again.take(plan.steps[number])
    assert again.core.state() == final
    assert (again.machine.memory.data == memory).all()
    assert (again.machine.areas[0][1] == text).all()
