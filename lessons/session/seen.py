"""What a person has seen of a story: the picture in front, how far one has come, and what the site's change was."""

from __future__ import annotations

from collections.abc import Callable

from simkernel.sim.log import Point
from simkernel.sim.simulation import Simulation
from simkernel.sim.snapshot import Snapshot


class Seen:
    """The pictures of a simulation, one after the other, as a person comes to see them.

    Attributes:
        picture: the one in front.
        moved: the simulation has moved since.
        whole: the old and the new instruction of the site's change that was seen last; () before one was.
    """

    def __init__(self, simulation: Simulation, site: int | None) -> None:
        self._simulation = simulation
        self.picture, self._site = Snapshot.of(simulation, None, site), site
        self.moved = False
        self.whole: tuple[bytes, ...] = ()
        self._furthest = simulation.position

    @property
    def furthest(self) -> int:
        """The last position that was looked at, as far as history still leads there."""
        return min(self._furthest, len(self._simulation.entries))

    @furthest.setter
    def furthest(self, position: int) -> None:
        self._furthest = position

    def look(self, site: int | None, step_before: Callable[[], int]) -> Snapshot:
        """Where one stands; its `changes` are those since the step before, however one came here.

        Args:
            site: the one that is looked at.
            step_before: gives the position of the step before.
        """
        if self.moved:
            before = self._before(site, Point(step_before(), 0))
            self.picture, self._site, self.moved = Snapshot.of(self._simulation, before, site), site, False
            self._furthest = max(self._furthest, self._simulation.position)
            self._note_change(self.picture)
        return self.picture

    def _before(self, site: int | None, step: Point) -> Snapshot:
        """What to compare with: the picture that one has seen last, if no step lies between; else that of the step."""
        last, here = self.picture, self._simulation.point
        if self._site == site and step <= last.point < here:
            return last
        self._simulation.goto_point(min(step, here))
        before = Snapshot.of(self._simulation, last, site)
        self._note_change(before)
        self._simulation.goto_point(here)
        return before

    def _note_change(self, shown: Snapshot) -> None:
        """Remember what the site's change was."""
        if (site := shown.site) is not None and site.old is not None and site.new is not None:
            self.whole = (site.old.data, site.new.data)
