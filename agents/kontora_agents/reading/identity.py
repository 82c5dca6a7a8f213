"""When two calls are the same call, however their arguments are spelled."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from kontora_agents.reading.schema import Schema, resolve
from kontora_agents.reading.values import is_number
from kontora_agents.seams import ToolSpec


def identity(spec: ToolSpec, arguments: dict[str, Any]) -> str:
    """A text that is the same for the same call: 1250.5 is 1250.50, and what a tool assumes may be left out."""
    needed, further = parts(spec, arguments)
    return f"{needed} {json.dumps(further, ensure_ascii=False, sort_keys=True)}"


def parts(spec: ToolSpec, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A text that is the same for the same values of what a tool needs; and what else it is given."""
    properties, definitions = spec.parameters.get("properties", {}), spec.parameters.get("$defs", {})
    required = spec.parameters.get("required", ())
    needed, further = dict[str, Any](), dict[str, Any]()
    for name, value in arguments.items():
        schema = resolve(properties.get(name) or {}, definitions)
        if name in required:
            needed[name] = _plain(value, schema)
        elif value not in (None, "") and value != schema.get("default"):
            further[name] = _plain(value, schema)
    return f"{spec.name} {json.dumps(needed, ensure_ascii=False, sort_keys=True)}", further


def _plain(value: Any, schema: Schema) -> Any:
    if isinstance(value, bool) or not (
        isinstance(value, int | float) or (isinstance(value, str) and is_number(schema))
    ):
        return " ".join(value.split()) if isinstance(value, str) else value
    try:
        text = f"{Decimal(str(value)):f}"
    except InvalidOperation:
        return value
    return text.rstrip("0").rstrip(".") if "." in text else text
