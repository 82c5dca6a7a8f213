"""What happens in a run, as server-sent events, from any event on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.follow import Follower
from kontora_workflows.ledger.run import ENDED
from starlette.concurrency import run_in_threadpool

from kontora_api.documents import EntryDocument

#: Pause between two looks at the ledger, and between two signs of life, in seconds.
_POLL_S = 0.2
_HEARTBEAT_S = 15.0
#: What a client waits before it connects again, in milliseconds.
_RETRY = "retry: 3000\n\n"
_TAKEN = {"run", "seq", "at", "kind", "key", "body"}


async def event_stream(follower: Follower, stopping: asyncio.Event) -> AsyncIterator[str]:
    """Yield events until the run has ended and everything was sent, or the server stops."""
    yield _RETRY
    spoke = time.monotonic()
    while not stopping.is_set():
        try:
            found = await run_in_threadpool(follower.read)
        except LedgerUnavailable:
            found = []  # it comes back, and nothing is lost: the caller need not notice
        for cursor, entry in found:
            yield _event(cursor, entry, follower.items.get(entry.run_id))
            spoke = time.monotonic()
        if not found and follower.state in ENDED:
            yield _written("end", {"state": follower.state})
            return
        if time.monotonic() - spoke >= _HEARTBEAT_S:
            yield ": still here\n\n"
            spoke = time.monotonic()
        await _pause(stopping)


async def _pause(stopping: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), _POLL_S)
    except TimeoutError:
        return


def _event(cursor: str, entry: Entry, item: str | None) -> str:
    said = EntryDocument.of(entry).model_dump(mode="json", include=_TAKEN)
    return f"id: {cursor}\n" + _written(entry.kind, {**said, "item": item})


def _written(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
