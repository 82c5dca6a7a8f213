"""Writes that were meant and of which nothing says how they ended: neither an outcome, nor a person, nor `unknown`."""

from __future__ import annotations

from collections.abc import Iterable

from kontora_workflows.ledger.chain import Entry

#: What closes a write.
CLOSING = ("tool.outcome", "tool.settled", "tool.unknown")
#: What has to be read to know which are open.
KINDS = ("tool.intended", *CLOSING)


def open_writes(entries: Iterable[Entry]) -> list[Entry]:
    """The intents of open writes, from the entries of one run in their order."""
    found: dict[str | None, Entry] = {}
    for entry in entries:
        if entry.kind == "tool.intended" and entry.data.get("effect") == "write":
            found[entry.key] = entry
        elif entry.kind in CLOSING:
            found.pop(entry.key, None)
    return list(found.values())


def unknown_writes(entries: Iterable[Entry]) -> list[str]:
    """The keys of writes of which it was recorded that nobody knows how they ended, and that nobody settled since."""
    last = {entry.key: entry.kind for entry in entries if entry.kind in CLOSING}
    return [str(key) for key, kind in last.items() if kind == "tool.unknown"]
