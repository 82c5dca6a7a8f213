"""`kontora schedules`: when workflows run by themselves."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from kontora_cli.failures import OK
from kontora_cli.opening import going_on, opened, principal
from kontora_cli.options import Home, Inputs, Json, pairs
from kontora_cli.output import clock, facts, instant, note, show, table

if TYPE_CHECKING:
    from kontora_workflows.definition import SchedulePolicy
    from kontora_workflows.ledger.schedules import Schedule

app = typer.Typer(help="Let workflows run by themselves.", no_args_is_help=True)

ScheduleId = Annotated[str, typer.Argument(metavar="ID", help="Id of the schedule.")]


@app.command()
def add(
    workflow: Annotated[str, typer.Argument(help="Name of the workflow.")],
    cron: Annotated[str, typer.Option("--cron", help="Minute, hour, day of month, month, day of week: `0 2 * * 1-5`.")],
    timezone: Annotated[str, typer.Option("--timezone", help="IANA time zone, such as Europe/Moscow.")],
    inputs: Inputs = None,
    overlap: Annotated[
        str | None, typer.Option("--overlap", help="skip, queue_one, allow or cancel_running; skip if left out.")
    ] = None,
    catch_up: Annotated[
        str | None, typer.Option("--catch-up", help="none, latest or all missed fires; latest if left out.")
    ] = None,
    window: Annotated[str | None, typer.Option("--window", help="Older fires are missed for good; 24h.")] = None,
    jitter: Annotated[str | None, typer.Option("--jitter", help="Begin up to this much later, such as 10m.")] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="DATE", help="First day.")] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="DATE", help="Last day.")] = None,
    expect_within: Annotated[
        str | None, typer.Option("--expect-within", help="Raise an alert if it has not ended by then, such as 6h.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Run a workflow by cron in a time zone. The worker fires it, once per logical time."""
    from kontora_api.documents import ScheduleDocument
    from kontora_workflows.scheduling import add_schedule

    asked = {"overlap": overlap, "catch_up": catch_up, "window": window, "jitter": jitter, "start": start, "end": end}
    with opened(home) as house:
        found, new = add_schedule(
            house.ledger,
            house.runnable(workflow),
            cron,
            timezone,
            pairs(inputs, "--input"),
            _policy(**asked, expect_within=expect_within),
            origin="cli",
            principal=principal(),
        )
    said = f"{found.id} {'is added' if new else 'was there already, and has this policy now'}; {_next(found)}."
    show(ScheduleDocument.of(found).model_dump(mode="json"), said, as_json=as_json)
    return OK


@app.command("list")
def list_schedules(home: Home = None, as_json: Json = False) -> int:
    """List schedules and when each fires next."""
    from kontora_api.documents import ScheduleDocument
    from kontora_workflows.scheduling import problem_of

    with opened(home) as house:
        found = house.ledger.schedules.all()
        workers = house.ledger.workers.alive()
    broken = [one for one in found if problem_of(one)]
    rows = [(one.id, one.workflow, one.cron, one.timezone, _when(one, broken), one.origin) for one in found]
    example = 'kontora schedules add receivables-ageing --cron "0 2 * * 1-5" --timezone Europe/Moscow'
    empty = f"No schedules. `{example}` adds one."
    documents = [ScheduleDocument.of(one).model_dump(mode="json") for one in found]
    headings = ("schedule", "workflow", "cron", "time zone", "next, here", "from")
    show({"items": documents}, table(headings, rows, empty=empty), as_json=as_json)
    for one in broken:
        note(f"{one.id} cannot fire: kontora schedules show {one.id}")
    if found and not workers:
        note("No worker is running: nothing fires until `kontora worker` runs.")
    return OK


@app.command()
def remove(schedule_id: ScheduleId, home: Home = None, as_json: Json = False) -> int:
    """Forget a schedule; the runs that it started stay. One from a workflow file goes once no file holds it."""
    from kontora_api.documents import ScheduleDocument

    with opened(home) as house:
        found = house.remove_schedule(schedule_id)
    said = f"{found.id} is removed: {found.workflow} at {found.cron}."
    show(ScheduleDocument.of(found).model_dump(mode="json"), said, as_json=as_json)
    return OK


@app.command("next")
def next_(
    schedule_id: ScheduleId,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="How many.")] = 5,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Show the next logical times of a schedule."""
    from kontora_workflows.scheduling import coming

    with opened(home) as house:
        one = house.ledger.schedules.get(schedule_id)
        fires = coming(one, house.ledger.database.now(), count)
    lines = [f"{clock(fire)}  (here; the schedule is in {one.timezone})" for fire in fires]
    show({"next": [instant(fire) for fire in fires]}, lines or f"{one.id}: {_next(one)}.", as_json=as_json)
    return OK


@app.command("show")
def show_schedule(schedule_id: ScheduleId, home: Home = None, as_json: Json = False) -> int:
    """Show a schedule: its policy, the next five fires, and what became of the last ten."""
    from kontora_api.workflow_documents import WholeSchedule

    with opened(home) as house:
        whole = WholeSchedule.whole(house.ledger, schedule_id)
        fires = house.ledger.fires.last(schedule_id)
    document = whole.model_dump(mode="json")
    pairs_ = [
        ("schedule", whole.id),
        ("workflow", whole.workflow),
        ("when", f"{whole.cron} in {whole.timezone}"),
        ("paused by", whole.paused_by),
        ("cannot fire", whole.problem),
        *((name, value) for name, value in whole.policy.items()),
        *(("next", at) for at in document["next"]),
    ]
    rows = [(clock(one.logical_at), one.outcome, one.state, one.reason or one.run_id) for one in fires]
    last = table(("logical time, here", "fire", "run", "detail"), rows, empty="It has not fired yet.")
    show(document, f"{facts(pairs_)}\n\n{last}", as_json=as_json)
    return OK


@app.command()
def pause(schedule_id: ScheduleId, home: Home = None, as_json: Json = False) -> int:
    """Let a schedule rest; what it would have fired meanwhile is not made up for."""
    from kontora_api.documents import ScheduleDocument

    with opened(home) as house:
        found = house.ledger.schedules.pause(schedule_id, by=principal())
    show(ScheduleDocument.of(found).model_dump(mode="json"), f"{found.id} is paused.", as_json=as_json)
    return OK


@app.command()
def resume(schedule_id: ScheduleId, home: Home = None, as_json: Json = False) -> int:
    """Let a paused schedule fire again."""
    from kontora_api.documents import ScheduleDocument
    from kontora_workflows.scheduling import resume_schedule

    with opened(home) as house:
        found = resume_schedule(house.ledger, schedule_id)
    said = f"{found.id}: {_next(found)}."
    show(ScheduleDocument.of(found).model_dump(mode="json"), said, as_json=as_json)
    return OK


@app.command("run-now")
def run_now(schedule_id: ScheduleId, home: Home = None, as_json: Json = False) -> int:
    """Fire a schedule now, outside its cadence, as its policy on overlap says."""
    with opened(home) as house:
        started = house.sweeper.firing.run_now(house.ledger.schedules.get(schedule_id))
        (fire,) = house.ledger.fires.last(schedule_id, 1)
        how = going_on(house)
    said = f"{fire.outcome}: {fire.run_id or fire.reason}"
    show(
        {"started": started, "outcome": fire.outcome, "run": fire.run_id, "reason": fire.reason}, said, as_json=as_json
    )
    note(how)
    return OK


@app.command()
def backfill(
    schedule_id: ScheduleId,
    first: Annotated[datetime, typer.Option("--from", help="The first instant, in the time of this machine.")],
    last: Annotated[datetime, typer.Option("--to", help="The last instant.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Start a run for every logical time between two instants that has come and has none. Never a second one."""
    from kontora_workflows.scheduling import times_between

    with opened(home) as house:
        schedule = house.ledger.schedules.get(schedule_id)
        times = times_between(schedule, first.astimezone(), last.astimezone(), house.ledger.database.now())
        note(f"{len(times)} logical times")
        started = house.sweeper.firing.backfill(schedule, times)
    show({"fires": len(times), "started": started}, f"{started} runs are queued.", as_json=as_json)
    return OK


def _when(schedule: Schedule, broken: Collection[Schedule]) -> str:
    """When a schedule fires next, in a word."""
    if not schedule.enabled:
        return "paused"
    return "cannot fire" if schedule in broken else clock(schedule.next_at)


def _next(schedule: Schedule) -> str:
    """When a schedule fires next, in words."""
    if not schedule.enabled:
        return "it is paused: nothing fires until it is resumed"
    return (
        f"it fires next at {clock(schedule.next_at)}" if schedule.next_at else "it fires no more: its last day is over"
    )


def _policy(**asked: str | None) -> SchedulePolicy:
    """The policy that was asked for. Raises `typer.BadParameter`."""
    from kontora_workflows.definition import SchedulePolicy as Policy
    from pydantic import ValidationError

    try:
        return Policy.model_validate({name: value for name, value in asked.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = str(wrong["loc"][0]).replace("_", "-")
        raise typer.BadParameter(wrong["msg"], param_hint=f"--{name}") from None
