"""Frozen values as dictionaries, lists, texts and numbers, for JSON."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

from simkernel.events import Event


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries by field (an event's stamp by its own), bytes as hexadecimal, enums by value."""
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, Event):
            fields = {**value.stamp._asdict(), **fields}
            del fields["stamp"]
        return {"type": type(value).__name__, **fields}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return value
