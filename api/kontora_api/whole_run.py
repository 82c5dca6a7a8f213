"""One run with everything that belongs to it, as REST and the command line show it."""

from __future__ import annotations

from collections import Counter

from kontora_workflows.ledger import Ledger
from kontora_workflows.progress import progress
from kontora_workflows.tool_calls import count_calls

from kontora_api.documents import RunDocument


def whole_run(ledger: Ledger, run_id: str) -> RunDocument:
    """Describe a run, its steps, files and children. Raises `UnknownRun`."""
    run, *below = ledger.runs.family(run_id)
    ids = [run.id, *(one.id for one in below)]
    return RunDocument.whole(
        run,
        progress(ledger, run),
        artifacts=ledger.artifacts.of_run(run.id),
        children=dict(Counter(one.state for one in below if one.parent_id == run.id)),
        tool_calls=count_calls(ledger, run.id),
        approvals_waiting=ledger.approvals.count(ids, "pending"),
        settled=not any(one.state in ("queued", "running") for one in (run, *below)),
    )
