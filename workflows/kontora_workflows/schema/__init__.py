"""The JSON Schema of the form, for editors; `python -m kontora_workflows.schema` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kontora_workflows.definition import STEP_KINDS, Workflow

#: The schema as it is shipped.
SCHEMA_FILE = Path(__file__).with_name("workflow.schema.json")


def workflow_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a workflow file."""
    schema = Workflow.model_json_schema(by_alias=True)
    role = schema["$defs"]["Role"]
    role["oneOf"] = [{"required": [name]} for name in role["properties"]]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kontora workflow",
        "description": f"A workflow of Kontora. Kinds of steps: {', '.join(STEP_KINDS)}.",
    }
    required = ["apiVersion", *schema["required"]]
    return {**head, **{key: value for key, value in schema.items() if key not in head}, "required": required}


def schema_text() -> str:
    """Return the schema the way it is written to the file."""
    return json.dumps(workflow_schema(), ensure_ascii=False, indent=1) + "\n"
