"""Expressions are those of GNU as: values, ranks of operators, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from simkernel.asm.expression import MASK, Value, evaluate, parse
from tests.asm.gnu import gnu_bytes, needs_gnu_as

OPERATORS = "* / % << >> | ! ^ & + - == != <> < > <= >= && ||".split()
NUMBERS = "0 1 7 10 010 0x1f 0b101 'a 'z' 0xffffffffffffffff 255 3 0X10".split()


def expression(source: random.Random, depth: int) -> str:
    kind = source.random()
    if depth == 0 or kind < 0.25:
        return source.choice(NUMBERS)
    if kind < 0.4:
        return source.choice("-~!+") + " " + expression(source, depth - 1)
    if kind < 0.5:
        return "(" + expression(source, depth - 1) + ")"
    return f"{expression(source, depth - 1)} {source.choice(OPERATORS)} {expression(source, depth - 1)}"


@needs_gnu_as
def test_expressions_have_the_values_that_gnu_as_gives_them(tmp_path: Path) -> None:
    source = random.Random(20261129)
    values: dict[str, int] = {}
    while len(values) < 1500:
        text = expression(source, 4)
        try:
            values[text] = evaluate(text, {}) & MASK
        except ValueError:
            continue
    made, said = gnu_bytes(tmp_path, "".join(f".quad {text}\n" for text in values))
    assert said == ""
    words = [int.from_bytes(made[i : i + 8], "little") for i in range(0, len(made), 8)]
    differ = [
        (text, hex(values[text]), hex(word)) for text, word in zip(values, words, strict=True) if values[text] != word
    ]
    assert differ == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("1==1", -1), ("2 == 3", 0), ("1 && 2", 1), ("!5", 0), ("1+2<<3", 17), ("010", 8), ("-7/2", -3), ("'\\n", 10)],
)
def test_a_comparison_is_minus_one_and_010_is_eight(text: str, value: int) -> None:
    assert evaluate(text, {}) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("09", "octal"),
        ("1.5", "not an integer"),
        ("1/0", "divides by zero"),
        ("1<<64", "shifts by 64"),
        ("0x1ffffffffffffffff", "does not fit in 64 bits"),
        ("9" * 5000, "does not fit in 64 bits"),
        ("1 2", "not a constant expression"),
        ("", "not a constant expression"),
        ("(1", "not a constant expression"),
        ("1!!1", "not a constant expression"),
        ("(" * 60 + "1" + ")" * 60, "nested more than"),
        ("f*2", "'f' is not a constant"),
        ("f@GOTPCREL", "needs a linker"),
        ("__import__('os')", "for a C preprocessor"),
        ("'é", "is not one byte"),
        ("'\\q", "no escape"),
    ],
)
def test_what_is_no_expression_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_labels_are_added_and_subtracted() -> None:
    assert parse("a - b + 0x10 - (b - a)") == Value(0x10, ("a", "a"), ("b", "b"))
    assert parse("f - f + 4") == Value(4)
    assert parse("f@PLT - 010").spelled() == "f-0x8"
    assert parse("-" * 900 + "1") == Value(1)
    with pytest.raises(KeyError, match="f"):
        evaluate("f + 1", {})


def test_names_stand_for_their_values_whatever_they_are_called() -> None:
    assert evaluate("True + None", {"True": 40, "None": 2}) == 42
    assert parse("True").plus == ("True",)
