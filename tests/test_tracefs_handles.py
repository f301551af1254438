"""Open control files: positions, modes, errnos, writes in pieces, and what each open of a file holds for itself.

What is expected is what Linux 6.12.117 does; each test says where.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkernel.ftrace.commands import ResetBuffer, SetFilter, SetTracer, TracingOn
from simkernel.ftrace.files import FTRACE_BUFF_MAX
from simkernel.ftrace.tracers import TRACERS
from simkernel.patching.commands import Command
from simkernel.tracefs import Directory, File, Handle, Opened, TracefsError, TraceParser, kstrtoul, text_file
from tests.ftrace.fakes import NAMES, Setup, do
from tests.test_tracefs import root_of

R, W, RW = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
FILTER, NOTRACE = "set_ftrace_filter", "set_ftrace_notrace"


@pytest.fixture
def setup() -> Setup:
    return Setup.of(NAMES)


def opened(setup: Setup, name: str, flags: int = R) -> Handle:
    return root_of(setup).open(name, flags)


def carry_out(setup: Setup, handle: Handle) -> tuple[Command, ...]:
    """What the calls so far have come to, done at once."""
    commands = handle.take()
    do(setup, *commands)
    return commands


def write_all(handle: Handle, data: bytes) -> None:
    """As a C library's write loop does."""
    while data:
        taken = handle.write(data)
        assert 0 < taken <= len(data)
        data = data[taken:]


@contextmanager
def refuses(number: int, says: str | None = None) -> Iterator[None]:
    with pytest.raises(TracefsError, match=says) as refused:
        yield
    assert refused.value.errno == number, refused.value


# --- nodes ------------------------------------------------------------------------------------------------------------


def test_stat_has_linux_s_modes_and_no_size(setup: Setup) -> None:
    """trace_create_file() with TRACE_MODE_READ or TRACE_MODE_WRITE (trace.h); an inode of tracefs has i_size 0."""
    root = root_of(setup)
    writable = {"current_tracer", "set_ftrace_filter", "set_ftrace_notrace", "trace", "tracing_on"}
    for name in root.readdir():
        node = root.lookup(name)
        assert stat.S_ISREG(node.stat().mode) and node.stat().size == 0
        assert stat.S_IMODE(node.stat().mode) == (0o640 if name in writable else 0o440), name
    assert root.readdir() == tuple(sorted(root.readdir())) and writable < set(root.readdir())
    assert stat.S_ISDIR(root.stat().mode)


def tree() -> Directory:
    inner = Directory({"trace": text_file("trace", "records", lambda: "inner\n")})
    return Directory(
        {"trace": text_file("trace", "records", lambda: "outer\n"), "instances": Directory({"foo": inner})}
    )


@pytest.mark.parametrize("path", ["trace", "/trace", "./trace", "//trace"])
def test_a_path_leads_to_a_file(path: str) -> None:
    assert tree().open(path).read() == b"outer\n"
    assert tree().open(f"instances/foo/{path}").read() == b"inner\n"
    root = tree()
    foo = root.walk("instances/./foo/")
    assert isinstance(foo, Directory) and foo.readdir() == ("trace",)
    assert foo.lookup("trace") is root.walk(f"instances/foo/{path}")


@pytest.mark.parametrize(
    ("path", "flags", "number", "says"),
    [
        ("trce", R, errno.ENOENT, "did you mean 'trace'"),
        ("instances/bar/trace", W, errno.ENOENT, "there are: foo"),
        ("instances/foo/trace/x", R, errno.ENOTDIR, "trace is a file"),
        ("trace/", R, errno.ENOTDIR, "trace is a file"),
        ("instances", R, errno.EISDIR, "in it are: foo"),  # generic_read_dir() (fs/libfs.c): of the read()
        ("instances", W, errno.EISDIR, "in it are: foo"),  # may_open() (fs/namei.c)
        ("", R, errno.EISDIR, "trace, instances"),
        ("new", W | os.O_CREAT, errno.EACCES, "nobody can make a file here"),  # lookup_open() (fs/namei.c)
        ("trace/new", W | os.O_CREAT, errno.ENOTDIR, "trace is a file"),
    ],
)
def test_a_path_that_cannot_be_opened_says_why(path: str, flags: int, number: int, says: str) -> None:
    with refuses(number, re.escape(says)):
        tree().open(path, flags)


# --- modes ------------------------------------------------------------------------------------------------------------

KINDS = ["trace", "tracing_on", "current_tracer", FILTER]


@pytest.mark.parametrize("name", [*KINDS, "available_tracers", "dyn_ftrace_total_info"])
def test_what_a_file_is_not_open_for_gives_ebadf(setup: Setup, name: str) -> None:
    """vfs_read(), vfs_write() (fs/read_write.c); after close() there is no descriptor."""
    with refuses(errno.EBADF, "not open for reading"):
        opened(setup, name, W).read()
    with refuses(errno.EBADF, "not open for writing"):
        opened(setup, name, R).write(b"0")
    closed = opened(setup, name, RW)
    closed.close()
    for call in (closed.read, closed.close, lambda: closed.write(b"0"), lambda: closed.seek(0)):
        with refuses(errno.EBADF, "closed"):
            call()


@pytest.mark.parametrize("name", ["available_tracers", "dyn_ftrace_total_info", "enabled_functions", "kallsyms"])
def test_a_file_without_a_write_gives_einval(setup: Setup, name: str) -> None:
    """vfs_write(): not FMODE_CAN_WRITE. Root may open it (CAP_DAC_OVERRIDE)."""
    handle = opened(setup, name, RW)
    with refuses(errno.EINVAL, "only be read"):
        handle.write(b"1")
    assert handle.take() == () and handle.position == 0


@pytest.mark.parametrize("flags", [R, W, RW, W | os.O_TRUNC, RW | os.O_TRUNC])
def test_files_of_a_dead_ftrace_are_refused_when_they_are_opened(setup: Setup, flags: int) -> None:
    """ftrace_regex_open(), ftrace_avail_open() (ftrace.c)."""
    open_before = opened(setup, FILTER, RW)
    names_before = opened(setup, "available_filter_functions")
    kill(setup)
    for name in (FILTER, NOTRACE, "available_filter_functions", "available_filter_functions_addrs"):
        with refuses(errno.ENODEV, "ftrace has disabled itself"):
            opened(setup, name, flags)
    with refuses(errno.ENODEV):
        open_before.write(b"vfs_read ")  # ftrace_regex_write()
    assert open_before.read() == names_before.read() == b"", "t_start() finds no record"
    assert opened(setup, "tracing_on", flags).take() == ()


def kill(setup: Setup) -> None:
    setup.machine.text_write(setup.site("schedule"), b"\x90" * 5)
    do(setup, SetTracer("function"))
    assert setup.core.ftrace_disabled


# --- reading ----------------------------------------------------------------------------------------------------------

READABLE = ["available_filter_functions", "available_tracers", "current_tracer", "kallsyms", "trace", FILTER]


@given(st.sampled_from(READABLE), st.lists(st.integers(0, 90), max_size=40))
def test_read_in_pieces_a_file_is_what_it_is_at_once(name: str, sizes: list[int]) -> None:
    setup = Setup.of(NAMES)
    do(setup, SetFilter("filter", "vfs_*"))
    whole = opened(setup, name).read()
    handle, found = opened(setup, name), b""
    for size in sizes:
        piece = handle.read(size)
        assert len(piece) == min(size, len(whole) - len(found))
        found += piece
        assert handle.position == len(found)
    assert found + handle.read() == whole and handle.read() == handle.read(5) == b""


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8))
def test_pread_reads_anywhere_and_leaves_the_position(places: list[tuple[int, int]]) -> None:
    setup = Setup.of(NAMES)
    whole = "".join(f"{name}\n" for name in NAMES).encode()
    handle = opened(setup, "available_filter_functions")
    handle.seek(3)
    for offset, size in places:
        assert handle.pread(size, offset) == whole[offset : offset + size]
    assert handle.position == 3 and handle.read() == whole[3:]


def test_a_seq_file_keeps_its_text_for_whoever_has_it_open(setup: Setup) -> None:
    """seq_read_iter() (fs/seq_file.c): from the first record again at offset 0, and elsewhere than it ended."""
    first = opened(setup, "enabled_functions")
    do(setup, SetFilter("filter", "schedule"), SetTracer("function"))
    assert first.read(4) == b"sche"
    do(setup, SetTracer("nop"))
    second = opened(setup, "enabled_functions")
    assert second.read() == b""
    assert first.read().startswith(b"dule (1) "), "its own"
    assert first.read() == b""
    assert first.seek(0) == 0 and first.read() == b"", "from the beginning: made anew"
    do(setup, SetTracer("function"))
    assert first.read().startswith(b"schedule (1)"), "still at offset 0"


@pytest.mark.parametrize(("name", "command", "before", "after"), [
    ("current_tracer", SetTracer("function"), b"nop\n", b"function\n"),
    ("tracing_on", TracingOn(True), b"0\n", b"1\n"),
])  # fmt: skip
def test_a_setting_is_read_anew_by_each_read(
    setup: Setup, name: str, command: Command, before: bytes, after: bytes
) -> None:
    """tracing_set_trace_read(), rb_simple_read(): simple_read_from_buffer() of a text made for this read()."""
    handle = opened(setup, name)
    assert handle.read(1) == before[:1]
    do(setup, command)
    assert handle.read() == after[1:]


def test_a_filter_is_read_as_it_was_when_it_was_opened(setup: Setup) -> None:
    """ftrace_regex_open() copies the hash."""
    do(setup, SetFilter("filter", "schedule"))
    before = opened(setup, FILTER)
    do(setup, SetFilter("filter", "vfs_read"))
    after = opened(setup, FILTER)
    assert (before.read(), after.read()) == (b"schedule\n", b"vfs_read\n")
    before.seek(0)
    assert before.read() == b"schedule\n"
    for handle in (before, after):
        handle.close()
        assert handle.take() == (), "open for reading only, closing changes nothing"


def test_who_writes_reads_what_it_has_written(setup: Setup) -> None:
    """The seq_file of a file that is open for both shows the hash that closing will use (ftrace_regex_open())."""
    do(setup, SetFilter("filter", "schedule"))
    handle = opened(setup, FILTER, RW)
    write_all(handle, b"vfs_read\n")
    assert handle.position == 9
    assert handle.read() == b"vfs_read\n", "the second of the two lines: a file has one position"
    handle.seek(0)
    assert handle.read() == b"schedule\nvfs_read\n"
    assert opened(setup, FILTER).read() == b"schedule\n"
    handle.close()
    carry_out(setup, handle)
    assert opened(setup, FILTER).read() == b"schedule\nvfs_read\n"


def test_truncated_it_begins_with_none(setup: Setup) -> None:
    """alloc_ftrace_hash() where O_TRUNC, else alloc_and_copy_ftrace_hash() (ftrace_regex_open())."""
    do(setup, SetFilter("filter", "schedule"))
    handle = opened(setup, FILTER, RW | os.O_TRUNC)
    assert handle.read() == b"#### all functions enabled ####\n"
    handle.seek(0)
    write_all(handle, b"vfs_read\n")
    assert handle.pread(99, 0) == b"vfs_read\n"
    assert opened(setup, FILTER).read() == b"schedule\n"


# --- seeking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "flags", "offset", "whence", "expected"),
    [
        ("trace", R, 5, os.SEEK_SET, 5),
        ("trace", R, -1, os.SEEK_SET, -errno.EINVAL),
        ("trace", R, 2, os.SEEK_CUR, 6),
        ("trace", R, -5, os.SEEK_CUR, -errno.EINVAL),
        ("trace", R, 0, os.SEEK_END, -errno.EINVAL),  # seq_lseek() knows SEEK_SET and SEEK_CUR
        (FILTER, W, 7, os.SEEK_SET, 0),  # tracing_lseek() of a file that is no seq_file
        ("tracing_on", R, 1, os.SEEK_END, 1),  # default_llseek(): i_size is 0
        ("current_tracer", R, -1, os.SEEK_END, -errno.EINVAL),
        ("current_tracer", R, 0, 9, -errno.EINVAL),
    ],
)
def test_a_position_moves_as_the_kind_of_file_says(
    setup: Setup, name: str, flags: int, offset: int, whence: int, expected: int
) -> None:
    handle = opened(setup, name, flags)
    if flags == R:
        handle.seek(4)
    if expected < 0:
        with refuses(-expected):
            handle.seek(offset, whence)
        assert handle.position == 4
    else:
        assert handle.seek(offset, whence) == expected == handle.position


# --- writing filters --------------------------------------------------------------------------------------------------

BLANKS = " \t\n\v\f\r\0"
TEXTS = st.lists(st.sampled_from(["vfs_*", "!vfs_open", "schedule", "3", "*a*", " ", "\n", "\t ", "\0"]), max_size=8)


@given(TEXTS.map(" ".join), st.data(), st.sampled_from([os.O_TRUNC, os.O_APPEND]))
def test_a_filter_written_in_any_pieces_is_the_same(text: str, data: st.DataObject, how: int) -> None:
    """A token may go on in the next write() (trace_get_user(), trace.c)."""
    setup = Setup.of(NAMES)
    do(setup, SetFilter("filter", "decay_load"))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    handle = opened(setup, FILTER, W | how)
    for first, last in zip([0, *cuts], [*cuts, len(text)], strict=True):
        write_all(handle, text[first:last].encode())
    assert handle.take() == (), "nothing happens before it is closed"
    handle.close()
    tokens = [token for token in re.split(f"[{BLANKS}]+", text) if token]
    expected = SetFilter("filter", " ".join(tokens), how == os.O_APPEND)
    assert carry_out(setup, handle) == (expected,)


@given(st.lists(st.binary(max_size=12).filter(bool), max_size=8), st.integers(2, 12))
def test_the_parser_gives_the_tokens_of_all_that_is_written(pieces: list[bytes], size: int) -> None:
    parser, tokens, position, failed = TraceParser(size), [], 0, False
    for piece in pieces:
        while piece and not failed:
            taken = parser.get(piece, position)
            failed = taken == -errno.EINVAL
            if parser.loaded and not parser.cont and not failed:
                tokens.append(parser.token)
                parser.clear()
            position, piece = position + max(taken, 0), piece[max(taken, 0) :]
    if parser.loaded:
        tokens.append(parser.token)
    whole = [one for one in re.split(rb"[ \t\n\v\f\r\xa0\0]+", b"".join(pieces)) if one]
    too_long = next((at for at, one in enumerate(whole) if len(one) > size - 1), None)
    assert failed == (too_long is not None)
    assert tokens == whole[:too_long]


def test_a_write_takes_one_token_and_the_blank_behind_it(setup: Setup) -> None:
    """ftrace_regex_write() gives what trace_get_user() has read."""
    handle = opened(setup, FILTER, W | os.O_TRUNC)
    assert handle.write(b"  vfs_read schedule\n") == 11
    assert handle.write(b"schedule\n") == 9
    assert handle.write(b"   ") == 3
    assert handle.write(b"vfs") == 3 and handle.position == 26
    assert handle.write(b"_open") == 5
    assert handle.write(b"") == 0
    handle.close()
    assert handle.take() == (SetFilter("filter", "vfs_read schedule vfs_open", False),)


def test_writing_at_offset_0_again_forgets_an_unfinished_token(setup: Setup) -> None:
    """trace_get_user(): `if (!*ppos) trace_parser_clear(parser)`."""
    handle = opened(setup, FILTER, W | os.O_TRUNC)
    handle.write(b"vfs_re")
    handle.seek(0)
    handle.write(b"schedule")
    handle.close()
    assert handle.take() == (SetFilter("filter", "schedule", False),)


def test_a_wrong_token_is_refused_when_it_is_complete_and_not_when_the_file_is_closed(setup: Setup) -> None:
    """ftrace_regex_release() does not look at what ftrace_process_regex() returns."""
    handle = opened(setup, FILTER, W | os.O_TRUNC)
    write_all(handle, b"schedule vfs_raed")
    handle.close()
    assert handle.take() == (SetFilter("filter", "schedule", False),)
    handle = opened(setup, FILTER, W | os.O_TRUNC)
    write_all(handle, b"schedule vfs_ra")
    with refuses(errno.EINVAL, "'vfs_raed'"):
        handle.write(b"ed\n")
    write_all(handle, b"vfs_open")
    handle.close()
    assert handle.take() == (SetFilter("filter", "schedule vfs_open", False),), "who goes on writing is heard"


def test_no_token_is_heard_after_one_that_is_too_long(setup: Setup) -> None:
    """trace_parser_fail(): the parser is never loaded again (trace.h). FTRACE_BUFF_MAX is KSYM_SYMBOL_LEN + 4."""
    assert FTRACE_BUFF_MAX == 670
    handle = opened(setup, FILTER, W | os.O_TRUNC)
    write_all(handle, b"schedule ")
    with refuses(errno.EINVAL, "longer than 669 characters"):
        handle.write(b"v" * 670)
    write_all(handle, b"vfs_read vfs_open")
    handle.close()
    assert handle.take() == (SetFilter("filter", "schedule", False),)


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        (R, None),
        (R | os.O_TRUNC, None),
        (W, SetFilter("notrace", "", True)),
        (W | os.O_APPEND, SetFilter("notrace", "", True)),
        (W | os.O_TRUNC, SetFilter("notrace", "", False)),
        (RW | os.O_TRUNC, SetFilter("notrace", "", False)),
    ],
)
def test_closing_commits_what_was_open_for_writing(setup: Setup, flags: int, command: Command | None) -> None:
    """ftrace_regex_open(), ftrace_regex_release(): O_TRUNC begins with an empty hash, else with a copy."""
    do(setup, SetFilter("notrace", "schedule"))
    handle = opened(setup, NOTRACE, flags)
    assert handle.take() == ()
    handle.close()
    assert carry_out(setup, handle) == (() if command is None else (command,))
    left = b"" if command == SetFilter("notrace", "", False) else b"schedule\n"
    assert opened(setup, NOTRACE).read() == (left or b"#### no functions disabled ####\n")


def test_of_two_that_write_at_once_the_last_to_close_wins(setup: Setup) -> None:
    """Each has copied the hash when it was opened (ftrace_regex_open())."""
    do(setup, SetFilter("filter", "schedule"))
    one, two = (opened(setup, FILTER, W | os.O_APPEND) for _ in range(2))
    write_all(one, b"vfs_read\n")
    write_all(two, b"vfs_open\n")
    for handle, expected in ((one, b"schedule\nvfs_read\n"), (two, b"schedule\nvfs_open\n")):
        handle.close()
        carry_out(setup, handle)
        assert opened(setup, FILTER).read() == expected


def test_two_functions_of_one_name_are_told_apart() -> None:
    """What a copied hash holds is named by lines where names are not enough."""
    setup = Setup.of(["schedule", "vfs_read", "vfs_read", "vfs_open"])
    do(setup, SetFilter("filter", "3"))
    chosen = int(setup.kernel.mcount_loc[2])
    one = opened(setup, FILTER, W | os.O_APPEND)
    do(setup, SetFilter("filter", "schedule"))
    one.close()
    assert carry_out(setup, one) == (SetFilter("filter", "3"),)
    assert setup.core.state().find("global_ops").hash.filter.tolist() == [chosen]


# --- writing the others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"function", SetTracer("function")),
        (b" \tfunction\n", SetTracer("function")),  # strim()
        (b"nop\0function", SetTracer("nop")),
        (b"nop".ljust(100) + b"x", SetTracer("nop")),  # MAX_TRACER_SIZE
        (b"func", -errno.EINVAL),
        (b"", -errno.EINVAL),
        (b"\xff", -errno.EINVAL),
    ],
)
def test_each_write_names_a_tracer(setup: Setup, data: bytes, expected: SetTracer | int) -> None:
    """tracing_set_trace_write(): so a name in two writes is two names."""
    handle = opened(setup, "current_tracer", W)
    if isinstance(expected, int):
        with refuses(-expected, ", ".join(TRACERS)):
            handle.write(data)
        assert handle.take() == () and handle.position == 0
    else:
        assert handle.write(data) == len(data) == handle.position
        assert handle.take() == (expected,)
        handle.close()
        assert handle.take() == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1", 1), (b"1\n", 1), (b"+7\n", 7), (b"007", 7), (b"0", 0), (b"1\0x", 1),
        (b"18446744073709551615", 2**64 - 1), (b"18446744073709551616", -errno.ERANGE),
        (b"99999999999999999999x", -errno.ERANGE), (b"1" + b"0" * 70, -errno.ERANGE), (b"0" * 66 + b"x", 0),
        (b"", -errno.EINVAL), (b"\n", -errno.EINVAL), (b" 1", -errno.EINVAL), (b"1 ", -errno.EINVAL),
        (b"1\n\n", -errno.EINVAL), (b"-1", -errno.EINVAL), (b"++1", -errno.EINVAL), (b"0x1", -errno.EINVAL),
        (b"on", -errno.EINVAL), (b"\xb2", -errno.EINVAL),
    ],
)  # fmt: skip
def test_a_number_is_read_as_the_kernel_reads_it(setup: Setup, data: bytes, expected: int) -> None:
    """kstrtoul_from_user(), _kstrtoull() (lib/kstrtox.c)."""
    assert kstrtoul(data) == expected
    handle = opened(setup, "tracing_on", W)
    if expected < 0:
        with refuses(-expected, "write 0 or 1"):
            handle.write(data)
        assert handle.position == 0
    else:
        assert handle.write(data) == len(data)
        assert handle.position == 1, "rb_simple_write(): (*ppos)++"
        assert handle.take() == ((TracingOn(True),) if expected else ())


def test_opening_trace_for_truncation_empties_the_buffers(setup: Setup) -> None:
    """tracing_open(), tracing_write_stub() (trace.c)."""
    for flags, commands in (
        (R, ()), (R | os.O_TRUNC, ()), (W, ()), (W | os.O_APPEND, ()),
        (W | os.O_TRUNC, (ResetBuffer(),)), (RW | os.O_TRUNC, (ResetBuffer(),)),
    ):  # fmt: skip
        handle = opened(setup, "trace", flags)
        assert handle.take() == commands, flags
        if flags & (W | RW):
            assert handle.write(b"anything") == 8 and handle.position == 0
        handle.close()
        assert handle.take() == ()


def test_nothing_is_carried_out_by_a_handle(setup: Setup) -> None:
    before, memory = setup.core.state(), setup.machine.memory.data.copy()
    for name, data in ((FILTER, b"vfs_*\n"), ("current_tracer", b"function"), ("tracing_on", b"1"), ("trace", b"")):
        handle = opened(setup, name, RW | os.O_TRUNC)
        handle.write(data)
        handle.read()
        handle.close()
        assert len(handle.take()) == 1 and handle.take() == ()
    assert setup.core.state() == before and (setup.machine.memory.data == memory).all()


def test_a_kind_of_file_may_be_write_only() -> None:
    class Marker(Opened):
        pass

    root = Directory({"trace_marker": File("notes", 0o220, lambda flags: Marker("trace_marker"))})
    with refuses(errno.EINVAL, "only be written"):
        root.open("trace_marker").read()
