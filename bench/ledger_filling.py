"""Ledgers that are filled for a measurement: runs that ended, of 40 sound entries each, and some that wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any

from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.chain import GENESIS, canonical, entry_hash, seal
from sqlalchemy import Connection, insert, text

EACH = 40
BODY = {"effect": "read", "instance": "main-erp", "kind": "demo-erp", "tool": "erp.receivables_ageing"}
PAYLOAD = {"arguments": {"as_of": "2026-11-24", "company": "C1", "note": "x" * 400}}
DEFINITION = ("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "{}")

#: How runs end, one after the other.
_ENDS = (*["succeeded"] * 6, "failed", "cancelled")
_AT_ONCE = 500
_ENTRIES = tuple(tables.entries.c.keys())
_PAYLOADS = ("run_id", "seq", "salt", "content")
_COMMON: dict[str, Any] = {
    "definition_hash": DEFINITION[0],
    "replay_version": 1,
    "fence": 1,
    "attempts": 0,
    "wakes": 0,
    "principal": "bench",
    "trigger": "cli",
    "inputs": "{}",
    "bindings": "{}",
}

Row = tuple[Any, ...]


def fill(ledger: Ledger, entries: int, *, waiting: int = 0) -> None:
    """Store runs that ended with so many entries in all, and so many runs that wait for an approval."""
    with ledger.database.write() as connection:
        row = {"hash": DEFINITION[0], "name": "bench", "text": DEFINITION[1], "created_at": 0}
        connection.execute(insert(tables.definitions), row)
    ended = entries // EACH
    made = chain(
        (_run(number, _ENDS[number % len(_ENDS)]) for number in range(ended)),
        (_run(number, "waiting") for number in range(ended, ended + waiting)),
    )
    while some := list(islice(made, _AT_ONCE)):
        with ledger.database.write() as connection:
            _store(connection, "runs", tuple(some[0][0]), [tuple(run.values()) for run, _, _ in some])
            _store(connection, "entries", _ENTRIES, (row for _, rows, _ in some for row in rows))
            _store(connection, "payloads", _PAYLOADS, (row for _, _, rows in some for row in rows))
    with ledger.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if ledger.database.dialect == "sqlite" else "VACUUM ANALYZE"))


def run_id(number: int) -> str:
    """The id of a run that was filled in; runs that are started have later ones."""
    return f"run_{number:026d}"


def _run(number: int, state: str) -> tuple[dict[str, Any], list[Row], list[Row]]:
    """One run: its head, its entries and its payloads."""
    id_, at, workflow = run_id(number), 1_700_000_000_000 + number * 1_000, f"flow-{number % 4}"
    made, payloads, previous, seq = [], [], GENESIS, 0
    for seq, (kind, key, body, salt, content) in enumerate(_story(workflow, state), 1):
        hash_ = entry_hash(previous, id_, seq, at + seq, kind, key, 1, body)
        made.append((id_, seq, at + seq, kind, key, 1, body, previous, hash_))
        if salt:
            payloads.append((id_, seq, salt, content))
        previous = hash_
    values: dict[str, Any] = {"id": id_, "root_id": id_, "workflow": workflow, "state": state}
    values |= {"due_at": at, "created_at": at + 1, "started_at": at + 2}
    values |= {"waiting_for": "approval" if state == "waiting" else None, "head_seq": seq, "head_hash": previous}
    return {**_COMMON, **values, "finished_at": None if state == "waiting" else at + seq}, made, payloads


@cache
def _story(workflow: str, state: str) -> Sequence[tuple[str, str | None, str, str, str]]:
    """Kind, key and body of each entry, and salt and text of its payload.

    All runs of a kind share their salts: to draw fresh ones would take longer than to store them.
    """
    told = []
    for kind, key, body, payload in _told(workflow, state):
        salt, content, data = "", "", dict(body)
        if payload is not None:
            content = canonical(payload)
            salt, data["payload"] = seal(content)
        told.append((kind, key, canonical(data), salt, content))
    return told


def _told(workflow: str, state: str) -> Iterator[tuple[str, str | None, dict[str, Any], Any]]:
    created = dict.fromkeys(("schedule", "logical_at", "parent", "item", "retry_of")) | {"bindings": {}}
    created |= {"workflow": workflow, "definition": DEFINITION[0], "principal": "bench", "trigger": "cli"}
    yield "run.created", None, created, {"inputs": {}}
    yield "run.state", None, {"state": "running", "owner": "bench"}, None
    if state == "waiting":
        yield "run.state", None, {"state": "waiting", "for": "approval"}, None
        return
    for number in range(9):
        yield "step.started", f"step-{number}", {"kind": "call"}, None
        yield "tool.intended", f"step-{number}", BODY, PAYLOAD
        yield "tool.outcome", f"step-{number}", {**BODY, "outcome": "ok", "ms": 3, "untrusted": False}, PAYLOAD
        yield "step.finished", f"step-{number}", {"kind": "call", "outcome": 4 * number + 5}, None
    yield "step.finished", "comment", {"kind": "agent"}, {"result": {}}
    yield "run.state", None, {"state": state}, None


def _store(connection: Connection, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        driver.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
        return
    with driver.cursor().copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
