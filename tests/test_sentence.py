"""Sentences keep the values that they are made from, and nobody reads their text back."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkernel import disasm, insn
from simkernel.events import Int3Taken, SyncAnswered
from simkernel.hw.memory import GuestMemory
from simkernel.kernel import KernelImage, layout
from simkernel.protocol import INT3_PROTOCOL
from simkernel.sentence import (
    LISTED,
    Role,
    Sentence,
    Span,
    beside,
    cpu,
    cpus,
    data,
    say,
    sentences,
    without_addresses,
)
from simkernel.sim.narrate import (
    instruction_sentence,
    sentence,
)

ROOT = Path(__file__).parents[1]


def test_a_sentence_is_its_text_and_knows_its_parts() -> None:
    text = say(
        "{} runs {} at {}{}, {} times.", cpu(1), data(b"\x0f\x1f"), Span("f", Role.SITE, 64), beside(" ({})", 64), 2
    )
    assert text == "CPU1 runs 0F 1F at f (0x40), 2 times." and f"{text}" == str(text) == text
    assert [(span.role, span.value) for span in text.spans if span.role] == [
        (Role.CPU, 1),
        (Role.BYTES, b"\x0f\x1f"),
        (Role.SITE, 64),
        (Role.ADDRESS, 64),
    ]
    assert text.without(Role.ADDRESS) == "CPU1 runs 0F 1F at f, 2 times."
    assert text.instead(Role.CPU, "it") == "it runs 0F 1F at f (0x40), 2 times."
    for again in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert again.spans == text.spans
    with pytest.raises(AttributeError):
        text.spans = ()  # type: ignore[misc]


def test_a_sentence_in_a_sentence_keeps_its_spans() -> None:
    inner = say("of {}", cpu(0))
    assert say("record {}", inner).spans == (Span("record "), Span("of "), Span("CPU0", Role.CPU, 0))


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="1 places for 2 values"):
        say("{}", "a", "b")


@given(st.lists(st.integers(0, 63), unique=True, max_size=12))
def test_a_list_of_cpus_names_each_or_says_how_many_more(numbers: list[int]) -> None:
    text = cpus(numbers)
    shown = [span.value for span in text.spans if span.role is Role.CPU]
    assert shown == (numbers if len(numbers) <= LISTED else numbers[:3])
    assert (f"{len(numbers) - 3} more" in text) == (len(numbers) > LISTED)


def test_prose_is_parted_behind_its_stops() -> None:
    assert sentences("A b. C 1.5 is it? D! e. F") == ["A b.", "C 1.5 is it?", "D! e.", "F"]
    assert sentences("") == []


def test_what_is_narrated_names_its_cpu_its_site_and_its_numbers() -> None:
    image = KernelImage.default()
    site = image.site_of(image.symbol("vfs_read"))
    taken = sentence(Int3Taken(cpu=1, address=site), image, INT3_PROTOCOL)
    assert {(span.role, span.value) for span in taken.spans if span.role} == {(Role.CPU, 1), (Role.SITE, site)}
    answered = sentence(SyncAnswered(cpu=0, waiting_for=(1, 2)), image, INT3_PROTOCOL)
    assert [span.value for span in answered.spans if span.role is Role.CPU] == [0, 1, 2]
    trampoline = layout.TRAMP_BASE + 0x40
    assert image.code_name(trampoline) == f"ftrace_trampoline at {trampoline:#x}"
    assert without_addresses(image.code_name(trampoline)) == "ftrace_trampoline"
    assert without_addresses("nop") == "nop" and isinstance(image.code_name(0x10), Sentence)


def test_the_next_instruction_names_where_it_leads() -> None:
    image = KernelImage.default()
    site, target = image.address("vfs_read"), layout.TRAMP_BASE
    call = next(iter(disasm.decode(insn.call(site, target), site)))
    text = instruction_sentence(call, {"rip": site, "rsp": 0, "eflags": 0}, GuestMemory([]), image)
    assert text.endswith(f" and jumps to ftrace_trampoline at {target:#x}")
    assert [(span.role, span.value) for span in text.spans if span.role] == [
        (Role.SITE, target),
        (Role.ADDRESS, target),
    ]


# Where text is looked through that somebody typed, or that is no sentence of the engine.
DOORS = {
    "lessons/session/named_step.py": "a step's name that a person typed",
    "lessons/session/number.py": "a number that a person typed",
    "lessons/story/linux_names.py": "names of C functions in what a protocol's table says of Linux, for those of today",
    "lessons/story/words.py": "which terms of the glossary a screen shows, to explain them; nothing is changed",
    "tui/app/screenshot.py": "the words of a screen, each of which has its column in a picture",
    "tui/output.py": "columns of blanks, which a line of a table has: it is not filled",
    "tui/streams.py": "control characters in what a terminal is sent",
    "tui/commands/config.py": "lines of a kernel configuration file",
}


def uses_of_re(tree: ast.AST) -> Iterator[int]:
    """The lines that ask the module `re`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "re":
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "re":
            yield node.lineno


def test_what_the_search_for_re_finds() -> None:
    assert list(uses_of_re(ast.parse("import re\nre.sub('a', 'b', text)\nfrom re import sub"))) == [3, 2]


def test_lessons_and_screens_read_no_sentence_back() -> None:
    found = {
        str(path.relative_to(ROOT))
        for room in ("lessons", "tui")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"\bre\b", text := path.read_text(encoding="utf-8")) and list(uses_of_re(ast.parse(text)))
    }
    assert found == set(DOORS)
