"""A run: the head of its entries."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row

State = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out", "needs_review"]

#: States that a run leaves only when a person says so.
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "timed_out"})

#: States in which a run goes on by itself, sooner or later.
OPEN: frozenset[str] = frozenset({"queued", "running", "waiting"})

#: States in which nothing happens until a person acts.
AT_REST: frozenset[str] = ENDED | {"needs_review"}


#: What a run's entries mean to a replay. A change that would make an open run diverge raises it.
REPLAY_VERSION = 3


@dataclass(frozen=True)
class Failure:
    """Why a run stopped: a stable code, what happened, and what to do next."""

    code: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """The three as plain JSON."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


@dataclass(frozen=True)
class Run:
    """One row of `runs`. Instants are in milliseconds since 1970 UTC."""

    id: str
    workflow: str
    definition_hash: str
    replay_version: int
    state: State
    waiting_for: str | None
    resource: str | None
    fence: int
    owner: str | None
    lease_until: int | None
    attempts: int
    wakes: int
    due_at: int
    sent_at: int | None
    deadline_at: int | None
    cancel_requested_at: int | None
    created_at: int
    started_at: int | None
    finished_at: int | None
    principal: str
    trigger: str
    schedule_id: str | None
    logical_at: int | None
    idempotency_key: str | None
    request_hash: str | None
    retry_of: str | None
    root_id: str
    parent_id: str | None
    parent_step: str | None
    item_key: str | None
    item_position: int | None
    inputs: dict[str, Any]
    bindings: dict[str, str]
    error: dict[str, Any] | None
    restored_at: int | None
    head_seq: int
    head_hash: str
    queue: str
    #: The inputs were erased: they read as none, and the run cannot go on.
    erased: bool = False

    @classmethod
    def of(cls, row: Row[Any]) -> Run:
        """Build a run from a row of the table."""
        return cls.read(dict(row._mapping))

    @classmethod
    def read(cls, values: dict[str, Any]) -> Run:
        """Build a run from the columns of the table."""
        erased = values["inputs"] is None
        for name in ("inputs", "bindings", "error"):
            values[name] = json.loads(values[name]) if values[name] else None
        return cls(**{**values, "inputs": values["inputs"] or {}}, erased=erased)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself, for good."""
        return self.state in ENDED


@dataclass(frozen=True)
class NewRun:
    """What is known of a run before it exists. `inputs` are already resolved; `definition` is canonical JSON."""

    workflow: str
    definition_hash: str
    definition: str
    inputs: dict[str, Any]
    principal: str
    trigger: Literal["rest", "cli", "schedule", "parent", "demo", "retry"]
    bindings: dict[str, str] = field(default_factory=dict)
    schedule_id: str | None = None
    logical_at: int | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    deadline_ms: int | None = None
    delay_ms: int = 0
    retry_of: str | None = None
    parent_id: str | None = None
    parent_step: str | None = None
    item_key: str | None = None
    item_position: int | None = None
    queue: str = "kontora"


@dataclass(frozen=True)
class Claim:
    """The right to work on a run until `lease_until`, as long as nobody claims it with a higher fence."""

    run: Run
    fence: int
    claimed_at: int
