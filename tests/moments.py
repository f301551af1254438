"""Moment strings made by hand: what they hold is changed, and the length and checksum fit."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

from simkernel.sim.moment import MARK


def held(text: str) -> dict[str, Any]:
    """What a moment string holds."""
    data = base64.urlsafe_b64decode(text[len(MARK) :] + "==")
    held: dict[str, Any] = json.loads(zlib.decompress(data[8:]))
    return held


def armoured(plain: bytes) -> str:
    """A moment string that holds these bytes."""
    packed = zlib.compress(plain)
    head = struct.pack("<II", len(packed), zlib.crc32(packed))
    return MARK + base64.urlsafe_b64encode(head + packed).rstrip(b"=").decode()


def rewritten(text: str, **changes: object) -> str:
    """The moment with other contents."""
    return armoured(json.dumps(held(text) | changes).encode())
