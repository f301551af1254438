"""The string that carries a moment's JSON, and what people paste beside it.

The string is `MARK`, then base64url of: length and CRC-32 of what follows (4 bytes each, little endian), the JSON
compressed by zlib. `MARK` names the form: another form has another number.

Mail programs break lines and put "> " before them, people copy quotes along or the whole command line. So blanks and
line ends are accepted anywhere, quotes around it, marks of quoting before each line, and `simkernel demo --moment`
before it. The length tells where the string ends; anything else beside it is an error that names it.
"""

from __future__ import annotations

import base64
import re
import reprlib
import struct
import unicodedata
import zlib
from typing import NamedTuple

from simkernel.errors import LearnerError

MARK = "sk4-"
MAX_JSON = 4 << 20  # bytes of JSON that a moment may unpack to
MAX_TEXT = 4 << 20  # characters of a text that may hold one, and bytes of a file

_OLD_MARKS = ("sk1-", "sk2-", "sk3-")  # of forms that this version does not read
_HEAD = struct.Struct("<II")
_HEAD_CHARACTERS = 11  # of base64, that hold the eight bytes of the head
_CODE = "[A-Za-z0-9_-]"
_CODE_AND_BLANKS = re.compile(r"[A-Za-z0-9_\-\s]*")
_QUOTING = re.compile(r"(?:^|(?<=\s))(?:>[ \t]*)+")  # also where a prompt of one line has joined the lines
_PROMPT = r"(?:[^\n$#%]{0,200}[$#%][ \t]*)?"
_COMMAND = re.compile(rf"{_PROMPT}[\w./~-]{{0,400}}simkernel\s.{{0,{8_192}}}?--moment(?:\s*=\s*|\s+)", re.DOTALL)
_MARK = re.compile(r"\s*".join(MARK))
_OPENING, _CLOSING = (
    "\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u2039<",
    "\"'`\u201d\u201d\u201c\u2019\u2019\u2018\u00bb\u203a>",
)
_QUOTES = dict(zip(_OPENING, _CLOSING, strict=True))
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u2060\u00ad"))  # byte order mark, breaks without width, soft hyphen


class Found(NamedTuple):
    """A moment string in a text: `rest` is what stands behind its mark, `closing` the quotes that may end it."""

    rest: str
    closing: str
    in_command: bool


def pack(plain: bytes) -> str:
    """The string that carries some JSON.

    Raises:
        LearnerError: that is more than one may hold.
    """
    if len(plain) > MAX_JSON:
        raise LearnerError(f"a moment of this place would hold {len(plain):,} bytes; {MAX_JSON:,} are the most")
    packed = zlib.compress(plain, 9)
    return MARK + _encoded(_HEAD.pack(len(packed), zlib.crc32(packed)) + packed)


def is_moment(text: str) -> bool:
    """True for a text that holds a moment string and nothing beside it but what may be, whole or damaged."""
    return _begin(text) is not None


def unpack(text: str) -> bytes:
    """The JSON that a text carries.

    Raises:
        LearnerError: it holds no moment string, or one that is damaged or cut short, or something beside it.
    """
    if len(text) > MAX_TEXT:
        raise LearnerError(f"a text of {len(text):,} characters is no moment: {MAX_TEXT:,} are the most")
    found = _begin(text)
    if found is None:
        raise LearnerError(_no_moment(text))
    beginning = _CODE_AND_BLANKS.match(found.rest)
    code = "".join(beginning[0].split()) if beginning else ""
    if len(code) < _HEAD_CHARACTERS:
        raise _damaged(found, "it is cut short")
    length, checksum = _HEAD.unpack(_decoded(code[:_HEAD_CHARACTERS]))
    wanted = _characters(_HEAD.size + length)
    if len(code) < wanted:
        raise _damaged(found, f"it is cut short: about {wanted - len(code):,} characters are missing at its end")
    packed = _decoded(code[:wanted])[_HEAD.size :]
    if zlib.crc32(packed) != checksum or _encoded(_HEAD.pack(length, checksum) + packed) != code[:wanted]:
        raise LearnerError("the moment string is damaged: its checksum does not fit; copy it again")
    _check_behind(found, wanted)
    return _inflated(packed)


def _begin(text: str) -> Found | None:
    """The moment string that a text begins with, behind quotes and a command; None where there is none."""
    text, closing = _unquoted(_QUOTING.sub("", text.translate(_INVISIBLE)).strip())
    command = _COMMAND.match(text)
    if command:
        text, more = _unquoted(text[command.end() :])
        closing = more + closing
    mark = _MARK.match(text)
    return None if mark is None else Found(text[mark.end() :], closing, command is not None)


def _unquoted(text: str) -> tuple[str, str]:
    """A text without the quotes before it, and those that close them."""
    closing = ""
    while text and text[0] in _QUOTES:
        text, closing = text[1:].lstrip(), _QUOTES[text[0]] + closing
    return text, closing


def _no_moment(text: str) -> str:
    shown = reprlib.repr(text)
    old = next((mark for mark in _OLD_MARKS if mark in text), "")
    if old:
        return (
            f"the moment {shown} has the form of an older simkernel ({old!r}, now {MARK!r}), which this version does "
            "not read: open it there, or take it again here"
        )
    if MARK in text:
        return f"a moment string and something else: {shown}; give the string alone, from {MARK!r} on"
    return f"not a moment string: one begins with {MARK!r}, and {shown} is no file with one either"


def _damaged(found: Found, why: str) -> LearnerError:
    """The error for a string that ends too early: it is cut, or a character stands in it that none has."""
    behind = _CODE_AND_BLANKS.sub("", found.rest, count=1).lstrip("=")
    for quote in found.closing:
        behind = behind.removeprefix(quote).lstrip()
    if behind:
        why = f"{_named(behind[0])} stands in it, which none has"
    return LearnerError(f"the moment string is damaged: {why}; copy all of it again")


def _named(char: str) -> str:
    name = unicodedata.name(char, "a character without a name").lower()
    return f"{char!r} ({name})" if char.isprintable() else f"{char!a} ({name})"


def _check_behind(found: Found, characters: int) -> None:
    """LearnerError where something stands behind a moment string: quotes may, and behind a command its options."""
    string = re.match(rf"(?:\s*{_CODE}){{{characters}}}=*", found.rest)
    behind = found.rest[string.end() :] if string else ""
    left = behind.lstrip()
    for quote in found.closing:
        left = left.removeprefix(quote).lstrip()
    if left and not (found.in_command and left.startswith("-") and left != behind):
        raise LearnerError(f"the moment string is whole, but {reprlib.repr(left)} stands behind it: copy it alone")


def _characters(size: int) -> int:
    """How many characters of base64 carry so many bytes, without padding."""
    return -(-size * 4 // 3)


def _decoded(code: str) -> bytes:
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(packed, MAX_JSON)
    except zlib.error as error:
        raise LearnerError("the moment string is damaged: what it holds cannot be read") from error
    if unpacker.unconsumed_tail:
        raise LearnerError(f"the moment string unpacks to more than {MAX_JSON:,} bytes: no moment does")
    if not unpacker.eof or unpacker.unused_data:
        raise LearnerError("the moment string is damaged: what it holds cannot be read")
    return plain
