"""A list of which only a stretch is held; the rest can be had again when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")


@dataclass(slots=True)
class Held(Generic[Item]):
    """A stretch of a longer list: `items` are those from number `first` on."""

    first: int = 0
    items: list[Item] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The number of the one behind the last."""
        return self.first + len(self.items)

    def holds(self, number: int) -> bool:
        """True where the item of that number is here."""
        return 0 <= number - self.first < len(self.items)

    def cut(self, end: int) -> None:
        """The items from number `end` on are no more."""
        del self.items[max(0, end - self.first) :]


class Past(Sequence[Item]):
    """All entries, or all events, of history up to an end: a list of which the last items only are at hand.

    A number stays valid as long as history does not take another way; asking for a forgotten item replays history.
    """

    def __init__(self, length: int, stretch: Callable[[int], Held[Item]]) -> None:
        """A list of `length` items.

        Args:
            length: how many.
            stretch: gives some items, that of a number among them.
        """
        self._length, self._stretch = length, stretch

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> list[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | list[Item]:
        if isinstance(at, slice):
            first, last, step = at.indices(self._length)
            if step < 0:
                return [self[one] for one in range(first, last, step)]
            return [one for part in self.parts(first, last) for one in part][::step]
        number = at + self._length if at < 0 else at
        if not 0 <= number < self._length:
            raise IndexError(at)
        held = self._stretch(number)
        return held.items[number - held.first]

    def __iter__(self) -> Iterator[Item]:
        for part in self.parts(0, self._length):
            yield from part

    def __reversed__(self) -> Iterator[Item]:
        end = self._length
        while end > 0:
            held = self._stretch(end - 1)
            yield from reversed(held.items[: end - held.first])
            end = held.first

    def __eq__(self, other: object) -> bool:
        """The same items in the same order, in whatever sequence."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as of every list

    def parts(self, first: int, last: int) -> Iterator[list[Item]]:
        """The items first to last - 1, in stretches."""
        while first < last:
            held = self._stretch(first)
            part = held.items[first - held.first : last - held.first]
            yield part
            first += len(part)
