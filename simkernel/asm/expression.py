"""Expressions of the sources as GNU as reads them (gas/expr.c): numbers, characters, constants, labels, its operators.

A comparison is -1 when it is true. The ranks are GNU as's own, not C's: `1+2<<3` is 1+(2<<3). A label's address is not
known before the kernel is laid out, so labels may only be added and subtracted; what is left of them goes to Keystone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

MASK = 0xFFFF_FFFF_FFFF_FFFF
MAX_DEPTH = 50  # parentheses in parentheses

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)(?![\w.]))
    | (?P<near>[0-9]+[bf](?![\w.]))                 # 1b, 1f: a label that is a number
    | (?P<character>'(?:\\.|[^\\])'?)
    | (?P<name>[A-Za-z_.][\w.]*(?:@[A-Za-z]+)?)
    | (?P<operator><<|>>|<=|>=|==|!=|<>|&&|\|\||[-+*/%|&^!<>~()]))""",
    re.VERBOSE,
)
_ESCAPES = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "\\": 92, '"': 34, "'": 39}
# gas/expr.c, op_rank.
_RANKS = (
    dict.fromkeys(("*", "/", "%", "<<", ">>"), 8)
    | dict.fromkeys(("|", "!", "^", "&"), 7)
    | dict.fromkeys(("+", "-"), 5)
    | dict.fromkeys(("==", "!=", "<>", "<", ">", "<=", ">="), 4)
    | {"&&": 3, "||": 2}
)


def _signed(value: int) -> int:
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


def _divide(a: int, b: int) -> int:
    """C's division: towards 0."""
    quotient = abs(_signed(a)) // abs(_signed(b))
    return quotient if (_signed(a) < 0) == (_signed(b) < 0) else -quotient


_BINARY: dict[str, Callable[[int, int], int]] = {
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: _signed(a) - _signed(b) * _divide(a, b),
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: (a & MASK) >> b,
    "|": lambda a, b: a | b,
    "!": lambda a, b: a | ~b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: -(_signed(a) == _signed(b)),
    "!=": lambda a, b: -(_signed(a) != _signed(b)),
    "<>": lambda a, b: -(_signed(a) != _signed(b)),
    "<": lambda a, b: -(_signed(a) < _signed(b)),
    ">": lambda a, b: -(_signed(a) > _signed(b)),
    "<=": lambda a, b: -(_signed(a) <= _signed(b)),
    ">=": lambda a, b: -(_signed(a) >= _signed(b)),
    "&&": lambda a, b: int(a & MASK != 0 and b & MASK != 0),
    "||": lambda a, b: int(a & MASK != 0 or b & MASK != 0),
}


class NotConstant(ValueError):
    """A name stands where only a constant, or a difference of labels, can stand."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number, 64 bits, plus and minus labels. A number below 0 is kept as such."""

    number: int
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()

    @property
    def constant(self) -> bool:
        """True if no label is left in it."""
        return not self.plus and not self.minus

    def spelled(self, label: Callable[[str], str] = str) -> str:
        """The value as Keystone reads it; `label` gives the name to write for each label."""
        digits = f"{self.number:#x}"
        text = "+".join(label(name) for name in self.plus) + "".join("-" + label(name) for name in self.minus)
        if not text:
            return digits
        return text + ("" if not self.number else digits if digits[0] == "-" else "+" + digits)


def evaluate(text: str, names: Mapping[str, int]) -> int:
    """The value of a constant expression.

    Raises:
        ValueError: it is not one; the message says what is wrong with it.
        KeyError: it uses a name that is not in `names` (a label, perhaps).
    """
    value = _Reader(text, names).whole()
    if not value.constant:
        raise KeyError((value.plus or value.minus)[0])
    return value.number


@lru_cache(maxsize=1 << 14)
def parse(text: str) -> Value:
    """The value of an expression, its names taken for labels.

    Raises:
        ValueError: it is not an expression; the message says what is wrong with it.
    """
    return _Reader(text, {}).whole()


def character(text: str) -> int:
    r"""The code of what follows a quote: `a`, or `\n`.

    Raises:
        ValueError: there is no such escape, or the character is not ASCII.
    """
    if text[0] != "\\":
        if not text.isascii():
            raise ValueError(f"'{text}' is not one byte")
        return ord(text)
    if text[1] not in _ESCAPES:
        raise ValueError(f"there is no escape {text}")
    return _ESCAPES[text[1]]


class _Reader:
    """One expression being read, by rank."""

    def __init__(self, text: str, names: Mapping[str, int]) -> None:
        self._text = text.strip()
        self._names = names
        self._tokens = list(self._cut())
        self._next = 0
        self._depth = 0

    def whole(self) -> Value:
        """The value of all of the text; ValueError where something is left over."""
        value = self._binary(0)
        if self._next < len(self._tokens):
            raise self._wrong()
        return value

    def _wrong(self) -> ValueError:
        shown = self._text if len(self._text) <= 60 else self._text[:57] + "..."
        return ValueError(f"'{shown}' is not a constant expression, nor a label plus or minus one")

    def _cut(self) -> Iterator[tuple[str, str]]:
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if not match or not match.lastgroup:
                if re.match(r"\s*[0-9]+\.[0-9]", self._text[at:]):
                    raise ValueError(f"'{self._text[at:].strip()[:20]}' is not an integer")
                raise self._wrong()
            yield match.lastgroup, match.group(match.lastgroup)
            at = match.end()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")

    def _binary(self, rank: int) -> Value:
        left = self._unary()
        while True:
            kind, operator = self._peek()
            mine = _RANKS.get(operator, 0) if kind == "operator" else 0
            if mine <= rank:
                return left
            self._next += 1
            if operator == "!" and self._peek() == ("operator", "!"):
                raise self._wrong()  # GNU as takes a!!b for a^b
            left = self._combine(operator, left, self._binary(mine))

    def _unary(self) -> Value:
        signs = []
        while self._peek() in [("operator", sign) for sign in "-+~!"]:
            signs.append(self._peek()[1])
            self._next += 1
        value = self._primary()
        for sign in reversed(signs):
            if sign == "-":
                value = Value(_wrap(-value.number), value.minus, value.plus)
            elif sign != "+":
                self._known(value)
                value = Value(_wrap(~value.number) if sign == "~" else int(not value.number & MASK))
        return value

    def _primary(self) -> Value:
        kind, text = self._peek()
        self._next += 1
        if kind == "number":
            return Value(_number(text))
        if kind == "character":
            return Value(character(text[1:-1] if len(text) > 2 and text[-1] == "'" and text != "'\\'" else text[1:]))
        if kind in ("name", "near"):
            name = _plain_name(text)
            if self._peek() == ("operator", "("):
                raise ValueError(
                    f"{name}(...) would be for a C preprocessor, and none runs here: write what it stands for"
                )
            return Value(self._names[name]) if name in self._names else Value(0, (name,))
        if (kind, text) == ("operator", "("):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise ValueError(f"parentheses are nested more than {MAX_DEPTH} deep")
            value = self._binary(0)
            if self._peek() != ("operator", ")"):
                raise self._wrong()
            self._next, self._depth = self._next + 1, self._depth - 1
            return value
        raise self._wrong()

    def _known(self, value: Value) -> None:
        if not value.constant:
            name = (value.plus or value.minus)[0]
            raise NotConstant(f"'{name}' is not a constant; a label can only be added and subtracted")

    def _combine(self, operator: str, a: Value, b: Value) -> Value:
        if operator in "+-":
            sign = 1 if operator == "+" else -1
            plus, minus = (b.plus, b.minus) if sign == 1 else (b.minus, b.plus)
            return _sum(_wrap(a.number + sign * b.number), [*a.plus, *plus], [*a.minus, *minus])
        self._known(a)
        self._known(b)
        if operator in "/%" and not b.number & MASK:
            raise ValueError(f"'{self._text}' divides by zero")
        if operator in ("<<", ">>") and not 0 <= b.number < 64:
            raise ValueError(f"'{self._text}' shifts by {b.number}; 0 to 63 can be")
        return Value(_wrap(_BINARY[operator](a.number, b.number)))


def _sum(number: int, plus: list[str], minus: list[str]) -> Value:
    """What a label adds and subtracts is nothing."""
    for name in [name for name in minus if name != "."]:
        if name in plus:
            plus.remove(name)
            minus.remove(name)
    return Value(number, tuple(plus), tuple(minus))


def _number(text: str) -> int:
    """0x1f and 0b11 as they say; 010 is octal, as in C."""
    if len(text) > 80:
        raise ValueError(f"{text[:20]}... does not fit in 64 bits")
    base = {"0x": 16, "0b": 2}.get(text[:2].lower(), 8 if text[0] == "0" else 10)
    try:
        value = int(text, base)
    except ValueError:
        raise ValueError(f"{text} begins with 0, so it is octal, and 8 and 9 are no octal digits") from None
    if value > MASK:
        raise ValueError(f"{text} does not fit in 64 bits")
    return value


def _plain_name(text: str) -> str:
    """A name without `@PLT`: there is one unit, and every call is direct."""
    name, at, how = text.partition("@")
    if at and how.upper() != "PLT":
        raise ValueError(f"'{text}' needs a linker: compile with -fno-pic -mcmodel=kernel, or write {name}")
    return name


def _wrap(value: int) -> int:
    """Keep 64 bits, unsigned where the value needs the top bit and is not negative."""
    if value < 0:
        return value if value >= -(1 << 63) else value & MASK
    return value & MASK
