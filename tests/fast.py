"""What `make fast` runs: of each package the tests that say most in little time, one at least.

`python -m tests.fast` prints the files. Left out is what runs the toy kernel for long or opens a terminal.
"""

from __future__ import annotations

FILES = {
    "tests/asm/test_data.py": "asm: data directives against GNU as",
    "tests/asm/test_expression.py": "asm: expressions against GNU as",
    "tests/test_asm.py": "asm: a small kernel's layout",
    "tests/test_disasm.py": "disasm: against objdump and Linux's own listings",
    "tests/test_insn.py": "lengths and bytes of instructions against objdump",
    "tests/explore/test_rules.py": "explore: each rule and property is needed",
    "tests/explore/test_search.py": "explore: shortest failures, sentences that parse back",
    "tests/patching/test_subsystem.py": "patching: a toy subsystem beside ftrace",
    "tests/ftrace/test_core.py": "ftrace: records, ops and updates",
    "tests/ftrace/test_failure.py": "ftrace: what ftrace_bug says",
    "tests/ftrace/test_filters.py": "ftrace: globs and hashes",
    "tests/ftrace/test_model.py": "ftrace: random commands against a model",
    "tests/test_machine.py": "hw: what the machine says between two steps",
    "tests/test_fetch.py": "hw: which bytes a CPU may run while memory changes",
    "tests/test_moment_form.py": "moment: what a moment looks like",
    "tests/narrate/test_events.py": "narrate: a sentence for each event",
    "tests/overhead/test_mix.py": "overhead: the mix of instructions",
    "tests/overhead/test_sites.py": "overhead: counts of the protocol for many sites",
    "tests/test_protocol.py": "protocol: tables and what is refused",
    "tests/test_variant.py": "protocol: changes, their names, and the door at which a name becomes a value",
    "tests/test_snapshot.py": "snapshot: all that is seen, at every step",
    "tests/test_tracefs.py": "control files: their texts, as Linux formats them",
    "tests/test_tracefs_handles.py": "tracefs: open files, written and read in pieces",
    "tests/test_trace_types.py": "trace: a second type of record",
    "tests/test_architecture.py": "the packages' imports",
    "tests/test_ci.py": "make targets in CI and in hooks",
    "tests/test_fast.py": "this list",
    "tests/test_readme.py": "commands, files and targets of the docs",
    "tests/test_words.py": "the words of the glossary",
    "tests/test_public_names.py": "a public name means one thing",
    "tests/test_docstrings.py": "the form of docstrings",
    "tests/lessons/test_content.py": "content: the scenarios' files, and what is refused in them",
    "tests/tui/stepper/test_stepper.py": "stepper: forwards and backwards through a scenario",
    "tests/lessons/test_functions.py": "activities: the table of functions, its rows on the screen and in plain mode",
    "tests/lessons/test_opening.py": "activities: the two mysteries, forwards and back, on a screen and in plain mode",
    "tests/tui/test_plots.py": "view: plots as text and SVG",
    "tests/tui/stepper/test_invariant.py": "story: which bytes may be run, held at every step",
    "tests/test_names.py": "commands: the configuration page; the guest has Linux's names",
    "tests/tui/app/test_screen.py": "app: panels of the stepper's screen",
    "tests/tui/app/test_theme.py": "story: each colour of its parts means one thing",
    "tests/tui/app/test_textual_door.py": "screens: opened and left in every order",
}
"""Each file, and why it is here: the package and what is proven of it."""

if __name__ == "__main__":
    print(*FILES)
