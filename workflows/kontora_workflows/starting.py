"""Starting a run: inputs are resolved and roles bound before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from kontora_workflows.definition import Workflow, definition_hash
from kontora_workflows.engine.ports import Doors, Sender
from kontora_workflows.inputs import resolve_inputs
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.run import NewRun, Run


@dataclass(frozen=True)
class Start:
    """What somebody asks for. `given` are inputs as typed; `bindings` override the configured ones by role."""

    principal: str
    trigger: Literal["rest", "cli", "schedule", "demo"]
    given: dict[str, Any] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    schedule_id: str | None = None
    logical_at: int | None = None
    delay_ms: int = 0


def start_run(
    ledger: Ledger, doors: Doors, workflow: Workflow, start: Start, *, today: date, sender: Sender | None = None
) -> tuple[Run, bool]:
    """Store a run and tell the workers, if there is a way to. Returns it, and whether it is new.

    Raises what `prepare_run` raises, `KeyReused`, `LedgerUnavailable`.
    """
    run, new = ledger.runs.create(prepare_run(doors, workflow, start, today=today), sent=sender is not None)
    if new and sender is not None and not sender.send([run.id]):
        ledger.runs.mark_unsent([run.id])
    return run, new


def prepare_run(doors: Doors, workflow: Workflow, start: Start, *, today: date) -> NewRun:
    """Resolve inputs and bind roles. Raises `InputsInvalid`, `BindingMissing`, `UnknownKind`."""
    inputs = resolve_inputs(workflow, start.given, today=today)
    roles = {name: {"interface": role.interface, "kind": role.kind} for name, role in workflow.roles.items()}
    return NewRun(
        workflow=workflow.name,
        definition_hash=definition_hash(workflow),
        definition=workflow.as_json,
        inputs=inputs,
        principal=start.principal,
        trigger=start.trigger,
        bindings=doors.bind(roles, start.bindings),
        schedule_id=start.schedule_id,
        logical_at=start.logical_at,
        delay_ms=start.delay_ms,
        idempotency_key=start.idempotency_key,
        request_hash=digest([workflow.name, start.given, start.bindings]),
        deadline_ms=int(workflow.deadline.total_seconds() * 1000) if workflow.deadline else None,
    )
