"""Adding schedules: checked before they are stored, whoever asks; and those that workflow files ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from kontora_workflows.cron import next_fires, time_zone
from kontora_workflows.definition import Workflow
from kontora_workflows.inputs import resolve_inputs
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.schedules import Schedule


def add_schedule(
    ledger: Ledger,
    workflow: Workflow,
    cron: str,
    timezone: str,
    given: Mapping[str, Any],
    *,
    origin: Literal["file", "cli", "rest"],
    principal: str,
) -> tuple[Schedule, bool]:
    """Store a schedule; the same one is stored once. Returns it and whether it is new.

    `given` are inputs as typed; they are resolved at every fire, so that `today` is that day.
    Raises `ScheduleInvalid`, `InputsInvalid`, `LedgerUnavailable`.
    """
    next_at = next_fires(cron, timezone, ledger.database.now())[0]
    resolve_inputs(workflow, given, today=datetime.now(time_zone(timezone)).date())
    return ledger.schedules.add(
        workflow.name, cron, timezone, dict(given), next_at=next_at, origin=origin, principal=principal
    )


class KeptByFile(ValueError):
    """The schedule stands in a workflow file and would come back."""


def remove_schedule(ledger: Ledger, schedule_id: str) -> Schedule:
    """Forget a schedule; runs that it started stay. Raises `UnknownSchedule`, `KeptByFile`."""
    schedule = ledger.schedules.get(schedule_id)
    if schedule.origin == "file":
        raise KeptByFile(f"The schedule stands in the file of the workflow {schedule.workflow!r}: remove it there.")
    return ledger.schedules.remove(schedule_id)


def keep_file_schedules(ledger: Ledger, workflows: Iterable[Workflow], *, all_files: bool) -> None:
    """Add the schedules that workflow files ask for; with `all_files`, remove those that none asks for any more.

    Raises `ScheduleInvalid`, `InputsInvalid`; workflows that were validated raise neither.
    """
    kept = set()
    for workflow in workflows:
        for wanted in workflow.schedules:
            schedule, _ = add_schedule(
                ledger, workflow, wanted.cron, wanted.timezone, wanted.inputs, origin="file", principal="workflow file"
            )
            kept.add(schedule.id)
    for schedule in ledger.schedules.all() if all_files else ():
        if schedule.origin == "file" and schedule.id not in kept:
            ledger.schedules.remove(schedule.id)
