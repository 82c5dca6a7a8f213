"""Fires: what became of every logical time of a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, or_, select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.database import Database, insert_ignore
from kontora_workflows.ledger.run import AT_REST
from kontora_workflows.ledger.tables import Now

F, R, S = tables.fires.c, tables.runs.c, tables.schedules.c

FireOutcome = Literal["run", "queued", "skipped", "missed", "failed"]


@dataclass(frozen=True)
class Fire:
    """One logical time of a schedule, in milliseconds since 1970 UTC; `state` is its run's, if any, and `workflow` too,
    or that of the schedule."""

    schedule_id: str
    logical_at: int
    outcome: FireOutcome
    run_id: str | None
    reason: str | None
    state: str | None
    workflow: str | None


def _fire(row: Any) -> Fire:
    return Fire(**row._mapping)


_WORKFLOW = func.coalesce(R.workflow, S.workflow).label("workflow")
_QUERY = (
    select(F.schedule_id, F.logical_at, F.outcome, F.run_id, F.reason, R.state, _WORKFLOW)
    .join_from(tables.fires, tables.runs, F.run_id == R.id, isouter=True)
    .join(tables.schedules, S.id == F.schedule_id, isouter=True)
)


_ADD_RUNS = tables.fires.insert().values(outcome="run", open=True, at=Now())


class Fires:
    """All fires of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        connection: Connection,
        schedule_id: str,
        logical_at: int,
        outcome: FireOutcome,
        *,
        reason: str | None = None,
    ) -> bool:
        """Say what became of a logical time, once. False if that was said before."""
        row = {
            "schedule_id": schedule_id,
            "logical_at": logical_at,
            "outcome": outcome,
            "reason": reason,
            "open": outcome in ("run", "queued"),
            "at": Now(),
        }
        insert = insert_ignore(connection, tables.fires).values(**row).returning(F.logical_at)
        return connection.execute(insert).one_or_none() is not None

    def run_of(self, connection: Connection, schedule_id: str, logical_at: int, run_id: str) -> None:
        """Take note of the run that a fire started."""
        here = (F.schedule_id == schedule_id, F.logical_at == logical_at)
        connection.execute(update(tables.fires).where(*here).values(outcome="run", run_id=run_id))

    def forget_missed(self, connection: Connection, schedule_id: str, logical_at: int) -> None:
        """Make room for a run where a logical time had become nothing."""
        here = (F.schedule_id == schedule_id, F.logical_at == logical_at)
        nothing = F.outcome.in_(("missed", "skipped", "failed"))
        connection.execute(tables.fires.delete().where(*here, nothing))

    def fail(self, connection: Connection, schedule_id: str, logical_at: int, reason: str) -> None:
        """Take note that a fire that waited could not start."""
        here = (F.schedule_id == schedule_id, F.logical_at == logical_at)
        connection.execute(update(tables.fires).where(*here).values(outcome="failed", reason=reason, open=False))

    def record_runs(self, connection: Connection, fires: Sequence[tuple[str, int, str]]) -> None:
        """Say that logical times (schedule, instant) became these runs. Raises `IntegrityError` if one is known."""
        if fires:
            rows = [{"schedule_id": id_, "logical_at": at, "run_id": run} for id_, at, run in fires]
            connection.execute(_ADD_RUNS, rows)

    def open_runs(self, connection: Connection, schedule_ids: Sequence[str]) -> dict[str, list[str]]:
        """The runs of some schedules that have not come to rest, by schedule."""
        query = select(F.schedule_id, R.id).join_from(tables.fires, tables.runs, F.run_id == R.id)
        found: dict[str, list[str]] = {}
        for row in connection.execute(query.where(F.schedule_id.in_(schedule_ids), F.open, R.state.not_in(AT_REST))):
            found.setdefault(row.schedule_id, []).append(row.id)
        return found

    def queued(self, connection: Connection, schedule_id: str) -> int | None:
        """The logical time that waits for the open run of its schedule to end."""
        query = select(F.logical_at).where(F.schedule_id == schedule_id, F.outcome == "queued")
        return connection.execute(query.order_by(F.logical_at).limit(1)).scalar()

    def schedules_with_queued(self) -> list[str]:
        """Schedules of which a fire waits, and that are neither paused nor forgotten."""
        query = select(F.schedule_id).join_from(tables.fires, tables.schedules, S.id == F.schedule_id)
        query = query.where(F.open, F.outcome == "queued", S.enabled).distinct()
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def to_look_at(self, now: int, limit: int = 1000) -> list[Fire]:
        """Fires whose run came to rest since it was last looked at, or is later than its schedule expects.

        Among the late ones are those that still wait for the run before them, unless their schedule is paused.
        """
        late = F.logical_at + S.expect_ms < now
        waits = and_(F.outcome == "queued", late, S.enabled)
        query = _QUERY.where(F.open, or_(and_(F.outcome == "run", or_(R.state.in_(AT_REST), late)), waits))
        with self._database.read() as connection:
            return [_fire(row) for row in connection.execute(query.order_by(F.logical_at).limit(limit))]

    def settle(self, connection: Connection, fire: Fire) -> None:
        """Take note that the run of a fire came to rest."""
        here = (F.schedule_id == fire.schedule_id, F.logical_at == fire.logical_at)
        connection.execute(update(tables.fires).where(*here).values(open=False))

    def last(self, schedule_id: str, limit: int = 10) -> list[Fire]:
        """The newest fires of a schedule, newest first."""
        with self._database.read() as connection:
            query = _QUERY.where(F.schedule_id == schedule_id).order_by(F.logical_at.desc()).limit(limit)
            return [_fire(row) for row in connection.execute(query)]
