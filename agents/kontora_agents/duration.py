"""Durations as people write them: `45s`, `30m`, `72h`, `2d`, `1w`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([wdhms])")


def duration(value: Any) -> Any:
    """Read `72h` as a timedelta; leave a timedelta alone. Raises if it is neither."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError(
            "duration", "`{value}` is not a duration: write 30m, 72h or 2d", {"value": repr(value).strip("'")}
        )
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def duration_text(value: timedelta) -> str:
    """Write a duration the shortest way that `duration` reads: `3d`, `90m`. Parts of a second are dropped."""
    seconds = int(value.total_seconds())
    unit = next(name for name, length in _UNITS.items() if seconds % length == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


#: `30m`, `72h`, `2d`
Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,5}[wdhms]$"}),
]
