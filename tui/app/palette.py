"""The list of all that can be done here, with keys; it is searched by title and help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

NAMED = 1000.0  # the score of what is found by its name: above all that a few letters find
TITLED = 2 * NAMED  # of what has the text in its title; twice that where the title begins with it
Entry = tuple[str, str, Callable[[], object]]  # title with keys, help, what it does


class Offers(Protocol):
    """The screen, as this module knows it."""

    def entries(self) -> Sequence[Entry]:
        """All that can be done on it."""
        ...

    def named(self, part: str) -> Sequence[Entry]:
        """What can be done on it with what has `part` in its name: a function, a story."""
        ...


class WhatCanBeDone(Provider):
    """Searches titles and helps of what the screen offers."""

    def _named(self, part: str) -> Sequence[Entry]:
        return cast(Offers, self.screen).named(part) if hasattr(self.screen, "named") else ()

    def _entries(self) -> Sequence[Entry]:
        return cast(Offers, self.screen).entries() if hasattr(self.screen, "entries") else ()

    async def discover(self) -> Hits:
        """All of them."""
        for title, help_text, what in self._entries():
            yield DiscoveryHit(title, what, help=help_text)

    async def search(self, query: str) -> Hits:
        """What has the text in its title, at its start first; what acts on a name with it; what a few letters find."""
        matcher, part = self.matcher(query), query.strip().lower()
        for at, (title, help_text, what) in enumerate(self._named(query)):
            yield Hit(NAMED - at, matcher.highlight(title), what, help=help_text)
        for title, help_text, what in self._entries():
            if (score := max(matcher.match(title), 0.9 * matcher.match(f"{title} {help_text}"))) > 0:
                score += TITLED * ((part in title.lower()) + title.lower().startswith(part))
                yield Hit(score, matcher.highlight(title), what, help=help_text)
