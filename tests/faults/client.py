"""A client of the API, as a program of somebody's own would be."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from urllib.error import HTTPError


@dataclass(frozen=True)
class Answer:
    """What the API said to a request for a run. `run` is empty if it was refused; `seconds` is how long it took."""

    status: int
    run: str
    replayed: bool
    seconds: float


def ask_for_run(url: str, job: str, reference: str, *, patience_s: float = 30.0) -> Answer:
    """Ask for a run, with the reference as its Idempotency-Key. Raises `OSError` when nobody knows what came of it."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": reference}
    body = json.dumps({"inputs": {"reference": reference}}).encode()
    request = urllib.request.Request(f"{url}/api/v1/workflows/{job}/runs", body, headers, method="POST")
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=patience_s) as answer:
            run, replayed = json.load(answer)["id"], "Idempotent-Replayed" in answer.headers
            return Answer(answer.status, run, replayed, time.monotonic() - started)
    except HTTPError as refused:
        with refused:
            return Answer(refused.code, "", False, time.monotonic() - started)
