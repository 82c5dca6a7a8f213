"""Routing by scarce resource: a run goes where its next step's model or connector is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kontora_workflows.definition import AgentStep, ApprovalStep, BaseStep, CallStep, DeliverStep, TeamStep, Workflow
from kontora_workflows.engine.ports import Sender
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.run import Run


def send_all(ledger: Ledger, sender: Sender, runs: Sequence[Run]) -> None:
    """Tell the workers of some runs, each in its queue, and take note of what is on its way."""
    queues: dict[str, list[str]] = {}
    for run in runs:
        queues.setdefault(run.queue, []).append(run.id)
    for queue, ids in queues.items():
        if sender.send(ids, queue):
            ledger.runs.mark_sent(ids)


@dataclass(frozen=True)
class Routes:
    """The queues of configured models and connectors, by name, and the queues that this process serves (None: all).

    What has no queue of its own may be used by every process.
    """

    models: Mapping[str, str] = field(default_factory=dict)
    connectors: Mapping[str, str] = field(default_factory=dict)
    serves: frozenset[str] | None = None

    def elsewhere(self, step: BaseStep, workflow: Workflow, bindings: Mapping[str, str]) -> str | None:
        """The queue that a run has to go to for a step; None if this process may take it."""
        queue = self._queue(step, workflow, bindings)
        return queue if queue is not None and self.serves is not None and queue not in self.serves else None

    def _queue(self, step: BaseStep, workflow: Workflow, bindings: Mapping[str, str]) -> str | None:
        if isinstance(step, AgentStep):
            return self.models.get(workflow.agents[step.agent].model or "default")
        if isinstance(step, TeamStep):  # one process does the whole step: the one that serves who is named first
            return self.models.get(workflow.agents[step.team.agents[0]].model or "default")
        if isinstance(step, CallStep):
            return self._of_role(step.call, bindings)
        if isinstance(step, ApprovalStep):
            return self._of_role(step.approval.call, bindings)
        if isinstance(step, DeliverStep):
            return self._of_role(step.deliver.to, bindings)
        return None

    def _of_role(self, tool: str, bindings: Mapping[str, str]) -> str | None:
        return self.connectors.get(bindings.get(tool.partition(".")[0], ""))


#: One process for everything.
ANYWHERE = Routes()
