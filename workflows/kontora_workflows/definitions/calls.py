"""Checking a call against the tool it names: the role, the tool, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kontora_connectors import Tool
from pydantic import JsonValue, ValidationError

from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.definitions.scope import Scope
from kontora_workflows.definitions.types import NoSuchPart, called, fits
from kontora_workflows.definitions.wording import describe
from kontora_workflows.references import ReferenceSyntax, nearest, parse, texts

#: The tools of each role; None if the role exists but its tools are not known.
Tools = Mapping[str, Mapping[str, Tool] | None]


def find_tool(name: str, path: Path, tools: Tools, findings: Findings) -> Tool | None:
    """Return the tool behind `role.tool`, or say at `path` why there is none."""
    role, _, tool = name.partition(".")
    if role not in tools:
        near = nearest(role, tools)
        known = ", ".join(tools) or "none"
        hint = f"Did you mean `{near}.{tool}`?" if near else f"Roles of this workflow: {known}"
        findings.say(path, f"There is no role `{role}`", hint)
        return None
    offered = tools[role]
    if offered is None:
        return None
    if tool not in offered:
        near = nearest(tool, offered)
        hint = f"Did you mean `{role}.{near}`?" if near else f"There is: {', '.join(offered)}"
        findings.say(path, f"`{role}` has no tool `{tool}`", hint)
        return None
    return offered[tool]


def check_arguments(
    tool: Tool, name: str, given: Mapping[str, JsonValue], path: Path, scope: Scope, findings: Findings
) -> None:
    """Check what a call is given; `path` leads to the mapping that holds `call` and `with`."""
    fields = tool.arguments.model_fields
    for argument in given:
        if argument not in fields:
            near = nearest(argument, fields)
            hint = f"Did you mean `{near}`?" if near else f"There is: {', '.join(fields) or 'none'}"
            findings.say((*path, "with", argument), f"`{name}` takes no `{argument}`", hint, key=True)
    for argument, field in fields.items():
        if argument not in given:
            if field.is_required():
                findings.say(
                    (*path, "with"), f"`{name}` needs `{argument}`", f"Add `{argument}:` under `with`", key=True
                )
            continue
        offered = reference_type(given[argument], scope)
        if offered is not None and not fits(field.annotation, offered):
            message = f"`{argument}` of `{name}` has to be {called(field.annotation)}, not {called(offered)}"
            findings.say((*path, "with", argument), message)
    literals = {key: value for key, value in given.items() if key in fields and not _has_references(value)}
    _check_literals(tool, literals, (*path, "with"), findings)


def reference_type(value: JsonValue, scope: Scope) -> Any:
    """Return the type of a value that holds references; None if it holds none, or if they lead nowhere."""
    if not isinstance(value, str):
        return None
    try:
        template = parse(value)
        if template.reference is not None:
            return scope.type_of(template.reference)
    except (ReferenceSyntax, NoSuchPart):
        return None
    return str if template.references else None


def _check_literals(tool: Tool, literals: Mapping[str, JsonValue], path: Path, findings: Findings) -> None:
    try:
        tool.arguments.model_validate(literals)
    except ValidationError as error:
        for item in error.errors():
            if item["loc"] and item["loc"][0] in literals:
                findings.say((*path, *item["loc"]), *describe(item, str(item["loc"][0])))


def _has_references(value: JsonValue) -> bool:
    return any("${{" in text for _, text in texts(value))
