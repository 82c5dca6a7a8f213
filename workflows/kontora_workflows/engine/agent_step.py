"""An agent's step: at a desk of its own, and with a stronger model behind it where its definition says so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from kontora_agents.errors import AnswerUnusable
from kontora_agents.runner import AgentOutcome, AgentRunner
from kontora_agents.seams import TurnLeft
from kontora_agents.task import render_task

from kontora_workflows.definition import AgentStep, Workflow
from kontora_workflows.engine.caller import Caller
from kontora_workflows.engine.choosing import choose_model
from kontora_workflows.engine.clearance import Clearance
from kontora_workflows.engine.desk import Desk, evidence_of
from kontora_workflows.engine.escalation import Escalated, Escalation, distrust
from kontora_workflows.engine.figures_check import check_figures
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import ChosenModel, Models
from kontora_workflows.engine.pulse import Pulse


class AgentWork:
    """The work of the agent of one step."""

    def __init__(
        self, step: AgentStep, workflow: Workflow, journal: Journal, caller: Caller, pulse: Pulse, models: Models
    ) -> None:
        self._step, self._workflow, self._journal = step, workflow, journal
        self._caller, self._pulse, self._models = caller, pulse, models
        self._agent = workflow.agents[step.agent]

    def do(self, data: dict[str, Any], runner: AgentRunner, loop: asyncio.Runner) -> dict[str, Any]:
        """Let the agent work on `data`; returns the result of the step. Raises `Stop`, `LeaseLost`, `ModelError`."""
        chosen = self._choose()
        desk = self._desk(chosen)
        desk.evidence.append(evidence_of(data))
        own = self._own(data, desk, chosen, runner, loop)
        if self._agent.escalation is None:
            return self._result(own, chosen.server)
        why = distrust(own)
        parts = self._step, self._workflow, self._journal, self._caller, self._pulse, self._models
        second = Escalation(*parts).ask(data, why, desk.evidence, loop) if why else Escalated("not_needed")
        said = {"escalated": second.how, "message": second.why}
        return {**self._result(second.outcome or own, second.server or chosen.server, second.why), **said}

    def _choose(self) -> ChosenModel:
        agent, name = self._agent, self._step.agent
        path = f"{self._step.id}/{name}"
        return choose_model(self._journal, self._models, path, agent.model, name, tools=bool(agent.tools))

    def _desk(self, chosen: ChosenModel) -> Desk:
        clearance = Clearance(self._workflow, self._step, chosen, self._journal)
        path = f"{self._step.id}/{self._step.agent}"
        return Desk(path, self._agent, chosen, self._journal, self._caller, self._pulse, clearance)

    def _own(
        self, data: dict[str, Any], desk: Desk, chosen: ChosenModel, runner: AgentRunner, loop: asyncio.Runner
    ) -> AgentOutcome | AnswerUnusable:
        """What came of the agent's work with its own model. Raises `Stop`, `LeaseLost`, other `ModelError`s."""
        agent, name, task = self._agent, self._step.agent, render_task(data)
        work = runner.run(agent, name, task, desk.specs(), desk, chosen.model, chosen.name, lambda: desk.evidence)
        try:
            return loop.run(work)
        except TurnLeft:
            assert desk.stopped is not None
            raise desk.stopped from None
        except AnswerUnusable as error:
            return error

    def _result(self, outcome: AgentOutcome | AnswerUnusable, server: str, also: str = "") -> dict[str, Any]:
        """The result of the step. `also` is said where it fails."""
        if isinstance(outcome, AnswerUnusable):
            raise AnswerUnusable(f"{outcome.message} {also}".strip(), hint=outcome.hint, detail=outcome.detail)
        check_figures(self._step.id, self._step.agent, self._agent, outcome, also)
        return {**json.loads(outcome.model_dump_json()), "agent": self._step.agent, "server": server}
