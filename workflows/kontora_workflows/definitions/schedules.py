"""Checking when a workflow wants to run by itself."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from kontora_workflows.definition import Schedule, Workflow
from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.inputs import InputsInvalid, resolve_inputs
from kontora_workflows.references import nearest

_FIELDS = "Five fields: minute, hour, day of month, month, day of week, as in `0 2 * * 1-5`"


def check_schedule(schedule: Schedule, path: Path, workflow: Workflow, findings: Findings) -> None:
    """Say what is wrong with a schedule: its cron, its time zone, its inputs."""
    zone: tzinfo = UTC
    try:
        zone = time_zone(schedule.timezone)
    except ValueError as error:
        message, _, hint = str(error).partition(". ")
        findings.say((*path, "timezone"), message, hint)
    try:
        check_cron(schedule.cron, zone)
    except ValueError as error:
        findings.say((*path, "cron"), str(error), _FIELDS)
    try:
        resolve_inputs(workflow, schedule.inputs, today=datetime.now(zone).date())
    except InputsInvalid as error:
        for problem in error.problems:
            name = problem.pointer.rpartition("/")[2]
            # A default that cannot be read is said where the default is.
            if name in schedule.inputs or workflow.inputs[name].required:
                findings.say((*path, "inputs", name), f"The input `{name}` {problem.message}", key=True)


def time_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone. Raises ValueError with the nearest name."""
    known = available_timezones()
    if name not in known:
        by_city = {zone.rpartition("/")[2]: zone for zone in sorted(known)}
        near = nearest(name, known) or by_city.get(nearest(name.rpartition("/")[2], by_city) or "")
        raise ValueError(
            f"There is no time zone `{name}`. " + (f"Did you mean `{near}`?" if near else "Write it as Europe/Moscow")
        )
    return ZoneInfo(name)


def check_cron(cron: str, zone: tzinfo) -> None:
    """Raise ValueError if `cron` cannot be read, or will not come true in the next decades."""
    if len(cron.split()) != 5:
        raise ValueError(f"`{cron}` has {len(cron.split())} fields")
    try:
        next(CronSim(cron, datetime.now(zone)))
    except CronSimError as error:
        raise ValueError(f"`{cron}` is not a time: {str(error).lower()}") from None
    except StopIteration:
        raise ValueError(f"`{cron}` never comes true") from None
