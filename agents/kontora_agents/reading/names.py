"""The name of a tool as a model writes it, matched with the names that were offered."""

from __future__ import annotations

import re
from collections.abc import Collection

#: What models put before a name because their templates do.
_PREFIXES = ("functions", "function", "tools", "tool", "default_api", "api", "call", "execute", "namespace")
_PREFIX = re.compile(rf"^(?:{'|'.join(_PREFIXES)})[.:/_]+", re.IGNORECASE)


def match(name: str, offered: Collection[str]) -> str | None:
    """The offered name that is meant, or None if there is none, or more than one.

    A name may be written in another style (`CreateOrder`), behind a known prefix (`functions.create_order`), or without
    the role before it (`create_order` for `erp_create_order`).
    """
    if name in offered:
        return name
    while True:
        plain = _plain(name)
        same = [one for one in offered if _plain(one) == plain]
        same = same or [one for one in offered if plain and _plain(without_role(one)) == plain]
        if same:
            return same[0] if len(same) == 1 else None
        shorter = _PREFIX.sub("", name.strip(), count=1)
        if shorter == name:
            return None
        name = shorter


def without_role(name: str) -> str:
    """A name without the role before it, empty if one word would be left: that may mean anything."""
    rest = name.partition("_")[2]
    return rest if "_" in rest else ""


def forms(offered: Collection[str]) -> set[str]:
    """Names with their role and without it."""
    return {form for name in offered for form in (name, without_role(name)) if form}


def _plain(name: str) -> str:
    """A name without its style."""
    return re.sub(r"[\s_.:/-]", "", name).casefold()
