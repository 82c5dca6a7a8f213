"""What Kontora says about its things, to programs: the same shapes over REST and from `kontora … --json`.

Instants are RFC 3339 in UTC. Money stays the text that the ledger holds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from kontora_workflows.engine.escalation import ESCALATION, destination
from kontora_workflows.ledger.approvals import Approval
from kontora_workflows.ledger.artifacts import Artifact
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.schedules import Schedule
from kontora_workflows.progress import Progress
from kontora_workflows.tool_calls import ToolCall
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

API = "/api/v1"


def _read_instant(value: Any) -> Any:
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else value


def _write_instant(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


#: Built from milliseconds since 1970 UTC, written as RFC 3339.
Instant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    PlainSerializer(_write_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Document(BaseModel):
    """Base of everything that is said."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Failure(Document):
    """Why a run stopped, and what to do next."""

    code: str
    message: str
    hint: str = ""


class Figure(Document):
    """A headline figure of a report, as it is written there."""

    label: str
    value: str


class Model(Document):
    """A model that an agent of a run was given. `rehearsal`: scripted, not a language model."""

    name: str
    server: str
    rehearsal: bool


class Step(Document):
    """How far one step of a run is."""

    id: str
    kind: str
    title: str | dict[str, str] | None
    state: str
    started_at: Instant | None
    finished_at: Instant | None
    said: dict[str, Any] = Field(description="what an agent answered; empty for other steps")


class RunSummary(Document):
    """A run in a list."""

    id: str
    workflow: str
    version: str = Field(description="SHA-256 of the definition it was started with")
    state: str
    waiting_for: str | None = Field(description="approval, timer or children, while the state is `waiting`")
    trigger: str
    principal: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    deadline_at: Instant | None
    cancel_requested_at: Instant | None
    schedule: str | None
    logical_at: Instant | None
    parent: str | None
    item: str | None = Field(description="which item of the parent's loop this run is about")
    attempts: int
    error: Failure | None
    links: dict[str, str]

    @classmethod
    def of(cls, run: Run) -> RunSummary:
        """Describe a run."""
        return cls(**_run(run))


class RunDocument(RunSummary):
    """One run, whole."""

    inputs: dict[str, Any]
    bindings: dict[str, str]
    steps: list[Step]
    figures: list[Figure]
    outputs: dict[str, Any] = Field(description="what the workflow names as its outputs, once the run succeeded")
    artifacts: list[ArtifactDocument]
    models: list[Model]
    rehearsal: bool = Field(description="some agent was scripted, not a language model")
    tool_calls: int = Field(description="tool calls in the ledger, children included")
    entries: int
    children: dict[str, int] = Field(description="how many runs of its loops are in which state")
    approvals_waiting: int
    settled: bool = Field(description="nothing happens any more, or not until a person acts")

    @classmethod
    def whole(
        cls,
        run: Run,
        progress: Progress,
        *,
        artifacts: list[Artifact],
        children: dict[str, int],
        tool_calls: int,
        approvals_waiting: int,
        settled: bool,
    ) -> RunDocument:
        """Describe a run and what belongs to it."""
        return cls(
            **_run(run),
            inputs=run.inputs if run.parent_id is None else {},
            bindings=run.bindings,
            steps=[Step.model_validate(step) for step in progress.steps],
            figures=[Figure(**figure) for figure in progress.figures],
            outputs=progress.outputs,
            artifacts=[ArtifactDocument.of(artifact) for artifact in artifacts],
            models=[Model(**model) for model in progress.models],
            rehearsal=progress.rehearsal,
            tool_calls=tool_calls,
            entries=run.head_seq,
            children=children,
            approvals_waiting=approvals_waiting,
            settled=settled,
        )


def _run(run: Run) -> dict[str, Any]:
    here = f"{API}/runs/{run.id}"
    parts = ("entries", "calls", "artifacts", "events", "cancel")
    taken = ("id", "workflow", "state", "waiting_for", "trigger", "principal", "attempts", "error")
    instants = ("created_at", "started_at", "finished_at", "deadline_at", "cancel_requested_at", "logical_at")
    return {name: getattr(run, name) for name in (*taken, *instants)} | {
        "version": f"sha256:{run.definition_hash}",
        "schedule": run.schedule_id,
        "parent": run.parent_id,
        "item": run.item_key,
        "links": {"self": here} | {part: f"{here}/{part}" for part in parts},
    }


class EntryDocument(Document):
    """One line of the ledger. `hash` covers `prev_hash` and everything but the payload's text."""

    run: str
    seq: int
    at: Instant
    kind: str
    key: str | None
    fence: int
    body: dict[str, Any]
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> EntryDocument:
        """Describe an entry."""
        taken = ("seq", "at", "kind", "key", "fence", "prev_hash", "hash")
        return cls(run=entry.run_id, body=entry.data, **{name: getattr(entry, name) for name in taken})


class ToolCallDocument(Document):
    """One tool call: what was meant, and how it ended. `outcome` is null while it is under way."""

    run: str
    item: str | None
    seq: int
    key: str
    step: str
    agent: str | None
    tool: str
    instance: str | None
    effect: str | None
    outcome: str | None
    intended_at: Instant
    ended_at: Instant | None
    ms: int | None
    error: dict[str, Any] | None
    arguments: dict[str, Any] | None = Field(description="null once erased")

    @classmethod
    def of(cls, call: ToolCall) -> Self:
        """Describe a call."""
        return cls.model_validate({**call.__dict__, "run": call.run_id})


class ToolCallResult(ToolCallDocument):
    """One tool call with its result."""

    result: Any


class ArtifactDocument(Document):
    """A file that a run wrote. `size` is in bytes."""

    id: str
    run: str
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: Instant
    links: dict[str, str]

    @classmethod
    def of(cls, artifact: Artifact) -> ArtifactDocument:
        """Describe an artifact."""
        links = {"content": f"{API}/artifacts/{artifact.id}/content"}
        return cls.model_validate({**artifact.__dict__, "run": artifact.run_id, "links": links})


class Destination(Document):
    """Where the text of a question would go, if a person agrees."""

    said: str = Field(description="in words: `The text would leave the house to …`")
    model: str
    server: str
    zone: str = Field(description="local, private or external")

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Self:
        """Describe the receiver of an escalation."""
        return cls.model_validate({**arguments, "said": destination(arguments)})


class ApprovalDocument(Document):
    """A question to a person: may exactly this call be made? `untrusted`: a stranger's text may be in it.

    Where `tool` is `model.escalate`, no call is meant but a question to a stronger model: `arguments.instructions` and
    `arguments.text` are exactly what would be sent, and nothing else is.
    """

    id: str
    run: str
    root: str = Field(description="the run that somebody started; `run` may be an item of its loop")
    state: str
    title: str
    tool: str
    instance: str
    arguments: dict[str, Any] | None
    arguments_hash: str
    destination: Destination | None = Field(description="where the text would go; null for calls of tools")
    instructions: str = Field(description="what to look at before deciding")
    untrusted: bool
    people: int = Field(description="how many different people have to agree")
    agreed_by: str | None = Field(description="who did, while another one is missing")
    requested_at: Instant
    expires_at: Instant
    decided_at: Instant | None
    decided_by: str | None
    comment: str | None
    version: int

    @classmethod
    def of(cls, approval: Approval) -> ApprovalDocument:
        """Describe an approval."""
        leads = approval.tool == ESCALATION and approval.arguments is not None
        receiver = Destination.of(approval.arguments or {}) if leads else None
        ids = {"run": approval.run_id, "root": approval.root_id}
        return cls.model_validate({**approval.__dict__, **ids, "destination": receiver})


class ScheduleDocument(Document):
    """When a workflow runs by itself. `origin`: file, cli or rest."""

    id: str
    workflow: str
    cron: str
    timezone: str
    inputs: dict[str, Any]
    enabled: bool
    paused_by: str | None
    paused_at: Instant | None
    origin: str
    policy: dict[str, Any] = Field(description="overlap, catch_up, window, jitter, start, end, expect_within")
    next_at: Instant | None
    principal: str
    created_at: Instant

    @classmethod
    def of(cls, schedule: Schedule) -> ScheduleDocument:
        """Describe a schedule."""
        return cls.model_validate(schedule)


RunDocument.model_rebuild()
