"""Which steps of a run gave values of one sort (text that strangers can have written, say), and which hand them on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kontora_workflows.definition import ApprovalStep, CallStep, ForEachStep, ReportStep, Step, Workflow
from kontora_workflows.engine.scope import first_step
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.references import parse, texts
from kontora_workflows.reports.definition import ProseSection


class Taint:
    """What may derive from the answers of some calls in a workflow. In doubt it does."""

    def __init__(self, workflow: Workflow, outcomes: Iterable[Entry]) -> None:
        """`outcomes` are the entries of these calls; the key of a call begins with its step."""
        #: Steps whose result is tainted, and loop variables that are.
        self._names = {str(entry.key).partition("/")[0] for entry in outcomes}
        if self._names:
            self._walk(workflow.steps)

    def reaches(self, value: Any) -> bool:
        """Whether a part of a definition (plain JSON) refers to what may derive from them."""
        found = [reference for _, text in texts(value) for reference in parse(text).references]
        everything = bool(self._names) and any(str(reference) == "steps" for reference in found)
        return everything or any((first_step(reference) or reference.root) in self._names for reference in found)

    def _walk(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, CallStep | ApprovalStep):
                continue  # what a system answers is labelled by its own tool, whatever it was asked
            if self.reaches(step.model_dump(mode="json", exclude={"steps", "when"})) or self._quotes(step):
                self._names |= {step.id} | ({step.as_} if isinstance(step, ForEachStep) else set())
            if isinstance(step, ForEachStep):
                self._walk(step.steps)

    def _quotes(self, step: Step) -> bool:
        """Whether a report shows what a tainted agent wrote."""
        sections = step.report.sections if isinstance(step, ReportStep) else []
        return any(isinstance(section, ProseSection) and section.prose.step in self._names for section in sections)
