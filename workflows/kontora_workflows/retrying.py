"""Retrying a run from one of its steps: a new run that takes over what the steps before it gave."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from kontora_workflows.definition import Workflow
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.open_writes import unknown_writes
from kontora_workflows.ledger.run import NewRun, Run
from kontora_workflows.references import nearest


class NotRetryable(Exception):
    """The run cannot be retried from this step."""


def retry_run(ledger: Ledger, run_id: str, step: str, *, by: str) -> Run:
    """Start a run like `run_id` that begins at `step`; results before it are taken over, each with its source.

    What the old run wrote stays written: a write after `step` is asked for anew. So the old run has to be over, and
    known how its writes ended. Raises `UnknownRun`, `NotRetryable`.
    """
    old = ledger.runs.get(run_id)
    workflow = Workflow.model_validate_json(ledger.runs.definition(old.definition_hash))
    taken = _before(ledger, old, [one.id for one in workflow.steps], step)
    _refuse_unfinished(ledger, old)
    new = NewRun(
        workflow=old.workflow,
        definition_hash=old.definition_hash,
        definition=ledger.runs.definition(old.definition_hash),
        inputs=old.inputs,
        principal=by,
        trigger="retry",
        bindings=old.bindings,
        deadline_ms=int(workflow.deadline.total_seconds() * 1000) if workflow.deadline else None,
        retry_of=old.id,
    )
    with ledger.database.write("run.retried") as connection:
        run = ledger.runs.create_in(connection, new)
        outcomes: dict[int, int] = {}
        for entry in taken:
            outcomes[entry.seq] = _take(ledger, connection, run.id, entry, outcomes).seq
    return ledger.runs.get(run.id)


def _before(ledger: Ledger, run: Run, steps: list[str], step: str) -> list[Entry]:
    """The entries that the steps before `step` ended with."""
    if run.parent_id is not None:
        raise NotRetryable(f"Run {run.id} is an item of a loop: retry the whole run {run.root_id}.")
    if step not in steps:
        near = nearest(step, steps)
        meant = f" Did you mean {near!r}?" if near else f" It has: {', '.join(steps)}."
        raise NotRetryable(f"The workflow {run.workflow} has no step {step!r}.{meant}")
    entries = ledger.entries.of_run(run.id)
    finished = {entry.key: entry for entry in entries if entry.kind == "step.finished"}
    taken: list[Entry] = []
    for earlier in steps[: steps.index(step)]:
        done = finished.get(earlier)
        if done is None:
            raise NotRetryable(f"Step {earlier!r}, before {step!r}, was not done in run {run.id}: begin there.")
        outcome = done.data.get("outcome")
        taken += [entry for entry in entries if entry.seq == outcome] + [done]
    return taken


def _refuse_unfinished(ledger: Ledger, run: Run) -> None:
    """Raise `NotRetryable` where the old run, or an item of its loops, may still do what the new one would do."""
    if run.erased:
        raise NotRetryable(f"The inputs of run {run.id} were erased: no run can begin with them.")
    for one in ledger.runs.family(run.id):
        if one.state == "needs_review":
            raise NotRetryable(
                f"Run {one.id} waits for you (needs_review): a write may have been done, and would be done again. "
                f"`kontora runs show {one.id}` says what to settle; or give it up: `kontora runs cancel {one.id}`."
            )
        if not one.ended:
            raise NotRetryable(
                f"Run {one.id} is {one.state} and still goes on: both would do the same. Let it end, or stop it: "
                f"`kontora runs cancel {run.id}`."
            )
        if one.state != "cancelled" and (unknown := unknown_writes(ledger.entries.of_run(one.id))):
            raise NotRetryable(
                f"Nobody knows whether {unknown[0]} of run {one.id} was done, and it would be done again. "
                f"`kontora runs resume {one.id}` looks it up, or asks you."
            )


def _take(ledger: Ledger, connection: Connection, run_id: str, entry: Entry, outcomes: dict[int, int]) -> Entry:
    """Write an entry of the old run into the chain of the new one, with where it comes from."""
    body = {name: value for name, value in entry.data.items() if name != "payload"}
    if "outcome" in body and entry.kind == "step.finished":
        body["outcome"] = outcomes[body["outcome"]]
    body["taken_from"] = {"run": entry.run_id, "seq": entry.seq}
    return ledger.entries.append_fact(connection, run_id, entry.kind, entry.key, body, payload=_payload(ledger, entry))


def _payload(ledger: Ledger, entry: Entry) -> Any:
    """The payload of an entry; that of a tool call takes its arguments along, for the report's sources."""
    if "payload" not in entry.data:
        return None
    text = ledger.entries.payloads(entry.run_id, [entry.seq]).get(entry.seq)
    if text is None:
        raise NotRetryable(f"Entry {entry.seq} of run {entry.run_id} was erased: its result cannot be taken over.")
    payload = json.loads(text)
    if entry.kind == "tool.outcome" and "arguments" not in payload:
        intents = [e for e in ledger.entries.of_run(entry.run_id) if e.kind == "tool.intended" and e.key == entry.key]
        arguments = ledger.entries.payloads(entry.run_id, [intents[-1].seq]).get(intents[-1].seq)
        payload["arguments"] = json.loads(arguments)["arguments"] if arguments else {}
    return payload
