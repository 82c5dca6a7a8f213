"""What a person reads before a text goes to a stronger model: where it would go, and all of it as it would go."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kontora_cli.output import fancy

if TYPE_CHECKING:
    from kontora_workflows.ledger.approvals import Approval

#: Characters that steer a terminal, stand nowhere or turn the writing round, so that a text looks like another one.
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def headline(one: Approval) -> str:
    """Where the text would go, to be seen first."""
    from kontora_workflows.engine.escalation import destination

    if one.arguments is None:
        return "(erased)"
    said = seen(destination(one.arguments))
    return f"\x1b[1;33m{said}\x1b[0m" if fancy(sys.stdout) and one.arguments["zone"] == "external" else said


def where(one: Approval) -> list[tuple[str, Any]]:
    """The model, its server and its zone, and what the text would go there for."""
    known: Mapping[str, Any] = one.arguments or {}
    return [
        ("model", f"{seen(known['model'])}, [models.{one.instance}] in kontora.toml" if known else one.instance),
        ("server", seen(known.get("server", ""))),
        ("zone", known.get("zone")),
        ("because", seen(one.title).partition(", because ")[2]),
    ]


def whole(one: Approval) -> str:
    """Everything that would be sent, line for line."""
    if one.arguments is None:
        return "(erased)"
    parts = (("instructions", "to the model"), ("text", "after them"))
    return "\n".join(line for name, role in parts for line in _part(name, role, one.arguments[name])) + f"\n{'─' * 72}"


def _part(name: str, role: str, text: str) -> Iterator[str]:
    yield f"── {name} ({role}; {len(text):,} characters) ".ljust(72, "─")
    yield seen(text)


def seen(text: str) -> str:
    """A text in which nothing is hidden: what has no look of its own is written as its number."""
    return "".join(_seen(character) for character in text)


def _seen(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
