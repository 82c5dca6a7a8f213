"""Schedules: when a workflow starts by itself. A fire is (schedule, logical time), and the ledger keeps it unique."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import canonical
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.tables import Now

S = tables.schedules.c


class UnknownSchedule(LookupError):
    """There is no such schedule."""


@dataclass(frozen=True)
class Schedule:
    """One row of `schedules`. `next_at` is the logical time of the next fire, in milliseconds since 1970 UTC."""

    id: str
    workflow: str
    cron: str
    timezone: str
    inputs: dict[str, Any]
    enabled: bool
    origin: str
    next_at: int | None
    principal: str
    created_at: int


def _schedule(row: Row[Any]) -> Schedule:
    values = dict(row._mapping)
    values["inputs"] = json.loads(values["inputs"])
    return Schedule(**values)


class Schedules:
    """All schedules of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        workflow: str,
        cron: str,
        timezone: str,
        inputs: dict[str, Any],
        *,
        next_at: int,
        origin: str,
        principal: str,
    ) -> tuple[Schedule, bool]:
        """Store a schedule, the same one once. Returns it and whether it is new."""
        same = {"workflow": workflow, "cron": cron, "timezone": timezone, "inputs": canonical(inputs)}
        row = {"id": f"sch_{ULID()}", "enabled": True, "origin": origin, "next_at": next_at, "principal": principal}
        try:
            with self._database.write() as connection:
                connection.execute(tables.schedules.insert().values(**same, **row, created_at=Now()))
            return self.get(row["id"]), True  # type: ignore[arg-type]
        except IntegrityError:
            query = select(tables.schedules).where(*(S[name] == value for name, value in same.items()))
            with self._database.read() as connection:
                return _schedule(connection.execute(query).one()), False

    def get(self, schedule_id: str) -> Schedule:
        """One schedule. Raises `UnknownSchedule`."""
        with self._database.read() as connection:
            row = connection.execute(select(tables.schedules).where(S.id == schedule_id)).one_or_none()
        if row is None:
            raise UnknownSchedule(f"There is no schedule {schedule_id!r}. `kontora schedules list` shows them.")
        return _schedule(row)

    def all(self) -> list[Schedule]:
        """Every schedule, in the order they were added."""
        with self._database.read() as connection:
            return [_schedule(row) for row in connection.execute(select(tables.schedules).order_by(S.created_at, S.id))]

    def remove(self, schedule_id: str) -> Schedule:
        """Forget a schedule; runs that it started stay. Raises `UnknownSchedule`."""
        schedule = self.get(schedule_id)
        with self._database.write() as connection:
            connection.execute(tables.schedules.delete().where(S.id == schedule_id))
        return schedule

    def due(self) -> list[Schedule]:
        """Schedules whose next logical time has come."""
        query = select(tables.schedules).where(S.enabled, S.next_at <= Now()).order_by(S.next_at)
        with self._database.read() as connection:
            return [_schedule(row) for row in connection.execute(query)]

    def advance(self, schedule: Schedule, next_at: int | None) -> None:
        """Move on after a fire, unless another sweeper did."""
        with self._database.write() as connection:
            connection.execute(
                update(tables.schedules)
                .where(S.id == schedule.id, S.next_at == schedule.next_at)
                .values(next_at=next_at)
            )

    def last_runs(self, schedule_id: str, limit: int = 10) -> list[Run]:
        """The newest runs that a schedule started."""
        runs = tables.runs.c
        query = select(tables.runs).where(runs.schedule_id == schedule_id).order_by(runs.logical_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(query)]
