"""Reading a stream of server-sent events as a browser does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass
class Event:
    """One event."""

    name: str
    id: str
    data: Any


def events(answer: httpx.Response) -> Iterator[Event]:
    """Read events until the stream ends; comments are passed over."""
    assert answer.status_code == 200, answer.read()
    assert answer.headers["content-type"].startswith("text/event-stream")
    name, id_, data = "message", "", ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            id_ = value
        elif field == "data":
            data += value
        elif not line and data:
            yield Event(name, id_, json.loads(data))
            name, data = "message", ""
