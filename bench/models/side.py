"""The inside of a contestant's process: orders on standard input, one JSON line each, and an answer for each.

An order names the model server, the model, the ERP of the run and the task; the answer is how the work ended as a user
of that framework would see it: `{"how": "answer", "text": "..."}` or `{"how": "error", "text": "..."}`. Nothing here
needs Kontora, so that others can be played from their own environments.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Order:
    """What is to be done. `steps` is the most turns that a framework may take, `world` names the tools."""

    server: str
    model: str
    protocol: str
    stream: bool
    erp: str
    task: str
    instructions: str
    steps: int
    world: str


class Refused(Exception):
    """The ERP said no; the message is for the model."""


def call(erp: str, tool: str, arguments: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """Call a tool of the ERP. Raises `Refused`."""
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    request = urllib.request.Request(f"{erp}/{tool}", json.dumps(arguments, default=str).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            record: dict[str, Any] = json.load(answer)
            return record
    except urllib.error.HTTPError as error:
        raise Refused(json.loads(error.read())["error"]) from None


def serve(work: Callable[[Order], str], about: dict[str, str]) -> None:
    """Take orders until there are no more. `about` are versions and settings, printed with the table."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer
    print(json.dumps({"ready": about}), file=channel)
    for line in sys.stdin:
        order = Order(**json.loads(line))
        try:
            said = {"how": "answer", "text": work(order)}
        except Exception as error:  # whatever a user of the framework would meet
            traceback.print_exc()
            said = {"how": "error", "text": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), file=channel)
