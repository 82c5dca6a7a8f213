"""A stronger model, asked once where an agent's own gave nothing to be trusted, after a person has read the text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kontora_agents.definition import AgentDefinition
from kontora_agents.errors import AnswerUnusable, ModelError
from kontora_agents.grounding import check
from kontora_agents.limits import LimitReached
from kontora_agents.one_question import LookedUp, OneQuestion, render_question
from kontora_agents.runner import AgentOutcome
from kontora_agents.seams import ModelAnswer, TurnLeft
from kontora_connectors import Invalid

from kontora_workflows.definition import AgentStep, Workflow
from kontora_workflows.engine.caller import Caller
from kontora_workflows.engine.clearance import Clearance
from kontora_workflows.engine.desk import Desk
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import ChosenModel, Models
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.run_files import RunFiles
from kontora_workflows.engine.signals import Wait
from kontora_workflows.engine.taint import Taint
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.chain import Entry, digest

#: What stands in the place of a tool where a person is asked whether a text may go to a stronger model.
ESCALATION = "model.escalate"
#: What of it a person may change.
_EDITABLE = ("instructions", "text")

#: What became of an escalation. `not_needed`: the agent's own model answered; `not_allowed`: nobody was asked.
How = Literal["not_needed", "approved", "rejected", "expired", "not_allowed"]


@dataclass(frozen=True)
class Escalated:
    """How an escalation ended: with the answer of the stronger model, or with a reason why it was not asked."""

    how: How
    why: str = ""
    outcome: AgentOutcome | None = None
    server: str = ""


class Escalation:
    """The one question that an agent of a step may have put to a stronger model."""

    def __init__(
        self, step: AgentStep, workflow: Workflow, journal: Journal, caller: Caller, pulse: Pulse, models: Models
    ) -> None:
        self._step, self._workflow, self._journal = step, workflow, journal
        self._caller, self._pulse, self._models = caller, pulse, models
        self._agent: AgentDefinition = workflow.agents[step.agent]
        self._key = f"{step.id}/{step.agent}/escalation"

    def ask(self, data: dict[str, Any], why: str, evidence: list[str], loop: asyncio.Runner) -> Escalated:
        """Have the question put whose task is `data`, because of `why`. `evidence` is what figures may come from.

        Raises `Wait` while a person decides, what `Desk.ask` raises, and `ModelError` if the answer is none.
        """
        if refused := self._refused():
            return _not_asked("not_allowed", refused.data["why"])
        decided = self._journal.recorded("approval.decided", self._key)
        if decided is None:
            if objection := self._put(data, why):
                return _not_asked("not_allowed", objection)
            raise Wait("approval")
        arguments = self._arguments()
        agreed = decided.data["decision"] == "approved" and decided.data["arguments_hash"] == digest(arguments)
        if not agreed:
            return _denied(decided)
        model = self._models.again(arguments["model"], arguments["server"]).approved
        if not self._use(arguments, model):
            return _denied(decided)
        return self._answered(model, arguments, evidence, loop)

    # --- before a person is asked --------------------------------------------------------------------------------

    def _refused(self) -> Entry | None:
        """The refusal that still holds: whoever resumes a run may have changed what stood in the way."""
        refused = self._journal.recorded("escalation.refused", self._key)
        resumed = max((entry.seq for entry in self._journal.all("run.resumed")), default=0)
        return refused if refused is not None and refused.seq > resumed else None

    def _put(self, data: dict[str, Any], why: str) -> str:
        """Ask a person, once. Returns what forbids it, if something does: then nobody is asked. Raises `ModelError`."""
        if self._journal.recorded("approval.requested", self._key) is not None:
            return ""
        wanted = self._agent.escalation
        assert wanted is not None
        script = f"{self._step.agent}_escalation"  # of a rehearsal
        try:
            model = self._models.choose(wanted.model, self._workflow.name, script, tools=False).approved
        except ModelError as error:
            if error.retryable:
                raise
            return self._refuse(error.message)
        if objection := Clearance(self._workflow, self._step, model, self._journal).objection():
            return self._refuse(objection)
        arguments = {
            "model": model.name,
            "server": model.server,
            "zone": model.zone,
            "instructions": self._agent.instructions,
            "text": render_question(data, list(self._looked_up())),
        }
        request = Request(
            key=self._key,
            title=f"{destination(arguments)}, because {self._step.agent} {why}",
            tool=ESCALATION,
            instance=wanted.model,
            arguments=arguments,
            arguments_hash=digest(arguments),
            untrusted=self._untrusted(),
            expires_in_ms=int(wanted.expires_after.total_seconds() * 1000),
            people=wanted.people,
            instructions=wanted.instructions,
        )
        self._journal.ledger.approvals.request(self._journal.head, self._journal.run.root_id, request)
        return ""

    def _refuse(self, why: str) -> str:
        self._journal.note("escalation.refused", self._key, {"why": why})
        return why

    def _mine(self, kind: str) -> list[Entry]:
        """The entries of the agent's own work."""
        return [
            one for one in self._journal.all(kind) if str(one.key).startswith(f"{self._step.id}/{self._step.agent}/t")
        ]

    def _looked_up(self) -> Iterator[LookedUp]:
        """What the agent's tools gave. What failed or was refused is not worth showing to anybody."""
        for outcome in self._mine("tool.outcome"):
            intended = self._journal.recorded("tool.intended", str(outcome.key))
            if intended is not None and outcome.data["outcome"] in ("ok", "reconciled"):
                arguments = self._journal.payload(intended)["arguments"]
                yield LookedUp(outcome.data["tool"], arguments, self._journal.payload(outcome)["result"])

    def _untrusted(self) -> bool:
        """Whether strangers may have written a part of the text."""
        before = self._journal.ledger.entries.of_kind(RunFiles(self._journal).runs[1:], "tool.outcome")
        strangers = [one for one in [*self._journal.all("tool.outcome"), *before] if one.data.get("untrusted")]
        mine = {one.key for one in self._mine("tool.outcome")}
        read = any(one.run_id == self._journal.run.id and one.key in mine for one in strangers)
        return read or Taint(self._workflow, strangers).reaches(self._step.with_)

    # --- after a yes -------------------------------------------------------------------------------------------------

    def _arguments(self) -> dict[str, Any]:
        """What was asked for, as a person left it."""
        kinds = ("approval.edited", "approval.requested")
        asked = next(filter(None, (self._journal.recorded(kind, self._key) for kind in kinds)))
        arguments: dict[str, Any] = self._journal.payload(asked)["arguments"]
        return arguments

    def _use(self, arguments: dict[str, Any], model: ChosenModel) -> bool:
        """Spend the yes, in the transaction that says so. False if it cannot be spent."""
        if self._journal.recorded("model.escalated", self._key) is not None:
            return True
        if model.zone != arguments["zone"]:  # its settings were changed since
            return False
        ledger, head = self._journal.ledger, self._journal.head
        plan = {"model": model.name, "server": model.server, "rehearsal": model.rehearsal}
        body = {"model": model.name, "server": model.server, "zone": model.zone, "arguments_hash": digest(arguments)}
        with ledger.database.write("approval.used") as connection:
            if not ledger.approvals.use(connection, self._journal.run.id, self._key):
                return False
            self._journal.note("plan", self._key, plan)
            entry = ledger.entries.append_in(connection, head, "model.escalated", self._key, body)
        self._journal.remember(entry)
        return True

    def _answered(
        self, model: ChosenModel, arguments: dict[str, Any], evidence: list[str], loop: asyncio.Runner
    ) -> Escalated:
        """Send exactly what was agreed to, unless the answer is there already."""
        question = OneQuestion(model.name, arguments["instructions"], arguments["text"])
        desk = self._desk(model)
        try:
            answer = loop.run(desk.ask(0, question.request, model.model.answer))
            text = question.read(answer)
        except TurnLeft:
            assert desk.stopped is not None
            raise desk.stopped from None
        except LimitReached:
            seconds = self._agent.limits.seconds
            raise AnswerUnusable(f"The stronger model {model.name!r} had not answered after {seconds:g} s.") from None
        except AnswerUnusable as error:
            why = f"The stronger model {model.name!r} was asked, and its answer cannot be taken. {error.message}"
            raise AnswerUnusable(why, hint=error.hint, detail=error.detail) from None
        return Escalated("approved", outcome=self._outcome(answer, text, evidence), server=model.server)

    def _desk(self, model: ChosenModel) -> Desk:
        clearance = Clearance(self._workflow, self._step, model, self._journal)
        return Desk(self._key, self._agent, model, self._journal, self._caller, self._pulse, clearance, keeps=True)

    def _outcome(self, answer: ModelAnswer, text: str, evidence: list[str]) -> AgentOutcome:
        """What came of the step as a whole: the last answer, and all that was spent on it."""
        agent, own = self._agent, [entry.data for entry in self._mine("model.answered")]
        looked_at, sources = agent.grounding != "off", [agent.instructions, *evidence]
        return AgentOutcome(
            text=text,
            turns=len(own) + 1,
            tool_calls=len(self._mine("tool.outcome")),
            prompt_tokens=sum(one["prompt_tokens"] for one in own) + answer.prompt_tokens,
            completion_tokens=sum(one["completion_tokens"] for one in own) + answer.completion_tokens,
            model=answer.model,
            rehearsal=answer.rehearsal or any(one["rehearsal"] for one in own),
            ended="answered",
            ungrounded=check(text, sources, agent.derivations) if looked_at else [],
        )


def distrust(own: AgentOutcome | AnswerUnusable) -> str:
    """Why what an agent's own model gave cannot be trusted; empty if it can."""
    if isinstance(own, AnswerUnusable):
        return "gave no answer that can be used"
    if own.ended == "limit":
        return "reached a limit before its answer"
    return "gave figures that no source holds" if own.ungrounded else ""


def destination(arguments: dict[str, Any]) -> str:
    """Where the text of an escalation would go."""
    model, server = arguments["model"], arguments["server"]
    where = {
        "external": f"would leave the house to {server}",
        "private": f"would go to {server} in the company's network",
    }.get(arguments["zone"], f"would stay on this machine, at {server}")
    return f"The text {where} (model {model})"


def edited(arguments: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an escalation with another text. Raises `Invalid` for anything else."""
    for name, value in changes.items():
        if name not in _EDITABLE:
            raise Invalid(f"Of this question only {' and '.join(_EDITABLE)} can be changed, not {name!r}.")
        if not isinstance(value, str) or not value.strip():
            raise Invalid(f"{name!r} has to be a text; reject the approval if nothing of it may be sent.")
    return {**arguments, **changes}


def _not_asked(how: How, why: str) -> Escalated:
    return Escalated(how, f"The stronger model was not asked: {why}")


def _denied(decided: Entry) -> Escalated:
    said, by = decided.data["decision"], decided.data["by"]
    if said == "expired":
        return _not_asked("expired", "nobody said yes in time.")
    why = f"{by} said no" if said == "rejected" else "the yes was for another text or another zone, or is used up"
    return _not_asked("rejected", f"{why}.")
