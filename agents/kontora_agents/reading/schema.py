"""Whether a value fits a JSON Schema, as far as tools use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _number(value) and (isinstance(value, int) or value.is_integer()),
    "number": lambda value: _number(value),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    "multipleOf": lambda value, bound: Decimal(str(value)) % Decimal(str(bound)) == 0,
}
_LENGTHS: dict[str, tuple[type, Callable[[int, int], bool]]] = {
    "minLength": (str, int.__ge__),
    "maxLength": (str, int.__le__),
    "minItems": (list, int.__ge__),
    "maxItems": (list, int.__le__),
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def resolve(schema: Schema, definitions: Schema) -> Schema:
    """The schema behind references and unions of one."""
    if "$ref" not in schema and "allOf" not in schema:
        return schema
    for _ in range(16):
        if "$ref" in schema:
            inner = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
        elif len(schema.get("allOf", ())) == 1:
            inner = schema["allOf"][0]
        else:
            return schema
        schema = {**inner, **{key: value for key, value in schema.items() if key not in ("$ref", "allOf")}}
    return {}


def options(schema: Schema) -> list[Schema]:
    """The schemas of a union that are not null; one that is no union is its only option."""
    union = schema.get("anyOf") or schema.get("oneOf")
    if union is None:
        return [schema]
    return [option for option in union if option.get("type") != "null"]


def fits(value: Any, schema: Schema, definitions: Schema) -> bool:
    """Whether a JSON value is what a schema asks for."""
    if "$ref" in schema or "allOf" in schema:
        schema = resolve(schema, definitions)
    kind = schema.get("type")
    if kind is not None and not any(_TYPES[one](value) for one in ([kind] if isinstance(kind, str) else kind)):
        return False
    if "enum" in schema and not _among(value, schema["enum"]):
        return False
    if "const" in schema and not _among(value, [schema["const"]]):
        return False
    union = schema.get("anyOf") or schema.get("oneOf")
    if union is not None and not any(fits(value, option, definitions) for option in union):
        return False
    if isinstance(value, str):
        return _text_fits(value, schema)
    if isinstance(value, dict):
        return _object_fits(value, schema, definitions)
    if isinstance(value, list):
        items = schema.get("items", {})
        return _length_fits(value, schema) and all(fits(item, items, definitions) for item in value)
    return not _number(value) or all(holds(value, schema[word]) for word, holds in BOUNDS.items() if word in schema)


def is_date(text: str) -> bool:
    """Whether a text is a day as `YYYY-MM-DD`."""
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _among(value: Any, allowed: list[Any]) -> bool:
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed)


def _length_fits(value: str | list[Any], schema: Schema) -> bool:
    return all(
        holds(len(value), schema[word])
        for word, (kind, holds) in _LENGTHS.items()
        if word in schema and isinstance(value, kind)
    )


def _text_fits(value: str, schema: Schema) -> bool:
    if schema.get("format") == "date" and not is_date(value):
        return False
    pattern = schema.get("pattern")
    return _length_fits(value, schema) and (pattern is None or _matches(pattern, value))


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern; None for one of another dialect, which the tool itself will check."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _object_fits(value: dict[str, Any], schema: Schema, definitions: Schema) -> bool:
    properties = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", ())):
        return False
    further = schema.get("additionalProperties", True)
    for name, item in value.items():
        part = properties.get(name, further)
        if part is False or (isinstance(part, dict) and not fits(item, part, definitions)):
            return False
    return True
