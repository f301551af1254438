"""Frozen values as dictionaries, lists, texts and numbers, for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import Enum
from typing import Any

from msgspec.structs import asdict

from simkernel.events import Event


def plain(value: Any) -> Any:
    """Dataclasses and events (with their stamp's fields) as dictionaries, bytes as hexadecimal, enums by value."""
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Event):
        own = asdict(value)
        return {"type": type(value).__name__, **asdict(own.pop("stamp")), **plain(own)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    if isinstance(value, frozenset):
        return sorted(plain(one) for one in value)
    return value
