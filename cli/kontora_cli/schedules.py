"""`kontora schedules`: when workflows run by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from kontora_cli.failures import OK
from kontora_cli.opening import opened, principal
from kontora_cli.options import Home, Inputs, Json, pairs
from kontora_cli.output import clock, instant, note, show, table

app = typer.Typer(help="Let workflows run by themselves.", no_args_is_help=True)

ScheduleId = Annotated[str, typer.Argument(metavar="ID", help="Id of the schedule.")]


@app.command()
def add(
    workflow: Annotated[str, typer.Argument(help="Name of the workflow.")],
    cron: Annotated[str, typer.Option("--cron", help="Minute, hour, day of month, month, day of week: `0 2 * * 1-5`.")],
    timezone: Annotated[str, typer.Option("--timezone", help="IANA time zone, such as Europe/Moscow.")],
    inputs: Inputs = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Run a workflow by cron in a time zone. The worker fires it, once per logical time."""
    from kontora_api.documents import ScheduleDocument
    from kontora_workflows.scheduling import add_schedule

    with opened(home) as house:
        found, new = add_schedule(
            house.ledger,
            house.workflow(workflow),
            cron,
            timezone,
            pairs(inputs, "--input"),
            origin="cli",
            principal=principal(),
        )
    said = f"{found.id} {'is added' if new else 'was there already'}; it fires next at {clock(found.next_at)}."
    show(ScheduleDocument.of(found).model_dump(mode="json"), said, as_json=as_json)
    return OK


@app.command("list")
def list_schedules(home: Home = None, as_json: Json = False) -> int:
    """List schedules and when each fires next."""
    from kontora_api.documents import ScheduleDocument

    with opened(home) as house:
        found = house.ledger.schedules.all()
        workers = house.ledger.workers.alive()
    rows = [(one.id, one.workflow, one.cron, one.timezone, clock(one.next_at), one.origin) for one in found]
    example = 'kontora schedules add receivables-ageing --cron "0 2 * * 1-5" --timezone Europe/Moscow'
    empty = f"No schedules. `{example}` adds one."
    documents = [ScheduleDocument.of(one).model_dump(mode="json") for one in found]
    headings = ("schedule", "workflow", "cron", "time zone", "next, here", "from")
    show({"items": documents}, table(headings, rows, empty=empty), as_json=as_json)
    if found and not workers:
        note("No worker is running: nothing fires until `kontora worker` runs.")
    return OK


@app.command()
def remove(schedule_id: ScheduleId, home: Home = None, as_json: Json = False) -> int:
    """Forget a schedule; the runs that it started stay."""
    from kontora_api.documents import ScheduleDocument
    from kontora_workflows.scheduling import remove_schedule

    with opened(home) as house:
        found = remove_schedule(house.ledger, schedule_id)
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
    """Show the next fires of a schedule, and how its last runs ended."""
    from kontora_api.documents import RunSummary
    from kontora_workflows.cron import next_fires

    with opened(home) as house:
        one = house.ledger.schedules.get(schedule_id)
        fires = next_fires(one.cron, one.timezone, house.ledger.database.now(), count)
        last = house.ledger.schedules.last_runs(schedule_id)
    document = {
        "next": [instant(fire) for fire in fires],
        "last": [RunSummary.of(run).model_dump(mode="json") for run in last],
    }
    lines = [f"next  {clock(fire)}  (here; the schedule is in {one.timezone})" for fire in fires]
    lines += [f"last  {clock(run.logical_at)}  {run.state}  {run.id}" for run in last]
    show(document, lines, as_json=as_json)
    return OK
