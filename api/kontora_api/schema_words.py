"""A JSON Schema in a few words, as HTML: `list of RunSummary`, with links to the schemas that have a name."""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup

_FORMATS = {"date-time": "instant", "binary": "file"}


def words(schema: dict[str, Any]) -> Markup:
    """Say what a value of this schema is."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#{}">{}</a>').format(name, title(name))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return Markup(" or ").join(words(one) for one in schema[several])
    if "enum" in schema:
        return Markup(" or ").join(Markup("<code>{}</code>").format(value) for value in schema["enum"])
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    return _typed(schema)


def _typed(schema: dict[str, Any]) -> Markup:
    kind = schema.get("format") if schema.get("format") in _FORMATS else schema.get("type", "any value")
    if kind == "array":
        return Markup("list of {}").format(words(schema.get("items", {})))
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Markup("object of {}").format(words(schema["additionalProperties"]))
    return Markup("{}").format(_FORMATS.get(str(kind), kind))


def title(name: str) -> str:
    """The name of a schema for people: `Page_RunSummary_` is a `Page of RunSummary`."""
    return re.sub(r"^(\w+?)_(\w+)_$", r"\1 of \2", name)


def example(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """The example that comes with a schema, as JSON; empty if none does."""
    for one in schema.get("anyOf", [schema]):
        named = schemas.get(one.get("$ref", "").rpartition("/")[2], one)
        if named.get("examples"):
            return json.dumps(named["examples"][0], ensure_ascii=False)
    return ""
