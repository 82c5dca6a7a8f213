"""Which workers are alive: they say so themselves."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.tables import Now

W = tables.workers.c


@dataclass(frozen=True)
class Worker:
    """A worker process and when it was last heard of, in milliseconds since 1970 UTC."""

    id: str
    started_at: int
    seen_at: int
    version: str


class Workers:
    """All workers of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(self, worker_id: str, version: str) -> None:
        """Say that a worker is alive."""
        with self._database.write() as connection:
            known = connection.execute(update(tables.workers).where(W.id == worker_id).values(seen_at=Now()))
            if not known.rowcount:
                row = {"id": worker_id, "started_at": Now(), "seen_at": Now(), "version": version}
                connection.execute(tables.workers.insert().values(**row))

    def gone(self, worker_id: str) -> None:
        """Forget a worker that stops."""
        with self._database.write() as connection:
            connection.execute(tables.workers.delete().where(W.id == worker_id))

    def alive(self, within_ms: int = 30_000) -> list[Worker]:
        """Workers heard of within the last `within_ms`."""
        with self._database.read() as connection:
            rows = connection.execute(select(tables.workers).where(W.seen_at > Now() - within_ms).order_by(W.id))
            return [Worker(**row._mapping) for row in rows]
