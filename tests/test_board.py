"""What the board says between two steps."""

from __future__ import annotations

from simkernel.fetch import FetchModel
from simkernel.image import KernelImage
from simkernel.machine import Machine
from simkernel.schedule import QUANTUM


def test_a_cpu_within_an_instruction_is_watched_at_each_step_and_no_other() -> None:
    """Its site was five instructions of one byte each when it ran the second; now it is one of five bytes."""
    image = KernelImage.default()
    machine = Machine(image, 2, FetchModel.INSTANT)
    site, cpu = image.site_of(image.symbol("vfs_read")), machine.cpus[0]
    cpu.transfer(site + 2, cpu.rsp, cpu.flags)
    assert not machine.strayed  # nothing has changed under it

    machine.focus = frozenset({site})
    machine.note_strays()
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
    machine.focus = frozenset({site})
    for place in (site, site + 5):
        cpu.transfer(place, cpu.rsp, cpu.flags)
        machine.note_strays()
        assert not machine.strayed


def test_text_words_are_the_five_bytes_of_each_site() -> None:
    image = KernelImage.default()
    machine = Machine(image, 1, FetchModel.BYTE)
    sites = image.mcount_loc
    plain = [machine.text_read(int(site), 5) for site in sites]
    assert [int(word).to_bytes(5, "little") for word in machine.text_words(sites)] == plain
    assert [row.tobytes() for row in machine.text_sites(sites)] == plain
