"""Arguments of a tool that stand in a text: the shape around them may be any, even none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from kontora_agents.reading import names
from kontora_agents.seams import ToolSpec

_ASSIGNED = re.compile(r"""\W{0,3}(\w+)["'`*]{0,3}\s*[=:]\s*\S.*""")


def shows_arguments(text: str, known: Mapping[str, ToolSpec], *, may: bool) -> bool:
    """Whether a text gives arguments as one gives them to a tool: under the tool's name, or all that it needs.

    `may` says whether what looks like the arguments of a tool may well be an answer.
    """
    plain = text.casefold()
    for name, spec in known.items():
        properties, needed = set(spec.parameters.get("properties", {})), set(spec.parameters.get("required", ()))
        stated = {one for one in properties if one in text and _stated(one).search(text)}
        if stated and any(_word(form).search(plain) for form in names.forms([name])):
            return True
        if len(needed) > 1 and stated >= needed and any("_" in one for one in needed):
            return True
        if not may and needed and needed <= _given(text) <= properties:
            return True
    return False


def _given(text: str) -> set[str]:
    """The names of a text that ends in values under names, and says nothing else but what leads to them."""
    begin = text.find("{")
    body = text[begin:].strip().removesuffix("```").rstrip()
    try:
        value = json.loads(body) if begin >= 0 else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return set(value)
    stated = [_ASSIGNED.fullmatch(part.strip()) for part in re.split(r"[,;\n]", text.strip()) if part.strip()]
    return {one[1] for one in stated if one} if stated and all(stated) else set()


@lru_cache(maxsize=512)
def _stated(name: str) -> re.Pattern[str]:
    """A name with a value behind it: `name: value`, `"name": value`, `name=value`, `<name>value`."""
    return re.compile(rf"""(?<![\w.]){re.escape(name)}["'`*]{{0,3}}[ \t]{{0,2}}[=:<>]""")


@lru_cache(maxsize=512)
def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name.casefold())}(?!\w)")
