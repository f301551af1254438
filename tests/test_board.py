"""What the board says between two steps."""

from __future__ import annotations

import numpy as np
import pytest

from simkernel.hw.fetch import FetchModel, words_at
from simkernel.kernel import KernelImage
from simkernel.machine import Machine
from simkernel.schedule import QUANTUM


def test_a_cpu_within_an_instruction_is_watched_at_each_step_and_no_other() -> None:
    """Its site was five instructions of one byte each when it ran the second; now it is one of five bytes."""
    image = KernelImage.default()
    machine = Machine(image, 2, FetchModel.INSTANT)
    site, cpu = image.site_of(image.symbol("vfs_read")), machine.cpus[0]
    cpu.transfer(site + 2, cpu.rsp, cpu.flags)
    assert not machine.strayed  # nothing has changed under it

    machine.note_strays((site,))
    assert machine.strayed
    assert (machine.limit(0), machine.limit(1)) == (1, QUANTUM)

    kept = machine.state()
    machine.strayed = False
    machine.restore(kept)
    assert machine.limit(0) == 1

    cpu.transfer(site + 5, cpu.rsp, cpu.flags)
    assert machine.limit(0) == QUANTUM


def test_a_cpu_at_the_beginning_of_a_changed_site_has_not_strayed() -> None:
    image = KernelImage.default()
    machine = Machine(image, 1, FetchModel.INSTANT)
    site, cpu = image.site_of(image.symbol("vfs_read")), machine.cpus[0]
    for place in (site, site + 5):
        cpu.transfer(place, cpu.rsp, cpu.flags)
        machine.note_strays((site,))
        assert not machine.strayed


def test_text_words_are_the_five_bytes_of_each_site() -> None:
    image = KernelImage.default()
    machine = Machine(image, 1, FetchModel.BYTE)
    sites = image.mcount_loc
    plain = [machine.text_read(int(site), 5) for site in sites]
    assert [int(word).to_bytes(5, "little") for word in machine.text_words(sites)] == plain
    assert [row.tobytes() for row in machine.text_sites(sites)] == plain


@pytest.mark.parametrize("model", FetchModel)
def test_site_words_follow_every_change(model: FetchModel) -> None:
    image = KernelImage.default()
    machine = Machine(image, 2, model)
    sites, code = image.mcount_loc, machine.code
    offsets = code.map.offsets(sites)

    def agree() -> None:
        assert np.array_equal(machine.site_words(), machine.text_words(sites))
        for cpu, view in enumerate(code.views):
            assert np.array_equal(machine.site_words(cpu), words_at(view.code, offsets))

    agree()
    first, old = code.map.offset(int(sites[3])), machine.text_read(int(sites[3]), 1)
    machine.write_code(int(sites[3]), b"\xcc", fresh=False)
    agree()
    machine.write_code(int(sites[4]) + 1, b"\x01\x02", fresh=True)
    agree()
    code.views[1].settle_all()
    agree()
    code.forget_unsettled()
    code.put(np.array([first]), np.frombuffer(old, dtype=np.uint8))
    agree()


@pytest.mark.parametrize("model", FetchModel)
def test_a_cpu_that_runs_what_memory_holds_has_no_bytes_of_its_own(model: FetchModel) -> None:
    machine = Machine(KernelImage.default(), 2, model)
    own = [view.code is not machine.code.memory for view in machine.code.views]
    assert own == [model in (FetchModel.LINE, FetchModel.BYTE)] * 2
