"""Where a person left a story, as a value that outlives the program: a place, and how one looked at it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from simkernel.sim.moment import MAX_ENTRIES

DEPTHS = ("story", "code", "all")
SIZE = 8 << 20  # bytes that the file may have: a long moment and some words
MOST_SEEN = 100

Text = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=MAX_ENTRIES)]


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """The place where one quit.

    Attributes:
        moment: as a string, "" where there was none to keep.
        scenario: its name, "" for none.
        begin: where its story starts.
        site: the address looked at, 0 for none.
        title: what to call the place.
        step: its number.
        depth: of DEPTHS; how one looked at it.
        syntax: of instructions.
        theme: of the screen, "" for none.
        seen: the names of the stories whose ends one has come to.
    """

    moment: Annotated[str, Meta(max_length=SIZE)] = ""
    scenario: Text = ""
    begin: Count = 0
    site: int = 0
    title: Text = ""
    step: Count = 0
    depth: str = "story"
    syntax: Annotated[str, Meta(pattern=r"\A(att|intel)\Z")] = "att"
    theme: Text = ""
    seen: Annotated[tuple[Text, ...], Meta(max_length=MOST_SEEN)] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.site < 1 << 64:
            raise ValueError("site is no address")
        if not self.title.isprintable():
            raise ValueError("title holds control characters")
        if self.depth not in DEPTHS:
            raise ValueError("there is no such depth")
