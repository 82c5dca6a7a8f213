"""`Prefer: wait=N` (RFC 7240): how long a caller is ready to wait for a run to come to rest."""

from __future__ import annotations

import asyncio
import re
import time

from fastapi import Request
from kontora_workflows.ledger import Ledger
from starlette.concurrency import run_in_threadpool

from kontora_api.whole_run import settled

#: Nobody holds a request longer, in seconds.
LONGEST_S = 60
_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)', re.IGNORECASE)
_POLL_S = 0.2


def wait_seconds(prefer: str | None) -> int:
    """The seconds that a `Prefer` header asks for, `LONGEST_S` at most; 0 if it asks for none."""
    found = _WAIT.search(prefer or "")
    return min(int(found.group(1)), LONGEST_S) if found else 0


async def at_rest(request: Request, ledger: Ledger, run_id: str, seconds: int) -> bool:
    """Wait until a run has ended or waits for a person. False if it did not, or nobody waits any more."""
    stopping: asyncio.Event = request.app.state.stopping
    deadline = time.monotonic() + seconds
    while not await run_in_threadpool(settled, ledger, run_id):
        if time.monotonic() >= deadline or stopping.is_set() or await request.is_disconnected():
            return False
        await asyncio.sleep(_POLL_S)
    return True
