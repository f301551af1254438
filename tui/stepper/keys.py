"""Single keys of a terminal as words of plain mode; what a word needs besides is asked for."""

from __future__ import annotations

import click

from tui.stepper.player import WORD, PlainVisit

ARROWS = {
    "\x1b[C": "n", "\x1b[D": "b", "\x1b[A": "up", "\x1b[B": "down", " ": "n", "\x1b[6~": "n", "\x1b[5~": "b",
    "\r": "p", "\n": "p", "\x7f": "P", "\x1b[H": "start", "\x1b[F": "end",
    "\x1b[1~": "start", "\x1b[4~": "end", "\x1b[7~": "start", "\x1b[8~": "end",  # of tmux, screen, rxvt
    "\x1bOC": "n", "\x1bOD": "b", "\x1bOA": "up", "\x1bOB": "down", "\x1bOH": "start", "\x1bOF": "end",
}  # fmt: skip
END_OF_INPUT = ("\x04", "")
ENTER = ("\r", "\n")
ESC, CTRL_C = "\x1b", "\x03"


class Keys:
    """The keys that a person types, one after the other, however many come at once."""

    def __init__(self, plain: PlainVisit) -> None:
        self._plain = plain
        self._typed: list[str] = []  # that came with the last one

    def word(self) -> str:
        """The word that the next key stands for or begins, with what it needs: that is asked for.

        Raises:
            EOFError: at the end of the input.
        """
        plain = self._plain
        key = self._key()
        word = ARROWS.get(key, key)
        if key == WORD:
            word = self._line("word")
        elif plain.is_begun(key):
            word = self._second(key)
        elif plain.may_go_on(key):
            word = key + self._line(f"number {key}; a second digit if any, then Enter")
        prompt = "" if ":" in word or " " in word else plain.needs(word)
        return f"{word}:{self._line(prompt)}" if prompt else word

    def _second(self, key: str) -> str:
        """The word that a key and a second one are; the key alone with Enter, nothing with Esc."""
        alone = self._plain.title_of(key)
        click.echo(f"{key} and a CPU's number{f', or Enter: {alone}' if alone else ''}: ", nl=False, err=True)
        second = self._key()
        shown = "" if second in ENTER or second == ESC else second
        click.echo(shown, err=True)
        return "" if second == ESC else f"{key}{shown}"

    def _key(self) -> str:
        """The next key; one that sends several characters is those."""
        if not self._typed:
            text = click.getchar()
            if text in END_OF_INPUT:
                raise EOFError
            if text in ARROWS or text.startswith(ESC):
                return text
            self._typed = list(text)
        key = self._typed.pop(0)
        if key == CTRL_C:
            raise KeyboardInterrupt
        if key in END_OF_INPUT:
            raise EOFError
        return key

    def _line(self, prompt: str) -> str:
        """What is typed up to Enter. EOFError at the end of the input, with the cursor below the prompt."""
        at = next((at for at, key in enumerate(self._typed) if key in ENTER), None)
        typed = "".join(self._typed[:at])
        del self._typed[: None if at is None else at + 1]
        if at is not None:
            click.echo(f"{prompt}: {typed}")
            return typed.strip()
        try:
            return (typed + input(f"{prompt}: {typed}")).strip()
        except EOFError:
            click.echo()
            raise
