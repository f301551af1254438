"""What only concerns a screen: depth, theme, which CPU is in focus, screens beside this one. Data, as the stepper's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lessons.session.actions import ACTIONS


@dataclass(frozen=True, slots=True)
class ScreenAction:
    """An action of the app: the method `do_<name with underscores>` carries it out.

    Attributes: as those of `stepper.actions.Action`; `shown` is False where it makes sense with the mouse only.
    """

    name: str
    keys: tuple[str, ...]
    title: str
    help: str
    prompt: str = ""
    shown: bool = True


SCREEN_ACTIONS: tuple[ScreenAction, ...] = (
    ScreenAction(
        "deeper",
        ("m",),
        "More",
        "See more of the same: the story, then the code, then everything, then the story again.",
    ),
    ScreenAction("words", ("question_mark",), "Words", "What the words on this screen mean."),
    ScreenAction("help", ("f1",), "Help", "What the panel in focus shows, and all keys."),
    ScreenAction("play", ("A",), "One step a second", "Go on by itself, a step a second; any key stops it.", ""),
    ScreenAction("faster", ("plus",), "Faster", "Halve the time between two steps."),
    ScreenAction("slower", ("minus",), "Slower", "Double the time between two steps."),
    ScreenAction("next-cpu", ("f",), "Next CPU", "Look at the next CPU in full."),
    ScreenAction("focus-cpu", (), "Look at a CPU", "Look at one CPU in full.", "CPU"),
    ScreenAction("syntax", ("y",), "Other syntax", "Show instructions in AT&T or in Intel syntax."),
    ScreenAction("theme", ("T",), "Next theme", "Change the colours: dark, light, high contrast, the terminal's own."),
    ScreenAction("scenarios", ("S",), "Scenarios", "Choose what to watch."),
    ScreenAction("leave", ("escape",), "Back", "To the lab where one came from there, else to the scenarios."),
    ScreenAction("lab", ("L",), "The lab", "Break a protocol: which order of events does the kernel not survive?"),
    ScreenAction("overhead", ("C",), "What tracing costs", "Bars: counted, priced by a table, measured on this CPU."),
    ScreenAction("functions", ("F",), "Functions", "Every function that can be traced, with its calls."),
    ScreenAction("boot", ("B",), "Boot", "How the sites became NOPs when the kernel booted."),
    ScreenAction("mysteries", (), "Two mysteries", "Start with the two questions again."),
    ScreenAction("save-svg", (), "Save the screen, SVG", "Write this screen into a file as a picture.", "file"),
    ScreenAction("save-time", (), "Save who does what, SVG", "Write the time picture up to here into a file.", "file"),
    ScreenAction("save-text", (), "Save the screen, text", "Write this screen into a file as text.", "file"),
    ScreenAction("quit", ("q", "ctrl+q", "ctrl+c"), "Quit", "Leave; the next start offers to go on here."),
    ScreenAction(
        "look-at-site", (), "Look at a site", "Look at a site by its number in the map.", "number", shown=False
    ),
    ScreenAction("palette", ("ctrl+p",), "All actions", "Search all that one can do.", shown=False),
)

KEY_NAMES = {
    "right": "→", "left": "←", "question_mark": "?", "plus": "+", "minus": "-", "pagedown": "PgDn", "pageup": "PgUp",
    "enter": "Enter", "backspace": "Backspace", "space": "Space", "escape": "Esc", "home": "Home", "end": "End",
    "f1": "F1", "ctrl+p": "^p", "ctrl+q": "^q",
}  # fmt: skip


def key_text(keys: tuple[str, ...]) -> str:
    """The keys of an action, as a person reads them."""
    return " ".join(KEY_NAMES.get(key, key) for key in keys)


def bound() -> Iterator[tuple[str, str]]:
    """(key, action) of all; where both tables have a key, the screen's own action takes it."""
    taken: set[str] = set()
    for name, keys in [(one.name, one.keys) for one in SCREEN_ACTIONS] + [(one.name, one.keys) for one in ACTIONS]:
        for key in keys:
            if key not in taken:
                taken.add(key)
                yield key, name
