"""Why the stories look at the sites that they look at: where those lie, and what is torn in them, by decoding."""

from __future__ import annotations

import pytest

from lessons.session.actions import apply
from lessons.session.content import SCENARIOS
from lessons.session.stepper import Stepper
from simkernel import disasm, insn
from simkernel.events import ExceptionTaken, InterruptTaken, Oopsed, SiteRan
from simkernel.hw.fetch import FetchModel
from simkernel.kernel import KernelImage, layout
from simkernel.kernel.layout import VECTOR_UD
from simkernel.sim.options import Options
from simkernel.sim.simulation import Simulation

ALIGNED = 16  # FUNCTION_ALIGNMENT of x86-64 (arch/x86/Kconfig, 6.12: FUNCTION_ALIGNMENT_16B)
UNDEFINED = (b"\x0f\x3b", b"\x0f\x7b")  # of those that a site can give: blank in Intel SDM vol. 2D, table A-3
OFTEN = 50  # calls by each CPU in a million instructions
FIRST = SCENARIOS["one"].function


def torn(image: KernelImage, function: str) -> bytes:
    """Byte +0 of the old instruction, and the rest of the new one: what a CPU has that began to read before int3."""
    return insn.NOP5[:1] + insn.call(image.site_of(image.symbol(function)), layout.TRAMP_BASE)[1:]


def test_the_first_site_lies_as_linux_aligns_functions() -> None:
    image = KernelImage.default()
    site = image.site_of(image.symbol(FIRST))
    assert site % ALIGNED == 0 and site // layout.CACHE_LINE == (site + 4) // layout.CACHE_LINE


def test_what_is_torn_in_the_first_site_is_no_instruction() -> None:
    """Of the sixteen bytes that aligned sites can have behind 0F, two stand for no instruction of any CPU."""
    image = KernelImage.default()
    aligned = [one.name for one in image.functions() if one.traced and image.site_of(one) % ALIGNED == 0]
    assert len({torn(image, name)[:2] for name in aligned}) == 16
    none = {name for name in aligned if torn(image, name)[:2] in UNDEFINED}
    assert FIRST in none and len(none) < len(aligned) / 4
    assert all(next(disasm.decode(torn(image, name), 0)).is_bad for name in none)


def test_each_cpu_comes_to_the_first_site_often() -> None:
    simulation = Simulation.boot(Options())
    address = simulation.image.address(FIRST)
    with simulation.looking(0, address) as by_cpu0, simulation.looking(1, address) as by_cpu1:
        simulation.run(1_000_000)
    assert min(len(by_cpu0), len(by_cpu1)) >= OFTEN


@pytest.mark.parametrize("name", ["one", "slow-ipi"])
def test_without_sync_1_the_kernel_dies_at_once_of_it(name: str) -> None:
    """No instruction lies between what is torn and the exception: the CPU runs nothing of it."""
    failing = apply(Stepper.start(name), "without", "sync 1").stepper
    assert failing is not None and failing.simulation.options.model is FetchModel.PIECES
    apply(failing, "run")
    died = failing.simulation.log[-1]
    assert isinstance(died, Oopsed) and (died.address, died.vector) == (failing.site, VECTOR_UD)
    of_it = [e for e in failing.simulation.log if e.cpu == died.cpu and not isinstance(e, InterruptTaken)]
    exception, ran = of_it[-3:-1]
    assert isinstance(exception, ExceptionTaken) and exception.clock == ran.clock
    assert isinstance(ran, SiteRan) and ran.data == torn(failing.image, FIRST)


def test_the_site_of_cache_line_is_another_which_lies_across() -> None:
    image = KernelImage.default()
    function = SCENARIOS["cache-line"].function
    site = image.site_of(image.symbol(function))
    assert function != FIRST and site // layout.CACHE_LINE != (site + 4) // layout.CACHE_LINE
    own = [name for name, one in SCENARIOS.items() if one.function != FIRST]
    assert own == ["nmi", "cache-line", "recursion"]  # each has its reason for a site of its own
