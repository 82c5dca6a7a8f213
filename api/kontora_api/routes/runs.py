"""Runs: listing, showing, following, cancelling and resuming them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from kontora_workflows.engine.replay import replay
from kontora_workflows.ledger.follow import Follower
from kontora_workflows.ledger.run import State
from kontora_workflows.ledger.runs import Page as Found
from kontora_workflows.retrying import retry_run
from kontora_workflows.settling import settle_write
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from kontora_api.answers import problems
from kontora_api.documents import API, Document, RunDocument, RunSummary
from kontora_api.event_stream import event_stream
from kontora_api.parts import (
    NAME,
    Body,
    Cursor,
    JsonOnly,
    Limit,
    Page,
    Principal,
    RunId,
    TheHouse,
    TheLedger,
    next_link,
)
from kontora_api.problem import Refused
from kontora_api.whole_run import whole_run

router = APIRouter(prefix=API, tags=["Runs"])

States = Annotated[list[State], Query(default_factory=list, description="only runs in this state; may be repeated")]


@router.get("/runs", responses=problems("bad_cursor"))
def list_runs(
    ledger: TheLedger,
    request: Request,
    response: Response,
    cursor: Cursor,
    state: States,
    workflow: Annotated[str | None, Query(pattern=NAME, description="only runs of this workflow")] = None,
    parent: Annotated[str | None, Query(pattern=NAME, description="only runs of this run's loops")] = None,
    limit: Limit = 50,
) -> Page[RunSummary]:
    """List runs, newest first. Those of loops are listed only where `parent` names the run they belong to."""
    found = ledger.runs.page(states=state, workflow=workflow, parent=parent, limit=limit, cursor=cursor)
    return _page(found, request, response)


def _page(found: Found, request: Request, response: Response) -> Page[RunSummary]:
    if found.next_cursor:
        response.headers["Link"] = next_link(request, cursor=found.next_cursor)
    return Page(items=[RunSummary.of(run) for run in found.items], next_cursor=found.next_cursor)


@router.get("/runs/{run_id}", responses=problems("unknown_run"))
def show_run(run_id: RunId, ledger: TheLedger) -> RunDocument:
    """Show a run: its inputs, how far its steps are, figures, files, and what it waits for."""
    return whole_run(ledger, run_id)


@router.get("/runs/{run_id}/children", responses=problems("unknown_run", "bad_cursor"))
def list_children(
    run_id: RunId, ledger: TheLedger, request: Request, response: Response, cursor: Cursor, limit: Limit = 50
) -> Page[RunSummary]:
    """List the runs of a run's loops, one for each item, newest first."""
    parent = ledger.runs.get(run_id)
    return _page(ledger.runs.page(parent=parent.id, limit=limit, cursor=cursor), request, response)


@router.post("/runs/{run_id}/cancel", status_code=202, responses=problems("unknown_run", "run_ended"))
def cancel_run(run_id: RunId, ledger: TheLedger, principal: Principal) -> RunSummary:
    """Ask a run and those of its loops to stop.

    What nobody works on is cancelled at once; a worker stops at the next safe point. What was written stays written.
    """
    run = ledger.runs.request_cancel(run_id, by=principal)
    if run.ended and run.state != "cancelled":
        raise Refused("run_ended", f"Run {run.id} is {run.state}.")
    return RunSummary.of(run)


@router.post("/runs/{run_id}/resume", status_code=202, responses=problems("unknown_run", "not_resumable"))
def resume_run(run_id: RunId, house: TheHouse, ledger: TheLedger, principal: Principal) -> RunSummary:
    """Let a failed, timed-out or reviewed run go on. What is in its ledger is not repeated."""
    run = ledger.runs.resume(run_id, by=principal)
    house.sender.send([run.id])
    return RunSummary.of(run)


class Retry(Body):
    """Where a new run begins."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": "report"}]})

    step: str = Field(max_length=60, description="the first step that is done again")


@router.post(
    "/runs/{run_id}/retry",
    status_code=202,
    dependencies=[JsonOnly],
    responses=problems("unknown_run", "not_retryable"),
)
def retry_from_step(
    run_id: RunId, body: Retry, response: Response, house: TheHouse, ledger: TheLedger, principal: Principal
) -> RunSummary:
    """Start a new run that takes over what the steps before `step` gave. What the old run wrote stays written."""
    run = RunSummary.of(retry_run(ledger, run_id, body.step, by=principal))
    house.sender.send([run.id])
    response.headers["Location"] = run.links["self"]
    return run


class ReplayedRun(Document):
    """What a dry replay of one run came to."""

    run_id: str
    item: str | None
    state: str
    steps: int = Field(description="steps that were gone through again")
    same: bool
    at: str | None = Field(description="where it diverges first")
    why: str | None


@router.post("/runs/{run_id}/replay", responses=problems("unknown_run"))
def replay_run(run_id: RunId, house: TheHouse, ledger: TheLedger) -> list[ReplayedRun]:
    """Work through a run and those of its loops once more out of the ledger alone; nothing is called or written."""
    return [ReplayedRun.model_validate(one) for one in replay(ledger, house.doors, house.runner, run_id)]


class Settlement(Body):
    """What a person found in the other system."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"call": "note", "done": False}]})

    call: str = Field(max_length=400, description="`key` of the write whose outcome is unknown")
    done: bool = Field(description="whether the record is there; if not, the write is made again under the same key")
    result: Any = Field(
        None, description="if it is there: what the call would have answered; null only where the call may answer so"
    )


@router.post(
    "/runs/{run_id}/settle",
    status_code=202,
    dependencies=[JsonOnly],
    responses=problems("unknown_run", "not_resumable", "result_unfit"),
)
def settle_call(
    run_id: RunId, body: Settlement, house: TheHouse, ledger: TheLedger, principal: Principal
) -> RunSummary:
    """Say how a write of unknown outcome ended, after you looked it up in the other system. The run goes on.

    If it failed on what you said, say it again.
    """
    run = settle_write(ledger, house.doors, run_id, body.call, done=body.done, result=body.result, by=principal)
    house.sender.send([run.id])
    return RunSummary.of(run)


@router.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"description": "server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problems("unknown_run", "bad_cursor"),
    },
)
async def follow_run(
    run_id: RunId,
    ledger: TheLedger,
    request: Request,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="`id` of the last event received")
    ] = None,
    after: Annotated[str | None, Query(description="the same, for clients that cannot send the header")] = None,
) -> StreamingResponse:
    """Follow a run and those of its loops while it is worked on.

    Each event is an entry of the ledger: `event` is its kind, `id` where the stream resumes after it, `data` an object
    with `run`, `item`, `seq`, `at`, `kind`, `key` and `body`. Entries that were written before come first, so nothing
    is missed. When the run has ended, `event: end` comes with its `state`, and the stream closes: a browser's
    EventSource has to be closed then, or it connects again.
    """
    cursor = (last_event_id if last_event_id is not None else after) or ""
    try:
        follower = await run_in_threadpool(Follower, ledger, run_id, cursor)
    except ValueError as error:
        raise Refused("bad_cursor", str(error)[:200]) from None
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    stream = event_stream(follower, request.app.state.stopping)
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")
