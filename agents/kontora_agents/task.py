"""The message that gives an agent its task: a sentence, a blank line, one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

_LEAD = "Work on this data:"

_WRITE = partial(json.dumps, ensure_ascii=False)


def render_task(data: dict[str, Any], write: Callable[[Any], str] = _WRITE) -> str:
    """Return the task message for `data`, which holds plain JSON values (money as strings), as `write` writes JSON."""
    return f"{_LEAD}\n\n{write(data)}"


def parse_task(text: str, *, more: bool = False) -> dict[str, Any]:
    """Return the data of a task message. Raises ValueError if the text holds none.

    `more`: other things may stand behind it.
    """
    _, _, body = text.partition("\n\n")
    data = json.JSONDecoder().raw_decode(body)[0] if more else json.loads(body)
    if not isinstance(data, dict):
        raise ValueError("the task message holds no JSON object")
    return data
