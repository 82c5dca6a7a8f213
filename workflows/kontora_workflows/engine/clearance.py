"""Whether a model may be given what an agent is about to ask it: nothing goes to a zone that may not hold it."""

from __future__ import annotations

from collections.abc import Iterator

from kontora_connectors.data_classes import UNLABELLED, DataClass, may_hold

from kontora_workflows.definition import AgentStep, TeamStep, Workflow
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.engine.run_files import RunFiles
from kontora_workflows.engine.signals import StepFailed
from kontora_workflows.engine.taint import Taint
from kontora_workflows.ledger.chain import Entry


class Clearance:
    """What the model of one agent may hold, held against what the agent knows, or its team. In doubt it knows it."""

    def __init__(self, workflow: Workflow, step: AgentStep | TeamStep, model: ChosenModel, journal: Journal) -> None:
        self._workflow, self._step, self._model, self._journal = workflow, step, model, journal
        #: What the step was given cannot change any more; what the agent reads comes on top.
        self._given: str | None = None

    def check(self) -> None:
        """Raise `StepFailed` if the next question would carry what its model may not hold."""
        if why := self.objection():
            raise StepFailed(
                "data_class",
                f"Step {self._step.id}: {why}",
                "Name a model that may hold it (`zone` and `may_hold` in kontora.toml), or give the agent less.",
            )

    def objection(self) -> str:
        """Why the next question may not be sent; empty if it may."""
        if self._model.may_hold == "personal":
            return ""
        if self._given is None:
            self._given = next(self._reasons_given(), "")
        why = self._given or next(self._reasons_read(), "")
        if not why:
            return ""
        return (
            f"nothing was sent to the model {self._model.name!r}: it is {self._model.zone}, "
            f"may hold {self._model.may_hold} data at most, and {why}."
        )

    def _reasons_given(self) -> Iterator[str]:
        if not self._holds(self._workflow.data_class):
            yield f"the workflow is {self._workflow.data_class}"
        for entry in [*self._journal.all("tool.outcome"), *self._of_other_runs()]:
            if not self._holds(_class(entry)) and Taint(self._workflow, [entry]).reaches(self._step.with_):
                yield f"what {entry.data['tool']} gave is {_class(entry)}"

    def _of_other_runs(self) -> list[Entry]:
        """What the run around a loop, or the run that this one is a retry of, was answered."""
        others = RunFiles(self._journal).runs[1:]
        return self._journal.ledger.entries.of_kind(others, "tool.outcome") if others else []

    def _reasons_read(self) -> Iterator[str]:
        """What the agent was told by its tools, or another one of its team by theirs."""
        for entry in self._journal.all("tool.outcome"):
            mine = str(entry.key).startswith(f"{self._step.id}/")
            if mine and not self._holds(_class(entry)):
                yield f"what {entry.data['tool']} gave the agent is {_class(entry)}"

    def _holds(self, value: DataClass) -> bool:
        return may_hold(self._model.may_hold, value)


def _class(entry: Entry) -> DataClass:
    """The class of what a call gave; of a refusal or failure, nothing is known but its words."""
    found: DataClass = entry.data.get("data_class", UNLABELLED)
    return found
