"""The colours: four themes that give each mark a colour of its own, none of which carries a meaning alone.

The high contrast theme keeps to colours that the common kinds of colour blindness tell apart (Okabe and Ito, "Color
Universal Design", 2008). `ansi` leaves all colours to the terminal, and works with 16 of them.
"""

from __future__ import annotations

from textual.theme import Theme

MEANS = {
    "dim": "it is not what matters now: frames, lanes, what lies ahead",
    "old": "of the old instruction",
    "new": "of the new instruction",
    "int3": "an int3, and a CPU that takes one",
    "open": "not decided: old or new, or not read yet",
    "changed": "changed by the last step",
    "good": "done, or answered",
    "bad": "broken",
    "title": "a heading, a label, a key",
}
"""What each colour means, and no other one does; where one stands is said by weight, and inverse, in no colour."""
MARKS = tuple(MEANS)  # each is a variable $mark-...
GROUNDS = ("background", "surface", "panel")  # what text may stand on


def _marks(*colours: str) -> dict[str, str]:
    """The variables of a theme: a colour for each of MARKS."""
    return {f"mark-{name}": colour for name, colour in zip(MARKS, colours, strict=True)}


DARK = Theme(
    name="dark",
    primary="#7aa2f7",
    secondary="#9ece6a",
    accent="#e0af68",
    warning="#e0af68",
    error="#ff8b98",
    success="#9ece6a",
    foreground="#d5daf0",
    background="#14161f",
    surface="#1b1e2b",
    panel="#232738",
    dark=True,
    variables=_marks("#9aa3c4", "#c3c9e2", "#7fd1ff", "#ffb454", "#d8a8ff", "#ffe27a", "#a6da75", "#ff8b98", "#9aa5ff"),
)
LIGHT = Theme(
    name="light",
    primary="#1f4fa8",
    secondary="#2f6b1c",
    accent="#8a5200",
    warning="#8a5200",
    error="#b3122b",
    success="#2f6b1c",
    foreground="#1d2230",
    background="#fbfaf6",
    surface="#f2f0e9",
    panel="#e8e5db",
    dark=False,
    variables=_marks("#565d70", "#3a4154", "#005a94", "#8f4300", "#6d2a9c", "#5e5a00", "#2a6418", "#b3122b", "#3a3fb5"),
)
CONTRAST = Theme(
    name="high-contrast",
    primary="#56b4e9",
    secondary="#f0e442",
    accent="#e69f00",
    warning="#e69f00",
    error="#ff9a5c",
    success="#2fd6a5",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    dark=True,
    variables=_marks("#d0d0d0", "#ffffff", "#56b4e9", "#e69f00", "#f0a6d2", "#f0e442", "#2fd6a5", "#ff9a5c", "#8fd0f5"),
)
ANSI = Theme(
    name="ansi",
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_default",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    ansi=True,
    variables=_marks(
        "ansi_default",
        "ansi_default",
        "ansi_cyan",
        "ansi_yellow",
        "ansi_magenta",
        "ansi_default",
        "ansi_green",
        "ansi_red",
        "ansi_default",
    )
    | {
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
    },
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT, CONTRAST, ANSI)}


def relative_luminance(colour: str) -> float:
    """Of "#rrggbb", 0 to 1 (WCAG 2.2, relative luminance)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2); text wants 4.5."""
    low, high = sorted((relative_luminance(one), relative_luminance(other)))
    return (high + 0.05) / (low + 0.05)
