"""The facts about Linux that tests use: those of the tree that LINUX_SOURCE names, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guest.names import having, listed
from tests.linux_facts import FILE, VERSION, facts
from tests.linux_facts.collect import TABLES, key, rest

needs_source = pytest.mark.needs("linux-source")


def test_the_facts_are_of_the_names_on_the_list_and_of_one_version() -> None:
    assert facts().version == VERSION
    linuxs = [name for name in listed() if name not in having("ours")]
    assert set(facts().letters) == {key(name) for name in linuxs}
    assert set(facts().statuses) == {key(name) for name in linuxs if name not in having("data")}
    called = {callee for words in facts().calls.values() for callee in words.split()}
    assert called <= set(having("traced")) and set(facts().calls) <= set(linuxs)


def test_the_file_is_as_it_is_written() -> None:
    assert FILE.read_text(encoding="utf-8") == facts().text()


@needs_source
@pytest.mark.needs("gcc", "objcopy", "nm", "readelf")
def test_the_facts_are_the_trees() -> None:
    root = Path(os.environ["LINUX_SOURCE"])
    found = rest(root) | {name: ask(root) for name, ask in TABLES.items() if name != "options"}
    for name, value in found.items():
        assert value == getattr(facts(), name), name


@needs_source
@pytest.mark.needs("make", "gcc", "flex", "bison")
def test_the_settings_are_what_kconfig_makes_of_them() -> None:
    assert TABLES["options"](Path(os.environ["LINUX_SOURCE"])) == facts().options


@needs_source
def test_tables_are_compared_alone_and_one_that_there_is_not_is_refused() -> None:
    """A new name needs three of them, and no compiler."""
    compare = [sys.executable, "-m", "tests.linux_facts"]
    assert subprocess.run([*compare, "statuses", "letters"], check=False).returncode == 0
    wrong = subprocess.run([*compare, "status"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "there is no table status; there are: statuses, letters, calls," in wrong.stderr
