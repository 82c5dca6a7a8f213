"""Using a limited resource: a short wait for a slot here, a long one as a row that holds no worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.signals import Wait

#: How long a worker waits for a slot before it turns to other runs, in seconds, and how often it looks.
_PATIENCE_S, _LOOK_S = 2.0, 0.05
#: When a run that waits tries again even if nobody woke it (whoever had the slot may have died), in milliseconds.
_AGAIN_MS = 30_000


@contextmanager
def slot(journal: Journal, pulse: Pulse, resource: str, limit: int | None) -> Iterator[None]:
    """Hold one of `limit` slots of a resource inside the block; without a limit, do nothing.

    Raises `Wait` when none is to be had soon, and what `pulse.check` raises.
    """
    if limit is None:
        yield
        return
    slots, run_id, fence = journal.ledger.slots, journal.run.id, journal.head.fence
    deadline = time.monotonic() + _PATIENCE_S
    while not slots.take(resource, limit, run_id, fence):
        pulse.check()
        if time.monotonic() >= deadline:
            raise Wait("resource", until=pulse.now() + _AGAIN_MS, resource=resource)
        time.sleep(_LOOK_S)
    try:
        yield
    finally:
        slots.give_back(resource, run_id, fence)
