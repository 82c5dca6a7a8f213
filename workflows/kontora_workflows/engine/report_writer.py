"""The `report` step: from what the run knows to files in the ledger."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from kontora_agents.grounding import Ungrounded

from kontora_workflows.definition import ReportStep, Workflow
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.scope import Scope
from kontora_workflows.engine.signals import StepFailed
from kontora_workflows.ledger.chain import Entry, canonical
from kontora_workflows.references import ReferenceFailed
from kontora_workflows.reports.build import ProseInput, Resolved, RunFacts, build_report
from kontora_workflows.reports.document import Source
from kontora_workflows.reports.errors import ReportError
from kontora_workflows.reports.files import ReportFile, report_files
from kontora_workflows.reports.formats import show


def write_report(step: ReportStep, workflow: Workflow, journal: Journal, scope: Scope) -> dict[str, Any]:
    """Build, render and store a report. Raises `StepFailed`, `LeaseLost`."""

    def resolve(reference: str) -> Resolved:
        return Resolved(*scope.resolve(reference))

    try:
        report = build_report(
            step.report,
            resolve=resolve,
            prose=lambda id_: _prose(scope, id_),
            sources=[_source(journal, entry) for entry in journal.all("tool.outcome") if "payload" in entry.data],
            run=RunFacts(workflow.name, journal.run.id, _now(journal, step), tuple(journal.run.inputs.items())),
            evidence=[
                (f"call-{entry.seq}", canonical(journal.payload(entry)["result"]))
                for entry in journal.all("tool.outcome")
                if "payload" in entry.data
            ],
        )
        files = report_files(report, step.report.formats)
    except ReportError as error:
        raise StepFailed("report_failed", f"Step {step.id}: {error}", error.hint) from error
    except ReferenceFailed as error:
        raise StepFailed("reference_failed", f"Step {step.id}: {error.message}") from error
    figures = [{"label": one.label, "value": show(one.value, report.language)} for one in report.figures]
    return {"artifacts": [_store(journal, step.id, file) for file in files], "figures": figures}


def _store(journal: Journal, step: str, file: ReportFile) -> dict[str, Any]:
    key = f"{step}/{file.name}"
    known = journal.recorded("artifact.written", key)
    if known is not None:
        journal.file_again(known, hashlib.sha256(file.content).hexdigest())
        return {"id": known.data["artifact"], "name": file.name, "media_type": file.media_type}
    written = journal.ledger.artifacts.write(journal.head, key, file.name, file.media_type, file.content)
    journal.remember(written)
    return {"id": written.data["artifact"], "name": file.name, "media_type": file.media_type}


def _now(journal: Journal, step: ReportStep) -> datetime:
    """The time the step was entered first, so that a report written again is the same to the byte."""
    started = journal.recorded("step.started", step.id)
    at = started.at if started else journal.run.created_at
    return datetime.fromtimestamp(at / 1000, UTC)


def _prose(scope: Scope, step: str) -> ProseInput | None:
    said = scope.values["steps"].get(step)
    if said is None or said.get("skipped"):
        return None
    ungrounded = [Ungrounded.model_validate(found) for found in said["ungrounded"]]
    return ProseInput(said["text"], said["agent"], said["model"], said["rehearsal"], ungrounded)


def _source(journal: Journal, entry: Entry) -> Source:
    body = entry.data
    payload = journal.payload(entry)
    intended = journal.recorded("tool.intended", entry.key or "")
    arguments = payload.get("arguments") or (journal.payload(intended)["arguments"] if intended else {})
    return Source(
        ref=f"call-{entry.seq}",
        tool=body["tool"],
        instance=body["instance"],
        kind=body["kind"],
        arguments=arguments,
        at=datetime.fromtimestamp(entry.at / 1000, UTC),
        result_hash=body["result_hash"],
    )
