"""The ledger by itself: what storing an entry costs, whether it matters how many there are, how fast they are verified.

`python -m bench.ledger` measures on SQLite and PostgreSQL; `--full` fills the ledgers with 10 million entries.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.chain import GENESIS, canonical, entry_hash, seal
from kontora_workflows.ledger.entries import Head
from kontora_workflows.ledger.run import NewRun
from kontora_workflows.ledger.verification import Verification
from sqlalchemy import Connection, insert, text, update

from tests.services import Missing, PostgresServer

R = tables.runs.c
_BODY = {"effect": "read", "instance": "main-erp", "kind": "demo-erp", "tool": "erp.receivables_ageing"}
_PAYLOAD = {"arguments": {"as_of": "2026-11-24", "company": "C1", "note": "x" * 400}}
_FEW = 10_000
#: Runs that were filled in have lower ids; those of pens hold bare rows, too.
_PENS = "run_01"
_DEFINITION = ("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "{}")


@dataclass(frozen=True)
class LedgerFigures:
    """Medians in milliseconds; `few` and `many` are numbers of entries in the ledger."""

    database: str
    few: int
    many: int
    append_ms: float
    append_x: float  # of a bare Core insert with the same fence check
    append_payload_ms: float
    append_payload_x: float
    append_growth: float  # with `many` entries, of what it took with `few`
    listing_ms: dict[str, float]
    listing_growth: dict[str, float]
    verified_per_s: int
    verified_by: int  # processes


# --- filling ---------------------------------------------------------------------------------------------------------


def fill(ledger: Ledger, entries: int) -> None:
    """Add runs that ended, of 40 sound entries each, until there are so many more entries."""
    with ledger.database.write() as connection:
        row = {"hash": _DEFINITION[0], "name": "bench", "text": _DEFINITION[1], "created_at": 0}
        if connection.execute(text("SELECT count(*) FROM definitions")).scalar() == 0:
            connection.execute(insert(tables.definitions), row)
        (known,) = connection.execute(text("SELECT count(*) FROM runs")).one()
    made = (_run(number) for number in range(known, known + entries // 40))
    while some := list(islice(made, 500)):
        with ledger.database.write() as connection:
            _store(connection, "runs", [run for run, _, _ in some])
            _store(connection, "entries", [row for _, rows, _ in some for row in rows])
            _store(connection, "payloads", [row for _, _, rows in some for row in rows])
    with ledger.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _run(number: int) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """One run that ended: its head, its entries and its payloads."""
    run_id, at = f"run_{number:026d}", 1_700_000_000_000 + number * 1_000
    made, payloads, previous = [], [], GENESIS
    workflow, state = f"flow-{number % 4}", "failed" if number % 4 == 0 else "succeeded"
    for seq, (kind, key, body, payload) in enumerate(_story(workflow, state), 1):
        data = dict(body)
        if payload is not None:
            content = canonical(payload)
            salt, data["payload"] = seal(content)
            payloads.append({"run_id": run_id, "seq": seq, "salt": salt, "content": content})
        fields = (run_id, seq, at + seq, kind, key, 1, canonical(data))
        hash_ = entry_hash(previous, *fields)
        made.append(dict(zip(tables.entries.c.keys(), (*fields, previous, hash_), strict=True)))
        previous = hash_
    values = {"id": run_id, "workflow": workflow, "definition_hash": _DEFINITION[0], "replay_version": 1}
    values |= {"state": state, "fence": 1, "attempts": 0, "wakes": 0, "due_at": at, "created_at": at}
    values |= {"finished_at": at + 40, "principal": "bench", "trigger": "cli", "root_id": run_id, "inputs": "{}"}
    return values | {"bindings": "{}", "head_seq": 40, "head_hash": previous}, made, payloads


def _story(workflow: str, state: str) -> Iterator[tuple[str, str | None, dict[str, Any], Any]]:
    created = dict.fromkeys(("schedule", "logical_at", "parent", "item", "retry_of")) | {"bindings": {}}
    created |= {"workflow": workflow, "definition": _DEFINITION[0], "principal": "bench", "trigger": "cli"}
    yield "run.created", None, created, {"inputs": {}}
    yield "run.state", None, {"state": "running", "owner": "bench"}, None
    for number in range(9):
        yield "step.started", f"step-{number}", {"kind": "call"}, None
        yield "tool.intended", f"step-{number}", _BODY, _PAYLOAD
        yield "tool.outcome", f"step-{number}", {**_BODY, "outcome": "ok", "ms": 3, "untrusted": False}, _PAYLOAD
        yield "step.finished", f"step-{number}", {"kind": "call", "outcome": 4 * number + 5}, None
    yield "step.finished", "comment", {"kind": "agent"}, {"result": {}}
    yield "run.state", None, {"state": state}, None


def _store(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
        connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor().copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


# --- storing ---------------------------------------------------------------------------------------------------------


class Pen:
    """A claimed run and two ways to write to it: ours, and a bare Core insert with the same fence check."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        new = NewRun("bench", _DEFINITION[0], _DEFINITION[1], {}, "bench", "cli")
        claim = ledger.runs.claim(ledger.runs.create(new)[0].id, "bench", 3_600_000)
        assert claim is not None
        self._head = Head(claim.run.id, claim.fence, claim.run.head_seq, claim.run.head_hash, claim.claimed_at)
        self._text, self._content = canonical(_BODY), canonical(_PAYLOAD)

    def ours(self, payload: bool) -> None:
        """Append an entry."""
        kept = _PAYLOAD if payload else None
        self._ledger.entries.append(self._head, "tool.intended", "comment/clerk/t1/c0", _BODY, payload=kept)

    def bare(self, payload: bool) -> None:
        """Store a row of the same size, whose hash was not computed, where the fence still holds."""
        head = self._head
        seq = head.seq + 1
        moved = update(tables.runs).where(
            R.id == head.run_id, R.fence == head.fence, R.state == "running", R.head_seq == head.seq
        )
        row = {"run_id": head.run_id, "seq": seq, "at": 1, "kind": "tool.intended", "key": "comment/clerk/t1/c0"}
        row |= {"fence": head.fence, "body": self._text, "prev_hash": head.hash, "hash": head.hash}
        with self._ledger.database.write() as connection:
            if connection.execute(moved.values(head_seq=seq, head_hash=head.hash)).rowcount != 1:
                raise AssertionError("the fence does not hold")
            connection.execute(insert(tables.entries), row)
            if payload:
                kept = {"run_id": head.run_id, "seq": seq, "salt": "0" * 32, "content": self._content}
                connection.execute(insert(tables.payloads), kept)
        head.seq = seq


def append_times(ledger: Ledger, times: int = 400) -> dict[str, float]:
    """Median milliseconds of both ways, without and with a payload, taken in turns."""
    pen = Pen(ledger)
    ways: dict[str, Callable[[], None]] = {
        "ours": lambda: pen.ours(False),
        "bare": lambda: pen.bare(False),
        "ours, payload": lambda: pen.ours(True),
        "bare, payload": lambda: pen.bare(True),
    }
    return _medians(ways, times)


def listing_times(ledger: Ledger, times: int = 40) -> dict[str, float]:
    """Median milliseconds of what is asked all the time."""
    some = f"run_{0:026d}"
    ways: dict[str, Callable[[], object]] = {
        "runs": lambda: ledger.runs.page(),
        "failed runs": lambda: ledger.runs.page(states=["failed", "needs_review"]),
        "runs of a workflow": lambda: ledger.runs.page(workflow="flow-3"),
        "entries of a run": lambda: ledger.entries.of_run(some),
        "approvals": lambda: ledger.approvals.page(state="pending"),
        "due": lambda: ledger.runs.to_send(10_000),
        "overdue": lambda: ledger.runs.overdue(),
    }
    return _medians(ways, times)


def _medians(ways: dict[str, Callable[[], Any]], times: int) -> dict[str, float]:
    took: dict[str, list[float]] = {name: [] for name in ways}
    for lap in range(times + 3):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if lap >= 3:
                took[name].append((time.perf_counter() - started) * 1000)
    return {name: median(values) for name, values in took.items()}


def verification_rate(ledger: Ledger, processes: int) -> int:
    """Entries per second, payloads and heads included."""
    started = time.perf_counter()
    found = Verification(ledger.database).whole(processes)
    if wrong := [one for one in found.breaks if one.run_id < _PENS]:
        raise AssertionError(f"a sound ledger was complained about: {wrong[0]}")
    return round(found.entries / (time.perf_counter() - started))


# --- all of it -------------------------------------------------------------------------------------------------------


def measure(url: str, entries: int, processes: int, say: Callable[[str], None]) -> LedgerFigures:
    """Measure one empty database, with few entries and with many."""
    ledger = Ledger(url)
    try:
        say(f"{ledger.database.dialect}: {_FEW} entries")
        fill(ledger, _FEW)
        few, few_listed = append_times(ledger), listing_times(ledger)
        say(f"{ledger.database.dialect}: {entries} entries")
        fill(ledger, entries - _FEW)
        many, listed = append_times(ledger), listing_times(ledger)
        say(f"{ledger.database.dialect}: verifying")
        rate = verification_rate(ledger, processes)
        say(f"{rate:,} entries/s")
        dialect = ledger.database.dialect
    finally:
        ledger.close()
    return LedgerFigures(
        database=dialect,
        few=_FEW,
        many=entries,
        append_ms=round(many["ours"], 3),
        append_x=round(many["ours"] / many["bare"], 2),
        append_payload_ms=round(many["ours, payload"], 3),
        append_payload_x=round(many["ours, payload"] / many["bare, payload"], 2),
        append_growth=round(many["ours, payload"] / few["ours, payload"], 2),
        listing_ms={name: round(value, 2) for name, value in listed.items()},
        listing_growth={name: round(value / few_listed[name], 2) for name, value in listed.items()},
        verified_per_s=rate,
        verified_by=processes,
    )


def measure_both(
    entries: int, say: Callable[[str], None], processes: int | None = None
) -> tuple[list[LedgerFigures], dict[str, str]]:
    """Measure SQLite and PostgreSQL; returns the figures, and what could not be measured with the reason."""
    processes, figures = processes or os.cpu_count() or 1, []
    with tempfile.TemporaryDirectory(prefix="kontora-bench-") as folder:
        figures.append(measure(f"sqlite:///{Path(folder) / 'ledger.db'}", entries, processes, say))
    try:
        server = PostgresServer()
    except Missing as missing:
        return figures, {"ledger on PostgreSQL": str(missing)}
    try:
        with server.database() as url:
            figures.append(measure(url, entries, processes, say))
    finally:
        server.stop()
    return figures, {}


def ledger_table(figures: list[LedgerFigures]) -> str:
    """The figures as text."""
    lines = []
    for one in figures:
        lines += [
            f"ledger on {one.database}, {one.many:,} entries",
            f"  append              {one.append_ms:8.3f} ms  {one.append_x:5.2f} x bare insert",
            f"  append, payload     {one.append_payload_ms:8.3f} ms  {one.append_payload_x:5.2f} x bare insert, "
            f"{one.append_growth:.2f} x with {one.few:,}",
            *(
                f"  {name:<19} {ms:8.3f} ms  {one.listing_growth[name]:5.2f} x with {one.few:,}"
                for name, ms in one.listing_ms.items()
            ),
            f"  verification        {one.verified_per_s:8,} entries/s in {one.verified_by} processes",
        ]
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--full", action="store_true", help="10 million entries; takes long and 20 GB")
    parser.add_argument("--processes", type=int, help="for verification; all cores if left out")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    entries = 10_000_000 if given.full else given.entries
    figures, missing = measure_both(entries, lambda said: print(said, file=sys.stderr), given.processes)
    if given.json:
        print(json.dumps({"ledger": [asdict(one) for one in figures], "not_measured": missing}, indent=2))
    else:
        print("\n".join([ledger_table(figures), *(f"Not measured: {name}: {why}" for name, why in missing.items())]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
