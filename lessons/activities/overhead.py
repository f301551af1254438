"""What tracing costs, one answer at a time: counted, priced by a table, or measured here; and how it grows.

`Overhead` holds what one looks at, and all that has been counted and measured so far; `work` gets what is awaited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from lessons.activities.charts import FIRST, exact_chart, growth_chart, measured_chart, modelled_chart
from lessons.activities.plots import growth_plot, sites_plots
from lessons.chart import Chart, edge
from simkernel.errors import LearnerError, nearest
from simkernel.report import Report

if TYPE_CHECKING:
    from lessons.chart import Plot
    from simkernel.overhead.exact import Exact
    from simkernel.overhead.measured import Host, Measured
    from simkernel.overhead.modelled import CostTable
    from simkernel.overhead.sites import Patched

EXACT, MODELLED, MEASURED, GROWTH, SITES = "exact", "modelled", "measured", "growth", "sites"
CLOSER = 3  # a bar so many times as long as the first one is cut off


@dataclass(frozen=True, slots=True)
class CostsAnswer:
    """One answer to what tracing costs.

    Attributes:
        how: how its figures are had. wait: what is to be done for it. doing: what is under way then.
        at_once: short enough to be begun without being asked for.
    """

    how: str
    wait: str
    doing: str
    at_once: bool = False


_COUNT = (
    "The toy kernel does the same work several times; its functions begin in another way each time. "
    "Every instruction is counted."
)
ANSWERS = {
    EXACT: CostsAnswer("counted on the simulated machine", _COUNT, "Counting", at_once=True),
    MODELLED: CostsAnswer("counted, then priced by a table", _COUNT, "Counting", at_once=True),
    MEASURED: CostsAnswer(
        "native code, timed on this very CPU",
        "Nothing is measured yet. Native code would run on this CPU for up to a minute, and keep it busy meanwhile.",
        "Measuring on this CPU",
    ),
    GROWTH: CostsAnswer(
        "as the number of traced functions grows",
        "Nothing is counted yet. The same work would be done again and again, with more and more functions traced.",
        "Counting",
    ),
    SITES: CostsAnswer(
        "what it takes to enable many sites at once",
        "Nothing is counted yet. Kernels of more and more functions would be made, and every site of each enabled. "
        "That takes up to a minute.",
        "Counting",
    ),
}
SYNCS, TIME = "syncs", "patch time"
SEVERAL = {MEASURED: ("tight", "warm", "cold"), SITES: (SYNCS, TIME)}
"""Pictures of one answer, where there are several."""


class Overhead:
    """What one looks at, and what is known so far.

    Attributes:
        name: of the answer.
        every: all variants, not the first four only.
        closer: what is long is cut off.
        cursor: the bar, or the row of sites, that is explained.
        which: of the pictures of an answer that has several (SEVERAL).
        counted, measured, grown, patched: what there is so far.
        where: the machine that measured.
    """

    def __init__(self) -> None:
        self.every = self.closer = False
        self.look_at(EXACT)
        self.which = {name: pictures[0] for name, pictures in SEVERAL.items()}
        self.counted: dict[str, Exact] = {}
        self.measured: dict[str, Measured] = {}
        self.where: Host | None = None
        self.grown: list[tuple[int, Exact]] = []
        self.patched: list[Patched] = []

    # --- what one looks at ------------------------------------------------------------------------------------------

    def look_at(self, name: str) -> None:
        """Another answer. LearnerError for one that there is not."""
        if name not in ANSWERS:
            raise LearnerError(f"no answer {name!r}; there are: {', '.join(ANSWERS)}.{nearest(name, ANSWERS)}")
        self.name = name
        self._begin_at()

    def _begin_at(self) -> None:
        """The first bar that is explained: tracing off, where there is a bar for it."""
        self.cursor = self.variants.index("nop") if self.has_variants else 0

    def turn(self, by: int) -> None:
        """The next answer, or the one before."""
        names = list(ANSWERS)
        self.look_at(names[(names.index(self.name) + by) % len(names)])

    def move(self, by: int) -> None:
        """Explain another bar, or another row of sites."""
        if not self.awaited:
            self.cursor = (self.cursor + by) % (len(self.patched) if self.chart is None else len(self.chart.bars))

    def more(self) -> None:
        """All variants, or the first four again."""
        self.every = not self.every
        self._begin_at()

    def other(self) -> None:
        """The next picture of this answer, where it has several."""
        if self.picture:
            self.which[self.name] = self.next_picture

    @property
    def picture(self) -> str:
        """Which picture of this answer, "" where it has one only."""
        return self.which.get(self.name, "")

    @property
    def next_picture(self) -> str:
        """The picture after that one."""
        names = SEVERAL.get(self.name, ())
        return names[(names.index(self.picture) + 1) % len(names)] if names else ""

    @property
    def variants(self) -> list[str]:
        """The names of the variants that are shown."""
        from simkernel.overhead.variants import possible

        return [name for name in possible() if self.every or name in FIRST]

    @property
    def has_variants(self) -> bool:
        """False where the bars are about something else."""
        return self.name not in (GROWTH, SITES)

    @cached_property
    def table(self) -> CostTable:
        """The packaged cost table."""
        from simkernel.overhead.modelled import costs

        return costs()

    @property
    def plot(self) -> Plot | None:
        """What grows with functions or sites, as slides show it; None for other answers, and what is awaited."""
        if self.name == GROWTH and self.grown:
            return growth_plot(self.grown)
        if self.name != SITES or self.awaited:
            return None
        time, syncs = sites_plots(self.patched)
        return time if self.picture == TIME else syncs

    @property
    def awaited(self) -> bool:
        """Something has to be counted or measured before there is anything to see."""
        from simkernel.overhead.sites import SITES as ALL

        return len(self.patched) < len(ALL) if self.name == SITES else self.chart is None

    @property
    def chart(self) -> Chart | None:
        """The bars; None where something is awaited, and of sites, which have a table."""
        if self.name == MEASURED:
            return measured_chart(self.measured[self.picture], self.variants) if self.measured else None
        if self.name == GROWTH:
            return growth_chart(self.grown) if self.grown else None
        if self.name == SITES or self.uncounted():
            return None
        rows = [self.counted[name] for name in self.variants]
        return (
            exact_chart(rows, self.variants) if self.name == EXACT else modelled_chart(rows, self.table, self.variants)
        )

    def uncounted(self) -> list[str]:
        """The variants that are to be counted yet."""
        return [name for name in self.variants if name not in self.counted]

    @property
    def end(self) -> float:
        """The value at the right edge: where the picture ends, or, closer, of so many of the first."""
        chart = self.chart
        if chart is None:
            return 1.0
        first = chart.bars[0].value
        return min(edge(chart), CLOSER * first) if self.closer and first else edge(chart)

    # --- the work ---------------------------------------------------------------------------------------------------

    @cached_property
    def refused(self) -> str:
        """Why nothing can be measured here, "" where it can."""
        from simkernel.overhead import code, native

        try:
            native.check()
            native.Executable(native.PAGE, code.HLT)
        except LearnerError as error:
            return str(error)
        return ""

    @property
    def can_work(self) -> bool:
        """Something is awaited, and can be had here."""
        return self.awaited and not (self.name == MEASURED and self.refused)

    def work(self, report: Report | None = None) -> None:
        """Get what this answer awaits; what is counted where it is cancelled stays.

        Raises: LearnerError where it cannot be had here; Cancelled.
        """
        works = {
            EXACT: self._count,
            MODELLED: self._count,
            MEASURED: self._measure,
            GROWTH: self._grow,
            SITES: self._patch,
        }
        works[self.name](report or Report())

    def _count(self, report: Report) -> None:
        from simkernel.overhead.exact import exact
        from simkernel.overhead.variants import VARIANTS

        wanted = self.variants
        for name in self.uncounted():
            at = wanted.index(name)
            report(f"{VARIANTS[name].title}, {at + 1} of {len(wanted)}", at / len(wanted))
            self.counted[name] = exact(name)

    def _measure(self, report: Report) -> None:
        from simkernel.overhead.apart import measured_apart
        from simkernel.overhead.measured import ROUNDS, machine

        step = _steps(report, len(SEVERAL[MEASURED]) * (1 + ROUNDS))
        measured = measured_apart(show=step, waiting=report.check)
        self.where = machine()
        self.measured = {one.workload: one for one in measured}

    def _grow(self, report: Report) -> None:
        from simkernel.overhead.growth import STEPS, growth

        self.grown = growth(_steps(report, len(STEPS)))

    def _patch(self, report: Report) -> None:
        from simkernel.overhead.sites import SITES as ALL
        from simkernel.overhead.sites import patch_sites

        for at, sites in list(enumerate(ALL))[len(self.patched) :]:
            report(f"{sites:,} sites", at / len(ALL))
            self.patched.append(patch_sites(sites))


def _steps(report: Report, total: int) -> Callable[[str], None]:
    """What tells of each of so many steps as it begins."""
    begun = count()
    return lambda text: report(text, min(1.0, next(begun) / total))
