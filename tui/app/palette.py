"""The command palette: every action with its key, from the tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lessons.session.actions import ACTIONS
from tui.app.actions import SCREEN_ACTIONS, key_text
from tui.app.screens.activity import ActivityScreen


class Doer(Protocol):
    """The app, as this module knows it."""

    def action_do(self, name: str) -> None:
        """Do what the action of that name does."""
        ...


def entries() -> Iterator[tuple[str, str, str]]:
    """(name, what the palette shows, help) of every action."""
    shown = [(one.name, one.title, one.keys, one.help) for one in SCREEN_ACTIONS if one.shown]
    for name, title, keys, help_text in shown + [(one.name, one.title, one.keys, one.help) for one in ACTIONS]:
        key = key_text(keys)
        yield name, f"{title}  ({key})" if key else title, help_text


class Actions(Provider):
    """Searches titles and helps."""

    @property
    def _here(self) -> bool:
        """False over a screen of one activity, which has actions of its own."""
        return not isinstance(self.screen, ActivityScreen)

    async def discover(self) -> Hits:
        if not self._here:
            return
        for name, title, help_text in entries():
            yield DiscoveryHit(title, partial(self._do, name), help=help_text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        if not self._here:
            return
        for name, title, help_text in entries():
            score = max(matcher.match(title), matcher.match(f"{title} {help_text} {name}") * 0.9)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._do, name), help=help_text)

    def _do(self, name: str) -> None:
        cast(Doer, self.app).action_do(name)
