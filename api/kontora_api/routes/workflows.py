"""Workflows: which there are, what they need, and whether a file would be one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from kontora_workflows.engine.ports import BindingMissing
from kontora_workflows.inputs import inputs_schema
from kontora_workflows.loader import Problem, WorkflowInvalid, load
from kontora_workflows.schema import workflow_schema

from kontora_api.answers import problems
from kontora_api.documents import API
from kontora_api.parts import TheHouse, WorkflowName
from kontora_api.problem import Refused
from kontora_api.workflow_documents import (
    BrokenFile,
    WorkflowCheck,
    WorkflowDocument,
    Workflows,
    WorkflowSummary,
    roles_of,
)

router = APIRouter(prefix=API, tags=["Workflows"])

_YAML = ("text/yaml", "text/x-yaml", "application/yaml", "application/x-yaml")


@router.get("/workflows")
def list_workflows(house: TheHouse) -> Workflows:
    """List the shipped workflows and your own, and files that should be one and are not."""
    found = [house.catalog.get(name) for name in house.catalog.names()]
    return Workflows(
        items=[WorkflowSummary.summary(one, house.problems(one)) for one in found],
        broken=[BrokenFile.of(one) for one in house.catalog.broken()],
    )


@router.get("/workflows/{name}", responses=problems("unknown_workflow", "workflow_invalid"))
def show_workflow(name: WorkflowName, house: TheHouse) -> WorkflowDocument:
    """Show a workflow: its definition, the schema of its inputs, and the connectors it would be bound to."""
    loaded = house.catalog.get(name)
    try:
        bound = house.doors.bind(roles_of(loaded.workflow), {})
        return WorkflowDocument.whole(loaded, house.problems(loaded), bound, None)
    except BindingMissing as error:
        return WorkflowDocument.whole(loaded, house.problems(loaded), None, f"{error.message} {error.hint}".strip())


@router.get("/workflows/{name}/inputs-schema", responses=problems("unknown_workflow", "workflow_invalid"))
def show_inputs_schema(name: WorkflowName, house: TheHouse) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a workflow's inputs, as a form needs it."""
    return inputs_schema(house.catalog.get(name).workflow)


@router.get("/workflow-schema")
def show_workflow_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of workflow files, as an editor needs it."""
    return workflow_schema()


async def _yaml(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _YAML:
        raise Refused(
            "wrong_media_type",
            f"The body is {kind or 'of no kind that is named'}; one of {', '.join(_YAML)} is needed.",
        )
    return await request.body()


@router.post(
    "/workflows/validate",
    responses=problems("wrong_media_type", "body_too_large"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/yaml": {"schema": {"type": "string"}, "example": "apiVersion: kontora/v1\nname: hello\n"}
            },
        }
    },
)
def validate_workflow(text: Annotated[bytes, Depends(_yaml)], house: TheHouse) -> WorkflowCheck:
    """Check a workflow file before it is put anywhere: form, roles, tools, references, schedules.

    Each problem has its line and column, what is wrong, and what would be right. Nothing is stored or called. A model
    that `[licences]` of kontora.toml refuses is a problem too.
    """
    try:
        return WorkflowCheck.of(house.problems(load(text.decode(), source="request")))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        return WorkflowCheck.of([Problem("request", line, None, "", "This byte is not UTF-8", "Send it as UTF-8")])
    except WorkflowInvalid as error:
        return WorkflowCheck.of(error.problems)
