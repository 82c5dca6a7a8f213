"""Checking a call against the tool it names: the role, the tool, and what it is given."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kontora_connectors import Tool
from pydantic import JsonValue, ValidationError

from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.definitions.scope import Scope
from kontora_workflows.definitions.types import NoSuchPart, called, fits, items_of
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
    tool: Tool,
    name: str,
    given: Mapping[str, JsonValue],
    path: Path,
    scope: Scope,
    findings: Findings,
    elsewhere: Collection[str] = (),
) -> None:
    """Check what a call is given; `path` leads to the mapping of its arguments. Some are looked at `elsewhere`."""
    fields = {key: field for key, field in tool.arguments.model_fields.items() if key not in elsewhere}
    for argument in given:
        if argument not in fields:
            near = nearest(argument, fields)
            hint = f"Did you mean `{near}`?" if near else f"There is: {', '.join(fields) or 'none'}"
            findings.say((*path, argument), f"`{name}` takes no `{argument}`", hint, key=True)
    for argument, field in fields.items():
        if argument not in given:
            if field.is_required():
                findings.say(path, f"`{name}` needs `{argument}`", f"Add `{argument}:` under `{path[-1]}`", key=True)
            continue
        for at, wanted, value in _parts(argument, field.annotation, given[argument]):
            offered = reference_type(value, scope)
            if offered is not None and not fits(wanted, offered):
                message = f"`{argument}` of `{name}` has to be {called(wanted)}, not {called(offered)}"
                findings.say((*path, *at), message)
    _check_literals(tool, {key: value for key, value in given.items() if key in fields}, path, findings)


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


def _parts(argument: str, annotation: Any, value: JsonValue) -> Iterator[tuple[Path, Any, JsonValue]]:
    """Yield an argument and, of a list, its items: where each stands, what it has to be, what it is."""
    yield (argument,), annotation, value
    wanted = items_of(annotation)
    if isinstance(value, list) and wanted is not None:
        yield from (((argument, position), wanted, item) for position, item in enumerate(value))


def _check_literals(tool: Tool, given: Mapping[str, JsonValue], path: Path, findings: Findings) -> None:
    """Check what holds no references; a list that holds some is not judged as a whole."""
    literals = {key: value for key, value in given.items() if not _has_references(value)}
    mixed = {key: value for key, value in given.items() if isinstance(value, list) and key not in literals}
    try:
        tool.arguments.model_validate(literals | mixed)
    except ValidationError as error:
        for item in error.errors():
            loc = item["loc"]
            if loc and (loc[0] in literals or (len(loc) > 1 and not _has_references(item["input"]))):
                findings.say((*path, *loc), *describe(item, str(loc[0])))


def _has_references(value: JsonValue) -> bool:
    return any("${{" in text for _, text in texts(value))
