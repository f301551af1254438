"""The move of a schedule of the lab that breaks a property, in the history that leads to it."""

from __future__ import annotations

from simkernel.sim.simulation import Simulation


class Violation:
    """A property that a schedule has broken: who goes on is stopped there.

    Args:
        simulation: its history leads there.
        position: in history, behind the move that breaks it.
        sentence: says which move that is, and what it breaks.
    """

    def __init__(self, simulation: Simulation, position: int, sentence: str) -> None:
        self._simulation, self._sentence = simulation, sentence
        self._position, self._rewrites = position, simulation.rewrites.count

    @property
    def here(self) -> str:
        """The sentence, where one stands behind that move; "" elsewhere."""
        return self._sentence if self._simulation.point == (self._position, 0) and self._holds else ""

    @property
    def is_ahead(self) -> bool:
        """True where history goes on from here to that move."""
        return self._simulation.point < (self._position, 0) and self._holds

    @property
    def _holds(self) -> bool:
        """True while history leads there: nobody has gone another way before it."""
        rewrite = self._simulation.rewrites.since(self._rewrites)
        return rewrite is None or rewrite.position >= self._position
