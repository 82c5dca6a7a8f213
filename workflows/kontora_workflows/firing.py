"""Firing schedules: each logical time becomes one run, or is said to have become none. Any number may fire.

One transaction moves a schedule on, starts its runs and says what became of each logical time; whoever comes second
finds it moved. The clock is the database's.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kontora_workflows.cron import ScheduleInvalid, fires_until, logical_date, time_zone
from kontora_workflows.definition import SchedulePolicy, Workflow
from kontora_workflows.engine.ports import Doors
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.alerts import AlertKind
from kontora_workflows.ledger.run import AT_REST, NewRun
from kontora_workflows.ledger.schedules import Schedule
from kontora_workflows.starting import Start, prepare_run

log = logging.getLogger("kontora.sweeper")

#: A fire that is found this late is on time all the same: sweeps have pauses. In milliseconds.
ON_TIME_MS = 60_000
#: Missed fires of one schedule that are looked at, newest first.
_MOST = 1000
#: Schedules that are fired in one transaction.
_BATCH = 100


@dataclass(frozen=True)
class _Ready:
    """What is to be written when a schedule fires: a run or why there is none, by logical time, and what was missed."""

    schedule: Schedule
    policy: SchedulePolicy
    runs: dict[int, NewRun | str]
    missed: dict[int, str]
    next_at: int | None


@dataclass
class Firing:
    """Fires what is due. `workflow_of` gives a workflow by name; whatever it raises is why a fire failed."""

    ledger: Ledger
    doors: Doors
    workflow_of: Callable[[str], Workflow]

    def fire(self, now: int | None = None) -> None:
        """Fire every schedule that is due at `now` (the database's clock), and look after what was fired before."""
        now = self.ledger.database.now() if now is None else now
        due = iter(self.ledger.schedules.due(now))
        while batch := list(islice(due, _BATCH)):
            ready = [found for found in (self._ready(schedule, now) for schedule in batch) if found is not None]
            try:
                self._fire_together(ready)
            except DBAPIError:  # one of them hurts the others
                for one in ready:
                    self._fire_alone(one)
        for id_ in self.ledger.fires.schedules_with_queued():
            self._release(id_)
        self._look_after(now)

    def _ready(self, schedule: Schedule, now: int) -> _Ready | None:
        """What firing a schedule at `now` comes to; None if it cannot fire at all."""
        assert schedule.next_at is not None
        try:
            policy = policy_of(schedule)
            first, last = bounds(policy, schedule.timezone)
            until = min(now, last - 1)  # of many missed fires the newest are looked at: those that were still meant
            due, following = fires_until(schedule.cron, schedule.timezone, schedule.next_at, until, _MOST)
        except ScheduleInvalid as error:
            self._cannot(schedule, schedule.next_at, error)
            return None
        chosen, missed = _chosen(policy, [at for at in due if first <= at < last], now)
        runs = {at: self._prepared(schedule, policy, at) for at in chosen}
        return _Ready(schedule, policy, runs, missed, following if following < last else None)

    def _cannot(self, schedule: Schedule, logical_at: int, error: ScheduleInvalid) -> None:
        """Say, once to whoever has alerts, that a schedule cannot fire as it is stored. Mended, it makes up for it."""
        log.error("schedule %s (%s) cannot fire: %s", schedule.id, schedule.workflow, error)
        said = f"{schedule.workflow} did not start: {error}"
        with self.ledger.database.write("schedule.unfit") as connection:
            self._alert(connection, "not_started", schedule.id, schedule.workflow, logical_at, said)

    def _fire_together(self, batch: Sequence[_Ready]) -> None:
        """Fire some schedules in one transaction; those that another process moved on meanwhile are left alone.

        Where nothing stands in the way of a run, all of them are started with a few statements.
        """
        with self.ledger.database.write("schedule.fired") as connection:
            # In one order, or two sweepers would each wait for what the other has moved.
            batch = sorted(batch, key=lambda one: one.schedule.id)
            moved = [one for one in batch if self.ledger.schedules.move(connection, one.schedule, one.next_at)]
            open_ = self.ledger.fires.open_runs(connection, [one.schedule.id for one in moved])
            firsts = [next(iter(one.runs.values()), "") for one in moved if one.schedule.id not in open_]
            started = self.ledger.runs.create_all_in(connection, [run for run in firsts if isinstance(run, NewRun)])
            ids = [(str(run.schedule_id), int(run.logical_at or 0), run.id) for run in started]
            self.ledger.fires.record_runs(connection, ids)
            done = {(schedule, at) for schedule, at, _ in ids}
            for one in moved:
                self._rest(connection, one, done)

    def _fire_alone(self, one: _Ready) -> None:
        """Fire one schedule; what it trips over must not keep the others from firing."""
        try:
            self._fire(one)
        except DBAPIError as error:
            log.error("schedule %s (%s) cannot fire: %s", one.schedule.id, one.schedule.workflow, error.orig)

    def _fire(self, one: _Ready) -> None:
        """Fire one schedule, unless another process moved it on."""
        with self.ledger.database.write("schedule.fired") as connection:
            if self.ledger.schedules.move(connection, one.schedule, one.next_at):
                self._rest(connection, one)

    def _rest(self, connection: Connection, one: _Ready, done: Collection[tuple[str, int]] = ()) -> None:
        """Say what was missed, and start what was not started yet, each as the policy says."""
        for at, why in one.missed.items():
            self._miss(connection, one.schedule, at, why)
        for at, run in one.runs.items():
            if (one.schedule.id, at) not in done:
                self.start_in(connection, one.schedule, one.policy, at, run)

    def _prepared(self, schedule: Schedule, policy: SchedulePolicy, logical_at: int) -> NewRun | str:
        """The run of a fire, or why there can be none."""
        start = Start(
            principal=schedule.principal,
            trigger="schedule",
            given=schedule.inputs,
            schedule_id=schedule.id,
            logical_at=logical_at,
            delay_ms=_jitter(policy, schedule.id, logical_at),
        )
        try:
            workflow = self.workflow_of(schedule.workflow)
            return prepare_run(self.doors, workflow, start, today=logical_date(logical_at, schedule.timezone))
        except Exception as error:  # a workflow, a connector or its plugin: the other schedules must not suffer
            return str(error) or type(error).__name__

    def start_in(
        self, connection: Connection, schedule: Schedule, policy: SchedulePolicy, logical_at: int, run: NewRun | str
    ) -> bool:
        """Start the run of a fire as its policy says. False if this logical time was dealt with before."""
        fires = self.ledger.fires
        open_ = fires.open_runs(connection, [schedule.id]).get(schedule.id, [])
        waits = open_ and policy.overlap == "queue_one" and fires.queued(connection, schedule.id) is None
        if waits:
            return fires.record(connection, schedule.id, logical_at, "queued")
        if open_ and policy.overlap in ("skip", "queue_one"):
            return fires.record(connection, schedule.id, logical_at, "skipped", reason=f"run {open_[0]} is still open")
        if isinstance(run, str):
            said = f"{schedule.workflow} did not start: {run}"
            self._alert(connection, "not_started", schedule.id, schedule.workflow, logical_at, said)
            return fires.record(connection, schedule.id, logical_at, "failed", reason=run)
        if not fires.record(connection, schedule.id, logical_at, "run"):
            return False
        for id_ in open_ if policy.overlap == "cancel_running" else ():
            self.ledger.runs.request_cancel_in(connection, id_, by=f"schedule {schedule.id}")
        created = self.ledger.runs.create_in(connection, run)
        fires.run_of(connection, schedule.id, logical_at, created.id)
        return True

    def _miss(self, connection: Connection, schedule: Schedule, logical_at: int, why: str) -> None:
        if self.ledger.fires.record(connection, schedule.id, logical_at, "missed", reason=why) and why == _TOO_LATE:
            said = f"{schedule.workflow} was not started in time."
            self._alert(connection, "missed", schedule.id, schedule.workflow, logical_at, said)

    # --- by hand -------------------------------------------------------------------------------------------------

    def run_now(self, schedule: Schedule) -> bool:
        """Fire a schedule now, outside its cadence and without jitter. False if its policy skipped it.

        Raises `ScheduleInvalid`.
        """
        now = self.ledger.database.now()
        policy = policy_of(schedule).model_copy(update={"jitter": None})
        run = self._prepared(schedule, policy, now)
        with self.ledger.database.write("schedule.run_now") as connection:
            return self.start_in(connection, schedule, policy, now, run)

    def backfill(self, schedule: Schedule, logical_times: Sequence[int]) -> int:
        """Make up for logical times that became nothing, oldest first, however many are open. Returns how many.

        Raises `ScheduleInvalid`.
        """
        policy = policy_of(schedule).model_copy(update={"overlap": "allow"})
        made = 0
        for at in sorted(logical_times):
            run = self._prepared(schedule, policy, at)
            with self.ledger.database.write("schedule.backfilled") as connection:
                self.ledger.fires.forget_missed(connection, schedule.id, at)
                made += self.start_in(connection, schedule, policy, at, run)
        return made

    # --- afterwards ----------------------------------------------------------------------------------------------

    def _release(self, schedule_id: str) -> None:
        """Start the fire that waited for the run before it, if that came to rest."""
        schedule = self.ledger.schedules.get(schedule_id)
        try:
            policy = policy_of(schedule)
        except ScheduleInvalid as error:
            log.error("schedule %s (%s) cannot fire: %s", schedule.id, schedule.workflow, error)
            return
        with self.ledger.database.write("schedule.released") as connection:
            self.ledger.schedules.lock(connection, schedule_id)
            at = self.ledger.fires.queued(connection, schedule_id)
            if at is None or self.ledger.fires.open_runs(connection, [schedule_id]):
                return
            run = self._prepared(schedule, policy, at)
            if isinstance(run, str):
                said = f"{schedule.workflow} did not start: {run}"
                self._alert(connection, "not_started", schedule_id, schedule.workflow, at, said)
                self.ledger.fires.fail(connection, schedule_id, at, run)
                return
            created = self.ledger.runs.create_in(connection, run)
            self.ledger.fires.run_of(connection, schedule_id, at, created.id)

    def _look_after(self, now: int) -> None:
        """Raise alerts for runs that ended badly, or that have not ended when they were expected.

        Also for those of a schedule that was forgotten meanwhile: whoever changes it in its file waits for them still.
        """
        for fire in self.ledger.fires.to_look_at(now):
            rests, workflow = fire.state in AT_REST, str(fire.workflow)
            with self.ledger.database.write("fire.settled") as connection:
                if rests:
                    self.ledger.fires.settle(connection, fire)
                if fire.state in ("succeeded", "cancelled"):
                    continue
                kind: AlertKind = "run_failed" if rests else "never_came"
                if fire.run_id is None:
                    said = f"{workflow} waits for the run before it: kontora schedules show {fire.schedule_id}"
                else:
                    how = f"ended as {fire.state}" if rests else f"has not ended yet (it is {fire.state})"
                    said = f"{workflow} {how}: kontora runs show {fire.run_id}"
                self._alert(connection, kind, fire.schedule_id, workflow, fire.logical_at, said, fire.run_id)

    def _alert(
        self,
        connection: Connection,
        kind: AlertKind,
        schedule_id: str,
        workflow: str,
        logical_at: int,
        message: str,
        run_id: str | None = None,
    ) -> None:
        self.ledger.alerts.raise_in(
            connection,
            kind,
            schedule_id=schedule_id,
            logical_at=logical_at,
            workflow=workflow,
            message=message,
            run_id=run_id,
        )


_TOO_LATE = "nobody was there in time"


def _chosen(policy: SchedulePolicy, due: list[int], now: int) -> tuple[list[int], dict[int, str]]:
    """Which of the logical times that are due become runs, and why the others do not."""
    window = ON_TIME_MS if policy.catch_up == "none" else max(ON_TIME_MS, _milliseconds(policy.window))
    fresh = [at for at in due if now - at <= window]
    missed = {at: _TOO_LATE for at in due if now - at > window}
    if policy.catch_up == "latest":
        missed |= dict.fromkeys(fresh[:-1], "a later fire stands for it")
        fresh = fresh[-1:]
    return fresh, missed


def policy_of(schedule: Schedule) -> SchedulePolicy:
    """The policy of a schedule as it is stored. Raises `ScheduleInvalid` when this Kontora cannot follow it."""
    try:
        return SchedulePolicy.model_validate(schedule.policy)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
    hint = "Add the same schedule once more, with a policy that is one: `kontora schedules add`"
    raise ScheduleInvalid(f"Its policy cannot be followed ({said})", hint)


def bounds(policy: SchedulePolicy, timezone: str) -> tuple[int, int]:
    """The first instant of the first day, and the one after the last day, in the zone of the schedule."""
    zone = time_zone(timezone)

    def midnight(day: date) -> int:
        return int(datetime.combine(day, time(), zone).timestamp() * 1000)

    first = midnight(policy.start) if policy.start else 0
    return first, midnight(policy.end + timedelta(days=1)) if policy.end else 2**62


def _jitter(policy: SchedulePolicy, schedule_id: str, logical_at: int) -> int:
    """How much later a run begins, in milliseconds: the same for a fire, whoever fires it."""
    if policy.jitter is None:
        return 0
    drawn = int.from_bytes(hashlib.sha256(f"{schedule_id}:{logical_at}".encode()).digest()[:8], "big")
    return drawn % (_milliseconds(policy.jitter) + 1)


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
