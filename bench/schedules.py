"""Schedules that are due in the same minute: how long until each of them has become a run. `python -m bench.schedules`.

One sweeper fires all of them, on SQLite and on PostgreSQL (durable). The baseline is the same number of runs that are
stored one by one, as somebody would who starts them over REST.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from kontora_workflows.definition import Workflow
from kontora_workflows.firing import Firing
from kontora_workflows.ledger import Ledger
from kontora_workflows.loader import load_workflow
from kontora_workflows.starting import Start, start_run

from bench.services import DurablePostgres
from tests.office import Notebook, OneDoor
from tests.services import Missing

_WORKFLOW = """
apiVersion: kontora/v1
name: nightly
title: Nightly
roles: {book: {kind: notebook}}
inputs: {about: {type: string, default: ""}}
steps: [{id: people, call: book.people}]
"""
_MINUTE_MS = 60_000


@contextmanager
def _ledgers() -> Iterator[Iterator[tuple[str, Ledger]]]:
    with tempfile.TemporaryDirectory(prefix="kontora-bench-") as folder:
        yield _opened(folder)


def _opened(folder: str) -> Iterator[tuple[str, Ledger]]:
    yield "SQLite", Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
    try:
        server = DurablePostgres()
    except Missing as missing:
        print(f"Not measured: PostgreSQL: {missing}")
        return
    try:
        with server.database() as url:
            yield "PostgreSQL", Ledger(url)
    finally:
        server.stop()


def _add(ledger: Ledger, count: int, due: int) -> None:
    for number in range(count):
        ledger.schedules.add(
            "nightly",
            "* * * * *",
            "UTC",
            {"about": str(number)},
            policy={},
            expect_ms=None,
            next_at=due,
            origin="cli",
            principal="bench",
        )


def _fired(ledger: Ledger, workflow: Workflow, count: int) -> float:
    """Seconds until every schedule has become a run."""
    due = ledger.database.now() // _MINUTE_MS * _MINUTE_MS
    _add(ledger, count, due)
    started = time.perf_counter()
    Firing(ledger, OneDoor(Notebook()), lambda _: workflow).fire(due + 1000)
    took = time.perf_counter() - started
    runs = len(ledger.runs.to_send(0, limit=2 * count))
    if runs != count:
        raise AssertionError(f"{count} schedules became {runs} runs")
    return took


def _one_by_one(ledger: Ledger, workflow: Workflow, count: int) -> float:
    """Seconds to store so many runs."""
    started = time.perf_counter()
    for number in range(count):
        start = Start("bench", "rest", {"about": str(number)})
        start_run(ledger, OneDoor(Notebook()), workflow, start, today=date(2026, 1, 1))
    return time.perf_counter() - started


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.schedules", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=10_000)
    count = parser.parse_args().schedules
    workflow = load_workflow(_WORKFLOW, source="nightly.yaml")
    with _ledgers() as ledgers:
        for name, ledger in ledgers:
            sample = max(1, count // 20)
            took = _fired(ledger, workflow, count)
            single = _one_by_one(ledger, workflow, sample) / sample * count
            print(f"{name:<11} {count:,} schedules in {took:.1f} s: {single / took:.1f} x as fast as one by one")
            ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
