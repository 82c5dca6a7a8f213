"""How Kontora itself is: up, ready, and its ledger whole."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from kontora_api.answers import problems
from kontora_api.documents import API, Document
from kontora_api.parts import NAME, TheHouse, TheLedger

router = APIRouter(tags=["State"])


class Alive(Document):
    """This process answers."""

    status: Literal["ok"]
    version: str


class Ready(Document):
    """Requests can be served. Without a broker or a worker runs are accepted, and wait."""

    status: Literal["ready"]
    ledger: str = Field(description="sqlite or postgresql")
    broker: Literal["answers", "does not answer"] = Field(description="runs that it does not carry are sent later")
    workers: int = Field(description="workers that were heard of lately")
    detail: str


class ChainBreak(Document):
    """Where the chain of a run does not hold."""

    run: str
    seq: int
    why: str


class Verification(Document):
    """What a check of the ledger found: the first break of each run that has one."""

    ok: bool
    runs: int = Field(description="runs that were checked")
    breaks: list[ChainBreak]


@router.get("/healthz")
def healthz() -> Alive:
    """Say that the process is up."""
    return Alive(status="ok", version=version("kontora"))


@router.get("/readyz", responses=problems("ledger_unavailable", "ledger_too_new", "ledger_too_old", "ledger_unfit"))
def readyz(house: TheHouse, ledger: TheLedger) -> Ready:
    """Say whether requests can be served: the ledger has to answer, and to be one that this Kontora knows."""
    ledger.refuse_newer()
    workers = len(ledger.workers.alive())
    answers = house.sender.answers()
    detail = "" if workers else "No worker is running: runs are accepted, and wait for one."
    return Ready(
        status="ready",
        ledger=ledger.database.dialect,
        broker="answers" if answers else "does not answer",
        workers=workers,
        detail=detail,
    )


@router.get(f"{API}/ledger/verify", responses=problems("unknown_run"))
def verify_ledger(
    ledger: TheLedger,
    run: Annotated[str | None, Query(pattern=NAME, description="only this run and those of its loops")] = None,
) -> Verification:
    """Recompute every hash, of all runs or of one and those of its loops: what was changed, moved or taken is found."""
    checked = dict(ledger.verify(run))
    breaks = [ChainBreak(run=one.run_id, seq=one.seq, why=one.why) for one in checked.values() if one is not None]
    return Verification(ok=not breaks, runs=len(checked), breaks=breaks)
