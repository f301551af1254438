"""Prices: each counted instruction in one form, each form with one price and its source, the sum by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkernel import disasm
from simkernel.errors import LearnerError
from simkernel.overhead.exact import exact
from simkernel.overhead.forms import form_of
from simkernel.overhead.modelled import CostTable, costs, modelled
from simkernel.overhead.variants import VARIANTS, possible
from tests.linux_facts import facts


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("0f1f440000", "nop"),
        ("4889c1", "mov"),
        ("488b442408", "mov load"),
        ("4889442408", "mov store"),
        ("48c744240800000000", "mov store"),
        ("488d442408", "lea"),
        ("48ff4708", "inc store"),
        ("f048ff4708", "lock inc store"),
        ("807f0800", "cmp load"),
        ("480fc14708", "xadd store"),
        ("65480fc14708", "xadd store"),
        ("4887470c", "xchg store"),
        ("6548ff042530000000", "inc store"),
        ("65488b042530000000", "mov load"),
        ("ff5008", "call load"),
        ("e800000000", "call"),
        ("c3", "ret"),
        ("9c", "pushf"),
        ("cc", "int3"),
    ],
)
def test_forms(code: str, form: str) -> None:
    assert form_of(next(disasm.decode(bytes.fromhex(code), 0))) == form


def test_every_instruction_has_one_form() -> None:
    for name in ("nop", "function", "int3"):
        assert sum(exact(name).forms.values()) == exact(name).instructions


def test_the_price_is_the_sum(tmp_path: Path) -> None:
    table = tmp_path / "mine.toml"
    table.write_text('[sources]\nme = "a guess"\n[[cost]]\nforms = ["nop", "ret"]\ncycles = 3\nsource = "me"\n')
    counted, mine = exact("nop"), costs(table)
    price = modelled(counted, mine)
    assert price.cycles == 3 * (counted.forms["nop"] + counted.forms["ret"])
    assert sum(price.unpriced.values()) == counted.instructions - counted.forms["nop"] - counted.forms["ret"]
    assert mine.source == {"nop": "a guess", "ret": "a guess"}


def test_what_tracing_off_adds_is_priced_and_what_has_no_source_is_named() -> None:
    table = costs()
    off, left_in, trapped = (modelled(exact(name), table) for name in ("nop", "call", "int3"))
    calls = exact("nop").calls
    more = left_in.cycles - off.cycles
    assert more == pytest.approx(calls * (table.cycles["call"] + table.cycles["ret"] - table.cycles["nop"]))
    assert set(off.unpriced) == {"cli", "sti", "hlt"} and trapped.unpriced == off.unpriced
    assert trapped.cycles - off.cycles > table.cycles["int3"] * exact("int3").calls


def test_the_packaged_table_prices_every_variant_alike_and_nothing_that_none_of_them_runs() -> None:
    table, unpriced = costs(), {}
    counted = [exact(name) for name in possible()]
    for row in counted:
        unpriced[row.name] = modelled(row, table).unpriced
    assert all(one == unpriced["nop"] for one in unpriced.values())
    assert table.unknown(counted) == []


def test_a_form_that_nothing_ran_is_told() -> None:
    table = CostTable("mine.toml", {"nop": 1.0, "movv": 1.0}, {"nop": "a", "movv": "a"})
    assert table.unknown([exact("nop")]) == ["movv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "cannot be read as a cost table"),
        ("[sources]\n", "has \\[sources\\] and one \\[\\[cost\\]\\]"),
        ('[sources]\na = "b"\n[[cost]]\nforms = []\n', "has no list of forms"),
        ("x = " + "9" * 5_000, "cannot be read as a cost table: Exceeds the limit"),
        ("x = " + "[" * 5_000 + "]" * 5_000, "cannot be read as a cost table: it nests values too deep"),
        ("x = 1\n" * 300_000, "cannot be read as a cost table: it is longer than 1,048,576 bytes"),
        ('[sources]\na = "b"\n[[cost]]\nforms = ["nop"]\ncycles = 1\nsource = "c"\n', "name one of \\[sources\\]: a"),
        (
            '[sources]\na = "b"\n[[cost]]\nforms = ["nop", "nop"]\ncycles = 1\nsource = "a"\n',
            "'nop' has two prices",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(LearnerError, match=message):
        costs(file)


@pytest.mark.parametrize(
    ("cycles", "shown"),
    [
        *(("-1", "-1"), ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf"), ("1e308", "1e+308"), ("5e-324", "5e-324")),
        *(("1000001", "1000001"), ("true", "True"), ('"2"', "'2'"), ("[[[1]]]", "[[[1]]]")),
        *((digits, "a number of more than 20 digits") for digits in ("9" * 400, "-" + "9" * 400, "0x" + "f" * 9_000)),
    ],
)
def test_a_price_that_is_none_is_refused_with_its_place(cycles: str, shown: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(f'[sources]\na = "b"\n[[cost]]\nforms = ["nop"]\ncycles = {cycles}\nsource = "a"\n')
    with pytest.raises(LearnerError) as said:
        costs(file)
    assert str(said.value) == (
        f"{file}: [[cost]] number 1 has cycles = {shown}; a number from 0.001 to 1,000,000 is needed, or 0"
    )


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="cannot be read as a cost table"):
        costs(tmp_path / "none.toml")


def test_the_price_of_an_int3_is_that_of_a_boosted_probe_less_a_jump() -> None:
    """kprobes.rst has two figures for a probe by int3; one that is not boosted takes a second exception, too."""
    table = costs()
    source = " ".join(table.source["int3"].split())
    us = facts().probe_us
    assert f"a boosted probe (an int3, and nothing is single-stepped) takes {us['boosted']} us" in source
    assert f"a probe that is not boosted takes a second exception: {us['unoptimized']} us" in source
    assert table.cycles["int3"] == pytest.approx((us["boosted"] - us["optimized"]) * 2_330, abs=1)  # 2.33 GHz


def test_what_a_traced_call_takes_here_is_not_given_as_linuxs() -> None:
    for name in ("function", "call"):
        assert "Simplified: Linux" in VARIANTS[name].sentence
