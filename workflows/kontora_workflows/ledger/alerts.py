"""Alerts: what somebody has to be told, stored before it is sent, and sent until it is taken or given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, select, update
from ulid import ULID

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.database import Database, insert_ignore
from kontora_workflows.ledger.tables import Now

A = tables.alerts.c

#: `run_failed` it ended badly; `not_started` it could not begin; `missed` nobody was there in time; `never_came` it has
#: not ended when it was expected.
AlertKind = Literal["run_failed", "not_started", "missed", "never_came"]

#: Tries before an alert is given up, and the pause after the first one, which doubles, in milliseconds.
_MOST, _PAUSE_MS = 12, 30_000


@dataclass(frozen=True)
class Alert:
    """One row of `alerts`. `pending` are the channels that have not taken it."""

    id: str
    kind: AlertKind
    schedule_id: str
    logical_at: int
    workflow: str
    run_id: str | None
    message: str
    created_at: int
    pending: str
    attempts: int
    next_at: int | None


class Alerts:
    """All alerts of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_in(
        self,
        connection: Connection,
        kind: AlertKind,
        *,
        schedule_id: str,
        logical_at: int,
        workflow: str,
        message: str,
        run_id: str | None = None,
    ) -> None:
        """Raise an alert, once of a kind for each fire."""
        row: dict[str, Any] = {
            "id": f"alr_{ULID()}",
            "kind": kind,
            "schedule_id": schedule_id,
            "logical_at": logical_at,
            "workflow": workflow,
            "run_id": run_id,
            "message": message,
            "created_at": Now(),
            "pending": "",
            "attempts": 0,
            "next_at": Now(),
        }
        connection.execute(insert_ignore(connection, tables.alerts).values(**row))

    def due(self, limit: int = 50) -> list[Alert]:
        """Alerts that are to be sent now, oldest first."""
        query = select(tables.alerts).where(A.next_at <= Now()).order_by(A.next_at, A.id).limit(limit)
        with self._database.read() as connection:
            return [Alert(**row._mapping) for row in connection.execute(query)]

    def take(self, alert: Alert) -> bool:
        """Try to send an alert now, unless another sweeper does. It comes up again after a pause."""
        pause = _PAUSE_MS * 2**alert.attempts
        with self._database.write("alert.taken") as connection:
            mine = connection.execute(
                update(tables.alerts)
                .where(A.id == alert.id, A.attempts == alert.attempts, A.next_at.is_not(None))
                .values(attempts=alert.attempts + 1, next_at=Now() + pause)
            )
            return mine.rowcount == 1

    def sent(self, alert: Alert, pending: Sequence[str]) -> None:
        """Take note of the channels that still have to be told; without any, or after too many tries, it is over."""
        over = not pending or alert.attempts + 1 >= _MOST
        values: dict[str, Any] = {"pending": ",".join(pending)} | ({"next_at": None} if over else {})
        with self._database.write("alert.sent") as connection:
            connection.execute(update(tables.alerts).where(A.id == alert.id).values(**values))

    def last(self, limit: int = 50) -> list[Alert]:
        """The newest alerts, newest first."""
        query = select(tables.alerts).order_by(A.created_at.desc(), A.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [Alert(**row._mapping) for row in connection.execute(query)]
