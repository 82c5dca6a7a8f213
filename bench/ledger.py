"""The ledger by itself: what storing an entry costs, whether it matters how many there are, how fast they are verified.

`python -m bench.ledger` measures on SQLite and PostgreSQL (durable); `--full` fills each with 10 million entries.
Beside every ledger stands a small one, and both are asked in turns: what else goes on here is the same for both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.verification import Verification

from bench.ledger_figures import Appending, Asking, LedgerFigures, ledger_table
from bench.ledger_filling import fill, run_id
from bench.ledger_pen import Pen
from bench.services import DurablePostgres
from tests.services import Missing

FEW = 10_000
#: Beside the many entries stand so many runs that wait for an approval: nobody may have to read past them.
WAITING = 10_000
#: Runs that were filled in have lower ids; those of pens hold bare rows, too.
_PENS = "run_01"

Ways = dict[str, Callable[[], Any]]


def _appending(few: Ledger, many: Ledger, times: int = 400) -> dict[str, Appending]:
    """All ways to store an entry, without and with a payload, taken in turns."""
    pen, other, beside = Pen(many), Pen(many), Pen(few)
    ways: Ways = {}
    for payload in (False, True):
        ways[f"ours {payload}"] = partial(pen.ours, payload)
        ways[f"bare {payload}"] = partial(pen.bare, payload)
        ways[f"single {payload}"] = partial(other.single, payload)
        ways[f"few {payload}"] = partial(beside.ours, payload)
    took = _medians(ways, times)
    return {
        name: Appending(
            took[f"ours {payload}"],
            *(took[f"ours {payload}"] / took[f"{way} {payload}"] for way in ("bare", "single", "few")),
        )
        for name, payload in (("an entry", False), ("an entry with payload", True))
    }


def _questions(ledger: Ledger) -> Ways:
    """What is asked all the time."""
    return {
        "runs": lambda: ledger.runs.page(),
        "failed runs": lambda: ledger.runs.page(states=["failed", "needs_review"], limit=20),  # a small one has few
        "runs of a workflow": lambda: ledger.runs.page(workflow="flow-3"),
        "entries of a run": lambda: ledger.entries.of_run(run_id(0)),
        "approvals": lambda: ledger.approvals.page(state="pending"),
        "due": lambda: ledger.runs.to_send(10_000),
        "overdue": lambda: ledger.runs.overdue(),
        "to be stopped": lambda: ledger.runs.to_stop(),
        "left by parents": lambda: ledger.runs.orphans(),
        "whether any is due": lambda: ledger.runs.neglected(10_000),
        "whether any is open": lambda: ledger.runs.busy(),
    }


def _listing(few: Ledger, many: Ledger, times: int = 60) -> dict[str, Asking]:
    """All questions to both ledgers, taken in turns."""
    ways = {
        f"{size} {name}": ask
        for size, ledger in (("few", few), ("many", many))
        for name, ask in _questions(ledger).items()
    }
    took = _medians(ways, times)
    return {name: Asking(ms := took[f"many {name}"], ms / took[f"few {name}"]) for name in _questions(many)}


def _medians(ways: Ways, times: int) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in ways}
    for lap in range(times + 3):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if lap >= 3:
                took[name].append((time.perf_counter() - started) * 1000)
    return {name: median(values) for name, values in took.items()}


def _verified(ledger: Ledger, processes: int) -> tuple[int, int]:
    """Entries per second, and per second of CPU without the database's; payloads and heads included."""
    started, cpu = time.perf_counter(), _cpu_seconds()
    found = Verification(ledger.database).whole(processes)
    took = time.perf_counter() - started
    if wrong := [one for one in found.breaks if one.run_id < _PENS]:
        raise AssertionError(f"a sound ledger was complained about: {wrong[0]}")
    return round(found.entries / took), round(found.entries / (_cpu_seconds() - cpu))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _measure(few: Ledger, many: Ledger, entries: int, processes: int, say: Callable[[str], None]) -> LedgerFigures:
    """Measure an empty database, and one beside it."""
    dialect = many.database.dialect
    say(f"{dialect}: storing {entries:,} entries")
    started = time.monotonic()
    fill(few, FEW)
    fill(many, entries, waiting=WAITING)
    filled = time.monotonic() - started
    say(f"{dialect}: asking and appending, after {filled:.0f} s")
    listing, appending = _listing(few, many), _appending(few, many)
    say(f"{dialect}: verifying")
    rate, cpu_rate = _verified(many, processes)
    return LedgerFigures(dialect, FEW, entries, round(filled), appending, listing, rate, cpu_rate, processes)


@contextmanager
def _sqlite() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="kontora-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'few.db'}", f"sqlite:///{Path(folder) / 'many.db'}"


@contextmanager
def _postgres() -> Iterator[tuple[str, str]]:
    server = DurablePostgres()
    try:
        with server.database() as few, server.database() as many:
            yield few, many
    finally:
        server.stop()


_DATABASES = {"sqlite": _sqlite, "postgresql": _postgres}


def measure(
    databases: list[str], entries: int, processes: int, say: Callable[[str], None]
) -> tuple[list[LedgerFigures], dict[str, str]]:
    """Measure these databases; returns the figures, and what could not be measured with the reason."""
    figures, missing = [], {}
    for name in databases:
        with ExitStack() as stack:
            try:
                urls = stack.enter_context(_DATABASES[name]())
            except Missing as error:
                missing[f"ledger on {name}"] = str(error)
                continue
            few, many = (Ledger(url) for url in urls)
            stack.callback(few.close)
            stack.callback(many.close)
            figures.append(_measure(few, many, entries, processes, say))
    return figures, missing


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--full", action="store_true", help="10 million entries; takes many minutes and 20 GB")
    parser.add_argument("--on", action="append", choices=list(_DATABASES), help="only this database")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for verification")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    entries = 10_000_000 if given.full else given.entries
    databases = given.on or list(_DATABASES)
    figures, missing = measure(databases, entries, given.processes, lambda said: print(said, file=sys.stderr))
    if given.json:
        print(json.dumps({"ledger": [asdict(one) for one in figures], "not_measured": missing}, indent=2))
    else:
        print("\n".join([ledger_table(figures), *(f"Not measured: {name}: {why}" for name, why in missing.items())]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
