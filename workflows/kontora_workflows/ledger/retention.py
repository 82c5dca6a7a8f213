"""Retention: whole runs go when their time is over, and that they were there stays on record.

A run goes together with the run above it and those of its loops, once all of them have ended for good; a run that
another one is a retry of stays as long as that one. What is left is a row in `removed_runs`, which checkpoints list: so
a run that was removed can be told from one that vanished.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, func, select

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.run import ENDED
from kontora_workflows.ledger.tables import Now

R = tables.runs.c

#: Tables with a column `run_id`, in the order in which they are emptied.
_PARTS = (tables.payloads, tables.approvals, tables.artifacts, tables.entries)
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Family:
    """A run that somebody started, with all below it. `ended_at` is when the last of them ended, in milliseconds."""

    root_id: str
    runs: int
    ended_at: int


class Retention:
    """Finds and removes runs that ended long ago."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, days: int) -> list[Family]:
        """Families of which the last run ended more than `days` days ago, longest ago first."""
        ended, last = func.min(case((R.state.in_(ENDED), 1), else_=0)), func.max(R.finished_at)
        with self._database.snapshot() as connection:
            limit = connection.execute(select(Now())).scalar_one() - days * _DAY_MS
            families = select(R.root_id, func.count(), last).group_by(R.root_id).having(ended == 1, last < limit)
            old = {row[0]: Family(*row) for row in connection.execute(families.order_by(last))}
            for root in _needed(connection, set(old)):
                del old[root]
        return list(old.values())

    def remove(self, family: Family, *, by: str, why: str) -> list[str]:
        """Remove a family and put it on record; return the ids of its runs, none if one of them goes on again."""
        inside = R.root_id == family.root_id
        with self._database.write("run.removed") as connection:
            head = select(R.id, R.head_seq, R.head_hash, R.state, R.finished_at.label("ended_at")).where(inside)
            runs = connection.execute(head.with_for_update()).all()
            if any(run.state not in ENDED or run.ended_at > family.ended_at for run in runs):
                return []
            said = {"removed_at": Now(), "removed_by": by, "why": why}
            for run in runs:
                row = {name: value for name, value in run._mapping.items() if name != "state"}
                connection.execute(tables.removed_runs.insert().values(**row, **said))
            for table in _PARTS:
                connection.execute(delete(table).where(table.c.run_id.in_(select(R.id).where(inside))))
            connection.execute(delete(tables.runs).where(inside))
        return [run.id for run in runs]


def _needed(connection: Connection, old: set[str]) -> set[str]:
    """Old families that a newer run is a retry of: it may still hand over their files."""
    before = tables.runs.alias()
    pairs = select(R.root_id, before.c.root_id).join_from(tables.runs, before, R.retry_of == before.c.id)
    edges = [(row[0], row[1]) for row in connection.execute(pairs)]
    kept: set[str] = set()
    while more := {first for later, first in edges if first in old - kept and (later not in old or later in kept)}:
        kept |= more
    return kept
