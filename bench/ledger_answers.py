"""What runs answered, as the ledger holds it."""

from __future__ import annotations

import json

from kontora_workflows.ledger import Ledger


def answers(ledger: Ledger, run_ids: list[str]) -> list[str]:
    """The text of each run's one step; empty for a run that did not succeed, with its error on standard error."""
    return [_answer(ledger, run_id) for run_id in run_ids]


def _answer(ledger: Ledger, run_id: str) -> str:
    run = ledger.runs.get(run_id)
    if run.state != "succeeded":
        print(f"{run_id} is {run.state}: {run.error}")
        return ""
    last = ledger.entries.of_run(run_id)[-1]
    text = ledger.entries.payloads(run_id, [last.seq])[last.seq]
    return str(json.loads(text or "")["steps"]["answer"]["text"])
