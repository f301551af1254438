"""Sentences that are made from values: a text, and what each part of it is.

Whoever shows a sentence asks its spans: for a place without its number, for a style by role. No code reads the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

LISTED = 8  # names that a sentence lists; more are counted


class Role(Enum):
    """What a part of a sentence is."""

    CPU = "cpu"
    SITE = "site"  # a place in the code, by name
    ADDRESS = "address"  # the number of a place, said beside its name; with the words that lead to it
    BYTES = "bytes"
    OFFSET = "offset"  # which byte of a site
    BATCH = "batch"
    TERM = "term"  # a phase, a protocol, a function of the kernel
    ACTION = "action"  # what a person may do, by its name: whoever shows it says by which key, or by which word


class Span(NamedTuple):
    """A part of a sentence: its text, what it is (None: plain words), and the value that it was made from."""

    text: str
    role: Role | None = None
    value: int | bytes | None = None


class Sentence(str):
    """A text with its spans. It is equal to its plain text, and never changes."""

    __slots__ = ("_spans",)
    _spans: tuple[Span, ...]

    def __new__(cls, *parts: str | Span) -> Sentence:
        """A sentence of these parts, in order; of a part that is a sentence, its spans."""
        spans: list[Span] = []
        for part in parts:
            if isinstance(part, Span):
                spans.append(part)
            elif isinstance(part, Sentence):
                spans += part._spans
            elif part:
                spans.append(Span(part))
        self = super().__new__(cls, "".join([span.text for span in spans]))
        self._spans = tuple(spans)
        return self

    def __reduce__(self) -> tuple[type[Sentence], tuple[Span, ...]]:
        """A copy is made from the spans."""
        return Sentence, self._spans

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its parts, in order; together they are the text."""
        return self._spans

    def without(self, role: Role) -> Sentence:
        """The same without the parts of a role."""
        return Sentence(*(span for span in self._spans if span.role is not role))

    def instead(self, role: Role, text: str) -> Sentence:
        """The same with other words for each part of a role."""
        return Sentence(*(Span(text, role, span.value) if span.role is role else span for span in self._spans))


def spans_of(text: str | Span) -> tuple[Span, ...]:
    """The spans of a sentence; of any other text one, which is plain."""
    if isinstance(text, Span):
        return (text,)
    return text.spans if isinstance(text, Sentence) else (Span(text),)


def say(template: str, *values: str | int | Span) -> Sentence:
    """A sentence from a template with a `{}` for each value.

    Args:
        template: the words.
        *values: sentences and spans keep what they are; other texts and numbers become plain words.

    Raises:
        ValueError: the template has more or fewer places than there are values.
    """
    words = _words(template)
    if len(words) != len(values) + 1:
        raise ValueError(f"{template!r} has {len(words) - 1} places for {len(values)} values")
    parts: list[str | Span] = [words[0]]
    for value, behind in zip(values, words[1:], strict=True):
        parts += (str(value) if isinstance(value, int) else value, behind)
    return Sentence(*parts)


@lru_cache(maxsize=512)
def _words(template: str) -> list[str]:
    """The words between a template's places."""
    return template.split("{}")


def without_addresses(text: str) -> str:
    """A text without the numbers of places that it names; one without spans has none of them."""
    return text.without(Role.ADDRESS) if isinstance(text, Sentence) else text


def cpu(number: int) -> Span:
    """A CPU by name: `CPU0`."""
    return Span(f"CPU{number}", Role.CPU, number)


def data(value: bytes) -> Span:
    """Bytes: `0F 1F 44`."""
    return Span(value.hex(" ").upper(), Role.BYTES, value)


def offset(number: int) -> Span:
    """Which byte of a site: `byte +1`."""
    return Span(f"byte +{number}", Role.OFFSET, number)


def term(text: str) -> Span:
    """A term."""
    return Span(text, Role.TERM)


def beside(words: str, address: int) -> Span:
    """The number of a place, said beside its name; of the words " at {}" it makes " at 0x..."."""
    return Span(words.format(f"{address:#x}"), Role.ADDRESS, address)


def listed(names: Sequence[str | Span]) -> Sentence:
    """Names as a list: `CPU0, CPU1 and CPU2`; of many the first three, and how many there are more."""
    if len(names) > LISTED:
        return say("{} and {} more", _commas(names[:3]), len(names) - 3)
    if len(names) > 1:
        return say("{} and {}", _commas(names[:-1]), names[-1])
    return Sentence(*names)


def _commas(names: Sequence[str | Span]) -> Sentence:
    return Sentence(names[0], *(part for name in names[1:] for part in (", ", name)))


def cpus(numbers: Sequence[int]) -> Sentence:
    """The CPUs by name."""
    return listed([cpu(number) for number in numbers])


def sentences(prose: str) -> list[str]:
    """The sentences of a text: behind a full stop, a question mark or an exclamation mark a capital letter follows."""
    out, begin, at = [], 0, prose.find(" ", 1)
    while at > 0:
        if prose[at - 1] in ".?!" and "A" <= prose[at + 1 : at + 2] <= "Z":
            out.append(prose[begin:at])
            begin = at + 1
        at = prose.find(" ", at + 1)
    if not begin:
        return [prose] if prose else []
    return [*out, prose[begin:]]
