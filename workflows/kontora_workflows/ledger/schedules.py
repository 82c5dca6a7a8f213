"""Schedules: when a workflow starts by itself. A fire is (schedule, logical time), and the ledger keeps it unique."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, select, update
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
    policy: dict[str, Any]
    expect_ms: int | None
    paused_by: str | None
    paused_at: int | None


def _schedule(row: Row[Any]) -> Schedule:
    values = dict(row._mapping)
    for name in ("inputs", "policy"):
        values[name] = json.loads(values[name])
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
        policy: dict[str, Any],
        expect_ms: int | None,
        next_at: int | None,
        origin: str,
        principal: str,
    ) -> tuple[Schedule, bool]:
        """Store a schedule, the same one once; its policy may change. Returns it and whether it is new."""
        same = {"workflow": workflow, "cron": cron, "timezone": timezone, "inputs": canonical(inputs)}
        row = {"id": f"sch_{ULID()}", "enabled": True, "origin": origin, "principal": principal}
        changing: dict[str, Any] = {"policy": canonical(policy), "expect_ms": expect_ms, "next_at": next_at}
        try:
            with self._database.write() as connection:
                connection.execute(tables.schedules.insert().values(**same, **row, **changing, created_at=Now()))
            return self.get(row["id"]), True  # type: ignore[arg-type]
        except IntegrityError:
            known = [S[name] == value for name, value in same.items()]
            # What is due and was not fired yet is still fired, or said to be missed.
            changing["next_at"] = case((S.next_at <= Now(), S.next_at), else_=next_at)
            with self._database.write("schedule.changed") as connection:
                connection.execute(
                    update(tables.schedules).where(*known, S.policy != changing["policy"]).values(**changing)
                )
                return _schedule(connection.execute(select(tables.schedules).where(*known)).one()), False

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

    def pause(self, schedule_id: str, *, by: str) -> Schedule:
        """Let a schedule rest. Raises `UnknownSchedule`."""
        values = {"enabled": False, "paused_by": by, "paused_at": Now()}
        return self._set(schedule_id, {**values}, S.enabled)

    def resume(self, schedule_id: str, *, next_at: int | None) -> Schedule:
        """Let a schedule fire again from `next_at` on. Raises `UnknownSchedule`."""
        values = {"enabled": True, "paused_by": None, "paused_at": None, "next_at": next_at}
        return self._set(schedule_id, values, ~S.enabled)

    def _set(self, schedule_id: str, values: dict[str, Any], if_: ColumnElement[bool]) -> Schedule:
        with self._database.write("schedule.changed") as connection:
            connection.execute(update(tables.schedules).where(S.id == schedule_id, if_).values(**values))
        return self.get(schedule_id)

    def due(self, now: int) -> list[Schedule]:
        """Schedules whose next logical time has come at `now`."""
        query = select(tables.schedules).where(S.enabled, S.next_at <= now).order_by(S.next_at)
        with self._database.read() as connection:
            return [_schedule(row) for row in connection.execute(query)]

    def lock(self, connection: Connection, schedule_id: str) -> None:
        """Let nobody else fire a schedule until the transaction ends."""
        connection.execute(select(S.id).where(S.id == schedule_id).with_for_update())

    def move(self, connection: Connection, schedule: Schedule, next_at: int | None) -> bool:
        """Move on to the next logical time. False if another process did, or the schedule was paused or removed."""
        moved = connection.execute(
            update(tables.schedules)
            .where(S.id == schedule.id, S.next_at == schedule.next_at, S.enabled)
            .values(next_at=next_at)
        )
        return moved.rowcount == 1

    def last_runs(self, schedule_id: str, limit: int = 10) -> list[Run]:
        """The newest runs that a schedule started."""
        runs = tables.runs.c
        query = select(tables.runs).where(runs.schedule_id == schedule_id).order_by(runs.logical_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(query)]
