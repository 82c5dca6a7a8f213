"""What pydantic found wrong with the form, in words that say what to do."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, get_args

from kontora_connectors.interfaces import ADDRESS, LINE
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kontora_workflows.definition import STEP_KINDS, Workflow
from kontora_workflows.definitions.problems import Path, Positions, Problem, path_text
from kontora_workflows.definitions.types import bare, is_model, members
from kontora_workflows.references import nearest
from kontora_workflows.reports.definition import Section

#: What each of pydantic's complaints means here: the message, and what to do.
_WORDS = {
    "string_type": ("`{at}` has to be a text", "Put it in quotes if it looks like something else"),
    "int_type": ("`{at}` has to be a whole number", ""),
    "int_parsing": ("`{at}` has to be a whole number, not `{value}`", ""),
    "int_from_float": ("`{at}` has to be a whole number, not `{value}`", ""),
    "float_type": ("`{at}` has to be a number", ""),
    "float_parsing": ("`{at}` has to be a number, not `{value}`", ""),
    "decimal_type": ("`{at}` has to be a decimal", ""),
    "decimal_parsing": ("`{at}` has to be a decimal, not `{value}`", ""),
    "date_type": ("`{at}` has to be a date", "Write it as 2026-11-30"),
    "date_parsing": ("`{at}` has to be a date, not `{value}`", "Write it as 2026-11-30"),
    "date_from_datetime_parsing": ("`{at}` has to be a date, not `{value}`", "Write it as 2026-11-30"),
    "bool_parsing": ("`{at}` has to be true or false, not `{value}`", ""),
    "bool_type": ("`{at}` has to be true or false", ""),
    "dict_type": ("`{at}` has to be a mapping of keys to values", ""),
    "model_type": ("`{at}` has to be a mapping of keys to values", ""),
    "list_type": ("`{at}` has to be a list", "Begin each item with `- `"),
    "literal_error": ("`{at}` cannot be `{value}`; it has to be {expected}", ""),
    "too_short": ("`{at}` is empty", "Give it at least one item"),
    "string_too_short": ("`{at}` is empty", ""),
    "string_too_long": ("`{at}` is longer than {max_length} characters", ""),
    "greater_than": ("`{at}` is {value}; it has to be more than {gt}", ""),
    "greater_than_equal": ("`{at}` is {value}; it has to be at least {ge}", ""),
    "less_than_equal": ("`{at}` is {value}; it can be at most {le}", ""),
    "text": ("`{at}` has to be a text, or one text per language", 'Write "Total", or {en: "Total", ru: "Всего"}'),
    "scalar": ("`{at}` has to be a single value: a text, a number, true or false", ""),
    "section_kind": ("`{at}` is no section of a report", "Give it exactly one of figures, chart, table, prose"),
    "float": ("{message}", 'Write it as text: "1.50"'),
    "duration": ("{message}", ""),
    "role": ("A role names either an interface or a kind", "Write {interface: receivables}, or {kind: odoo}"),
    "step": ("{message}", "Write `id:` and one of " + ", ".join(STEP_KINDS)),
    "step_kinds": ("{message}", "Make two steps of it"),
}

#: What a text has to look like, by the pattern it did not match.
_PATTERNS = {
    r"^\$\{\{.*\}\}$": ("`{at}` is `{value}`, not a reference", "Write ${{ steps.ageing.total }} for a step's value"),
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": (
        "`{value}` is not the name of a tool",
        "Write role.tool: erp.open_invoices",
    ),
    r"^[a-z][a-z0-9_]*$": (
        "`{value}` cannot be a name here",
        "Use small Latin letters, digits and _, and begin with a letter",
    ),
    ADDRESS: ("`{value}` is not a mail address", "Write name@acme.example"),
    LINE: ("`{at}` has to be one line of text", ""),
    r"^[a-z0-9]+(-[a-z0-9]+)*$": (
        "`{value}` cannot be the name of a workflow",
        "Use small Latin letters, digits and single hyphens: receivables-ageing",
    ),
}

#: The kinds of sections of a report, and the key that tells each.
_SECTIONS = {cls.__name__: next(iter(cls.model_fields)) for cls in members(Section)}

_FOREIGN_KEYS = {
    "on": "A workflow that runs by itself has `schedules`",
    "cron": "It belongs into an item of `schedules`",
    "if": "Write `when: ${{ … }}`",
    "<<": "Merge keys are not part of YAML 1.2: write the keys out",
}


def problems_of(error: ValidationError, data: Any, source: str, positions: Positions) -> list[Problem]:
    """Return one problem for each thing that is wrong with `data`."""
    found = _branchless(_sections_apart(error.errors(), data))
    # A key that is written wrong is one problem, not one about the wrong key and one about the right one.
    meant = {(*_path(item)[:-1], _meant_key(_path(item), data)) for item in found if item["type"] == "extra_forbidden"}
    found = [item for item in found if item["type"] != "missing" or _path(item) not in meant]
    return [_problem(item, data, source, positions) for item in found]


def _problem(item: ErrorDetails, data: Any, source: str, positions: Positions) -> Problem:
    path = _path(item)
    about_key = item["type"] == "extra_forbidden" or "[key]" in item["loc"]
    message, hint = _said(item, path, data)
    if item["type"] == "step_kind" and (wrong := _mistyped_kind(item["ctx"]["keys"])):
        path, about_key = (*path, wrong), True
    place = positions.key(path) if about_key else positions.value(path)
    return Problem(
        source, place.line if place else None, place.column if place else None, path_text(path), message, hint
    )


def _path(item: ErrorDetails) -> Path:
    return tuple(part for part in item["loc"] if part != "[key]")


def _meant_key(path: Path, data: Any) -> str | None:
    """Return the key of the form that the unknown one at the end of `path` was most likely meant to be."""
    return nearest(str(path[-1]), _keys_at(path[:-1], data))


def _said(item: ErrorDetails, path: Path, data: Any) -> tuple[str, str]:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "missing":
        around = f"`{path_text(path[:-1])}`" if path[:-1] else "The workflow"
        return f"{around} lacks `{path[-1]}`", f"Add `{path[-1]}:`"
    if kind == "extra_forbidden":
        return _about_unknown_key(path, data)
    if kind == "step_kind":
        return _about_kind(context["keys"])
    if kind == "literal_error" and item["loc"][-1] == "[key]":
        expected = context["expected"]
        return f"`{path_text(path[:-1])}` cannot have the key `{item['input']}`; keys are {expected}", ""
    return describe(item, path_text(path) or "The workflow")


def describe(item: ErrorDetails, at: str) -> tuple[str, str]:
    """Return the message and the hint for one of pydantic's complaints about the value called `at`."""
    kind, context = item["type"], item.get("ctx", {})
    words = _PATTERNS.get(context.get("pattern", "")) if kind == "string_pattern_mismatch" else _WORDS.get(kind)
    message, hint = words or ("`{at}` is not valid: {message}", "")
    said = item["msg"].removeprefix("Value error, ")
    return _fill(message, {"at": at, "value": item["input"], "message": said, **context}), hint


def _fill(message: str, facts: dict[str, Any]) -> str:
    for name, value in facts.items():
        message = message.replace(f"{{{name}}}", str(value)[:200])
    return message


def _about_unknown_key(path: Path, data: Any) -> tuple[str, str]:
    key = str(path[-1])
    known = _keys_at(path[:-1], data)
    near = _meant_key(path, data)
    hint = f"Did you mean `{near}`?" if near else _FOREIGN_KEYS.get(key, "")
    around = f"`{path_text(path[:-1])}`" if path[:-1] else "A workflow"
    return f"{around} has no key `{key}`", hint or f"There is: {', '.join(known)}"


def _about_kind(keys: list[str]) -> tuple[str, str]:
    kinds = ", ".join(STEP_KINDS)
    message = f"This step does not say what it does: it has none of {kinds}"
    if wrong := _mistyped_kind(keys):
        near = nearest(wrong, STEP_KINDS)
        return f"There is no kind of step `{wrong}`", f"Did you mean `{near}`?" if near else f"There is: {kinds}"
    return message, "Add one of them"


def _mistyped_kind(keys: list[str]) -> str | None:
    """Return the key that was most likely meant as the kind of a step."""
    common = {field.alias or name for cls in STEP_KINDS.values() for name, field in cls.model_fields.items()}
    unknown = [key for key in keys if key not in common]
    return next((key for key in unknown if nearest(key, STEP_KINDS)), unknown[0] if unknown else None)


def _branchless(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Take the names of union members out of locations: a location then is a path in the data.

    A value that fits no member of a union is one error (`one_of`), not one per member.
    """
    kept: list[ErrorDetails] = []
    unions: dict[Path, list[ErrorDetails]] = defaultdict(list)
    for item in errors:
        loc = item["loc"]
        branch = next((depth for depth, part in enumerate(loc) if _is_branch(part, depth, loc, item)), None)
        if branch is None:
            kept.append(item)
        else:
            unions[loc[:branch]].append({**item, "loc": loc[branch:]})
    for path, items in unions.items():
        deeper = [item for item in items if len(item["loc"]) > 1]
        per_language = any(str(item["loc"][0]).startswith("dict[") for item in items)
        whole: ErrorDetails = {**items[0], "loc": path, "type": "text" if per_language else "scalar"}
        kept.extend([{**item, "loc": (*path, *item["loc"][1:])} for item in deeper] or [whole])
    return kept


def _sections_apart(errors: list[ErrorDetails], data: Any) -> list[ErrorDetails]:
    """Of the errors of a report's section keep those of the kind whose key it has; without one, say that once."""
    kept: list[ErrorDetails] = []
    for item in errors:
        loc = item["loc"]
        at = next((i for i, part in enumerate(loc[:-2]) if part == "sections" and _section(loc[i + 2])), None)
        if at is None:
            kept.append(item)
            continue
        path, kind = loc[: at + 2], _section(loc[at + 2])
        value = _value_at(path, data)
        meant = [key for key in _SECTIONS.values() if isinstance(value, dict) and key in value]
        if meant == [kind]:
            kept.append({**item, "loc": (*path, *loc[at + 3 :])})
        elif len(meant) != 1 and not any(other["loc"] == path for other in kept):
            kept.append({**item, "loc": path, "type": "section_kind"})
    return kept


def _section(label: str | int) -> str | None:
    """Return the key of the kind of section that a part of a location names; pydantic wraps the name in functions."""
    return next((key for name, key in _SECTIONS.items() if re.search(rf"\b{name}\b", str(label))), None)


def _value_at(path: Path, data: Any) -> Any:
    for part in path:
        data = data[part]
    return data


def _is_branch(part: str | int, depth: int, loc: Path, item: ErrorDetails) -> bool:
    """Say whether a part of a location names a member of `Text` or `Scalar` instead of a key."""
    if str(part).startswith("dict["):
        return True
    kinds = {"str": "string_", "int": "int_", "bool": "bool_"}
    return depth == len(loc) - 1 and part in kinds and item["type"].startswith(kinds[str(part)])


def _keys_at(path: Path, data: Any) -> list[str]:
    """Return the keys that the form allows at `path`."""
    annotation = _type_at(path, data)
    if not is_model(annotation):
        return []
    return [field.alias or name for name, field in annotation.model_fields.items()]


def _type_at(path: Path, data: Any) -> Any:
    """Follow `path` through the form; of several models take the one that shares most keys with the data."""
    annotation: Any = Workflow
    value = data
    for part in path:
        annotation = _into(_closest(annotation, value), part)
        inside = isinstance(value, dict) and part in value
        value = value[part] if inside or (isinstance(value, list) and isinstance(part, int)) else None
    return _closest(annotation, value)


def _closest(annotation: Any, value: Any) -> Any:
    models = [member for member in members(annotation) if is_model(member)]
    if len(models) < 2 or not isinstance(value, dict):
        return models[0] if len(models) == 1 and len(members(annotation)) <= 2 else annotation

    def shared(model: type[BaseModel]) -> tuple[bool, int]:
        keys = [field.alias or name for name, field in model.model_fields.items()]
        return getattr(model, "kind", None) in value, sum(key in value for key in keys)

    return max(models, key=shared) if any(shared(model)[1] for model in models) else annotation


def _into(annotation: Any, part: str | int) -> Any:
    if is_model(annotation):
        fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
        return bare(fields[str(part)].annotation) if part in fields else Any
    arguments = [get_args(member) for member in members(annotation)]
    return next((bare(found[-1]) for found in arguments if found), Any)
