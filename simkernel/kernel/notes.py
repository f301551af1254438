"""What a function leaves out or does otherwise than Linux: the comments `Simplified:` of its source.

A note belongs to the function above or in which it stands; one of a macro belongs to each function that uses the macro;
one in the comment that a file begins with belongs to all of that file. It goes on to the end of its paragraph.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MARK = "Simplified:"
_COMMENT = re.compile(r"(/\*.*?\*/)", re.S)
_START = re.compile(r"SYM_(?:FUNC|CODE|DATA)_START\w*$")
_END = re.compile(r"SYM_(?:FUNC|CODE|DATA)_END$")


@dataclass
class _Macro:
    body: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Reader:
    """Reads one file after the other; macros live on."""

    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    macros: dict[str, _Macro] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)  # of the comments right above
    within: list[str] = field(default_factory=list)  # of the macros whose use makes what begins now
    current: str = ""
    open: _Macro | None = None

    def read(self, file: str, text: str) -> None:
        """One source: its comments and its lines, in order."""
        names, macros = set(self.notes), set(self.macros)
        whole: list[str] = []
        for at, piece in enumerate(_COMMENT.split(text)):
            if not piece.startswith("/*"):
                for line in piece.splitlines():
                    if line.strip():
                        self._line(line.split(None, 1))
                continue
            found = list(_notes_in(piece))
            if at == 1 and not text[: text.index("/*")].strip():
                whole = found
            elif self.open:
                self.open.notes += found
            else:
                (self.notes[self.current] if self.current else self.pending).extend(found)
        whole = [f"{note} (all of {file})" for note in whole]
        for name in self.notes.keys() - names:
            self.notes[name] += whole
        for name in self.macros.keys() - macros:
            self.macros[name].notes += whole

    def _line(self, words: list[str]) -> None:
        head, rest = words[0], words[1] if len(words) > 1 else ""
        name = rest.split(",")[0].strip()
        if head == ".macro":
            self.open = self.macros[rest.replace(",", " ").split()[0]] = _Macro(notes=self.pending)
            self.pending = []
        elif head == ".endm":
            self.open = None
        elif self.open:
            self.open.body.append(" ".join(words))
        elif _START.match(head):
            self.current = name
            self.notes[name] += [*self.pending, *self.within, *self._of_macro(head)]
            self.pending = []
        elif _END.match(head):
            self.current = ""
        elif head in self.macros:
            self._use(self.macros[head], name)
        elif not self.current:
            self.pending = []

    def _of_macro(self, head: str) -> list[str]:
        return self.macros[head].notes if head in self.macros else []

    def _use(self, macro: _Macro, name: str) -> None:
        """In a function, its notes are the function's; elsewhere it makes functions, and they are those of each."""
        outer, self.within = self.within, [*self.within, *self.pending, *macro.notes]
        self.pending = []
        if self.current:
            self.notes[self.current] += macro.notes
        for line in macro.body:
            self._line(line.replace(r"\name", name).split(None, 1))
        self.within = outer


def _notes_in(comment: str) -> Iterator[str]:
    """The notes in a comment, each in one line."""
    text = re.sub(r"\n[ \t]*\*(?!/)", "\n", comment[2:-2])
    for paragraph in re.split(r"\n[ \t]*\n", text):
        for note in paragraph.split(MARK)[1:]:
            yield " ".join(note.split())


def notes_of(sources: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The notes of each function and object of (file name, text) pairs, macros first; those that have any."""
    reader = _Reader()
    for file, text in sources:
        reader.read(file, text)
    return {name: tuple(dict.fromkeys(notes)) for name, notes in reader.notes.items() if notes}
