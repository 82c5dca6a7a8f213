"""A small ledger book for tests: runs as the engine leaves them, written without an engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.artifacts import Artifact
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.entries import Head
from kontora_workflows.ledger.run import Claim, NewRun
from sqlalchemy import Connection, text, update

DEFINITION = '{"name":"w"}'
#: A report as it might be: markup, an umlaut, a name.
REPORT = "<p>Übersicht für <b>Anna</b>&nbsp;Meier &lt;anna@example.com&gt;</p>".encode()


def new_run(**changes: Any) -> NewRun:
    """A run that somebody wants."""
    values: dict[str, Any] = {
        "workflow": "w",
        "definition_hash": hashlib.sha256(DEFINITION.encode()).hexdigest(),
        "definition": DEFINITION,
        "inputs": {"кто": "Ольга", "party_id": "C00042"},
        "principal": "tester",
        "trigger": "cli",
    }
    return NewRun(**{**values, **changes})


def head_of(claim: Claim) -> Head:
    """The pen of whoever claimed a run."""
    return Head(claim.run.id, claim.fence, claim.run.head_seq, claim.run.head_hash, claim.claimed_at)


def begun(ledger: Ledger, **changes: Any) -> Head:
    """A run that a worker has."""
    run, _ = ledger.runs.create(new_run(**changes))
    claim = ledger.runs.claim(run.id, "one", 600_000)
    assert claim is not None
    return head_of(claim)


def written(ledger: Ledger, head: Head, said: str = "Anna Meier, anna@example.com") -> Artifact:
    """Let a worker make a call, ask for an approval that is given, and write a file."""
    call = {"tool": "crm.find", "effect": "read"}
    ledger.entries.append(head, "tool.intended", "find", call, payload={"arguments": {"party_id": "C00042"}})
    ledger.entries.append(head, "tool.outcome", "find", {"outcome": "ok"}, payload={"result": said})
    arguments = {"text": said}
    asked = Request("note", f"Note for {said}", "crm.note", "main", arguments, digest(arguments), False, 600_000)
    ledger.approvals.request(head, head.run_id, asked)
    written = ledger.artifacts.write(head, "report/r.html", "r.html", "text/html", REPORT)
    return ledger.artifacts.get(written.data["artifact"])


def finished(ledger: Ledger, state: str = "succeeded", **changes: Any) -> str:
    """A run with a call, a decided approval and a file that has ended; returns its id."""
    head = begun(ledger, **changes)
    written(ledger, head)
    asked = ledger.approvals.of_call(head.run_id, "note")
    assert asked is not None
    ledger.approvals.decide(asked.id, "approved", by="boss", comment="as agreed by phone")
    ledger.runs.finish(head, state, output={"steps": {}})
    return head.run_id


def ended_days_ago(ledger: Ledger, run_id: str, days: int) -> None:
    """Let a run have ended so long ago, as far as its head tells."""
    with ledger.database.write() as connection:
        past = {"finished_at": tables.runs.c.finished_at - days * 86_400_000}
        connection.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(**past))


def broken(ledger: Ledger) -> dict[str, str]:
    """What verification finds, by run."""
    return {run_id: found.why for run_id, found in ledger.verify() if found is not None}


def take_off_guard(database: Database) -> None:
    """Drop the triggers, as whoever owns the tables can."""
    if database.dialect == "sqlite":
        with database.write() as connection:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}"))


@contextmanager
def forging(database: Database) -> Iterator[Connection]:
    """A transaction of somebody who owns the tables and minds neither triggers nor references."""
    if database.dialect != "sqlite":
        with database.write() as connection:
            connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
            yield connection
        return
    take_off_guard(database)
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")
        yield connection
        connection.commit()
        driver.execute("PRAGMA foreign_keys = ON")
