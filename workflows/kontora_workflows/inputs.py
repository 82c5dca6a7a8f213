"""What a run is started with: values checked against the inputs of its workflow, in one canonical form.

Text is accepted for every type where it has one reading, because a command line knows nothing else. Decimals become
text without exponent or trailing zeros, dates become ISO dates; these forms are what the ledger holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kontora_workflows.definition import Input, InputType, Workflow
from kontora_workflows.references import nearest

Value = str | int | bool

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS = {"today": 0, "yesterday": 1}


@dataclass(frozen=True)
class InputProblem:
    """One input that is wrong. `pointer` is a JSON pointer in the request: `#/inputs/as_of`."""

    pointer: str
    message: str


class InputsInvalid(ValueError):
    """A run cannot be started with these inputs; `problems` names every wrong one."""

    def __init__(self, problems: list[InputProblem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{problem.pointer}: {problem.message}" for problem in problems))


class NotOfType(ValueError):
    """A value cannot be read as the type of an input."""


def resolve_inputs(workflow: Workflow, given: Mapping[str, Any], *, today: date) -> dict[str, Value]:
    """Return every input of `workflow` in canonical form, defaults filled in. Raises `InputsInvalid`."""
    found: dict[str, Value] = {}
    problems = [
        InputProblem(_pointer(name), _about_unknown(name, workflow)) for name in given if name not in workflow.inputs
    ]
    for name, definition in workflow.inputs.items():
        value = given.get(name)
        try:
            found[name] = read_input(definition, definition.default if value is None else value, today=today)
        except NotOfType as error:
            problems.append(InputProblem(_pointer(name), str(error)))
    if problems:
        raise InputsInvalid(problems)
    return found


def read_input(definition: Input, value: Any, *, today: date) -> Value:
    """Return one value in canonical form. Raises `NotOfType` with what to write instead."""
    if value is None:
        raise NotOfType(f"is missing: it is required ({definition.type})")
    read = _READERS[definition.type](value, today)
    if definition.enum is not None:
        allowed = list(_offered(definition, today))
        if read not in allowed:
            near = nearest(str(read), map(str, allowed))
            meant = f". Did you mean {near!r}?" if near else ""
            raise NotOfType(f"is {read!r}; it has to be one of {', '.join(map(str, allowed))}{meant}")
    return read


def _offered(definition: Input, today: date) -> Iterator[Value]:
    """Yield the choices of an input; one that is not of its type can never be taken."""
    for item in definition.enum or []:
        with suppress(NotOfType):
            yield _READERS[definition.type](item, today)


def inputs_schema(workflow: Workflow) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a workflow's inputs."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {name: _schema(definition) for name, definition in workflow.inputs.items()},
        "required": [name for name, definition in workflow.inputs.items() if definition.required],
        "additionalProperties": False,
    }


_TYPES: dict[InputType, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "decimal": {"type": ["string", "integer"], "pattern": r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?$"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "pattern": r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|today|yesterday)$"},
}


def _schema(definition: Input) -> dict[str, Any]:
    """Describe one input; `x-kontora-type` tells a form that a text is a date or a decimal."""
    schema: dict[str, Any] = {**_TYPES[definition.type], "x-kontora-type": definition.type}
    if definition.enum is not None:
        schema["enum"] = definition.enum
    if definition.default is not None:
        schema["default"] = definition.default
    text = definition.description
    description = text if isinstance(text, str) else text.get("en") or next(iter(text.values()), "")
    return {**schema, "description": description} if description else schema


def _string(value: Any, _: date) -> str:
    if not isinstance(value, str):
        raise NotOfType(f"is {_shown(value)}; a text is needed: put it in quotes")
    return value


def _integer(value: Any, _: date) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise NotOfType(f"is {_shown(value)}; a whole number is needed, as in 42")


def _decimal(value: Any, _: date) -> str:
    if isinstance(value, float):
        raise NotOfType(
            f'is the float {value!r}, which does not hold decimals exactly: write it as text, as in "12.50"'
        )
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise NotOfType(f'is {_shown(value)}; a decimal is needed, as in "12.50"')
    text = format(value, "f") if isinstance(value, Decimal) else str(value).strip()
    if not _DECIMAL.fullmatch(text):
        hint = (
            "write a point and no spaces"
            if re.fullmatch(r"[0-9 ',.\u00a0\u202f]+", text)
            else "only digits and one point"
        )
        raise NotOfType(f'is {_shown(value)}; a decimal is needed, as in "12.50": {hint}')
    return _canonical(Decimal(text))


def _boolean(value: Any, _: date) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise NotOfType(f"is {_shown(value)}; true or false is needed")


def _date(value: Any, today: date) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    text = value.strip() if isinstance(value, str) else ""
    if text in _DAYS:
        return (today - timedelta(days=_DAYS[text])).isoformat()
    if not _DATE.fullmatch(text):
        raise NotOfType(
            f"is {_shown(value)}; a date is needed as year-month-day, as in 2026-11-30, or today, or yesterday"
        )
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise NotOfType(f"is {text!r}; there is no such day") from None


_READERS: dict[InputType, Callable[[Any, date], Value]] = {
    "string": _string,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
}


def _canonical(value: Decimal) -> str:
    """Write a decimal in the one form that equal amounts share: `100`, `12.5`, `0`."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _pointer(name: str) -> str:
    return "#/inputs/" + name.replace("~", "~0").replace("/", "~1")


def _about_unknown(name: str, workflow: Workflow) -> str:
    near = nearest(name, workflow.inputs)
    if near:
        return f"is not an input of {workflow.name}. Did you mean {near!r}?"
    known = ", ".join(workflow.inputs) or "none"
    return f"is not an input of {workflow.name}. There is: {known}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
