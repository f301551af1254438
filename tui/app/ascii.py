"""The last look at a line on its way to a screen that can show ASCII only, or is to show no colour.

Textual's own widgets draw other glyphs, and where NO_COLOR is set it still sends shades of grey.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Twins of one column each: frames, arrows, what stands in an input that is too narrow.
_TWINS = str.maketrans("─━▔▁│┃▏▕┌┐└┘├┤┬┴┼→←↑↓…•●·▶", "----||||+++++++++><^v.***>")


def in_ascii(text: str) -> str:
    """The text in ASCII, as many columns wide as it was; `?` for each column of what has no twin."""
    if text.isascii():
        return text
    return "".join(one if one.isascii() else "?" * cell_len(one) for one in text.translate(_TWINS))


class AsciiOnly(LineFilter):
    """Every segment of every line in ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]


class NoColour(LineFilter):
    """Every segment in the terminal's own colours (https://no-color.org); bold, underline and reverse stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style.without_color if style else style, control) for text, style, control in segments]
