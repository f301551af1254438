"""The list of all that can be done here, with keys; it is searched by title and help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

Entry = tuple[str, str, Callable[[], object]]  # title with keys, help, what it does


class Offers(Protocol):
    """The screen, as this module knows it."""

    def entries(self) -> Sequence[Entry]:
        """All that can be done on it."""
        ...


class WhatCanBeDone(Provider):
    """Searches titles and helps of what the screen offers."""

    def _entries(self) -> Sequence[Entry]:
        return cast(Offers, self.screen).entries() if hasattr(self.screen, "entries") else ()

    async def discover(self) -> Hits:
        """All of them."""
        for title, help_text, what in self._entries():
            yield DiscoveryHit(title, what, help=help_text)

    async def search(self, query: str) -> Hits:
        """Those that a few letters name."""
        matcher = self.matcher(query)
        for title, help_text, what in self._entries():
            if (score := max(matcher.match(title), 0.9 * matcher.match(f"{title} {help_text}"))) > 0:
                yield Hit(score, matcher.highlight(title), what, help=help_text)
