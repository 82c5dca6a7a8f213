"""`POST /workflows/{name}/runs`: starting a run, once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from kontora_workflows.ledger.run import Run
from kontora_workflows.references import nearest
from kontora_workflows.starting import Start
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from kontora_api.answers import problems
from kontora_api.documents import API, RunSummary
from kontora_api.parts import Body, JsonOnly, Principal, TheHouse, TheLedger, WorkflowName
from kontora_api.preferences import LONGEST_S, at_rest, wait_seconds
from kontora_api.problem import FieldProblem, Refused

router = APIRouter(prefix=API, tags=["Runs"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x20-\x7e]{1,200}$",
        description="the same key with the same request starts one run, however often it is sent",
        examples=["7f0c1f9e-month-end"],
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description=f"`wait=N`: answer when the run rests, after N seconds at the latest ({LONGEST_S} at most)",
    ),
]


class RunRequest(Body):
    """What a run is started with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"inputs": {"as_of": "2026-11-23"}, "bindings": {"erp": "main-erp"}}]}
    )

    inputs: dict[str, Any] = Field(default_factory=dict, description="see the schema of the workflow's inputs")
    bindings: dict[str, str] = Field(default_factory=dict, description="role → connector; others are bound as usual")


@router.post(
    "/workflows/{name}/runs",
    status_code=202,
    dependencies=[JsonOnly],
    responses={
        202: {"description": "accepted: the run is in the ledger, and a worker takes it"},
        200: {"description": "the run came to rest within `Prefer: wait`", "model": RunSummary},
        **problems(
            "unknown_workflow",
            "inputs_invalid",
            "binding_missing",
            "workflow_invalid",
            "four_eyes_impossible",
            "model_not_allowed",
            "key_reused",
        ),
    },
)
async def start_run(
    name: WorkflowName,
    house: TheHouse,
    ledger: TheLedger,
    principal: Principal,
    request: Request,
    response: Response,
    key: Key = None,
    prefer: Prefer = None,
    body: RunRequest | None = None,
) -> RunSummary:
    """Start a run.

    It is stored before the answer is sent, and nothing loses it any more: not a broker that is down, not a worker that
    dies. Without a body, or without an input, the defaults of the workflow are taken. A repeat under the same
    Idempotency-Key answers with the first run and `Idempotent-Replayed: true`.
    """
    wanted = body or RunRequest()
    start = Start(principal, "rest", wanted.inputs, wanted.bindings, key)
    run, new = await run_in_threadpool(_start, house, name, start)
    here = f"{API}/runs/{run.id}"
    response.headers.update({"Location": here, "Content-Location": here, "Retry-After": "2"})
    if not new:
        response.headers["Idempotent-Replayed"] = "true"
    if (seconds := wait_seconds(prefer)) > 0:
        response.headers["Preference-Applied"] = f"wait={seconds}"
        if await at_rest(request, ledger, run.id, seconds):
            response.status_code = 200
            del response.headers["Retry-After"]
        run = await run_in_threadpool(ledger.runs.get, run.id)
    return RunSummary.of(run)


def _start(house: TheHouse, name: str, start: Start) -> tuple[Run, bool]:
    """Start a run. Raises `Refused` for a binding of a role that is not there, which else would mean nothing."""
    roles = house.workflow(name).roles
    errors = []
    for role in start.bindings:
        if role not in roles:
            near = nearest(role, roles)
            known = f"Did you mean {near!r}?" if near else f"There is: {', '.join(roles) or 'none'}."
            errors.append(FieldProblem(pointer=f"#/bindings/{role}", detail=f"is not a role of {name}. {known}"))
    if errors:
        raise Refused("request_invalid", " ".join(f"{one.pointer}: {one.detail}" for one in errors), errors=errors)
    return house.start(name, start)
