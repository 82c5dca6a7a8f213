"""Adding schedules: checked before they are stored, whoever asks; and those that workflow files ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, Literal

from kontora_workflows.cron import ScheduleInvalid, check_days, fires, next_fires, time_zone
from kontora_workflows.definition import SchedulePolicy, Workflow
from kontora_workflows.firing import bounds, policy_of
from kontora_workflows.inputs import resolve_inputs
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.schedules import Schedule

#: Fires that one backfill makes up for at most.
MOST = 1000


def add_schedule(
    ledger: Ledger,
    workflow: Workflow,
    cron: str,
    timezone: str,
    given: Mapping[str, Any],
    policy: SchedulePolicy | None = None,
    *,
    origin: Literal["file", "cli", "rest"],
    principal: str,
) -> tuple[Schedule, bool]:
    """Store a schedule; the same one is stored once. Returns it and whether it is new.

    `given` are inputs as typed; they are resolved at every fire, so that `today` is that day.
    Raises `ScheduleInvalid`, `InputsInvalid`, `LedgerUnavailable`.
    """
    resolve_inputs(workflow, given, today=datetime.now(time_zone(timezone)).date())
    policy = policy or SchedulePolicy()
    check_days(policy.start, policy.end)
    return ledger.schedules.add(
        workflow.name,
        cron,
        timezone,
        dict(given),
        policy=policy.model_dump(mode="json", include=set(SchedulePolicy.model_fields)),
        expect_ms=int(policy.expect_within.total_seconds() * 1000) if policy.expect_within else None,
        next_at=next_at(cron, timezone, policy, ledger.database.now()),
        origin=origin,
        principal=principal,
    )


def next_at(cron: str, timezone: str, policy: SchedulePolicy, now: int) -> int | None:
    """The next logical time after `now` between the first and the last day; None if there is none any more."""
    first, last = bounds(policy, timezone)
    (fire,) = next_fires(cron, timezone, max(now, first - 1000))
    return fire if fire < last else None


def coming(schedule: Schedule, now: int, count: int) -> list[int]:
    """The next logical times of a schedule after `now`, `count` at most; none while it is paused.

    Raises `ScheduleInvalid`.
    """
    if not schedule.enabled:
        return []
    first, last = bounds(policy_of(schedule), schedule.timezone)
    after = max(now, first - 1000)
    return list(takewhile(lambda at: at < last, islice(fires(schedule.cron, schedule.timezone, after), count)))


def problem_of(schedule: Schedule) -> str | None:
    """Why a schedule cannot fire as it is stored; None if it can."""
    try:
        next_at(schedule.cron, schedule.timezone, policy_of(schedule), schedule.created_at)
    except ScheduleInvalid as error:
        return str(error)
    return None


def resume_schedule(ledger: Ledger, schedule_id: str) -> Schedule:
    """Let a paused schedule fire again; what it would have fired meanwhile is not made up for.

    Raises `UnknownSchedule`, `ScheduleInvalid`.
    """
    found = ledger.schedules.get(schedule_id)
    policy = policy_of(found)
    return ledger.schedules.resume(
        schedule_id, next_at=next_at(found.cron, found.timezone, policy, ledger.database.now())
    )


class TooMany(ValueError):
    """More fires would be made up for than anybody means."""


def times_between(schedule: Schedule, first: datetime, last: datetime, now: int) -> list[int]:
    """The logical times of a schedule from `first` to `last`, both included, that have come by `now`.

    Those to come are its own to fire. Raises `TooMany`, `ScheduleInvalid`.
    """
    until = min(int(last.timestamp() * 1000), now)
    after = int(first.timestamp() * 1000) - 1
    found = list(islice(takewhile(lambda at: at <= until, fires(schedule.cron, schedule.timezone, after)), MOST + 1))
    if len(found) > MOST:
        raise TooMany(f"There are more than {MOST} fires between these times; make up for them in parts.")
    return found


class KeptByFile(ValueError):
    """The schedule stands in a workflow file, or may, and would come back; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


def asks_for(workflow: Workflow, schedule: Schedule) -> bool:
    """Whether the file of a workflow holds a schedule."""
    wanted = (schedule.cron, schedule.timezone, schedule.inputs)
    return any((one.cron, one.timezone, dict(one.inputs)) == wanted for one in workflow.schedules)


def keep_file_schedules(ledger: Ledger, workflows: Iterable[Workflow], *, all_files: bool) -> None:
    """Add the schedules that workflow files ask for; with `all_files`, remove those that none asks for any more.

    Raises `ScheduleInvalid`, `InputsInvalid`; workflows that were validated raise neither.
    """
    kept = set()
    for workflow in workflows:
        for wanted in workflow.schedules:
            schedule, _ = add_schedule(
                ledger,
                workflow,
                wanted.cron,
                wanted.timezone,
                wanted.inputs,
                wanted,
                origin="file",
                principal="workflow file",
            )
            kept.add(schedule.id)
    for schedule in ledger.schedules.all() if all_files else ():
        if schedule.origin == "file" and schedule.id not in kept:
            ledger.schedules.remove(schedule.id)
