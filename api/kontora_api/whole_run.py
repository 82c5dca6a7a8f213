"""One run with everything that belongs to it, as REST and the command line show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.run import Run
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
        settled=_settled((run, *below)),
    )


def settled(ledger: Ledger, run_id: str) -> bool:
    """Whether nothing happens in a run any more, or not until a person acts. Raises `UnknownRun`."""
    return _settled(ledger.runs.family(run_id))


def _settled(family: Iterable[Run]) -> bool:
    return not any(run.state in ("queued", "running") or run.waiting_for == "timer" for run in family)
