"""Checking when a workflow wants to run by itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

from kontora_workflows.cron import ScheduleInvalid, check_days, next_fires, time_zone
from kontora_workflows.definition import Schedule, Workflow
from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.inputs import InputsInvalid, resolve_inputs


def check_schedule(schedule: Schedule, path: Path, workflow: Workflow, findings: Findings) -> None:
    """Say what is wrong with a schedule: its cron, its time zone, its days, its inputs."""
    zone: tzinfo = UTC
    try:
        zone = time_zone(schedule.timezone)
    except ScheduleInvalid as error:
        findings.say((*path, "timezone"), error.message, error.hint)
    try:
        next_fires(schedule.cron, "UTC", int(time.time() * 1000))
    except ScheduleInvalid as error:
        findings.say((*path, "cron"), error.message, error.hint)
    try:
        check_days(schedule.start, schedule.end)
    except ScheduleInvalid as error:
        findings.say((*path, "end"), error.message, error.hint)
    try:
        resolve_inputs(workflow, schedule.inputs, today=datetime.now(zone).date())
    except InputsInvalid as error:
        for problem in error.problems:
            name = problem.pointer.rpartition("/")[2]
            # A default that cannot be read is said where the default is.
            if name in schedule.inputs or workflow.inputs[name].required:
                findings.say((*path, "inputs", name), f"The input `{name}` {problem.message}", key=True)
