"""What the machine says between two steps."""

from __future__ import annotations

import numpy as np
import pytest

from simkernel import insn
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage
from simkernel.kernel.loader import power_on
from simkernel.kernel.toy import toy
from simkernel.kernel.words import SiteWords, words_at
from simkernel.patching.text_poke import TextPoke
from simkernel.protocol import INT3_PROTOCOL, Variant
from simkernel.schedule import QUANTUM


def test_a_cpu_within_an_instruction_that_is_being_changed_is_watched_at_each_step_and_no_other() -> None:
    """Its site was five instructions of one byte each when it ran the second; now it is one of five bytes."""
    image = KernelImage.default()
    kernel = power_on(toy(image), 2, FetchModel.INSTANT)
    machine, active = kernel.machine, TextPoke(kernel, Variant(INT3_PROTOCOL)).active
    kernel.watch_with([active])
    site, cpu = image.site_of(image.symbol("vfs_read")), machine.cpus[0]
    cpu.transfer(site + 2, cpu.rsp, cpu.flags)
    assert machine.limit(0) == QUANTUM and not active.off_boundary(0)  # nothing is being changed

    active.begin((site,), bytes((insn.CALL_INSN_SIZE,)))
    assert (machine.limit(0), machine.limit(1)) == (1, QUANTUM)
    kept = machine.state()
    active.end()
    assert machine.limit(0) == QUANTUM
    machine.restore(kept)
    assert machine.limit(0) == 1

    for place in (site, site + insn.CALL_INSN_SIZE):
        cpu.transfer(place, cpu.rsp, cpu.flags)
        assert not active.off_boundary(0) and machine.limit(0) == QUANTUM


@pytest.mark.parametrize("model", FetchModel)
def test_site_words_follow_every_change(model: FetchModel) -> None:
    image = KernelImage.default()
    machine = power_on(toy(image), 2, model).machine
    sites, code = image.mcount_loc, machine.code
    words = SiteWords(code, sites)
    offsets = code.map.offsets(sites)

    def plain() -> list[int]:
        return [int.from_bytes(code.read(int(site), 5), "little") for site in sites]

    def agree() -> None:
        assert np.array_equal(words.in_memory(), plain())
        for cpu, view in enumerate(code.views):
            assert np.array_equal(words.of_cpu(cpu), words_at(view.code, offsets))

    agree()
    first, old = code.map.offset(int(sites[3])), code.read(int(sites[3]), 1)
    code.write(int(sites[3]), b"\xcc", fresh=False)
    agree()
    machine.code.write(int(sites[4]) + 1, b"\x01\x02", fresh=True)
    agree()
    code.views[1].resolve_all()
    agree()
    code.forget_pending()
    code.put(np.array([first]), np.frombuffer(old, dtype=np.uint8))
    agree()


@pytest.mark.parametrize("model", FetchModel)
def test_a_cpu_that_runs_what_memory_holds_has_no_bytes_of_its_own(model: FetchModel) -> None:
    machine = power_on(toy(KernelImage.default()), 2, model).machine
    own = [view.code is not machine.code.memory for view in machine.code.views]
    assert own == [model in (FetchModel.LINE, FetchModel.BYTE)] * 2
