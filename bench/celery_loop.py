"""The same loop behind Celery, without a ledger: what a queue costs. `python -m bench.celery_loop` sends and collects.

Celery and Redis as their manuals set them up, with the result backend that one needs to see an answer.
"""

from __future__ import annotations

import os
import time
from functools import cache

from celery import Celery

from bench.driver import Done, serve
from bench.plain_loop import PlainLoop

app = Celery("bench", broker=os.environ["KONTORA_BROKER_URL"], backend=os.environ["KONTORA_BROKER_URL"])
app.conf.update(worker_send_task_events=False, worker_prefetch_multiplier=1)

#: Runs that are not done by then never will be, in seconds.
_PATIENCE_S = 60.0


@cache
def _loop() -> PlainLoop:
    """The loop of one worker process."""
    return PlainLoop()


@app.task(name="bench.run")  # type: ignore[untyped-decorator]  # Celery has no types
def run(number: int) -> tuple[str, float]:
    """Do one run; the answer, and when it was there."""
    (done,) = _loop().work([number])
    return done.token, done.ended


class Sender:
    """A process that sends tasks and works on none."""

    def work(self, runs: list[int]) -> list[Done]:
        deadline = time.monotonic() + _PATIENCE_S
        results = [run.delay(number) for number in runs]
        return [Done(*result.get(timeout=deadline - time.monotonic())) for result in results]

    def answers(self, tokens: list[str]) -> list[str]:
        return tokens


if __name__ == "__main__":
    serve(Sender())
