"""Schedules: when workflows run by themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from kontora_workflows.cron import next_fires
from kontora_workflows.scheduling import add_schedule, remove_schedule
from pydantic import ConfigDict, Field

from kontora_api.answers import problems
from kontora_api.documents import API, RunSummary, ScheduleDocument
from kontora_api.parts import Body, Items, JsonOnly, Principal, ScheduleId, TheHouse, TheLedger
from kontora_api.workflow_documents import WholeSchedule

router = APIRouter(prefix=API, tags=["Schedules"])


class ScheduleRequest(Body):
    """When to run what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "workflow": "receivables-ageing",
                    "cron": "0 2 * * 1-5",
                    "timezone": "Europe/Moscow",
                    "inputs": {"as_of": "yesterday"},
                }
            ]
        }
    )

    workflow: str = Field(description="name of the workflow")
    cron: str = Field(max_length=200, description="minute, hour, day of month, month, day of week")
    timezone: str = Field(max_length=100, description="IANA time zone, such as Europe/Moscow")
    inputs: dict[str, Any] = Field(default_factory=dict, description="`today` and `yesterday` are those of each fire")


@router.get("/schedules")
def list_schedules(ledger: TheLedger) -> Items[ScheduleDocument]:
    """List schedules, in the order they were added."""
    return Items(items=[ScheduleDocument.of(one) for one in ledger.schedules.all()])


@router.post(
    "/schedules",
    status_code=201,
    dependencies=[JsonOnly],
    responses={
        201: {"description": "added"},
        200: {"description": "the same schedule was there already", "model": ScheduleDocument},
        **problems(
            "unknown_workflow", "workflow_invalid", "four_eyes_impossible", "schedule_invalid", "inputs_invalid"
        ),
    },
)
def create_schedule(
    body: ScheduleRequest, house: TheHouse, ledger: TheLedger, principal: Principal, response: Response
) -> ScheduleDocument:
    """Run a workflow by cron in a time zone. Workers fire it, once for each logical time. The same is stored once."""
    workflow = house.runnable(body.workflow)
    schedule, new = add_schedule(
        ledger, workflow, body.cron, body.timezone, body.inputs, origin="rest", principal=principal
    )
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{API}/schedules/{schedule.id}"
    return ScheduleDocument.of(schedule)


@router.get("/schedules/{schedule_id}", responses=problems("unknown_schedule"))
def show_schedule(schedule_id: ScheduleId, ledger: TheLedger) -> WholeSchedule:
    """Show a schedule, its next five fires and its last ten runs."""
    schedule = ledger.schedules.get(schedule_id)
    fires = next_fires(schedule.cron, schedule.timezone, ledger.database.now(), 5)
    last = [RunSummary.of(run) for run in ledger.schedules.last_runs(schedule_id)]
    return WholeSchedule.model_validate({**schedule.__dict__, "next": fires, "last_runs": last})


@router.delete(
    "/schedules/{schedule_id}",
    status_code=204,
    responses={204: {"description": "forgotten"}, **problems("unknown_schedule", "kept_by_file")},
)
def delete_schedule(schedule_id: ScheduleId, ledger: TheLedger) -> None:
    """Forget a schedule; the runs that it started stay."""
    remove_schedule(ledger, schedule_id)
