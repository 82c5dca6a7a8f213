"""Reading a workflow from YAML: what is wrong is said with file, line and column."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from kontora_workflows.definition import Workflow
from kontora_workflows.definitions.core_yaml import MAX_CHARACTERS, read_yaml
from kontora_workflows.definitions.problems import Positions, Problem, WorkflowInvalid
from kontora_workflows.definitions.wording import problems_of

__all__ = ["Loaded", "Problem", "WorkflowInvalid", "load", "load_file", "load_workflow"]


@dataclass(frozen=True)
class Loaded:
    """A workflow and where each part of it was written."""

    workflow: Workflow
    source: str
    positions: Positions = field(repr=False, compare=False)


def load(text: str, *, source: str) -> Loaded:
    """Read a workflow and remember places. `source` names the text in messages. Raises `WorkflowInvalid`.

    This looks at the form alone; `validation.validate` looks at roles, tools and references.
    """
    data, positions = read_yaml(text, source)
    if not isinstance(data, dict):
        said = "The file is empty" if data is None else "A workflow is a mapping of keys to values"
        hint = "Begin with `apiVersion: kontora/v1`, `name:`, `title:` and `steps:`"
        raise WorkflowInvalid([Problem(source, 1, 1, "", said, hint)])
    try:
        workflow = Workflow.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        raise WorkflowInvalid(problems_of(error, data, source, positions)) from None
    return Loaded(workflow, source, positions)


def load_workflow(text: str, *, source: str) -> Workflow:
    """Read a workflow. `source` names the text in messages. Raises `WorkflowInvalid`."""
    return load(text, source=source).workflow


def load_file(path: Path) -> Loaded:
    """Read a workflow from a file. Raises `WorkflowInvalid`, also if the file cannot be read."""
    source = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CHARACTERS * 4 + 1)
    except OSError as error:
        raise WorkflowInvalid([Problem(source, None, None, "", f"The file cannot be read: {error.strerror}")]) from None
    try:
        return load(raw.decode("utf-8"), source=source)
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        hint = "Save the file as UTF-8"
        raise WorkflowInvalid([Problem(source, line, column, "", "This byte is not UTF-8", hint)]) from None
