"""Patterns against a second, character by character matcher, and against the texts of the documentation."""

from __future__ import annotations

import fnmatch
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simkernel.ftrace.filters import FilterError, FunctionNames, MatchType, Pattern, apply_filter, kstrtol, split_tokens
from simkernel.ftrace.ops import hash_of


def class_end(pattern: str, at: int) -> int | None:
    """Where the class that begins at `pattern[at] == '['` ends (index of its `]`), by its grammar."""
    at += 2 if pattern[at + 1 : at + 2] == "!" else 1
    first = True
    while True:
        if at >= len(pattern):
            return None
        if pattern[at] == "]" and not first:
            return at
        first = False
        if pattern[at + 1 : at + 2] == "-" and pattern[at + 2 : at + 3] != "]":
            if at + 2 >= len(pattern):
                return None
            at += 2
        at += 1


def in_class(body: str, char: str) -> bool:
    inverted = body.startswith("!")
    body = body[inverted:]
    found, at = False, 0
    while at < len(body):
        low = high = body[at]
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            high = body[at + 2]
            at += 2
        found |= low <= char <= high
        at += 1
    return found != inverted


def naive_glob(pattern: str, name: str) -> bool:
    """A glob by its definition, trying everything: slow and plain."""
    if not pattern:
        return not name
    head = pattern[0]
    if head == "*":
        return any(naive_glob(pattern[1:], name[i:]) for i in range(len(name) + 1))
    if head == "\\":
        if len(pattern) == 1:
            return not name
        return name[:1] == pattern[1] and naive_glob(pattern[2:], name[1:])
    if not name:
        return False
    if head == "?":
        return naive_glob(pattern[1:], name[1:])
    if head == "[" and (end := class_end(pattern, 0)) is not None:
        return in_class(pattern[1:end], name[0]) and naive_glob(pattern[end + 1 :], name[1:])
    return head == name[0] and naive_glob(pattern[1:], name[1:])


@given(st.text("ab*?[]!-\\^", max_size=9), st.text("ab]-!^[\\", max_size=7))
@example("[]a]", "]")
@example("[!]a]", "b")
@example("[a-]", "-")
@example("[b-a]", "a")
@example("[!b-a]", "a")
@example("[a", "[a")
@example("[a-", "[a-")
@example("[^a]", "^")
@example("a\\", "a")
@example("a*b*", "ab")
@example("*a*ab", "aab")
@example("*[!a", "[!a")
def test_globs_match_as_their_definition_says(pattern: str, name: str) -> None:
    match = Pattern(MatchType.GLOB, pattern).matcher()
    assert match(name) == naive_glob(pattern, name)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_globs_without_classes_match_as_fnmatch_does(pattern: str, name: str) -> None:
    assert Pattern(MatchType.GLOB, pattern).matcher()(name) == fnmatch.fnmatchcase(name, pattern)


def test_a_glob_with_many_stars_takes_no_time_worth_naming() -> None:
    match = Pattern(MatchType.GLOB, "*a" * 40 + "*b").matcher()
    began = time.perf_counter()
    assert not match("a" * 400)
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("token", "type_", "search"),
    [
        ("schedule", MatchType.FULL, "schedule"),
        ("vfs_*", MatchType.FRONT_ONLY, "vfs_"),
        ("*_lock", MatchType.END_ONLY, "_lock"),
        ("*read*", MatchType.MIDDLE_ONLY, "read"),
        ("vfs_*e", MatchType.GLOB, "vfs_*e"),
        ("*a*b", MatchType.GLOB, "*a*b"),
        ("vfs_rea?", MatchType.GLOB, "vfs_rea?"),
        ("*a[b]", MatchType.GLOB, "*a[b]"),
        ("a\\*", MatchType.GLOB, "a\\*"),
        ("*", MatchType.END_ONLY, ""),
        ("**", MatchType.MIDDLE_ONLY, ""),
        ("1", MatchType.INDEX, "1"),
        ("7up", MatchType.INDEX, "7up"),
        ("", MatchType.FULL, ""),
    ],
)
def test_a_token_is_read_as_filter_parse_regex_reads_it(token: str, type_: MatchType, search: str) -> None:
    assert Pattern.parse(token) == Pattern(type_, search)
    assert Pattern.parse("!" + token) == Pattern(type_, search, negated=True)


NAMES = ["schedule", "vfs_open", "vfs_read", "vfs_write", "vfs_write_iter", "_raw_spin_lock", "vfs_read"]


@pytest.fixture
def names() -> FunctionNames:
    return FunctionNames(NAMES, np.arange(len(NAMES), dtype=np.uint64) * np.uint64(16) + np.uint64(0x1000))


def chosen(names: FunctionNames, text: str, start: list[int] | None = None) -> list[int]:
    """Indices of what a text chooses."""
    ips = apply_filter(names, text, hash_of([0x1000 + 16 * i for i in start or []]))
    return [(int(ip) - 0x1000) // 16 for ip in ips]


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("schedule\n", [0]),
        ("vfs_read", [2, 6]),
        ("vfs_*", [1, 2, 3, 4, 6]),
        ("*_lock", [5]),
        ("*read*", [2, 6]),
        ("vfs_*r* !vfs_write*", [2, 6]),
        ("vfs_?????", [3]),
        ("vfs_[rw]*e", [3]),
        ("vfs_[!r]*", [1, 3, 4]),
        ("1 3", [0, 2]),
        ("0x2 03", [1, 2]),
        (" \t\n", []),
        ("*", [0, 1, 2, 3, 4, 5, 6]),
        ("* !*", []),
    ],
)
def test_a_text_chooses_functions(names: FunctionNames, text: str, indices: list[int]) -> None:
    assert chosen(names, text) == indices


def test_appending_adds_to_what_there_is(names: FunctionNames) -> None:
    assert chosen(names, "schedule", [5]) == [0, 5]
    assert chosen(names, "!schedule", [0, 5]) == [5]
    assert chosen(names, "!schedule", [5]) == [5], "taking away what is not there is no error"


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("vfs_raed", "the nearest name is 'vfs_read'"),
        ("vfs", "that is part of vfs_open, vfs_read, vfs_write, vfs_write_iter: '*vfs*' matches each"),
        ("!shedule", "the nearest name is 'schedule'"),
        ("xyzzy_*", "matches 'xyzzy_*'"),
        ("99", "from 1 to 7"),
        ("0", "from 1 to 7"),
        ("7up", "from 1 to 7"),
        ("schedule:traceoff", "no function triggers"),
        ("!", "no traced function is called ''"),
    ],
)
def test_a_token_that_names_nothing_is_refused_and_those_before_it_hold(
    names: FunctionNames, token: str, says: str
) -> None:
    with pytest.raises(FilterError) as caught:
        apply_filter(names, f"schedule {token} vfs_open")
    assert says in str(caught.value)
    assert caught.value.token == token
    assert caught.value.kept.tolist() == [0x1000]


def test_numbers_are_read_as_the_kernel_reads_them() -> None:
    assert [kstrtol(text) for text in ("12", "0x1F", "010", "0", "08", "1a", "", "-1")] == [12, 31, 8, 0] + [None] * 4


def test_tokens_are_what_stands_between_blanks() -> None:
    assert split_tokens("a  b\tc\n\nd\0e") == ["a", "b", "c", "d"]


def test_fifty_thousand_names_are_searched_in_no_time_worth_naming() -> None:
    many = FunctionNames([f"fn_{i:05d}_{i % 97}" for i in range(50_000)], np.arange(50_000, dtype=np.uint64))
    began = time.perf_counter()
    assert len(apply_filter(many, "fn_*_[1-3]?")) > 1_000
    with pytest.raises(FilterError):
        apply_filter(many, "fm_00017_l7")
    assert time.perf_counter() - began < 2


def test_the_name_in_the_source_of_what_gcc_renamed_matches_nothing_and_the_error_says_what_does() -> None:
    known = ["schedule", "finish_task_switch.isra.0", "finish_wait"]
    names = FunctionNames(known, np.arange(3, dtype=np.uint64))
    with pytest.raises(FilterError) as refused:
        apply_filter(names, "finish_task_switch")
    assert str(refused.value).endswith(
        "no traced function is called 'finish_task_switch': gcc named it 'finish_task_switch.isra.0'; "
        "write 'finish_task_switch*'"
    )
    for pattern in ("finish_task_switch*", "finish_task_switch.isra.0", "*.isra.*"):
        assert apply_filter(names, pattern).tolist() == [1]
