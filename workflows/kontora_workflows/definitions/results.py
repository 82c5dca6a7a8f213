"""What later steps can refer to once a step is done."""

from __future__ import annotations

from datetime import date
from typing import Any, Generic, TypeVar

from kontora_agents.runner import AgentOutcome
from kontora_agents.team import TeamOutcome
from kontora_connectors import Receipt
from pydantic import BaseModel

T = TypeVar("T")


class RunFacts(BaseModel):
    """What `${{ run }}` holds."""

    id: str
    workflow: str
    started_on: date


class Skipped(BaseModel):
    """What a step leaves whose `when` was falsy."""

    skipped: bool


class AgentResult(AgentOutcome):
    """What an agent step leaves."""

    agent: str
    server: str


class EscalatedResult(AgentResult):
    """What an agent step leaves whose agent may have a stronger model asked: whether it was, else why not."""

    escalated: str
    message: str


class TeamResult(TeamOutcome):
    """What a team step leaves."""

    server: str


class ApprovalResult(BaseModel, Generic[T]):
    """What an approval step leaves: the decision, and what the call gave after a yes."""

    decision: str
    result: T | None
    message: str


class LoopItem(BaseModel):
    """What came of one item of a loop."""

    key: str
    run: str
    state: str


class LoopResult(BaseModel):
    """What a `for_each` step leaves."""

    items: list[LoopItem]
    succeeded: int


class ReportFacts(BaseModel):
    """One file of a report."""

    id: str
    name: str
    media_type: str


class ReportResult(BaseModel):
    """What a report step leaves."""

    artifacts: list[ReportFacts]
    figures: Any


class DeliveryResult(BaseModel):
    """What a deliver step leaves: whether somebody was asked (`approved`, `not_needed`, else no), and the receipt."""

    decision: str
    receipt: Receipt | None
    message: str
