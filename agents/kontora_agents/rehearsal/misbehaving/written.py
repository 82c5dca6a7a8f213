"""Calls in writing: a request without tools whose form has a branch for each of them is answered in that form."""

from __future__ import annotations

import json
from typing import Any


def tools_of(form: dict[str, Any]) -> list[str]:
    """The tools that a JSON Schema names: branches whose property `tool` is one word."""
    named = [(branch.get("properties") or {}).get("tool") or {} for branch in _branches(form)]
    return [word for tool in named for word in (tool.get("enum") or [tool.get("const")]) if isinstance(word, str)]


def asked(name: str, arguments: Any) -> str:
    """A call in writing."""
    return json.dumps({"tool": name, "arguments": arguments}, ensure_ascii=False)


def answered(text: str) -> str:
    """The last word in writing."""
    return json.dumps({"answer": text}, ensure_ascii=False)


def _branches(form: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in form.get("anyOf") or form.get("oneOf") or [form] if isinstance(one, dict)]
