"""Files that a person names: whatever the name stands for, the answer comes at once, and nothing else is harmed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simkernel.errors import LearnerError
from simkernel.files import check_writable, read_bytes, read_text, write_new, write_text

NOT_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write all")
NO_FILES = {
    "directory": "it is a directory; name a file",
    "fifo": "it is a pipe, which may never end; name a file",
    "socket": "it is a socket; name a file",
    "/dev/zero": "it is a device, which may never end; name a file",
    "/dev/full": "it is a device, which may never end; name a file",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with one of each kind."""
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's name may have 107 characters
        bound.bind("socket")
        os.chdir(here)
    return tmp_path


def refused(action: Callable[[], object]) -> str:
    """The message with which something is refused, at once."""
    begun = time.monotonic()
    with pytest.raises(LearnerError) as said:
        action()
    assert time.monotonic() - begun < 1
    return str(said.value)


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_regular_file_is_neither_read_nor_written(name: str, place: Path) -> None:
    file = place / name  # an absolute name stays what it is
    assert refused(lambda: read_bytes(file, "a table")) == f"{file} cannot be read as a table: {NO_FILES[name]}"
    for action in (lambda: write_text(file, "x"), lambda: check_writable(file)):
        assert refused(action) == f"{file} cannot be written: {NO_FILES[name]}"


def test_a_file_is_read_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"ab\xc3\xa9")
    assert read_text(file, "a table", 4) == "ab\u00e9" and read_bytes(str(file), "a table", 4) == b"ab\xc3\xa9"
    assert "it is longer than 3 bytes" in refused(lambda: read_text(file, "a table", 3))
    with file.open("ab") as more:
        more.truncate(10 << 30)
    assert "it is longer than 4,194,304 bytes" in refused(lambda: read_text(file, "a table"))


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "hello.S").write_bytes(b"one\ntwo \xff\n")
    nearly = tmp_path / "helo.S"
    assert refused(lambda: read_text(nearly, "a kernel source")) == (
        f"{nearly} cannot be read as a kernel source: No such file or directory. Did you mean 'hello.S'?"
    )
    assert "the byte 0xff in line 2 is not UTF-8; save it" in refused(lambda: read_text(tmp_path / "hello.S", "it"))
    for name, why in (("a\0b", "embedded null byte"), ("x" * 5_000, "too long"), ("hello.S/x", "Not a directory")):
        assert why in refused(lambda name=name: read_text(tmp_path / name, "it"))  # type: ignore[misc]
        assert why in refused(lambda name=name: write_text(tmp_path / name, "it"))  # type: ignore[misc]
    assert refused(lambda: write_text("", "it")) == "the name of the file to write is empty: give one"


@NOT_ROOT
def test_what_may_not_be_read_or_written_says_so(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    file.chmod(0)
    assert refused(lambda: read_text(file, "it")).endswith("Permission denied")
    assert refused(lambda: write_text(file, "it")).endswith("Permission denied")
    tmp_path.chmod(0o500)
    assert refused(lambda: check_writable(tmp_path / "new")).endswith("Permission denied")


def test_asking_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text("what it holds")
    check_writable(file)
    check_writable(tmp_path / "new", new=True)
    assert [one.name for one in tmp_path.iterdir()] == ["old"] and file.read_text() == "what it holds"
    assert "is there already: remove it" in refused(lambda: check_writable(file, new=True))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "is there already" in refused(lambda: check_writable(tmp_path / "link", new=True))
    assert "No such file" in refused(lambda: check_writable(tmp_path / "none" / "x"))


def test_what_is_written_is_all_there_is(tmp_path: Path) -> None:
    file = tmp_path / "text"
    for text in ("a long one, \u00e9\n", "short", "a lone \udcff\n"):
        write_text(file, text)
        assert file.read_bytes() == text.encode(errors="backslashreplace")


def test_a_new_file_replaces_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it-2.moment").mkdir()
    (tmp_path / "it-3.moment").symlink_to("nowhere")
    assert [write_new("it", "moment", text) for text in ("a\n", "a\n", "b\n", "b\n")] == [
        *("it.moment",) * 2,
        *("it-4.moment",) * 2,
    ]
    assert (tmp_path / "it.moment").read_text() == "a\n" and (tmp_path / "it-4.moment").read_text() == "b\n"
    assert not (tmp_path / "nowhere").exists()
    monkeypatch.setattr("simkernel.files.MANY", 4)
    assert refused(lambda: write_new("it", "moment", "c")).endswith("are there already: remove some")
    assert "it/no.moment cannot be written: No such file" in refused(lambda: write_new("it/no", "moment", "c"))
