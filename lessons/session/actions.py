"""All that a person may ask for, in one table: every front end offers these, by key, by name or by script.

An action takes one argument at most, as text. It says what became of it; what went wrong raises LearnerError, and
`apply` answers with its message. What only concerns a screen (depth, theme, help) is that screen's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from lessons.session import asks, moves, named_step
from lessons.session.stepper import Stepper, StepperResult
from simkernel.errors import LearnerError
from simkernel.report import Report

Run = Callable[[Stepper, str], StepperResult]

MOVE, BREAK, HAND, TRACE, MACHINE, KEEP = "move", "breakpoints", "by hand", "trace", "machine", "keep and share"


@dataclass(frozen=True, slots=True)
class StepperAction:
    """One thing that a person may ask of a stepper.

    Attributes:
        name: as scripts and the palette call it. keys: of a screen, in Textual's names. word: of plain mode, a letter
        or a word. title: two or three words. help: a sentence. group: what it belongs with. prompt: what is asked for
        where it needs an argument, "" where it needs none.
    """

    name: str
    keys: tuple[str, ...]
    word: str
    title: str
    help: str
    group: str
    run: Run
    prompt: str = ""


ACTIONS: tuple[StepperAction, ...] = (
    StepperAction(
        "next", ("right", "space", "pagedown", "n"), "n", "Next",
        "Go on until something happens to these five bytes.", MOVE, moves.next_stop,
    ),
    StepperAction(
        "back", ("left", "pageup", "b"), "b", "Back",
        "Undo the last step, exactly.", MOVE, moves.back_stop,
    ),
    StepperAction(
        "next-phase", ("enter", "p"), "p", "Next phase",
        "Go on until the patching task comes to its next phase.", MOVE, moves.next_phase,
    ),
    StepperAction(
        "back-phase", ("backspace", "P"), "P", "Phase before",
        "Go back to where the phase began; from an oops to the move before the failure.", MOVE, moves.back_phase,
    ),
    StepperAction(
        "instruction", ("i",), "i", "One instruction",
        "Let one CPU run one instruction.", MOVE, moves.instruction,
    ),
    StepperAction(
        "back-instruction", ("I",), "I", "Undo instruction",
        "Take back the last instruction.", MOVE, moves.back_instruction,
    ),
    StepperAction("run", ("r",), "r", "Run", "To the next breakpoint, else to the end of the story.", MOVE, moves.run),
    StepperAction(
        "run-back", ("R",), "R", "Run back",
        "Back to the last breakpoint, else to the start.", MOVE, moves.run_back,
    ),
    StepperAction("goto", ("g",), "g", "Go to step", "Go to a step by its number.", MOVE, moves.goto, "step number"),
    StepperAction(
        "place", (), "place", "Go to place", "Go to a place of history by its number.", MOVE, moves.to_position, "place"
    ),
    StepperAction("start", ("home",), "start", "To the start", "Go back to where the story starts.", MOVE, moves.start),
    StepperAction("end", ("end",), "end", "To the end", "Go to the last place that history knows.", MOVE, moves.end),
    StepperAction(
        "break-function", ("k",), "k", "Break at function",
        "Set a breakpoint where a CPU is about to run a function.", BREAK, asks.break_function, "function",
    ),
    StepperAction(
        "break-event", (), "break-event", "Break at event",
        "Set a breakpoint on a type of event.", BREAK, asks.break_event, "event type",
    ),
    StepperAction(
        "break-phase", (), "break-phase", "Break at phase",
        "Set a breakpoint where the patching task comes to a phase.", BREAK, asks.break_phase, "phase",
    ),
    StepperAction(
        "break-change", (), "break-change", "Break at change",
        "Set a breakpoint on a byte that changes in memory.", BREAK, asks.break_change, "address, and size",
    ),
    StepperAction(
        "clear-breaks", ("K",), "K", "No breakpoints",
        "Take every breakpoint away.", BREAK, asks.clear_breaks,
    ),
    StepperAction(
        "act", ("a",), "a", "Patching task moves",
        "The patching task takes its next action now.", HAND, asks.act,
    ),
    StepperAction(
        "cpu-run", (), "run-cpu", "A CPU runs",
        "Choose the CPU that moves next, and for how many instructions.", HAND, asks.cpu_run, "CPU, and how many",
    ),
    StepperAction(
        "cpu-read", (), "read-cpu", "A CPU reads",
        "A CPU reads some bytes of its next instruction, and no more yet.", HAND, asks.cpu_read, "CPU, and how many",
    ),
    StepperAction(
        "cpu-resolve", (), "resolve-cpu", "Resolve a byte",
        "From now on a CPU runs the new value of a byte that was old or new.", HAND, asks.cpu_resolve,
        "CPU, and byte 0 to 4",
    ),
    StepperAction("nmi", (), "nmi", "Send an NMI", "A non-maskable interrupt is sent to a CPU.", HAND, asks.nmi, "CPU"),
    StepperAction(
        "trace", ("t",), "t", "Trace functions",
        "Turn tracing on for the functions that match a pattern.", TRACE, asks.trace, "functions, e.g. vfs_*",
    ),
    StepperAction(
        "untrace", ("u",), "u", "Trace off",
        "Take functions out of the trace; without a pattern turn it off.", TRACE, asks.untrace, "functions, or nothing",
    ),
    StepperAction(
        "second-ops", ("o",), "o", "A second tracer",
        "A second tracer asks for functions too, and counts their calls.", TRACE, asks.second_ops, "functions",
    ),
    StepperAction(
        "second-ops-off", ("O",), "O", "Second tracer off",
        "The second tracer goes away.", TRACE, asks.second_ops_off,
    ),
    StepperAction(
        "look-at", ("v",), "v", "Look at function",
        "Look at the first five bytes of a function.", TRACE, asks.look_at, "function",
    ),
    StepperAction(
        "without", ("x",), "x", "Leave this wait out",
        "Start again without the phase under way, and look for a run that goes wrong.", TRACE, asks.without,
    ),
    StepperAction("cpus", (), "cpus", "CPUs", "Start again with another number of CPUs.", MACHINE, asks.cpus, "1 to 8"),
    StepperAction(
        "model", (), "model", "What a CPU may run", "Start again with another fetch model.", MACHINE, asks.model,
        "instant, pieces, line or byte",
    ),
    StepperAction(
        "policy", (), "policy", "When bytes are resolved", "Start again with another policy.", MACHINE, asks.policy,
        "early, late or seeded",
    ),
    StepperAction(
        "schedule", (), "schedule", "What moves next", "Start again with another schedule.", MACHINE, asks.schedule,
        "seeded or round-robin",
    ),
    StepperAction(
        "protocol", (), "protocol", "Protocol", "Start again with another way to patch.", MACHINE, asks.protocol,
        "int3, stop_machine, naive, or: int3 without sync 1",
    ),
    StepperAction(
        "kernel", (), "kernel", "Kernel",
        "Boot a kernel from a source file.", MACHINE, asks.kernel, "file.S",
    ),
    StepperAction("seed", ("s",), "seed", "Seed", "Start again in another order.", MACHINE, asks.seed, "number"),
    StepperAction(
        "scenario", (), "scenario", "Scenario", "Start a scenario.", MACHINE, named_step.scenario, "name",
    ),
    StepperAction(
        "moment", ("c",), "moment", "Copy moment",
        "Give a line of text that opens this very place. A screen writes it into a file, too.", KEEP,
        named_step.give_moment,
    ),
    StepperAction(
        "open-moment", (), "open", "Open a moment", "Open a place that somebody gave you.", KEEP,
        named_step.open_moment, "the line, a file, or e.g. one@3",
    ),
    StepperAction(
        "export-text", (), "export-text", "Save events, text",
        "Write what has happened into a file, a line an event.", KEEP, asks.export_text, "file",
    ),
    StepperAction(
        "export-json", (), "export-json", "Save events, JSON",
        "Write what has happened into a file as JSON.", KEEP, asks.export_json, "file",
    ),
)  # fmt: skip

_BY_NAME = {action.name: action for action in ACTIONS}
_BY_WORD = {action.word: action for action in ACTIONS}
_BY_KEY = {key: action for action in ACTIONS for key in action.keys}


def action_named(name: str) -> StepperAction:
    """The action of that name, word or key; LearnerError with the nearest one."""
    found = _BY_NAME.get(name) or _BY_WORD.get(name) or _BY_KEY.get(name)
    if found is None:
        like = get_close_matches(name, [*_BY_NAME, *_BY_WORD], 1)
        hint = f" Did you mean {like[0]!r}?" if like else ""
        raise LearnerError(f"{name!r} does nothing here.{hint}")
    return found


def apply(stepper: Stepper, name: str, argument: str = "", report: Report | None = None) -> StepperResult:
    """Do what the action of that name does. What cannot be done says so and changes nothing."""
    return stepper.ask(lambda asked: action_named(name).run(asked, argument.strip()), report)
