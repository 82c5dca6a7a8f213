"""Characters that were cut in half: what holds them can be neither written nor sent."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def whole_characters(value: T) -> T:
    """The same JSON value with halves of characters joined, or where one is missing, replaced by U+FFFD."""
    if isinstance(value, str):
        return _whole(value)  # type: ignore[return-value]  # a str is a T here
    if isinstance(value, list):
        return [whole_characters(one) for one in value]  # type: ignore[return-value]  # likewise
    if isinstance(value, dict):
        return {_whole(str(name)): whole_characters(one) for name, one in value.items()}  # type: ignore[return-value]
    return value


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
