"""Approvals: what waits for a person, and the person's yes or no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from kontora_workflows.ledger.approvals import AlreadyDecided, Approval, ApprovalState, etag
from pydantic import ConfigDict, Field

from kontora_api import if_match as matching
from kontora_api.access import is_person
from kontora_api.answers import problems
from kontora_api.documents import API, ApprovalDocument
from kontora_api.parts import (
    NAME,
    ApprovalId,
    Body,
    Cursor,
    JsonOnly,
    Limit,
    Page,
    Principal,
    TheHouse,
    TheLedger,
    next_link,
)
from kontora_api.problem import Refused

router = APIRouter(prefix=API, tags=["Approvals"])

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="ETag of the approval as it was read", examples=['"1-9f86d081884c7d65"']),
]

_DECISIONS: dict[str, Literal["approved", "rejected"]] = {"approve": "approved", "reject": "rejected"}


class Decision(Body):
    """A person's answer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "approve", "comment": "as agreed by phone"}]}
    )

    decision: Literal["approve", "reject"]
    comment: str = Field("", max_length=2000, description="why; it is kept in the ledger")


class Edit(Body):
    """Other arguments for the call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"arguments": {"subject": "Payment reminder"}}]})

    arguments: dict[str, Any] = Field(min_length=1, description="arguments that change; others stay as they are")


@router.get("/approvals", responses=problems("unknown_run", "bad_cursor"))
def list_approvals(
    ledger: TheLedger,
    request: Request,
    response: Response,
    cursor: Cursor,
    state: Annotated[ApprovalState, Query(description="only those in this state")] = "pending",
    run: Annotated[str | None, Query(pattern=NAME, description="only those of this run and its loops")] = None,
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


@router.patch(
    "/approvals/{approval_id}",
    dependencies=[JsonOnly],
    responses=problems("unknown_approval", "invalid", "already_decided", "stale", "if_match_missing"),
)
def edit_approval(
    approval_id: ApprovalId,
    body: Edit,
    house: TheHouse,
    ledger: TheLedger,
    principal: Principal,
    response: Response,
    if_match: IfMatch = None,
) -> ApprovalDocument:
    """Change arguments of the call that waits. It is a new question then: nobody has agreed to it yet."""
    approval = _read(ledger, approval_id, if_match)
    with _decided_meanwhile(if_match):
        edited = house.edit_approval(approval_id, body.arguments, by=principal, version=approval.version)
    response.headers["ETag"] = etag(edited)
    return ApprovalDocument.of(edited)


@router.post(
    "/approvals/{approval_id}/decision",
    dependencies=[JsonOnly],
    responses=problems(
        "unknown_approval", "already_decided", "same_person", "person_needed", "stale", "if_match_missing"
    ),
)
def decide_approval(
    approval_id: ApprovalId,
    body: Decision,
    house: TheHouse,
    ledger: TheLedger,
    principal: Principal,
    response: Response,
    if_match: IfMatch = None,
) -> ApprovalDocument:
    """Say yes or no to the call, once.

    If-Match is required and has to name the ETag that was read; `*` does not do. Of two people who decide at the same
    time one is heard, and the other gets 412 with the approval as it is now. Where two people have to agree, the first
    yes leaves the approval pending, under a new ETag.
    """
    approval = _read(ledger, approval_id, if_match)
    if approval.people > 1 and not is_person(principal):
        raise Refused("person_needed", f"Approval {approval.id} needs {approval.people} people; {principal} is none.")
    decision = _DECISIONS[body.decision]
    with _decided_meanwhile(if_match):
        decided = ledger.approvals.decide(
            approval_id, decision, by=principal, comment=body.comment, version=approval.version
        )
    if decided.state != "pending":
        house.sender.send([decided.run_id])
    response.headers["ETag"] = etag(decided)
    return ApprovalDocument.of(decided)


def _read(ledger: TheLedger, approval_id: str, if_match: str | None) -> Approval:
    """The approval that If-Match names. Raises `Refused`."""
    ledger.approvals.expire()
    approval = ledger.approvals.get(approval_id)
    matching.check(if_match, approval)
    return approval


@contextmanager
def _decided_meanwhile(if_match: str | None) -> Iterator[None]:
    """Somebody was faster: then If-Match names the past, which is said first."""
    try:
        yield
    except AlreadyDecided as error:
        matching.check(if_match, error.approval)
        raise
