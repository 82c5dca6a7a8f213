"""Arguments of a tool that stand in a text: the shape around them may be any, even none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from kontora_agents.reading import names
from kontora_agents.seams import ToolSpec

_FENCE = re.compile(r"```\w*\s*\n(.*?)\n?\s*```", re.DOTALL)


def shows_arguments(text: str, known: Mapping[str, ToolSpec], *, tried: bool) -> bool:
    """Whether a text gives arguments as one gives them to a tool: under the tool's name, or all that it needs.

    `tried` says whether a tool was called: after that a value may well stand under the name of an argument.
    """
    plain = text.casefold()
    for name, spec in known.items():
        properties, needed = spec.parameters.get("properties", {}), list(spec.parameters.get("required", ()))
        stated = {one for one in properties if one in text and _stated(one).search(text)}
        if stated and any(_word(form).search(plain) for form in names.forms([name])):
            return True
        if len(needed) > 1 and stated >= set(needed) and any("_" in one for one in needed):
            return True
        if not tried and needed and _is_object_of(text, set(properties), set(needed)):
            return True
    return False


def _is_object_of(text: str, properties: set[str], needed: set[str]) -> bool:
    """Whether a text is the arguments of a tool as one JSON object, and nothing else."""
    fenced = _FENCE.fullmatch(text.strip())
    body = (fenced[1] if fenced else text).strip()
    if not (body.startswith("{") and body.endswith("}")):
        return False
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and needed <= value.keys() <= properties


@lru_cache(maxsize=512)
def _stated(name: str) -> re.Pattern[str]:
    """A name with a value behind it: `name: value`, `"name": value`, `name=value`, `<name>value`."""
    return re.compile(rf"""(?<![\w.]){re.escape(name)}["'`*]{{0,3}}[ \t]{{0,2}}[=:<>]""")


@lru_cache(maxsize=512)
def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name.casefold())}(?!\w)")
