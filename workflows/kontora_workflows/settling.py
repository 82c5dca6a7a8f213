"""Settling a write of unknown outcome: what a person says that it gave is held against what its tool answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kontora_connectors import Tool
from kontora_connectors.registry import BrokenPlugin, UnknownKind
from pydantic import ValidationError

from kontora_workflows.engine.ports import BindingMissing, Doors
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import Run


class ResultUnfit(ValueError):
    """What a write is said to have given is nothing that its tool could have answered. `fields` says why, by name."""

    def __init__(self, message: str, hint: str, fields: Mapping[str, str]) -> None:
        self.message, self.hint, self.fields = message, hint, dict(fields)
        super().__init__(message)


def settle_write(ledger: Ledger, doors: Doors, run_id: str, key: str, *, done: bool, result: Any, by: str) -> Run:
    """Say how a write ended, as `Runs.settle` does; `result` has to fit the tool, where its connector is known here.

    Later steps refer to fields of it. Raises `UnknownRun`, `NotResumable`, `ResultUnfit`.
    """
    unknown = ledger.runs.to_settle(run_id, key)
    if done:
        result = _fitting(doors, unknown, result)
    return ledger.runs.settle(run_id, key, done=done, result=result, by=by)


def _fitting(doors: Doors, unknown: Entry, result: Any) -> Any:
    """The result as the call would have left it in the ledger. Raises `ResultUnfit`."""
    name, instance = unknown.data["tool"], unknown.data["instance"]
    tool = _tool(doors, name, instance)
    if tool is None:
        return result
    try:
        return tool.result.dump_python(tool.result.validate_json(json.dumps(result)), mode="json")
    except ValidationError as error:
        fields = {".".join(map(str, one["loc"])) or "result": one["msg"] for one in error.errors(include_url=False)}
    wanted = _wanted(tool.result.json_schema())
    said = "; ".join(f"{place}: {why}" for place, why in fields.items())
    message = f"{name} on {instance!r} answers with {wanted}, and the result is not that ({said})."
    hint = f"Look at the record there, then: kontora runs settle {unknown.run_id} {unknown.key} --done --result JSON"
    raise ResultUnfit(message, hint, fields)


def _tool(doors: Doors, name: str, instance: str) -> Tool | None:
    try:
        return doors.kind(instance).tools().get(name.partition(".")[2])
    except (BindingMissing, UnknownKind, BrokenPlugin):
        return None


def _wanted(schema: dict[str, Any]) -> str:
    """What a JSON Schema asks for, in words: an object by its fields."""
    whole = _followed(schema, schema)
    if "properties" not in whole:
        return _kind(whole, schema)
    needed = whole.get("required", ())
    fields = (
        f"{name} ({_kind(one, schema)}{'' if name in needed else ', may be left out'})"
        for name, one in whole["properties"].items()
    )
    return f"an object of {', '.join(fields)}"


def _kind(one: dict[str, Any], schema: dict[str, Any]) -> str:
    one = _followed(one, schema)
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_kind(other, schema) for other in one["anyOf"]))
    if "enum" in one:
        return " or ".join(map(str, one["enum"]))
    return str(one.get("format") or one.get("type") or "anything")


def _followed(one: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference within a schema stands for."""
    place = str(one.get("$ref", "")).rpartition("/")[2]
    found: dict[str, Any] = schema["$defs"][place] if place else one
    return found
