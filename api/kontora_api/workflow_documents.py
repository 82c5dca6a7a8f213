"""What Kontora says about workflows and schedules to programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from kontora_workflows.catalog import SHIPPED, Broken
from kontora_workflows.definition import Workflow, definition_hash
from kontora_workflows.inputs import inputs_schema
from kontora_workflows.ledger import Ledger
from kontora_workflows.loader import Loaded, Problem
from kontora_workflows.scheduling import coming, problem_of
from pydantic import Field

from kontora_api.documents import API, Document, Instant, RunSummary, ScheduleDocument


class WorkflowProblem(Document):
    """One thing that is wrong with a workflow, and where it stands in its file."""

    line: int | None
    column: int | None
    path: str
    message: str
    hint: str


class WorkflowCheck(Document):
    """Whether a workflow can be used."""

    valid: bool
    problems: list[WorkflowProblem]

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> WorkflowCheck:
        """Describe what a check found."""
        found = [WorkflowProblem.model_validate(one) for one in problems]
        return cls(valid=not found, problems=found)


class RoleDocument(Document):
    """What has to sit in a role: an interface, which several kinds of connectors provide, or one kind."""

    interface: str | None
    kind: str | None


class WorkflowSummary(WorkflowCheck):
    """A workflow in a list."""

    name: str
    title: str | dict[str, str]
    description: str | dict[str, str]
    version: str = Field(description="SHA-256 of the definition")
    origin: Literal["shipped", "own"]
    roles: dict[str, RoleDocument]
    links: dict[str, str]

    @classmethod
    def summary(cls, loaded: Loaded, problems: Iterable[Problem]) -> WorkflowSummary:
        """Describe a workflow and what is wrong with it here."""
        return cls(**_workflow(loaded, problems))


class WorkflowDocument(WorkflowSummary):
    """One workflow, whole."""

    definition: dict[str, Any]
    inputs_schema: dict[str, Any] = Field(description="JSON Schema (2020-12) of the inputs")
    bindings: dict[str, str] | None = Field(description="role → connector, as a run would be bound now")
    binding_problem: str | None = Field(description="why it could not be bound")

    @classmethod
    def whole(
        cls,
        loaded: Loaded,
        problems: Iterable[Problem],
        bindings: dict[str, str] | None,
        binding_problem: str | None,
    ) -> WorkflowDocument:
        """Describe a workflow, what is wrong with it here, and what it would be bound to."""
        return cls(
            **_workflow(loaded, problems),
            definition=loaded.workflow.model_dump(mode="json"),
            inputs_schema=inputs_schema(loaded.workflow),
            bindings=bindings,
            binding_problem=binding_problem,
        )


def _workflow(loaded: Loaded, problems: Iterable[Problem]) -> dict[str, Any]:
    workflow, here = loaded.workflow, f"{API}/workflows/{loaded.workflow.name}"
    return {
        **WorkflowCheck.of(problems).__dict__,
        "name": workflow.name,
        "title": workflow.title,
        "description": workflow.description,
        "version": f"sha256:{definition_hash(workflow)}",
        "origin": "shipped" if loaded.source.startswith(str(SHIPPED)) else "own",
        "roles": {name: RoleDocument.model_validate(role) for name, role in workflow.roles.items()},
        "links": {"self": here, "inputs_schema": f"{here}/inputs-schema", "runs": f"{here}/runs"},
    }


def roles_of(workflow: Workflow) -> dict[str, dict[str, str | None]]:
    """The roles in the form that doors bind."""
    return {name: {"interface": role.interface, "kind": role.kind} for name, role in workflow.roles.items()}


class BrokenFile(Document):
    """A file that should be a workflow and is not."""

    path: str
    problems: list[WorkflowProblem]

    @classmethod
    def of(cls, broken: Broken) -> BrokenFile:
        """Describe a file."""
        return cls(path=str(broken.path), problems=WorkflowCheck.of(broken.problems).problems)


class Workflows(Document):
    """Every workflow, and every file that should be one."""

    items: list[WorkflowSummary]
    broken: list[BrokenFile]


class FireDocument(Document):
    """What became of one logical time: run, queued, skipped, missed or failed."""

    logical_at: Instant
    outcome: str
    reason: str | None
    run_id: str | None
    state: str | None = Field(description="state of its run")


class WholeSchedule(ScheduleDocument):
    """One schedule, when it fires next, and what became of its last fires."""

    problem: str | None = Field(description="why it cannot fire as it is stored")
    next: list[Instant] = Field(description="the next five logical times")
    last_fires: list[FireDocument] = Field(description="the ten newest")
    last_runs: list[RunSummary] = Field(description="the ten newest")

    @classmethod
    def whole(cls, ledger: Ledger, schedule_id: str) -> WholeSchedule:
        """Describe a schedule and its fires. Raises `UnknownSchedule`."""
        found = ledger.schedules.get(schedule_id)
        problem = problem_of(found)
        return cls.model_validate(
            {
                **found.__dict__,
                "problem": problem,
                "next": [] if problem else coming(found, ledger.database.now(), 5),
                "last_fires": ledger.fires.last(schedule_id),
                "last_runs": [RunSummary.of(run) for run in ledger.schedules.last_runs(schedule_id)],
            }
        )
