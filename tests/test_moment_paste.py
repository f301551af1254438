"""What people paste where a moment is asked for: the string with what mail, quotes and shells put beside it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from simkernel.errors import LearnerError
from simkernel.kernel import KernelImage
from simkernel.sim.moment import MARK, Moment, moment_string, open_moment
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation


@pytest.fixture(scope="module")
def text() -> str:
    return moment_string(Simulation(KernelImage.default(), Options(seed=5)))


def wrapped(text: str, before: str = "", width: int = 60) -> str:
    return "\n".join(before + line for line in textwrap.wrap(text, width, break_on_hyphens=False))


@pytest.mark.parametrize("pair", ['""', "''", "``", "“”", "””", "„“", "‘’", "’’", "«»", "<>"])
def test_quotes_around_it_are_left_out(text: str, pair: str) -> None:
    want = Moment.from_string(text)
    for pasted in (
        pair[0] + text + pair[1],
        f" {pair[0]} {text} {pair[1]} ",
        pair[0] + text,
        f'"{pair[0]}{text}{pair[1]}"',
    ):
        assert Moment.from_string(pasted) == want


@pytest.mark.parametrize("before", ["", "> ", ">> ", "> > ", "    ", "  > ", "\t>"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\u2028"])
def test_line_ends_and_the_marks_of_a_mail_are_left_out(text: str, before: str, end: str) -> None:
    assert Moment.from_string(wrapped(text, before).replace("\n", end) + end) == Moment.from_string(text)


@pytest.mark.parametrize(
    "line",
    [
        "simkernel demo --moment {}", "$ simkernel demo --moment {}", "$ simkernel step --plain --moment={}",
        "> $ simkernel demo --moment {}", "simkernel demo --moment '{}'", 'simkernel step --moment "{}" --plain',
        "simkernel demo --kernel 'my own.S' --moment {}", ".venv/bin/simkernel demo --moment {} --json",
        "me@here:~/kernels$ simkernel demo --moment {}", "`simkernel demo --moment {}`",
        "# simkernel demo --moment {}\n",
        "simkernel demo \\\n  --moment {}", "simkernel demo --moment\n{}",
    ],
)  # fmt: skip
def test_the_whole_command_line_is_taken(text: str, line: str) -> None:
    assert Moment.from_string(line.format(text)) == Moment.from_string(text)


@pytest.mark.parametrize("invisible", ["\ufeff", "\u200b", "\u2060", "\u00ad", "\u00a0"], ids=ascii)
def test_characters_that_nobody_sees_are_left_out(text: str, invisible: str) -> None:
    assert Moment.from_string(invisible + text[:40] + invisible + text[40:] + invisible) == Moment.from_string(text)


@pytest.mark.parametrize("char", ["…", "é", "“", "日", "\0", "\x1b", "\U0001f600", "*", "."], ids=ascii)
def test_any_other_character_in_it_is_named_as_damage(text: str, char: str) -> None:
    for damaged in (MARK + char, MARK + "wwAA" + char, text[:60] + char, text[:60] + char + text[60:]):
        with pytest.raises(LearnerError, match="damaged: .* stands in it") as caught:
            open_moment(damaged)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("behind", ["…", "x", " thanks", "=x", "sk4-AAAA", "--json", "\n--\nAda", "\x1b[2J"], ids=ascii)
def test_what_stands_behind_a_whole_string_is_shown(text: str, behind: str) -> None:
    with pytest.raises(LearnerError, match="behind it") as caught:
        open_moment(text + behind)
    assert str(caught.value).isprintable()


def test_what_stands_before_it_is_not_passed_over(text: str) -> None:
    for before in ("Look: ", "simkernel demo ", "x", "rm -rf / --moment ", "\x1b[2J"):
        with pytest.raises(LearnerError, match="something else") as caught:
            open_moment(before + text)
        assert str(caught.value).isprintable()


def test_a_file_may_hold_what_one_may_paste(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mail.txt"
    file.write_text(wrapped(text, "> ") + "\n", encoding="utf-8-sig")
    assert open_moment(str(file)).position == 0


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\x00" * 100, b"[" * 10_000, b"sk4-\xff\xfe", b"x" * 5_000_000])
def test_a_file_that_holds_none_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "mail.txt"
    file.write_bytes(data)
    with pytest.raises(LearnerError) as caught:
        open_moment(str(file))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1_000
