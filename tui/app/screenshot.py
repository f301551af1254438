"""The screen that one sees, as text and as a picture.

Rich writes the picture: a `<text>` for each run of one style. Renderers differ in what they do with such a run: librsvg
drops the blanks at its start, no-break ones too, and ignores `textLength`, so that a long run ends at another column
than on the screen; browsers and Inkscape heed both. So each word has a position of its own, which all of them heed, and
a cell is as wide as a character of the common fonts, which leaves hardly anything for `textLength` to do.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.segment import Segment, Segments
from textual.app import App

from tui.app.textual_door import rows, whole

CELL = 0.602  # width of a character by its size: DejaVu Sans Mono and Menlo; Liberation and Noto Sans Mono have 0.6
_ROW = 24.4  # height of a row in the picture, of which Rich begins the first one 1.5 down
_WORD = re.compile(r"\S+\s*|\s+")  # the blanks behind a word stay with it: they may be underlined
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: "DejaVu Sans Mono", Menlo, "Liberation Mono", "Noto Sans Mono", Consolas, monospace;
    font-size: {char_height}px; font-variant-ligatures: none;
}}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
<clipPath id="{unique_id}-line-LAST">
<rect x="0" y="TOP" width="{terminal_width}" height="{line_height}"/>
</clipPath>
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def text(app: App[Any]) -> str:
    """The rows of the screen, without the blanks at their ends."""
    return "".join(f"{strip.text.rstrip()}\n" for strip in rows(app))


def svg(app: App[Any]) -> str:
    """The screen as a picture, with what shows through from the screens behind it."""
    width, height = app.size
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    console.print(Segments(part for one in console.render(whole(app)) for part in _words(one)), end="")
    # Rich clips each row to a rectangle and forgets that of the last one
    code_format = _FORMAT.replace("LAST", str(height - 1)).replace("TOP", f"{(height - 1) * _ROW + 1.5:g}")
    return console.export_svg(title="simkernel", code_format=code_format, font_aspect_ratio=CELL)


def _words(segment: Segment) -> Iterator[Segment]:
    """A run of one style as runs that begin with a word, or hold blanks alone."""
    if not segment.control:
        for word in _WORD.findall(segment.text):
            yield Segment(word, segment.style)
