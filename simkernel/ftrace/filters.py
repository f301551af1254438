r"""The patterns of set_ftrace_filter: which of all traced functions a text names.

One token is a pattern (`filter_parse_regex()`, kernel/trace/trace_events_filter.c, 6.12):

    !...            take away instead of adding
    17              the 17th line of available_filter_functions, from 1; any token that begins with a digit
    name            that function           name*  *name  *name*     begins with, ends with, contains
    anything else with * ? [ \              a glob that must match the whole name (`glob_match()`, lib/glob.c)

In a glob `*` is any text, `?` any one character, `[a-z]` one of a class, `[!a-z]` one that is not of it, and a
backslash takes the next character literally. A `[` that nothing closes is an ordinary character.

Tokens are separated by blanks. What they add and take away is a hash; an empty one means all functions. A token that
matches nothing is an error, but those before it hold (`ftrace_regex_write()`). `func:command` forms are function
triggers, which this kernel does not have.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from simkernel.ftrace.ops import EMPTY_HASH, FtraceError, Ips, hash_of
from simkernel.ftrace.records import Indices

BLANKS = " \t\n\v\f\r"  # isspace()
SHOWN = 5  # names that a message gives; the others it counts


class FilterError(FtraceError):
    """A token that names no function: -EINVAL from the write.

    Args:
        message: what is wrong and what to do.
        token: the token.
        kept: what the tokens before it have made.
    """

    def __init__(self, message: str, token: str, kept: Ips) -> None:
        super().__init__(errno.EINVAL, message)
        self.token = token
        self.kept = kept


class MatchType(Enum):
    """enum regex_type."""

    FULL = "MATCH_FULL"
    FRONT_ONLY = "MATCH_FRONT_ONLY"
    MIDDLE_ONLY = "MATCH_MIDDLE_ONLY"
    END_ONLY = "MATCH_END_ONLY"
    GLOB = "MATCH_GLOB"
    INDEX = "MATCH_INDEX"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One token as `filter_parse_regex()` reads it: `search` is what remains of it for the comparison."""

    type: MatchType
    search: str
    negated: bool = False

    @classmethod
    def parse(cls, token: str) -> Pattern:
        """The pattern that a token is."""
        negated = token.startswith("!")
        text = token[1:] if negated else token
        if text[:1].isascii() and text[:1].isdigit():
            return cls(MatchType.INDEX, text, negated)
        star_first, star_last = text.startswith("*"), len(text) > 1 and text.endswith("*")
        if any(c in text for c in "[?\\") or "*" in text[1:-1]:
            return cls(MatchType.GLOB, text, negated)
        search = text[star_first : len(text) - star_last]
        if star_first and star_last:
            return cls(MatchType.MIDDLE_ONLY, search, negated)
        if star_first:
            return cls(MatchType.END_ONLY, search, negated)
        return cls(MatchType.FRONT_ONLY if star_last else MatchType.FULL, search, negated)

    def matcher(self) -> Callable[[str], bool]:
        """A function that says of one name whether it matches (`ftrace_match()`); not for INDEX."""
        search = self.search
        match self.type:
            case MatchType.FULL:
                return search.__eq__
            case MatchType.FRONT_ONLY:
                return lambda name: name.startswith(search)
            case MatchType.END_ONLY:
                return lambda name: name.endswith(search)
            case MatchType.MIDDLE_ONLY:
                return lambda name: search in name
            case _:
                full = re.compile(glob_regex(search), re.DOTALL).fullmatch
                return lambda name: full(name) is not None


# --- globs ------------------------------------------------------------------------------------------------------


def _glob_class(text: str, at: int) -> tuple[str, int] | None:
    """The class that begins after `[` at `at`: its regular expression and where it ends; None if nothing closes it."""
    inverted = text[at : at + 1] == "!"
    at += inverted
    spans: list[tuple[str, str]] = []
    while not spans or text[at : at + 1] != "]":  # a first `]` is an ordinary member
        low = text[at : at + 1]
        high, after = low, at + 1
        if text[after : after + 1] == "-" and text[after + 1 : after + 2] != "]":
            high, after = text[after + 1 : after + 2], after + 2
        if not low or not high:
            return None
        spans.append((low, high))
        at = after
    members = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in spans if low <= high)
    if not members:
        return ("." if inverted else "(?!)"), at + 1
    return f"[{'^' if inverted else ''}{members}]", at + 1


def _glob_tokens(text: str) -> Iterator[str]:
    """A glob as regular expressions of one character each, and "*" for itself."""
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*":
            yield "*"
        elif char == "?":
            yield "."
        elif char == "[" and (found := _glob_class(text, at)):
            expression, at = found
            yield expression
        elif char == "\\":
            yield re.escape(text[at : at + 1])  # at the end of the pattern: the end of the name
            at += 1
        else:
            yield re.escape(char)


def glob_regex(pattern: str) -> str:
    """A regular expression for the whole name that matches as lib/glob.c's `glob_match()` does.

    What stands between two `*` may be matched as early as possible and for good, as in glob.c; the atomic groups say
    so, which keeps the time linear in pattern times name.
    """
    pieces: list[str] = [""]
    for token in _glob_tokens(pattern):
        if token == "*":
            pieces.append("")
        else:
            pieces[-1] += token
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1] if piece)
    return f"{pieces[0]}{middle}.*{pieces[-1]}"


# --- names ------------------------------------------------------------------------------------------------------


class FunctionNames:
    """The traced functions by record: `names[i]` is that of record i, `ips[i]` its site. Ascending addresses."""

    def __init__(self, names: Sequence[str], ips: Ips) -> None:
        self.names = tuple(names)
        self.ips = ips
        self._by_name: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            self._by_name.setdefault(name, []).append(index)

    def __len__(self) -> int:
        return len(self.names)

    def match(self, pattern: Pattern) -> Indices:
        """Indices of the records that a pattern names (`match_records()`); `!` makes no difference here."""
        if pattern.type is MatchType.INDEX:
            return self._by_index(pattern.search)
        if pattern.type is MatchType.FULL:
            return np.array(self._by_name.get(pattern.search, []), dtype=np.intp)
        if not pattern.search and pattern.type is not MatchType.GLOB:
            return np.arange(len(self.names), dtype=np.intp)
        matches = pattern.matcher()
        return np.array([index for index, name in enumerate(self.names) if matches(name)], dtype=np.intp)

    def _by_index(self, text: str) -> Indices:
        """`add_rec_by_index()`: the number is read as kstrtol() does with base 0."""
        number = kstrtol(text)
        if number is None or not 1 <= number <= len(self.names):
            return np.array([], dtype=np.intp)
        return np.array([number - 1], dtype=np.intp)

    def patterns(self, ips: Ips) -> list[str]:
        """What to write to name these sites and no other: each by its name, or its line where others share the name."""
        found = np.searchsorted(self.ips, ips).tolist()
        return [self.names[at] if len(self._by_name[self.names[at]]) == 1 else str(at + 1) for at in found]

    def renamed(self, name: str) -> str | None:
        """The function that gcc made of `name`, whose name says so: with .isra.0, .part.0 or .constprop.0."""
        return next((other for other in self._by_name if other.startswith(f"{name}.")), None)

    def with_part(self, part: str) -> list[str]:
        """The functions that have `part` in their names, in the order of the alphabet; none for no part."""
        return sorted(other for other in self._by_name if part in other) if part else []

    def nearest(self, name: str) -> str | None:
        """The function whose name is most like `name`, if one is like it at all."""
        wanted = name.strip("!*?[]\\").lower()
        if not wanted:
            return None
        letters = set(wanted)
        near = [
            other
            for other in self._by_name
            if abs(len(other) - len(wanted)) <= 3 and len(letters & set(other)) >= 0.6 * len(letters)
        ]
        if len(near) > 3_000:  # enough is as good as all: SequenceMatcher is slow
            near = [other for other in near if other[0] == wanted[0]][:3_000]
        found = difflib.get_close_matches(wanted, near, n=1, cutoff=0.6)
        return found[0] if found else next((other for other in sorted(self._by_name) if wanted in other), None)


def kstrtol(text: str) -> int | None:
    """The number that a text is to Linux with base 0: 0x hexadecimal, 0 octal, else decimal; None: it is none."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
        return int(text, 16)
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8)
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,18}", text) else None


def a_few(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _no_match(token: str, names: FunctionNames) -> str:
    """What is wrong with a token that names no function, and what to write instead."""
    pattern = Pattern.parse(token)
    if ":" in token:
        return f"{token!r}: this kernel has no function triggers and no modules; write a function or a pattern"
    if pattern.type is MatchType.INDEX:
        return f"{token!r} is no line of available_filter_functions: they go from 1 to {len(names)}"
    if pattern.type is MatchType.FULL and (renamed := names.renamed(pattern.search)):
        return f"no traced function is called {pattern.search!r}: gcc named it {renamed!r}; write '{pattern.search}*'"
    if pattern.type is MatchType.FULL and (parts := names.with_part(pattern.search)):
        said = f"no traced function is called {pattern.search!r}; that is part of {a_few(parts)}"
        return f"{said}: '*{pattern.search}*' matches each"
    hint = names.nearest(pattern.search)
    did_you_mean = f"; the nearest name is {hint!r}" if hint else ""
    if pattern.type is MatchType.FULL:
        return f"no traced function is called {pattern.search!r}{did_you_mean}"
    return f"no traced function matches {token!r}{did_you_mean}"


def apply_filter(names: FunctionNames, text: str, start: Ips = EMPTY_HASH) -> Ips:
    """The hash that writing `text` makes of the hash `start` (`ftrace_process_regex()` for each token).

    Args:
        names: the traced functions.
        text: what is written.
        start: what the file holds when it is opened for `>>`; empty for `>`.

    Raises:
        FilterError: at the first token that names nothing, with what those before it have made.
    """
    chosen = start
    for token in split_tokens(text):
        pattern = Pattern.parse(token)
        found = names.match(pattern) if ":" not in token else np.array([], dtype=np.intp)
        if not len(found):
            raise FilterError(_no_match(token, names), token, chosen)
        ips = names.ips[found]
        chosen = hash_of(np.setdiff1d(chosen, ips) if pattern.negated else np.union1d(chosen, ips))
    return chosen


def traced_by(names: FunctionNames, text: str) -> tuple[Ips, bool]:
    """The sites that are traced with `text` as the filter, and whether that filter is empty.

    An empty hash names all functions (`hash_contains_ip()`, kernel/trace/ftrace.c): so with `!vfs_*` alone, which takes
    away from nothing, those are traced, too.

    Raises:
        FilterError: as `apply_filter`.
    """
    chosen = apply_filter(names, text)
    return (chosen, False) if len(chosen) else (names.ips, True)


def split_tokens(text: str) -> list[str]:
    """What `trace_get_user()` makes of a write: tokens between blanks; a NUL ends it."""
    return [token for token in re.split(f"[{BLANKS}]+", text.split("\0")[0]) if token]
