"""The values a definition may hold: JSON without floats, and durations as people write them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, JsonValue, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([wdhms])")


def plain(value: Any) -> Any:
    """Return `value` as JSON: decimals and dates become text. Raises on floats, which do not hold money."""
    if isinstance(value, float):
        raise PydanticCustomError("float", "{value} is a float, which does not hold decimals exactly", {"value": value})
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


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


#: Any JSON value without floats.
Json = Annotated[JsonValue, BeforeValidator(plain)]

#: A text, a whole number, true or false; a decimal is kept as text.
Scalar = Annotated[str | int | bool, BeforeValidator(plain)]

#: `30m`, `72h`, `2d`
Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,5}[wdhms]$"}),
]
