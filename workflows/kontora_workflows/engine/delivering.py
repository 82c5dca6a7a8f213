"""The `deliver` step: files by reference, as one write through the gate."""

from __future__ import annotations

from typing import Any

from kontora_connectors import Zone

from kontora_workflows.definition import DeliverStep, Workflow
from kontora_workflows.engine.calls import Call
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.run_files import RunFiles
from kontora_workflows.engine.scope import Scope
from kontora_workflows.engine.taint import Taint


def delivery(step: DeliverStep, workflow: Workflow, journal: Journal, scope: Scope) -> Call:
    """The call that a deliver step makes. Raises `ReferenceFailed`, `StepFailed`."""
    asked, files = step.deliver, RunFiles(journal)
    said: dict[str, Any] = asked.model_dump(include={"subject", "recipients", "body", "html"})
    others = journal.ledger.entries.of_kind(files.runs[1:], "tool.outcome")
    taint = Taint(workflow, (one for one in [*journal.all("tool.outcome"), *others] if one.data.get("untrusted")))
    words, content = taint.reaches(said), taint.reaches(asked.files)
    refs = files.refs(step.id, scope.fill(asked.files))
    subject = str(scope.fill(asked.subject))
    return Call(
        step.id,
        f"{asked.to}.deliver",
        {**scope.fill(said), "subject": subject, "files": [ref.model_dump(mode="json") for ref in refs]},
        title=subject,
        expires_in_ms=int(asked.expires_after.total_seconds() * 1000),
        untrusted=words or content,
        again=True,
        unasked_in=_unasked_in(words, content),
    )


def _unasked_in(words: bool, content: bool) -> tuple[Zone, ...]:
    """Where nobody has to be asked: nowhere if strangers may have had a hand in what is said or to whom.

    What they may have written inside the files is let into the house's own folders, as the run's artifacts are.
    """
    if words:
        return ()
    return ("local",) if content else ("local", "private")
