"""Schedules: when workflows run by themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from kontora_workflows.definition import SchedulePolicy
from kontora_workflows.scheduling import add_schedule, resume_schedule, times_between
from pydantic import AwareDatetime, ConfigDict, Field

from kontora_api.answers import problems
from kontora_api.documents import API, Document, ScheduleDocument
from kontora_api.parts import Body, Items, JsonOnly, Principal, ScheduleId, TheHouse, TheLedger
from kontora_api.workflow_documents import WholeSchedule

router = APIRouter(prefix=API, tags=["Schedules"])


class ScheduleRequest(Body):
    """When to run what, and how: the keys of a schedule in a workflow file."""

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
    policy: SchedulePolicy = Field(SchedulePolicy(), description="overlap, catch-up, jitter, first and last day")


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
            "unknown_workflow",
            "workflow_invalid",
            "four_eyes_impossible",
            "model_not_allowed",
            "schedule_invalid",
            "inputs_invalid",
        ),
    },
)
def create_schedule(
    body: ScheduleRequest, house: TheHouse, ledger: TheLedger, principal: Principal, response: Response
) -> ScheduleDocument:
    """Run a workflow by cron in a time zone. Workers fire it, once for each logical time. The same is stored once."""
    workflow = house.runnable(body.workflow)
    schedule, new = add_schedule(
        ledger, workflow, body.cron, body.timezone, body.inputs, body.policy, origin="rest", principal=principal
    )
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{API}/schedules/{schedule.id}"
    return ScheduleDocument.of(schedule)


@router.get("/schedules/{schedule_id}", responses=problems("unknown_schedule"))
def show_schedule(schedule_id: ScheduleId, ledger: TheLedger) -> WholeSchedule:
    """Show a schedule, its next five fires, what became of the last ten, and their runs."""
    return WholeSchedule.whole(ledger, schedule_id)


@router.post("/schedules/{schedule_id}/pause", responses=problems("unknown_schedule"))
def pause_schedule(schedule_id: ScheduleId, ledger: TheLedger, principal: Principal) -> ScheduleDocument:
    """Let a schedule rest. What it would have fired meanwhile is not made up for."""
    return ScheduleDocument.of(ledger.schedules.pause(schedule_id, by=principal))


@router.post("/schedules/{schedule_id}/resume", responses=problems("unknown_schedule", "schedule_invalid"))
def resume(schedule_id: ScheduleId, ledger: TheLedger) -> ScheduleDocument:
    """Let a paused schedule fire again."""
    return ScheduleDocument.of(resume_schedule(ledger, schedule_id))


@router.post(
    "/schedules/{schedule_id}/run-now",
    status_code=202,
    responses=problems("unknown_schedule", "schedule_invalid"),
)
def run_now(schedule_id: ScheduleId, house: TheHouse, ledger: TheLedger) -> WholeSchedule:
    """Fire a schedule now, outside its cadence, as its policy on overlap says."""
    house.sweeper.firing.run_now(ledger.schedules.get(schedule_id))
    return WholeSchedule.whole(ledger, schedule_id)


class Backfill(Body):
    """Which logical times are made up for; both ends included."""

    first: AwareDatetime
    last: AwareDatetime


class Backfilled(Document):
    """How many logical times there are, and how many runs were started for those that had become nothing."""

    fires: int
    started: int


@router.post(
    "/schedules/{schedule_id}/backfill",
    status_code=202,
    dependencies=[JsonOnly],
    responses=problems("unknown_schedule", "schedule_invalid", "too_many_fires"),
)
def backfill(schedule_id: ScheduleId, body: Backfill, house: TheHouse, ledger: TheLedger) -> Backfilled:
    """Start a run for every logical time between two instants that has come and has none. Never a second one."""
    schedule = ledger.schedules.get(schedule_id)
    times = times_between(schedule, body.first, body.last, ledger.database.now())
    return Backfilled(fires=len(times), started=house.sweeper.firing.backfill(schedule, times))


@router.delete(
    "/schedules/{schedule_id}",
    status_code=204,
    responses={204: {"description": "forgotten"}, **problems("unknown_schedule", "kept_by_file")},
)
def delete_schedule(schedule_id: ScheduleId, house: TheHouse, ledger: TheLedger) -> None:
    """Forget a schedule; the runs that it started stay. One from a workflow file goes once no file holds it."""
    house.remove_schedule(schedule_id)
