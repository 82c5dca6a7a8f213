"""One value of a call: what it can mean, given what its schema asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from kontora_agents.reading.amounts import currency, is_plain_number, read_number
from kontora_agents.reading.days import read_day
from kontora_agents.reading.schema import BOUNDS, Schema, fits, is_date, options, resolve
from kontora_agents.reading.unclear import Unclear

#: Words that stand for no value at all.
NOTHING = frozenset({"None", "null", "undefined"})
_PLACEHOLDER = re.compile(
    r"<[^\W\d][\w .:-]*>|\{\{.*\}\}|\$?\{[^\W\d][\w .]*\}|\[[^\W\d][\w ]*\]|%[a-z_]+%|_{2,}|x{3,}|\.{3}|…|string"
    r"|(?:your|insert|enter|some)[-_ ]\w*[-_ ]?(?:id|name|key|number|value|date|amount|here)|todo|tbd"
    r"|(?:ваш\w*|вставьте|укажите)[-_ ](?:id|идентификатор|номер|имя|код|сумм\w|дат\w)(?: \w+)?",
    re.IGNORECASE,
)
_ONE = re.compile(r"[^\s,;|&+\[\](){}<>'\"]+")
#: With one of these words a schema asks for more than can be seen at a glance.
_BOUNDED = frozenset({*BOUNDS, "minLength", "maxLength", "pattern", "const", "allOf", "$ref"})


def is_plain(given: dict[str, Any], schema: Schema) -> bool:
    """Whether arguments can be seen at a glance to need no reading: what is false here may still be right."""
    properties = schema.get("properties")
    if properties is None or any(name not in given for name in schema.get("required", ())):
        return False
    return all(name in properties and _is_plain(value, properties[name]) for name, value in given.items())


def _is_plain(value: Any, schema: Schema) -> bool:
    if "enum" in schema:
        return isinstance(value, str) and value in schema["enum"]
    kind = schema.get("type")
    if not isinstance(value, str):
        return kind == "integer" and type(value) is int and not _BOUNDED & schema.keys()
    if kind is None and [option.get("type") for option in schema.get("anyOf", ())] == ["number", "string"]:
        bounded = any(_BOUNDED & option.keys() for option in schema["anyOf"])
        return not bounded and is_plain_number(value)
    if kind != "string" or _BOUNDED & schema.keys():
        return False
    if schema.get("format") == "date":
        return is_date(value)
    return value not in NOTHING and not is_placeholder(value)


def is_placeholder(text: str) -> bool:
    """Whether a text only holds the place of a value."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


def takes_only_parts(schema: Schema) -> bool:
    """Whether a schema asks for a list or an object."""
    kinds = _kinds(schema)
    return bool(kinds) and kinds <= {"array", "object"}


def takes_a_list(schema: Schema) -> bool:
    """Whether a schema asks for a list and nothing else."""
    return _kinds(schema) == {"array"}


def takes_no_list(schema: Schema) -> bool:
    """Whether a schema surely asks for something else than a list."""
    return bool(kinds := _kinds(schema)) and kinds.isdisjoint({"array", "any"})


def is_one(value: Any) -> bool:
    """Whether a value can only be one item of a list: a text with blanks or commas in it may hold several."""
    return _ONE.fullmatch(value) is not None if isinstance(value, str) else value is not None


def decoded(text: str) -> list[Any] | dict[str, Any] | None:
    """The list or object that a text holds as JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def is_number(schema: Schema) -> bool:
    """Whether a schema asks for a number; how pydantic writes a Decimal is one: `number` or `string`."""
    kinds = _kinds(schema)
    return kinds == {"number", "string"} or (bool(kinds) and kinds <= {"number", "integer"})


def read_value(value: Any, schema: Schema, definitions: Schema, others: Collection[Any]) -> Any:
    """The value in the form that its schema asks for; the same object if it has it. `others` are the call's values.

    Raises `Unclear`.
    """
    schema = resolve(schema, definitions)
    if isinstance(value, str) and not any("enum" in option or "const" in option for option in options(schema)):
        if is_placeholder(value):
            raise Unclear(f"{value!r} is a placeholder. Write the value itself, or find it out first")
        if is_number(schema):
            number = read_number(value, _kinds(schema), others)
            if fits(number, schema, definitions):
                return number
            raise Unclear(f"{_shown(value)} is not {wanted(schema, definitions)}")
    if fits(value, schema, definitions):
        return value
    read = [found for option in options(schema) for found in _readings(value, resolve(option, definitions))]
    fitting = [one for one in read if fits(one, schema, definitions)]
    if fitting and all(one == fitting[0] for one in fitting):
        return fitting[0]
    exactly = ". Write it in quotes, exactly as you were given it" if isinstance(value, int | float) else ""
    raise Unclear(
        f"{_shown(value)} is not {wanted(schema, definitions)}{exactly if _kinds(schema) == {'string'} else ''}"
    )


def wanted(schema: Schema, definitions: Schema) -> str:
    """What a schema asks for, in words."""
    schema = resolve(schema, definitions)
    if is_number(schema) and "string" in _kinds(schema):
        return "a decimal number"
    kinds = [resolve(option, definitions) for option in options(schema)]
    return " or ".join(dict.fromkeys(_words(kind) for kind in kinds)) or "of the right form"


def _words(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(map(str, schema.get("enum") or [schema["const"]]))
    if schema.get("format") == "date":
        return "a date as YYYY-MM-DD"
    kind = schema.get("type")
    said = {"array": "a list", "object": "an object", "integer": "a whole number", "number": "a number"}
    bounds = [f"{word} {schema[word]}" for word in ("minimum", "maximum", "pattern", "maxLength") if word in schema]
    plain = said.get(str(kind), f"a {kind}" if isinstance(kind, str) else "of the right form")
    return f"{plain} ({', '.join(bounds)})" if bounds else plain


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _kinds(schema: Schema) -> set[str]:
    found: set[str] = set()
    for option in options(schema):
        kind = option.get("type", "any")
        found |= {kind} if isinstance(kind, str) else set(kind) - {"null"}
    return found


def _readings(value: Any, schema: Schema) -> list[Any]:
    """What a value that does not fit may mean."""
    kind = schema.get("type")
    if "enum" in schema:
        return _choices(value, schema["enum"])
    if not isinstance(value, str):
        return []  # a number for an id says nothing of what stands before it: letters, zeros
    if kind == "string" and schema.get("format") == "date":
        return [read_day(value)]
    if kind == "boolean":
        return [{"true": True, "false": False}[value.casefold()]] if value.casefold() in ("true", "false") else []
    return []


def _choices(value: Any, allowed: list[Any]) -> list[Any]:
    """The one choice that is spelled like this but for its style, or the code of a currency that is named."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return []
    plain, code = _styleless(value), currency(str(value))
    found = [one for one in allowed if _styleless(one) == plain] or [one for one in allowed if code and one == code]
    return found if len(found) == 1 else []


def _styleless(value: Any) -> str:
    return re.sub(r"[\s_-]", "", str(value)).casefold()
