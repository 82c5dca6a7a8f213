"""A team's step: every member at a desk of its own, and what one of them learns counts for all."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, Literal

from kontora_agents.definition import AgentDefinition
from kontora_agents.runner import AgentRunner
from kontora_agents.seams import TurnLeft
from kontora_agents.task import render_task
from kontora_agents.team import Chooser, Member, Team

from kontora_workflows.definition import TeamStep, Workflow
from kontora_workflows.engine.budget import Budget, Shared
from kontora_workflows.engine.caller import Caller
from kontora_workflows.engine.choosing import choose_model
from kontora_workflows.engine.clearance import Clearance
from kontora_workflows.engine.desk import Desk, evidence_of
from kontora_workflows.engine.figures_check import check_figures
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import ChosenModel, Models
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.questions import Questions
from kontora_workflows.engine.signals import Stop

#: Contributions after which a team that has said nothing about it ends.
_SPEECHES = 12
#: Where the model sits that picks who speaks next, and what is about no single member; no agent can be called so.
_CHOOSER, _ALL = "_chooser", "_team"
#: The name of that model in a rehearsal script, after the id of the step.
_SELECTOR = "selector"


class Crew:
    """The members of one team step."""

    def __init__(
        self, step: TeamStep, workflow: Workflow, journal: Journal, caller: Caller, pulse: Pulse, models: Models
    ) -> None:
        self._step, self._workflow, self._journal = step, workflow, journal
        self._caller, self._pulse, self._models = caller, pulse, models
        self._desks: dict[str, Desk] = {}
        self._servers: dict[str, str] = {}
        self._questions = Questions(step, journal)
        self._shared = Shared(Budget(step.team.limits))

    def work(self, data: dict[str, Any], runner: AgentRunner, loop: asyncio.Runner) -> dict[str, Any]:
        """Let the team work on `data`; returns the result of the step. Raises `Stop`, `LeaseLost`, `ModelError`."""
        team, given = self._team(), evidence_of(data)
        try:
            outcome = loop.run(runner.run_team(team, render_task(data), lambda: [given, *self._evidence()]))
        except TurnLeft:
            raise self._stopped() from None
        if outcome.ended == "limit":
            self._note_speeches()
        check_figures(self._step.id, outcome.agent, self._workflow.agents[outcome.agent], outcome)
        return {**json.loads(outcome.model_dump_json()), "server": self._servers[outcome.agent]}

    def _note_speeches(self) -> None:
        """Record that the speeches ran out, if no other limit ended the work. Runs of before replay without it."""
        if not any((entry.key or "").startswith(f"{self._step.id}/") for entry in self._journal.all("limit.reached")):
            with suppress(Stop):
                self._journal.note("limit.reached", f"{self._step.id}/{_ALL}", {"limit": "speeches"})

    def _evidence(self) -> list[str]:
        return [*self._questions.answers, *(text for desk in self._desks.values() for text in desk.evidence)]

    def _stopped(self) -> Exception:
        """What made the team leave."""
        stopped = [self._questions.stopped, *(desk.stopped for desk in self._desks.values())]
        return next(error for error in stopped if error is not None)

    def _team(self) -> Team:
        told = self._step.team
        return Team(
            pattern=told.pattern,
            members=[self._member(name) for name in told.agents],
            speeches=told.ends.speeches or _SPEECHES,
            says=told.ends.says,
            by=told.ends.by,
            answer_of=told.answer_of,
            chooser=self._chooser() if told.pattern == "selector" else None,
            person=self._questions.ask if told.person is not None else None,
        )

    def _member(self, name: str) -> Member:
        agent = self._workflow.agents[name]
        calls = bool(agent.tools) or self._step.team.pattern == "swarm"
        path = f"{self._step.id}/{name}"
        chosen = choose_model(self._journal, self._models, path, agent.model, name, tools=calls)
        desk = self._desk(name, agent, chosen)
        return Member(name, agent, desk.specs(), desk, chosen.model, chosen.name)

    def _chooser(self) -> Chooser:
        team = self._step.team
        path, role = f"{self._step.id}/{_CHOOSER}", f"{self._step.id}_{_SELECTOR}"
        chosen = choose_model(self._journal, self._models, path, team.model, role, tools=False)
        agent = AgentDefinition(instructions="Pick who speaks next.", limits=team.limits)
        return Chooser(self._desk(_CHOOSER, agent, chosen), chosen.model, chosen.name, self._note_choice)

    def _desk(self, name: str, agent: AgentDefinition, chosen: ChosenModel) -> Desk:
        clearance = Clearance(self._workflow, self._step, chosen, self._journal)
        path, shared = f"{self._step.id}/{name}", self._shared
        desk = Desk(path, agent, chosen, self._journal, self._caller, self._pulse, clearance, shared)
        self._desks[name], self._servers[name] = desk, chosen.server
        return desk

    def _note_choice(self, number: int, speaker: str, by: Literal["model", "order"]) -> None:
        """Record who was picked, and whether the model's answer named them or the order of the list did."""
        key = f"{self._step.id}/{_CHOOSER}/s{number}"
        if self._journal.recorded("speaker.chosen", key) is None:
            self._journal.note("speaker.chosen", key, {"speaker": speaker, "by": by})
