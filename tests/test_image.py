"""KernelImage: symbols, sites, bytes, the packaged kernel, a learner's file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from simkernel import insn
from simkernel.errors import KernelSourceError, LearnerError, OurError
from simkernel.kernel import KernelImage, artefact, layout
from tests.kernels import assemble, tiny, with_body


@pytest.fixture(scope="module")
def image() -> KernelImage:
    return KernelImage.default()


def test_every_site_holds_the_call_and_belongs_to_a_function(image: KernelImage) -> None:
    functions = image.functions()
    assert [image.site_of(s) for s in functions] == image.mcount_loc.tolist() == sorted(image.mcount_loc.tolist())
    assert image.function_names() == [s.name for s in functions]
    for symbol in functions:
        code = image.text_of(symbol)
        assert insn.is_call_to(symbol.address, code, image.address("__fentry__")), symbol.name
        assert image.find(symbol.address) == symbol


def test_ibt_moves_sites_by_four_bytes() -> None:
    image = KernelImage.default(ibt=True)
    assert image.ibt
    for symbol in image.functions():
        assert image.site_of(symbol) == symbol.address + 4
        assert image.text_of(symbol).startswith(insn.ENDBR64)


def test_the_kernel_lies_where_the_map_says(image: KernelImage) -> None:
    text, data = image.segments
    assert (text.base, text.executable, data.executable) == (layout.TEXT_BASE, True, False)
    assert data.base >= text.base + len(text.data) and data.base % layout.PAGE_SIZE == 0
    assert data.base + len(data.data) <= layout.TEXT_BASE + layout.TEXT_SIZE


def test_symbols_do_not_overlap_and_lie_in_their_part(image: KernelImage) -> None:
    sized = [s for s in image.symbols if s.size]
    for before, after in zip(sized, sized[1:], strict=False):
        assert before.address + before.size <= after.address, (before.name, after.name)
    edge = image.address("_sdata")
    for symbol in image.symbols:
        assert symbol.kind in ("DdBb" if symbol.address >= edge else "Tt."), symbol.name
    assert len({s.name for s in image.symbols}) == len(image.symbols)


def test_symbolize_and_find(image: KernelImage) -> None:
    schedule = image.symbol("schedule")
    assert image.symbolize(schedule.address) == "schedule"
    assert image.symbolize(schedule.address + 5) == "schedule+0x5"
    assert image.symbolize(0x1234) == "0x1234"
    assert image.find(schedule.address + schedule.size - 1) == schedule
    assert image.find(0x1234) is None
    with pytest.raises(LearnerError, match="no symbol 'shedule' in this kernel; did you mean 'schedule'"):
        image.address("shedule")
    with pytest.raises(LearnerError, match="__fentry__ is not traced"):
        image.site_of(image.symbol("__fentry__"))
    with pytest.raises(OurError, match="in no segment"):
        image.read(layout.BSS_BASE, 8)


def test_a_wrong_site_is_found() -> None:
    raw = artefact.packaged()
    assert raw
    kernel = artefact.unpack(raw)[1][False]
    at = kernel.sites[3] - kernel.base
    broken = replace(kernel, text=kernel.text[:at] + insn.NOP5 + kernel.text[at + 5 :])
    with pytest.raises(LearnerError, match="holds 0f 1f 44 00 00 and not call __fentry__"):
        KernelImage.from_assembly(broken, "", False)


def test_the_digest_covers_everything(image: KernelImage) -> None:
    assert image.digest != KernelImage.default(ibt=True).digest
    assert image.digest == KernelImage.default().digest
    assert len(image.source_hash) == 64


@pytest.mark.keystone
def test_an_artefact_comes_back_as_it_was_packed() -> None:
    kernels = {ibt: assemble(tiny(), ibt=ibt) for ibt in (False, True)}
    raw = artefact.pack(kernels, "hash")
    assert raw == artefact.pack(kernels, "hash")
    assert artefact.unpack(raw) == ("hash", kernels)
    assert len(artefact.compressed(raw)) < len(raw)


@pytest.mark.keystone
def test_the_packaged_kernel_is_that_of_the_sources() -> None:
    """Assembled at another time, in another process: so the assembler gives the same bytes each time, too."""
    done = subprocess.run(
        [sys.executable, "-m", "simkernel.kernel", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "sites" in done.stdout


@pytest.mark.keystone
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SYM_FUNC_START f\n\tbogus\n\tret\nSYM_FUNC_END f\n", "mine.S:2: Keystone cannot assemble 'bogus'"),
        ("SYM_FUNC_START schedule\n\tret\nSYM_FUNC_END schedule\n", "mine.S:1: label 'schedule' is defined twice"),
        ("SYM_FUNC_START f\n\tret\nSYM_FUNC_END f\n", "mine.S: '.*' is missing: the kernel's core uses it"),
        (".data\nmy_word: .quad 0x0\n", "mine.S: no function to trace|mine.S: '.*' is missing"),
    ],
)
def test_a_learners_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.S"
    file.write_text(text)
    with pytest.raises(LearnerError, match=message):
        KernelImage.from_source(file)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="cannot be read"):
        KernelImage.from_source(tmp_path / "none.S")
    (tmp_path / "binary.S").write_bytes(b"\xff\xfe\0")
    with pytest.raises(LearnerError, match="cannot be read"):
        KernelImage.from_source(tmp_path / "binary.S")


@pytest.mark.keystone
def test_an_error_names_the_file_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.S"
    file.write_text("SYM_FUNC_START f\n\tmovq $1.5, %rax\nSYM_FUNC_END f\n")
    with pytest.raises(KernelSourceError) as caught:
        KernelImage.from_source(file)
    assert (caught.value.file, caught.value.line) == (str(file), 2)


@pytest.mark.keystone
def test_sources_of_our_own() -> None:
    image = KernelImage.from_sources(with_body("ret"))
    assert image.function_names() == ["f"]
    assert KernelImage.from_sources(with_body("ret"), sites=False).function_names() == []
