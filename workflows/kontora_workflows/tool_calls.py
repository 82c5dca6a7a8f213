"""The tool calls of a run, read from its ledger: what was meant to be called, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry


@dataclass(frozen=True)
class ToolCall:
    """One call. `outcome` is None while it is under way or waits; payloads are None where they were erased.

    `seq` is the entry of its outcome, else of its intent; instants are in milliseconds since 1970 UTC.
    """

    run_id: str
    item: str | None
    seq: int
    key: str
    step: str
    agent: str | None
    tool: str
    instance: str | None
    effect: str | None
    intended_at: int
    ended_at: int | None
    ms: int | None
    outcome: str | None
    error: dict[str, Any] | None
    arguments: dict[str, Any] | None
    result: Any


def tool_calls(ledger: Ledger, run_id: str, *, results: bool = False) -> list[ToolCall]:
    """Every tool call of a run and its children, in the order they were meant. Raises `UnknownRun`."""
    found: list[ToolCall] = []
    for run in ledger.runs.family(run_id):
        entries = ledger.entries.of_run(run.id)
        payloads = ledger.entries.payloads(run.id, None if results else _intents(entries))
        found += _calls(run.item_key, entries, payloads)
    return sorted(found, key=lambda call: call.intended_at)


def count_calls(ledger: Ledger, run_id: str) -> int:
    """How many tool calls a run and its children have in the ledger. Raises `UnknownRun`."""
    return ledger.entries.count([run.id for run in ledger.runs.family(run_id)], "tool.intended")


def _intents(entries: Iterable[Entry]) -> list[int]:
    return [entry.seq for entry in entries if entry.kind == "tool.intended"]


def _calls(item: str | None, entries: list[Entry], payloads: dict[int, str | None]) -> Iterable[ToolCall]:
    """Pair every intent with what ended it: the next outcome under its key, if there is one.

    A further outcome is what a person said anew.
    """
    open_: dict[str | None, Entry] = {}
    ended: list[tuple[Entry, Entry | None]] = []
    for entry in entries:
        if entry.kind == "tool.intended":
            if entry.key in open_:
                ended.append((open_[entry.key], None))
            open_[entry.key] = entry
        elif entry.kind == "tool.outcome" and entry.key in open_:
            ended.append((open_.pop(entry.key), entry))
        elif entry.kind == "tool.outcome":
            place = max((at for at, (intent, _) in enumerate(ended) if intent.key == entry.key), default=None)
            if place is not None:
                ended[place] = (ended[place][0], entry)
    unknown = {entry.key: entry for entry in entries if entry.kind == "tool.unknown"}
    for intent in open_.values():
        ended.append((intent, unknown.get(intent.key)))
    return [_call(item, intent, end, payloads) for intent, end in ended]


def _call(item: str | None, intent: Entry, end: Entry | None, payloads: dict[int, str | None]) -> ToolCall:
    meant, ended = intent.data, end.data if end else {}
    key = intent.key or ""
    step, _, rest = key.partition("/")
    return ToolCall(
        run_id=intent.run_id,
        item=item,
        seq=end.seq if end else intent.seq,
        key=key,
        step=step,
        agent=rest.partition("/")[0] or None,
        tool=meant["tool"],
        instance=meant.get("instance"),
        effect=meant.get("effect"),
        intended_at=intent.at,
        ended_at=end.at if end else None,
        ms=ended.get("ms"),
        outcome="unknown" if end and end.kind == "tool.unknown" else ended.get("outcome"),
        error=ended.get("error"),
        arguments=_payload(payloads, intent.seq, "arguments"),
        result=_payload(payloads, end.seq, "result") if end else None,
    )


def _payload(payloads: dict[int, str | None], seq: int, name: str) -> Any:
    text = payloads.get(seq)
    return json.loads(text)[name] if text else None
