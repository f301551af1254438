"""Strings that people have: those of this form open where they did, those of older forms are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkernel.errors import LearnerError
from simkernel.hw.way import VARIABLE
from simkernel.kernel import KernelImage
from simkernel.sim.digest import machine_digest
from simkernel.sim.moment import MARK, Moment, moment_string, open_moment
from tests import stored_moments
from tests.moments import held
from tests.stored_moments import OLD_FILE, Stored, main, read

STORED = {one.name: one for one in read()}
NEXT = "strings of this form no longer open: see tests/stored_moments.py, on when the form gets the next number"
OLD = {text[:4]: text for text in OLD_FILE.read_text(encoding="utf-8").split()}
"""A moment of each form that there was: the default kernel, seed 7, the function tracer set, 3,000 instructions."""


@pytest.fixture(params=STORED)
def stored(request: pytest.FixtureRequest) -> Stored:
    return STORED[request.param]


def test_a_stored_moment_reads_as_it_was_written(stored: Stored) -> None:
    moment, written = Moment.from_string(stored.moment), held(stored.moment)
    assert held(moment.to_string()) == written, NEXT
    assert [stored.moment[:4], *written["place"], written["clock"]] == [MARK, *stored.point, stored.clock]


@pytest.mark.parametrize("way", ["blocks", "hook"])
def test_a_stored_moment_opens_where_it_did(stored: Stored, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if held(stored.moment)["image"] != KernelImage.default().digest:
        pytest.fail("the default kernel is another one: python -m tests.stored_moments --write")
    monkeypatch.setenv(VARIABLE, way)
    with open_moment(stored.moment) as opened:
        there = opened.point, opened.clock, machine_digest(opened)
        assert there == (stored.point, stored.clock, stored.machine), NEXT
        assert held(moment_string(opened)) == held(stored.moment)


def test_the_stored_moments_hold_every_kind_of_entry() -> None:
    seen = {entry[0] for one in STORED.values() for _, entry in held(one.moment)["made"]}
    commands = {"protocol", "tracer", "filter", "tracing_on", "reset", "register", "unregister", "ops_filter"}
    assert seen == {"run", "read", "resolve", "act", "nmi"} | commands


def test_they_are_not_written_anew_for_the_same_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    before = stored_moments.FILE.read_bytes()
    assert main(["--write"]) == 1 and "next number" in capsys.readouterr().out
    assert stored_moments.FILE.read_bytes() == before


def test_they_are_written_anew_where_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "moments.jsonl"
    file.write_bytes(stored_moments.FILE.read_bytes())
    monkeypatch.setattr(stored_moments, "FILE", file)
    monkeypatch.setattr(stored_moments, "MADE", {"reads": stored_moments.MADE["reads"]})
    assert main(["--write", "--again"]) == 0
    assert read() == [STORED["reads"]]
    entry, instruction = STORED["reads"].point
    clock = f"{STORED['reads'].clock:,}"
    assert capsys.readouterr().out.splitlines() == [
        f"written of {MARK!r}, on the kernel {KernelImage.default().digest[:12]}:",
        f"  reads: entry {entry}, instruction {instruction}, clock {clock}",
    ]


@pytest.mark.parametrize("mark", OLD)
@pytest.mark.parametrize("before", ["", "simkernel demo --moment "])
def test_a_moment_of_an_older_form_is_refused_by_its_version(mark: str, before: str) -> None:
    with pytest.raises(LearnerError, match=f"older simkernel \\({mark!r}, now {MARK!r}\\)"):
        open_moment(before + OLD[mark])


def test_there_is_one_of_each_older_form() -> None:
    assert list(OLD) == [f"sk{number}-" for number in range(1, int(MARK[2:-1]))]
