"""The values a definition may hold: JSON without floats."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, JsonValue
from pydantic_core import PydanticCustomError


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


#: Any JSON value without floats.
Json = Annotated[JsonValue, BeforeValidator(plain)]

#: A text, a whole number, true or false; a decimal is kept as text.
Scalar = Annotated[str | int | bool, BeforeValidator(plain)]
