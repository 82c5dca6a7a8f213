"""`kontora workflows`: list, check and describe workflows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kontora_cli.failures import CONFIGURATION, OK
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import note, show, table
from kontora_cli.telling import in_language

app = typer.Typer(help="List, check and describe workflows.", no_args_is_help=True)


@app.command("list")
def list_workflows(home: Home = None, as_json: Json = False) -> int:
    """List the shipped workflows and your own."""
    with opened(home) as house:
        found = [house.catalog.get(name) for name in house.catalog.names()]
        broken = house.catalog.broken()
        folder = house.settings.workflows
    rows = [(one.workflow.name, in_language(one.workflow.title), ", ".join(one.workflow.roles)) for one in found]
    document = {
        "items": [{"name": one.workflow.name, "title": one.workflow.title, "source": one.source} for one in found],
        "broken": [{"path": str(one.path), "problems": [str(problem) for problem in one.problems]} for one in broken],
    }
    show(document, table(("workflow", "title", "roles"), rows, empty="No workflows."), as_json=as_json)
    note(f"Your own workflows belong into {folder}.")
    for one in broken:
        note(f"{one.path} cannot be used: kontora workflows validate {one.path}")
    return OK


@app.command()
def validate(
    what: Annotated[list[str], typer.Argument(metavar="NAME|FILE...", help="Names or files.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Check workflows before anything runs: form, roles, tools, references, schedules."""
    problems: list[Any] = []
    with opened(home) as house:
        for one in what:
            problems += _problems(house, one)
    documents = [problem.__dict__ for problem in problems]
    said = [str(problem) for problem in problems] or [f"{', '.join(what)}: nothing is wrong."]
    show({"valid": not problems, "problems": documents}, said, as_json=as_json)
    return CONFIGURATION if problems else OK


def _problems(house: Any, what: str) -> list[Any]:
    """What is wrong with a workflow, by name or file."""
    from kontora_workflows.loader import WorkflowInvalid, load_file

    try:
        is_file = Path(what).suffix in (".yaml", ".yml") or Path(what).is_file()
        return list(house.problems(load_file(Path(what)) if is_file else house.catalog.get(what)))
    except WorkflowInvalid as error:
        return list(error.problems)


@app.command()
def schema(
    inputs: Annotated[
        str | None, typer.Option("--inputs", metavar="NAME", help="The schema of this workflow's inputs instead.")
    ] = None,
    home: Home = None,
) -> int:
    """Print the JSON Schema of workflow files, or of one workflow's inputs."""
    from kontora_workflows.inputs import inputs_schema
    from kontora_workflows.schema import workflow_schema

    if inputs is None:
        found = workflow_schema()
    else:
        with opened(home) as house:
            found = inputs_schema(house.workflow(inputs))
    print(json.dumps(found, ensure_ascii=False, indent=2))
    return OK
