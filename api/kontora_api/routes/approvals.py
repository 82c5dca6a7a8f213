"""Approvals: what waits for a person, and the person's yes or no."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from kontora_workflows.ledger.approvals import AlreadyDecided, ApprovalState, etag
from pydantic import ConfigDict, Field

from kontora_api import if_match as matching
from kontora_api.answers import problems
from kontora_api.documents import API, ApprovalDocument
from kontora_api.parts import (
    ApprovalId,
    Body,
    Cursor,
    Filter,
    JsonOnly,
    Limit,
    Page,
    Principal,
    TheHouse,
    TheLedger,
    next_link,
)

router = APIRouter(prefix=API, tags=["Approvals"])

_DECISIONS: dict[str, Literal["approved", "rejected"]] = {"approve": "approved", "reject": "rejected"}


class Decision(Body):
    """A person's answer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "approve", "comment": "as agreed by phone"}]}
    )

    decision: Literal["approve", "reject"]
    comment: str = Field("", max_length=2000, description="why; it is kept in the ledger")


@router.get("/approvals", responses=problems("unknown_run", "bad_cursor"))
def list_approvals(
    ledger: TheLedger,
    request: Request,
    response: Response,
    cursor: Cursor,
    state: Annotated[ApprovalState, Query(description="only those in this state")] = "pending",
    run: Filter = None,
    limit: Limit = 50,
) -> Page[ApprovalDocument]:
    """List approvals, oldest first; with `run`, those of the run that somebody started and of its loops."""
    ledger.approvals.expire()
    root = ledger.runs.get(run).root_id if run else None
    found, following = ledger.approvals.page(state=state, root_id=root, limit=limit, cursor=cursor)
    if following:
        response.headers["Link"] = next_link(request, cursor=following)
    return Page(items=[ApprovalDocument.of(one) for one in found], next_cursor=following)


@router.get("/approvals/{approval_id}", responses=problems("unknown_approval"))
def show_approval(approval_id: ApprovalId, ledger: TheLedger, response: Response) -> ApprovalDocument:
    """Show the exact call that a yes would let through. Its `ETag` is what a decision has to name."""
    ledger.approvals.expire()
    approval = ledger.approvals.get(approval_id)
    response.headers["ETag"] = etag(approval)
    return ApprovalDocument.of(approval)


@router.post(
    "/approvals/{approval_id}/decision",
    dependencies=[JsonOnly],
    responses=problems("unknown_approval", "already_decided", "stale", "if_match_missing"),
)
def decide_approval(
    approval_id: ApprovalId,
    body: Decision,
    house: TheHouse,
    ledger: TheLedger,
    principal: Principal,
    response: Response,
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="ETag of the approval as it was read", examples=['"1-9f86d081884c7d65"']),
    ] = None,
) -> ApprovalDocument:
    """Say yes or no to the call, once.

    If-Match is required and has to name the ETag that was read; `*` does not do. Of two people who decide at the same
    time one is heard, and the other gets 412 with the approval as it is now.
    """
    ledger.approvals.expire()
    approval = ledger.approvals.get(approval_id)
    matching.check(if_match, approval)
    decision = _DECISIONS[body.decision]
    try:
        decided = ledger.approvals.decide(
            approval_id, decision, by=principal, comment=body.comment, version=approval.version
        )
    except AlreadyDecided as error:
        matching.check(if_match, error.approval)
        raise
    house.sender.send([decided.run_id])
    response.headers["ETag"] = etag(decided)
    return ApprovalDocument.of(decided)
