"""Options that many commands share, and `-i key=value`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

Home = Annotated[
    str | None,
    typer.Option("--home", metavar="FOLDER", help="The data folder; else KONTORA_HOME, else .kontora."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="One input; may be repeated.")
]
Bindings = Annotated[
    list[str] | None,
    typer.Option("--bind", metavar="ROLE=CONNECTOR", help="Which connector plays a role; may be repeated."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="At most this many.")]
#: Set by a command that starts another one, which then ends when its starter is gone.
Parent = Annotated[int | None, typer.Option("--parent", hidden=True)]


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Read `name=value` texts. Raises `typer.BadParameter` for one without `=`, or a name that comes twice."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"{name!r} is given twice.", param_hint=option)
        found[name] = value
    return found


def known(given: Iterable[str], states: Iterable[str]) -> list[str]:
    """States that were asked for. Raises `typer.BadParameter` for one that there is not; nothing is ever in it."""
    states = list(states)
    for one in given:
        if one not in states:
            raise typer.BadParameter(f"There is no state {one!r}; there are {', '.join(states)}.", param_hint="--state")
    return list(given)


def values(given: list[str] | None) -> dict[str, Any]:
    """Arguments of a tool as typed: a list or an object is written as JSON, everything else is the text it is."""
    return {name: _value(text) for name, text in pairs(given, "--input").items()}


def _value(text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
