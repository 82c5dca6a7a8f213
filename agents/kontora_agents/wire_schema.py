"""JSON Schema in the form that reaches the model: flat, and nothing said only where a server drops it."""

from __future__ import annotations

from typing import Any

#: Keywords that Ollama passes on (besides `anyOf`); everything else is dropped on the way.
_CARRIED = ("type", "description", "enum", "items", "properties", "required")
#: Keywords that are told in words instead.
_IN_WORDS = {
    "format": "format {}",
    "pattern": "pattern {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "multipleOf": "a multiple of {}",
    "default": "default {}",
}
_DEEPEST = 8


def flatten(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` with references put in place, and with what the wire cannot carry told in descriptions."""
    flat = _flatten(schema, schema.get("$defs", {}), 0)
    return {"type": "object", "properties": {}, "required": [], **flat}


def _flatten(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    schema = _resolved(schema, definitions)
    if depth > _DEEPEST:  # a type that holds itself: deeper levels are left open
        return {"type": "object"}
    if "const" in schema:
        schema = {**schema, "enum": [schema["const"]]}
    flat = {key: schema[key] for key in _CARRIED if key in schema}
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        flat = {**_union([_flatten(option, definitions, depth + 1) for option in options]), **flat}
    if isinstance(schema.get("items"), dict):
        flat["items"] = _flatten(schema["items"], definitions, depth + 1)
    if "properties" in schema:
        flat["properties"] = {
            name: _flatten(part, definitions, depth + 1) for name, part in schema["properties"].items()
        }
    said = " ".join(filter(None, [flat.pop("description", ""), _in_words(schema)]))
    return {**flat, "description": said} if said else flat


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    seen: set[str] = set()
    while "$ref" in schema or len(schema.get("allOf", ())) == 1:
        inner = schema["allOf"][0] if "allOf" in schema else {}
        name = schema.get("$ref", "").rpartition("/")[2]
        if name in seen:
            return {}
        if name:
            seen.add(name)
            inner = definitions.get(name, {})
        schema = {**inner, **{key: value for key, value in schema.items() if key not in ("$ref", "allOf")}}
    return schema


def _union(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold a union: `X or null` is X (leave it out instead), plain types become one list of types."""
    real = [option for option in options if option.get("type") != "null"]
    if len(real) == 1:
        return real[0]
    types = [option.get("type") for option in real]
    if {"number", "string"} == set(types):  # how pydantic writes a Decimal; its pattern says nothing to a model
        return {"type": ["number", "string"], "description": "a decimal number"}
    if all(isinstance(kind, str) and kind not in ("object", "array") for kind in types):
        words = "; or ".join(dict.fromkeys(option["description"] for option in real if option.get("description")))
        merged: dict[str, Any] = {"type": list(dict.fromkeys(types))}
        if all("enum" in option for option in real):
            merged["enum"] = [value for option in real for value in option["enum"]]
        return {**merged, "description": words} if words else merged
    return {"anyOf": real}


def _in_words(schema: dict[str, Any]) -> str:
    said = [words.format(schema[key]) for key, words in _IN_WORDS.items() if schema.get(key) not in (None, "")]
    return ("(" + ", ".join(said) + ")") if said else ""
