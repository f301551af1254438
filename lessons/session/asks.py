"""Actions that ask for something: of ftrace, of the machine by hand, of history, of this program."""

from __future__ import annotations

import json
from dataclasses import replace

from lessons.session.leave_out import leave_out
from lessons.session.number import is_number, number
from lessons.session.stepper import Stepper, StepperResult
from simkernel.errors import Cancelled, GuestError, LearnerError
from simkernel.files import write_text
from simkernel.ftrace.commands import RegisterOps, SetFilter, SetTracer, UnregisterOps
from simkernel.ftrace.filters import FunctionNames, a_few, traced_by
from simkernel.ftrace.now import FtraceNow
from simkernel.ftrace.records import MCOUNT_INSN_SIZE
from simkernel.hw.fetch import FetchModel
from simkernel.patching.commands import Command
from simkernel.protocol import POKE_MAX_OPCODE_SIZE, parse
from simkernel.schedule import QUANTUM, Act, Nmi, Policy, Read, Resolve, Run
from simkernel.sentence import without_addresses
from simkernel.sim import breakpoints as bp
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot.plain import plain
from simkernel.sim.snapshot.site import site_bytes

SECOND = "counter"  # the second ops: its callback counts
COUNTING = "ftrace_ops_count"
RUNS = "run-cpu takes the number of a CPU and, if you like, how many instructions, as run-cpu:1 or run-cpu:1,5"
READS = "read-cpu takes the number of a CPU and, if you like, how many bytes, as read-cpu:1 or read-cpu:1,2"
RESOLVES = "resolve-cpu takes the number of a CPU and that of a byte, as resolve-cpu:1,3"


# --- breakpoints ---------------------------------------------------------------------------------------------------


def _break(stepper: Stepper, where: bp.Breakpoint) -> StepperResult:
    stepper.breakpoints = (*stepper.breakpoints, where)
    count, at = len(stepper.breakpoints), _where(stepper, where)
    more = f" {count} breakpoints are set: run goes to the next one." if count > 1 else " Run goes there."
    return StepperResult(f"Breakpoint {at}.{more}")


def _where(stepper: Stepper, where: bp.Breakpoint) -> str:
    """Where a breakpoint is, in words."""
    match where:
        case bp.AtAddress():
            return f"at {stepper.image.symbolize(where.address)}"
        case bp.OnChange():
            return f"on a change of {where.size} bytes at {stepper.image.symbolize(where.address)}"
        case bp.AtPhase():
            return f"at phase {where.name or 'release'}"
        case bp.OnEvent():
            return f"at the next {where.type}"


def break_function(stepper: Stepper, argument: str) -> StepperResult:
    """A function by its name, or by a part that no other name has."""
    return _break(stepper, bp.at_function(stepper.image, _whole_name(stepper, argument)))


def break_event(stepper: Stepper, argument: str) -> StepperResult:
    """At the next event of a type, by its name, as "Int3Taken"."""
    return _break(stepper, bp.OnEvent(argument))


def break_phase(stepper: Stepper, argument: str) -> StepperResult:
    """Where the patching task comes to a phase of the protocol, by its name; hyphens may stand for blanks."""
    names = [phase.name for phase in stepper.protocol.phases]
    name = argument.replace("-", " ")
    if name not in names:
        no = f"no phase {argument!r}" if argument else "break-phase takes the name of a phase, as break-phase:sync-2"
        raise LearnerError(f"{no}; there are: {', '.join(names)}")
    return _break(stepper, bp.AtPhase(name))


def break_change(stepper: Stepper, argument: str) -> StepperResult:
    """An address in hexadecimal, or a function's name for its site's bytes; a size may follow."""
    name, _, size = argument.partition(" ")
    try:
        address, usual = int(name, 16), 1
    except ValueError:
        address, usual = _site(stepper, name), MCOUNT_INSN_SIZE
    count = number(size, "how many bytes to watch") if size else usual
    if not 0 < count <= 4096:
        raise LearnerError(f"between 1 and 4096 bytes can be watched, not {count}")
    try:
        stepper.simulation.read(address, count)
    except GuestError:
        raise LearnerError(f"there is no memory at {address:#x}") from None
    return _break(stepper, bp.OnChange(address, count))


def clear_breaks(stepper: Stepper, argument: str) -> StepperResult:
    """No breakpoint any more."""
    stepper.breakpoints = ()
    return StepperResult("No breakpoints are set.")


# --- by hand -------------------------------------------------------------------------------------------------------


def act(stepper: Stepper, argument: str) -> StepperResult:
    """The patching task moves; LearnerError that says whom it waits for."""
    patching = stepper.simulation.patching
    if not patching.ready:
        waits = ", ".join(f"CPU{cpu}" for cpu in patching.waits_for)
        who = stepper.snapshot.patching.task
        raise LearnerError(f"{who} waits for {waits}" if waits else f"{who} has nothing to do")
    stepper.step(Act())
    return StepperResult()


def _cpu_and_more(stepper: Stepper, argument: str, form: str, default: int, most: int) -> tuple[int, int]:
    """Two numbers: a CPU, and how many.

    Args:
        stepper: whose CPUs they are.
        argument: what was said, the numbers apart by a blank or a comma.
        form: how it is said.
        default: the second number where it is not said.
        most: the largest one that the second can be.

    Raises:
        LearnerError: it is said in another form, or there is no such CPU; with the form.
    """
    words = argument.lower().replace("cpu", "").replace("+", "").replace(",", " ").split()
    if not 1 <= len(words) <= (2 if most else 1) or not all(map(is_number, words)):
        raise LearnerError(f"{form}; not {argument!r}" if argument else form)
    cpu, more = int(words[0]), int(words[1]) if len(words) == 2 else default
    cpus = stepper.simulation.cpus
    if cpu not in cpus:
        raise LearnerError(f"there is no CPU{cpu}; there are CPU0 to CPU{len(cpus) - 1}")
    if more > most:
        raise LearnerError(f"at most {most}, not {more}")
    return cpu, more


def cpu_run(stepper: Stepper, argument: str) -> StepperResult:
    """A CPU runs some instructions, one unless the argument has a second number ("1 20")."""
    cpu, count = _cpu_and_more(stepper, argument, RUNS, 1, QUANTUM)
    if count < 1:
        raise LearnerError("a CPU runs at least one instruction")
    clock = stepper.simulation.clock
    stepper.step(Run(cpu, count))
    done = stepper.simulation.clock - clock
    return StepperResult(f"CPU{cpu} has run {done} instruction{'s' if done != 1 else ''}.")


def cpu_read(stepper: Stepper, argument: str) -> StepperResult:
    """Model `pieces`: a CPU reads some bytes of its next instruction, one unless the argument has a second number."""
    cpu, count = _cpu_and_more(stepper, argument, READS, 1, POKE_MAX_OPCODE_SIZE)
    readable = stepper.simulation.cpu(cpu).readable
    if not 0 < count <= readable:
        raise LearnerError(
            f"CPU{cpu} can read {readable} more bytes of its next instruction, not {count}"
            if readable
            else f"CPU{cpu} is at no byte that changes, or the model lets no store come between its reads"
        )
    stepper.step(Read(cpu, count))
    return StepperResult()


def cpu_resolve(stepper: Stepper, argument: str) -> StepperResult:
    """A byte of the site, the first unless the argument has a second number, becomes certain for a CPU."""
    site = stepper.snapshot.site
    last = (POKE_MAX_OPCODE_SIZE if site is None else site.size) - 1
    cpu, byte = _cpu_and_more(stepper, argument, RESOLVES, 0, last)
    if site is None or len(site.cpus[cpu].options[byte]) < 2:
        raise LearnerError(f"byte {byte} is certain for CPU{cpu}")
    stepper.step(Resolve(cpu, site.address + byte))
    return StepperResult()


def nmi(stepper: Stepper, argument: str) -> StepperResult:
    """A CPU gets an NMI, which it takes before its next instruction."""
    cpu, _ = _cpu_and_more(stepper, argument, "nmi takes the number of a CPU, as nmi:1", 0, 0)
    stepper.step(Nmi(cpu))
    return StepperResult(f"CPU{cpu} takes the NMI before its next instruction.")


# --- ftrace --------------------------------------------------------------------------------------------------------


def _site(stepper: Stepper, name: str) -> int:
    """The site of a function; LearnerError with the nearest name, or where it has none."""
    symbol = stepper.image.symbol(name)
    if not symbol.traced:
        raise LearnerError(f"{name} is notrace: no site stands at its start")
    return stepper.image.site_of(symbol)


def _whole_name(stepper: Stepper, part: str) -> str:
    """The one function with `part` in its name; `part` itself where that is a symbol's name, or part of none.

    Raises:
        LearnerError: several functions have it in their names.
    """
    image = stepper.image
    if image.symbols.named(part) is not None:
        return part
    found = FunctionNames(image.function_names(), image.mcount_loc).with_part(part)
    if len(found) > 1:
        raise LearnerError(f"{part!r} is part of {a_few(found)}: name one of them")
    return found[0] if found else part


def matching(stepper: Stepper, pattern: str) -> tuple[list[int], bool]:
    """The sites that are traced with a pattern as the filter, and whether that filter is empty: then all are."""
    image = stepper.image
    names = FunctionNames([symbol.name for symbol in image.functions()], image.mcount_loc)
    sites, empty = traced_by(names, pattern)
    return sites.tolist(), empty


EMPTY = "The filter is empty, which means all functions: "


def _ask(stepper: Stepper, *commands: Command) -> None:
    """Give the patching task its commands; they are history entries, and their work comes with the next steps."""
    first = stepper.simulation.logged
    for command in commands:
        stepper.simulation.do(command)
    stepper.passed = tuple(stepper.simulation.since(first))


def trace(stepper: Stepper, argument: str) -> StepperResult:
    """Trace what a pattern names; without one all functions."""
    pattern = argument or "*"
    sites, empty = matching(stepper, pattern)
    _ask(stepper, SetFilter("filter", "" if pattern == "*" else pattern), SetTracer("function"))
    if stepper.site not in sites:
        stepper.site = sites[0]
    task = stepper.snapshot.patching.task
    if pattern == "*" or empty:
        return StepperResult(f"{EMPTY if empty else ''}{task} will trace every function.")
    return StepperResult(f"{task} will trace {len(sites)} function{'s' if len(sites) > 1 else ''}, and no other.")


def untrace(stepper: Stepper, argument: str) -> StepperResult:
    """Take what a pattern names out of the trace; without one turn the tracer off."""
    if not argument:
        _ask(stepper, SetTracer("nop"))
        return StepperResult(f"{stepper.snapshot.patching.task} will turn tracing off.")
    sites, empty = matching(stepper, argument)
    if empty:
        raise LearnerError(f"{argument!r} leaves nothing out: name the functions that shall not be traced")
    _ask(stepper, SetFilter("notrace", argument, append=True))
    if stepper.site not in sites:
        stepper.site = sites[0]
    return StepperResult(f"{stepper.snapshot.patching.task} will leave {len(sites)} out of the trace.")


def second_ops(stepper: Stepper, argument: str) -> StepperResult:
    """A second ops, whose callback counts, on the functions that a pattern names; none: the one looked at."""
    site = stepper.snapshot.site
    pattern = argument or (site.name if site is not None else "")
    if not pattern:
        raise LearnerError("name the functions that the second tracer wants")
    sites, empty = matching(stepper, pattern)
    if _second_is_there(stepper):
        raise LearnerError("there is a second tracer already: take it away first")
    _ask(stepper, RegisterOps(SECOND, COUNTING, 0, pattern))
    if stepper.site not in sites:
        stepper.site = sites[0]
    if empty:
        return StepperResult(f"{EMPTY}a second tracer asks for every function.")
    return StepperResult(f"A second tracer asks for {len(sites)} function{'s' if len(sites) > 1 else ''}.")


def _second_is_there(stepper: Stepper) -> bool:
    """True where the second ops is registered, or asked for and not yet."""
    simulation = stepper.simulation
    queued = any(isinstance(command, RegisterOps) for command in simulation.patching.queued)
    return queued or any(ops.name == SECOND for ops in simulation.subsystem(FtraceNow).state.listed)


def second_ops_off(stepper: Stepper, argument: str) -> StepperResult:
    """Unregister the second ops; LearnerError where none is registered or asked for."""
    if not _second_is_there(stepper):
        raise LearnerError("there is no second tracer")
    _ask(stepper, UnregisterOps(SECOND))
    return StepperResult("The second tracer will be removed.")


def look_at(stepper: Stepper, argument: str) -> StepperResult:
    """The site of a function by its name, or by a part that no other name has."""
    name = _whole_name(stepper, argument)
    stepper.site = site = _site(stepper, name)
    behind = site - stepper.image.symbol(name).address
    which = f"five bytes at {name}+{behind}, behind its endbr64" if behind else f"first five bytes of {name}"
    now = site_bytes(stepper.simulation, site, stepper.simulation.site(site).memory)
    text = f", {without_addresses(now.text)}" if now.text else ""
    return StepperResult(f"These are the {which}: {now.data.hex(' ').upper()}{text}.")


def without(stepper: Stepper, argument: str) -> StepperResult:
    """The story again, without the phase under way (or the one named), until the kernel dies of it."""
    try:
        found = leave_out(stepper, argument, stepper.report)
    except Cancelled:
        what = stepper.report.text
        raise LearnerError(f"Stopped, as you asked, at {what}: nothing has gone wrong up to there.") from None
    if found.stepper is None:
        return StepperResult(found.sentence, error=True)
    return StepperResult(found.sentence, stepper=found.stepper)


# --- another machine -----------------------------------------------------------------------------------------------


def cpus(stepper: Stepper, argument: str) -> StepperResult:
    """The story again on so many CPUs."""
    return StepperResult(
        f"The story starts again on {argument} CPUs.",
        stepper=stepper.restarted(cpus=number(argument, "how many CPUs there are")),
    )


def model(stepper: Stepper, argument: str) -> StepperResult:
    """The story again with another fetch model, by its name."""
    names = [one.value for one in FetchModel]
    if argument not in names:
        raise LearnerError(f"no fetch model {argument!r}; there are: {', '.join(names)}")
    return StepperResult(
        f"The story starts again with the model {argument}.", stepper=stepper.restarted(model=FetchModel(argument))
    )


def policy(stepper: Stepper, argument: str) -> StepperResult:
    """The story again with another policy for pending bytes, by its name."""
    names = [one.value for one in Policy]
    if argument not in names:
        raise LearnerError(f"no policy {argument!r}; there are: {', '.join(names)}")
    return StepperResult(
        f"The story starts again with the policy {argument}.", stepper=stepper.restarted(policy=Policy(argument))
    )


def schedule(stepper: Stepper, argument: str) -> StepperResult:
    """The story again with another schedule, by its name."""
    return StepperResult(
        f"The story starts again with the schedule {argument}.", stepper=stepper.restarted(schedule=argument)
    )


def protocol(stepper: Stepper, argument: str) -> StepperResult:
    """The story again with another protocol, by its name ("int3 without sync 1")."""
    variant = parse(argument)
    return StepperResult(
        f"The story starts again with the protocol {variant.name}.", stepper=stepper.restarted(protocol=variant)
    )


def seed(stepper: Stepper, argument: str) -> StepperResult:
    """The story again with another seed."""
    return StepperResult(
        f"The story starts again with seed {argument}.", stepper=stepper.restarted(seed=number(argument, "a seed"))
    )


def kernel(stepper: Stepper, argument: str) -> StepperResult:
    """Another kernel has other functions, so there is no story: it boots, and one asks for what one wants."""
    options = replace(stepper.simulation.options, kernel=argument, functions=None, protocol=stepper.variant)
    return StepperResult(
        f"The kernel from {argument} has booted.", stepper=Stepper(Simulation.boot(options), prepared=stepper.prepared)
    )


# --- to keep and to share ------------------------------------------------------------------------------------------


def event_lines(stepper: Stepper) -> list[str]:
    """Each event so far as a line: clock, type, sentence."""
    from simkernel.sim.narrate import sentence

    simulation = stepper.simulation
    return [
        f"{event.clock:>10}  {type(event).__name__:<16} {sentence(event, simulation.image, stepper.protocol)}"
        for event in simulation.log
    ]


def export_text(stepper: Stepper, argument: str) -> StepperResult:
    """Write the events so far into the file of that name, a line each."""
    return _write(argument, "".join(f"{line}\n" for line in event_lines(stepper)), len(stepper.simulation.log))


def export_json(stepper: Stepper, argument: str) -> StepperResult:
    """Write the events so far into the file of that name, as JSON."""
    return _write(argument, json.dumps(plain(list(stepper.simulation.log)), indent=1), len(stepper.simulation.log))


def _write(name: str, text: str, count: int) -> StepperResult:
    write_text(name, text)
    return StepperResult(f"{count} events are written to {name}.")
