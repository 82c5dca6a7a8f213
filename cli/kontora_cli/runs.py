"""`kontora runs`: list, show, cancel and resume runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from kontora_cli.failures import OK, RUN_FAILED
from kontora_cli.invocation import command, said_home
from kontora_cli.opening import going_on, opened, principal
from kontora_cli.options import Home, Json, Limit, known
from kontora_cli.output import clock, facts, note, show, table

if TYPE_CHECKING:
    from kontora_api.documents import RunDocument
    from kontora_worker.house import House

app = typer.Typer(help="List, show, cancel and resume runs.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]


@app.command("list")
def list_runs(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only runs in this state; may be repeated.")
    ] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only runs of this workflow.")] = None,
    limit: Limit = 20,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """List runs, newest first."""
    from kontora_api.documents import RunSummary
    from kontora_workflows.ledger.run import State

    states = known(state or (), get_args(State))
    with opened(home) as house:
        runs = house.ledger.runs.page(states=states, workflow=workflow, limit=limit).items
        documents = [RunSummary.of(run).model_dump(mode="json") for run in runs]
    rows = [
        (run.id, run.workflow, _state(run.state, run.waiting_for), run.trigger, clock(run.created_at)) for run in runs
    ]
    empty = "No runs. `kontora run receivables-ageing` starts one."
    show(
        {"items": documents},
        table(("run", "workflow", "state", "trigger", "created"), rows, empty=empty),
        as_json=as_json,
    )
    return OK


@app.command("show")
def show_run(run_id: RunId, home: Home = None, as_json: Json = False) -> int:
    """Show one run: its steps, figures, files, and what it waits for."""
    from kontora_api.whole_run import whole_run

    with opened(home) as house:
        document = whole_run(house.ledger, run_id)
        house.export(run_id)
        show(document.model_dump(mode="json"), described(house, document), as_json=as_json)
    return OK


@app.command()
def cancel(run_id: RunId, home: Home = None, as_json: Json = False) -> int:
    """Ask a run and the runs of its loops to stop. What was written stays written."""
    from kontora_api.documents import RunSummary

    with opened(home) as house:
        run = house.ledger.runs.request_cancel(run_id, by=principal())
    document = RunSummary.of(run)
    already = run.ended and run.state != "cancelled"
    said = f"{run.id} had ended already: {run.state}." if already else f"{run.id}: {run.state}."
    show(document.model_dump(mode="json"), said, as_json=as_json)
    if not run.ended:
        note("A worker has it and stops at the next safe point.")
    return OK


@app.command()
def resume(run_id: RunId, home: Home = None, as_json: Json = False) -> int:
    """Let a failed, timed-out or reviewed run go on; what is in its ledger is not repeated."""
    from kontora_api.documents import RunSummary

    with opened(home) as house:
        run = house.ledger.runs.resume(run_id, by=principal())
        house.sender.send([run.id])
        show(RunSummary.of(run).model_dump(mode="json"), f"{run.id} is queued again.", as_json=as_json)
        note(going_on(house))
    return OK


@app.command()
def retry(
    run_id: RunId,
    step: Annotated[str, typer.Option("--from", metavar="STEP", help="The first step that is done again.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Start a new run that takes over what the steps before STEP gave. What was written stays written."""
    from kontora_api.documents import RunSummary
    from kontora_workflows.retrying import retry_run

    with opened(home) as house:
        run = retry_run(house.ledger, run_id, step, by=principal())
        house.sender.send([run.id])
        show(RunSummary.of(run).model_dump(mode="json"), f"{run.id} is queued, from step {step}.", as_json=as_json)
        note(going_on(house))
    return OK


@app.command()
def replay(run_id: RunId, home: Home = None, as_json: Json = False) -> int:
    """Work through a run once more out of its ledger alone, and report the first divergence. Nothing is called."""
    from kontora_workflows.engine.replay import replay as replayed

    with opened(home) as house:
        found = replayed(house.ledger, house.doors, house.runner, run_id)
    rows = [(one.run_id, one.item, one.state, one.steps, one.at or "", one.why or "the same") for one in found]
    same = all(one.same for one in found)
    document = {"same": same, "runs": [{**one.__dict__, "same": one.same} for one in found]}
    headings = ("run", "item", "state", "steps", "at", "result")
    show(document, table(headings, rows, empty=""), as_json=as_json)
    return OK if same else RUN_FAILED


@app.command()
def settle(
    run_id: RunId,
    key: Annotated[str, typer.Argument(metavar="CALL", help="Key of the call, as the run's error names it.")],
    done: Annotated[bool, typer.Option("--done/--not-done", help="Whether the record is in that system.")],
    result: Annotated[
        str, typer.Option("--result", metavar="JSON", help="With --done: what the call would have answered.")
    ] = "null",
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Say how a write of unknown outcome ended, after you looked it up. Not done: it is made again.

    If the run failed on what you said, say it again.
    """
    from kontora_api.documents import RunSummary
    from kontora_workflows.settling import settle_write

    try:
        answer = json.loads(result)
    except ValueError:
        raise typer.BadParameter(f"{result!r} is not JSON.", param_hint="--result") from None
    with opened(home) as house:
        run = settle_write(house.ledger, house.doors, run_id, key, done=done, result=answer, by=principal())
        house.sender.send([run.id])
        show(RunSummary.of(run).model_dump(mode="json"), f"{run.id} is queued again.", as_json=as_json)
        note(going_on(house))
    return OK


def described(house: House, run: RunDocument) -> str:
    """A run in words."""
    folder, typed = house.settings.home / "reports" / run.id, command(said_home())
    pairs = [
        ("run", run.id),
        ("workflow", run.workflow),
        ("state", _state(run.state, run.waiting_for)),
        ("because", run.error.message if run.error else None),
        ("next", run.error.hint if run.error else None),
        ("started by", f"{run.principal} ({run.trigger})"),
        ("agents", "rehearsal: scripted, not a language model" if run.rehearsal else None),
        ("tool calls", f"{run.tool_calls} in the ledger"),
        *((figure.label, figure.value) for figure in run.figures),
        *(("file", folder / artifact.name) for artifact in run.artifacts),
        ("items", ", ".join(f"{count} {state}" for state, count in run.children.items())),
        (
            "approvals",
            f"{run.approvals_waiting} waiting: {typed} approvals list --run {run.id}"
            if run.approvals_waiting
            else None,
        ),
    ]
    rows = [(step.id, step.kind, step.state) for step in run.steps]
    return f"{facts(pairs)}\n\n{table(('step', 'kind', 'state'), rows, empty='')}"


def _state(state: str, waiting_for: str | None) -> str:
    return f"{state} for {waiting_for}" if waiting_for else state
