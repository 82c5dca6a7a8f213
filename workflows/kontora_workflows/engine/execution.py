"""One claimed run: its steps in order, each of them either recorded already or entered now."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from kontora_agents.errors import ModelError
from kontora_agents.runner import AgentRunner
from kontora_connectors import ConnectorError

from kontora_workflows.definition import (
    AgentStep,
    ApprovalStep,
    BaseStep,
    CallStep,
    DeliverStep,
    ForEachStep,
    ReportStep,
    TeamStep,
    WaitStep,
    Workflow,
)
from kontora_workflows.engine.agent_step import AgentWork
from kontora_workflows.engine.call_thread import CallPool
from kontora_workflows.engine.caller import Caller
from kontora_workflows.engine.calls import Call, Outcome
from kontora_workflows.engine.delivering import delivery
from kontora_workflows.engine.fan_out import FanOut
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import BindingMissing, Doors, Models
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.report_writer import write_report
from kontora_workflows.engine.routing import ANYWHERE, Routes
from kontora_workflows.engine.scope import Scope
from kontora_workflows.engine.signals import Cancelled, Elsewhere, Retry, StepFailed, TimedOut, Wait
from kontora_workflows.engine.team_step import Crew
from kontora_workflows.references import ReferenceFailed
from kontora_workflows.reports.definition import Text


class Execution:
    """Works on one run from where its ledger ends."""

    def __init__(
        self,
        workflow: Workflow,
        journal: Journal,
        pulse: Pulse,
        doors: Doors,
        models: Models,
        runner: AgentRunner,
        loop: asyncio.Runner,
        pool: CallPool,
        routes: Routes = ANYWHERE,
    ) -> None:
        self.workflow, self.journal, self.pulse, self._routes = workflow, journal, pulse, routes
        self._models, self._runner, self._loop = models, runner, loop
        run = journal.run
        self._caller = Caller(journal, doors, run.bindings, pulse, pool)
        self.scope = self._scope()

    def _scope(self) -> Scope:
        run = self.journal.run
        started = datetime.fromtimestamp(run.created_at / 1000, UTC)
        if run.parent_id is not None:
            return Scope({**run.inputs}, {})
        facts = {"id": run.id, "workflow": run.workflow, "started_on": started.date().isoformat()}
        return Scope({"inputs": run.inputs, "steps": {}, "run": facts}, {})

    def go(self) -> dict[str, Any]:
        """Do every step that is not done yet; return the results by step. Raises `Stop`, `LeaseLost`."""
        try:
            for step in self.workflow.steps_below(self.journal.run.parent_step):
                self.pulse.check()
                self._step(step)
        except (Cancelled, TimedOut):
            self._caller.close_writes()
            raise
        return dict(self.scope.values["steps"])

    def outputs(self) -> dict[str, Any]:
        """What the run as a whole gives, once its steps are done. Raises `StepFailed`."""
        if self.journal.run.parent_id is not None:
            return {}
        return {name: self._resolve(text) for name, text in self.workflow.outputs.items()}

    def _step(self, step: BaseStep) -> None:
        done = self.journal.recorded("step.finished", step.id)
        settled = self.journal.recorded("tool.settled", step.id)
        # What a person settled anew since is not what the step ended with.
        if done is not None and not (settled and settled.seq > done.seq):
            self._recall(step, done.data)
            return
        if step.when is not None and not self._resolve(step.when):
            self.scope.result(step.id, {"skipped": True})
            self.journal.finish_step(step.id, {"skipped": True})
            return
        queue = self._routes.elsewhere(step, self.workflow, self.journal.run.bindings)
        if queue is not None:
            raise Elsewhere(queue)
        started = self.journal.recorded("step.started", step.id)
        if started is None:
            started = self.journal.note("step.started", step.id, {"kind": step.kind})
        if step.timeout is not None:
            resumed = [entry.at for entry in self.journal.all("run.resumed")]
            self.pulse.step = (step.id, max([started.at, *resumed]) + _milliseconds(step.timeout))
        try:
            result, seq = self._enter(step)
        except ReferenceFailed as error:
            raise StepFailed("reference_failed", f"Step {step.id}: {error.message}") from error
        except BindingMissing as error:
            raise StepFailed("binding_missing", f"Step {step.id}: {error.message}", error.hint) from error
        except ConnectorError as error:
            raise _connector_failed(step.id, error.code, error.message, error.hint, error.retryable) from error
        except ModelError as error:
            kind = Retry if error.retryable else StepFailed
            raise kind(error.code, f"Step {step.id}: {error.message}", error.hint) from error
        body: dict[str, Any] = {"kind": step.kind} | ({"outcome": seq} if seq else {})
        self.pulse.step = None
        self.journal.finish_step(step.id, body, payload=None if seq else {"result": result})
        self.scope.result(step.id, result, f"call-{seq}" if seq else None)

    def _recall(self, step: BaseStep, body: dict[str, Any]) -> None:
        """Take the result of a finished step from the ledger."""
        if body.get("skipped"):
            self.scope.result(step.id, {"skipped": True})
        elif "outcome" in body:
            result = self.journal.payload(self.journal.entry(body["outcome"]))["result"]
            self.scope.result(step.id, result, f"call-{body['outcome']}")
        else:
            entry = self.journal.recorded("step.finished", step.id)
            assert entry is not None
            self.scope.result(step.id, self.journal.payload(entry)["result"])

    def _resolve(self, text: str) -> Any:
        try:
            return self.scope.resolve(text)[0]
        except ReferenceFailed as error:
            raise StepFailed("reference_failed", error.message) from error

    def _enter(self, step: BaseStep) -> tuple[Any, int | None]:
        """Do a step. Returns its result, and the seq of the tool call that gave it, if one did."""
        if isinstance(step, CallStep):
            outcome = self._made(step, Call(step.id, step.call, self.scope.fill(step.with_), again=True))
            return outcome.result, outcome.seq
        if isinstance(step, ApprovalStep):
            return self._approval(step), None
        if isinstance(step, DeliverStep):
            return self._delivery(step), None
        if isinstance(step, AgentStep):
            work = AgentWork(step, self.workflow, self.journal, self._caller, self.pulse, self._models)
            return work.do(self.scope.fill(step.with_), self._runner, self._loop), None
        if isinstance(step, TeamStep):
            crew = Crew(step, self.workflow, self.journal, self._caller, self.pulse, self._models)
            return crew.work(self.scope.fill(step.with_), self._runner, self._loop), None
        if isinstance(step, ForEachStep):
            fan_out = FanOut(step, self.journal, self.scope)
            fan_out.start()
            return fan_out.collect(), None
        if isinstance(step, WaitStep):
            return self._wait(step), None
        assert isinstance(step, ReportStep)
        return write_report(step, self.workflow, self.journal, self.scope), None

    def _wait(self, step: WaitStep) -> dict[str, Any]:
        timer = self.journal.recorded("timer.set", step.id)
        if timer is None:
            due_at = self.pulse.now() + _milliseconds(step.wait)
            timer = self.journal.append("timer.set", step.id, {"due_at": due_at})
        if self.pulse.now() < timer.data["due_at"]:
            raise Wait("timer", until=timer.data["due_at"])
        return {}

    def _made(self, step: BaseStep, call: Call) -> Outcome:
        outcome = self._caller.call(call)
        if not outcome.ok:
            raise _connector_failed(step.id, outcome.code, outcome.message, outcome.hint, outcome.retryable)
        return outcome

    def _approval(self, step: ApprovalStep) -> dict[str, Any]:
        asked = step.approval
        expires = _milliseconds(asked.expires_after)
        call = Call(
            step.id,
            asked.call,
            self.scope.fill(asked.with_),
            title=str(self.scope.fill(_in_english(asked.title))),
            expires_in_ms=expires,
            untrusted=True,
            again=True,
            people=asked.people,
            instructions=str(self.scope.fill(_in_english(asked.instructions or ""))),
        )
        return self._decided(step, call, "result")

    def _delivery(self, step: DeliverStep) -> dict[str, Any]:
        return self._decided(step, delivery(step, self.workflow, self.journal, self.scope), "receipt")

    def _decided(self, step: BaseStep, call: Call, name: str) -> dict[str, Any]:
        """Make a write; a no is an answer. Returns the decision and what the write gave, under `name`."""
        outcome = self._caller.call(call)
        if outcome.outcome == "denied":
            return {"decision": outcome.code, name: None, "message": outcome.message}
        if not outcome.ok:
            raise _connector_failed(step.id, outcome.code, outcome.message, outcome.hint, outcome.retryable)
        asked = self.journal.recorded("approval.decided", step.id) is not None
        return {"decision": "approved" if asked else "not_needed", name: outcome.result, "message": ""}


def _in_english(text: Text) -> str:
    """A text in the language of approvals."""
    return text if isinstance(text, str) else text.get("en") or next(iter(text.values()))


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def _connector_failed(step: str, code: str, message: str, hint: str, retryable: bool) -> StepFailed:
    kind = Retry if retryable else StepFailed
    return kind(code, f"Step {step}: {message}", hint)
