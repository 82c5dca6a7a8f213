"""Where an agent works: the seams behind which the ledger answers first and the world second."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from kontora_agents.definition import AgentDefinition
from kontora_agents.limits import LimitReached
from kontora_agents.reading.identity import identity
from kontora_agents.seams import ModelAnswer, ModelRequest, Repair, ToolAnswer, ToolCall, ToolSpec, TurnLeft
from kontora_connectors import Tool

from kontora_workflows.engine.budget import Budget, Shared, time_of
from kontora_workflows.engine.caller import Caller
from kontora_workflows.engine.calls import Call, Outcome
from kontora_workflows.engine.clearance import Clearance
from kontora_workflows.engine.journal import QUICK_S, Journal
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.repeats import Repeats, told_again
from kontora_workflows.engine.signals import Stop, nondeterministic
from kontora_workflows.engine.slot import slot
from kontora_workflows.failpoints import passing
from kontora_workflows.ledger.chain import canonical, digest
from kontora_workflows.ledger.entries import LeaseLost

#: How often a waiting model call looks whether the run has to stop, in seconds.
_LOOK_S = 0.25

_LATER = ToolAnswer(content="This call has not been made yet.", is_error=True)


class Desk:
    """The `Seams` of one agent. Agents that work together share what is `shared`.

    `keeps`: an answer is stored at once, however quick it was, so that its question is not put again without need.
    """

    def __init__(
        self,
        path: str,
        agent: AgentDefinition,
        model: ChosenModel,
        journal: Journal,
        caller: Caller,
        pulse: Pulse,
        clearance: Clearance,
        shared: Shared | None = None,
        *,
        keeps: bool = False,
    ) -> None:
        self._path, self._model, self._clearance, self._keeps = path, model, clearance, keeps
        self._journal, self._caller, self._pulse = journal, caller, pulse
        self._names = {wire_name(name): name for name in agent.tools}
        self._tools: dict[str, tuple[ToolSpec, Tool]] = {}
        self._repeats = Repeats()
        self._shown = 0
        own = Budget(agent.limits)
        self._budgets = [own, shared.budget] if shared else [own]
        self._shared = shared or Shared(own)
        self._limit: str | None = None
        self.stopped: Stop | LeaseLost | None = None
        self.evidence: list[str] = []

    def specs(self) -> list[ToolSpec]:
        """The agent's tools as they are offered to the model. Raises `ConnectorError`, `BindingMissing`."""
        for wire, name in self._names.items():
            _, tool = self._caller.find(name)
            spec = ToolSpec(
                name=wire,
                description=tool.description,
                parameters=tool.parameters,
                writes=tool.effect == "write",
            )
            self._tools[wire] = spec, tool
        return [spec for spec, _ in self._tools.values()]

    async def ask(
        self, turn: int, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> ModelAnswer:
        """Answer from the ledger, or ask the model and record it. Raises `TurnLeft`, `LimitReached`, `ModelError`."""
        if self.stopped is not None:
            raise TurnLeft(str(self.stopped))
        key = f"{self._path}/t{turn}"
        hash_ = digest(request.model_dump(mode="json"))
        try:
            self._check_limits(key)
            if self._journal.recorded("model.answered", key) is None:
                self._clearance.check()
                with slot(self._journal, self._pulse, f"model:{self._model.server}", self._model.limit):
                    await self._ask_model(key, hash_, request, send)
            answer = self._answer(key, hash_)
        except (Stop, LeaseLost) as stop:
            self.stopped = stop
            raise TurnLeft(str(stop)) from stop
        self._shown = len(request.messages)
        return answer

    def _answer(self, key: str, hash_: str) -> ModelAnswer:
        """The recorded answer, counted. Raises `StepFailed` if it is one to another question."""
        answered = self._journal.recorded("model.answered", key)
        assert answered is not None
        if answered.data["request_hash"] != hash_:
            raise nondeterministic(f"At {key} the model was asked something else before than it would be asked now.")
        answer = ModelAnswer.model_validate(self._journal.payload(answered)["answer"])
        for budget in self._budgets:
            budget.answered(answer, time_of(self._journal, key, "model.asked", answered))
        return answer

    def _check_limits(self, key: str) -> None:
        """Raise `LimitReached` if nothing is to be asked any more."""
        if self._journal.recorded("limit.reached", key) is not None:
            raise LimitReached
        limit = self._limit or next(filter(None, (budget.spent() for budget in self._budgets)), None)
        if limit is not None:
            raise self._reached(key, limit)

    def _reached(self, key: str, limit: str) -> LimitReached:
        """Record which limit ended the work."""
        self._journal.note("limit.reached", key, {"limit": limit})
        return LimitReached(limit)

    async def _ask_model(
        self, key: str, hash_: str, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> None:
        self._pulse.check()
        new = [message.model_dump(mode="json") for message in request.messages[self._shown :]]
        asked = {"model": request.model, "request_hash": hash_, "messages_before": self._shown}
        asked["zone"] = self._model.zone
        self._journal.append("model.asked", key, asked, payload={"messages": new})
        passing("model.before")
        started, left = time.monotonic(), min(budget.seconds_left for budget in self._budgets)
        task = asyncio.ensure_future(send(request))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=min(_LOOK_S, left))
                self._pulse.check()
                if not task.done() and time.monotonic() - started > left:
                    raise self._reached(key, "seconds")
            answer = task.result()
            passing("model.after")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        body = {
            "model": answer.model,
            "request_hash": hash_,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "calls": [call.name for call in answer.calls],
            "rehearsal": answer.rehearsal,
        }
        # What came at once is stored with what follows from it; what was long in coming is stored at once.
        quick = time.monotonic() - started < QUICK_S and not self._keeps
        write = self._journal.note if quick else self._journal.append
        write("model.answered", key, body, payload={"answer": answer.model_dump(mode="json")})

    async def repaired(self, turn: int, repairs: list[Repair]) -> None:
        """Record what was repaired in an answer, once. The values may be anybody's: they are stored apart."""
        key = f"{self._path}/t{turn}"
        if self.stopped is not None or self._journal.recorded("model.repaired", key) is not None:
            return
        told = [{"what": one.what, "tool": one.where.partition(".")[0], "why": one.why} for one in repairs]
        payload = {"repairs": [one.model_dump(mode="json") for one in repairs]}
        try:
            self._journal.note("model.repaired", key, {"repairs": told}, payload=payload)
        except (Stop, LeaseLost) as stop:
            self.stopped = stop

    async def reached(self, turn: int, limit: str) -> None:
        """Record that a limit of the agent ended its work, once.

        It decides nothing: runs that were recorded before there were such entries replay to the same without them.
        """
        key = f"{self._path}/t{turn}"
        if self.stopped is not None or self._journal.recorded("limit.reached", key) is not None:
            return
        try:
            self._journal.note("limit.reached", key, {"limit": limit})
        except (Stop, LeaseLost) as stop:
            self.stopped = stop

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        """Make a call through the gate. What makes the run stop is kept for the next `ask`."""
        self._limit = self._limit or next(filter(None, (one.spent_by_calling() for one in self._budgets)), None)
        if self.stopped is not None or self._limit is not None:
            return _LATER
        key = f"{self._path}/t{turn}/c{position}"
        try:
            self._pulse.check()
            can = call.name in self._tools and not call.problem
            answer = self._call(key, call) if can else self._refuse(key, call)
            self._count(key)
            return answer
        except (Stop, LeaseLost) as stop:
            self.stopped = stop
            return _LATER

    def _count(self, key: str) -> None:
        ended = self._journal.recorded("tool.outcome", key)
        assert ended is not None
        for budget in self._budgets:
            budget.called(time_of(self._journal, key, "tool.intended", ended))

    def _call(self, key: str, call: ToolCall) -> ToolAnswer:
        """Make a call, unless the very same was made before in this step."""
        (spec, tool), wanted = self._tools[call.name], Call(key, self._names[call.name], call.arguments)
        same = identity(spec, call.arguments)
        repeated, before = self._repeats.count(same), self._repeats.before(spec, call.arguments)
        if before is not None:
            self._caller.deny(wanted, f"The same call was made before: entry {before.seq}.", code="repeated")
            return told_again(before, repeated)
        outcome = self._caller.call(replace(wanted, untrusted=self._shared.untrusted))
        edited = self._journal.recorded("approval.edited", key)
        made = [self._journal.payload(edited)["arguments"]] if edited else []
        self._repeats.learn(spec, tool, outcome, call.arguments, *made)
        return self._told(outcome, repeated)

    def _refuse(self, key: str, call: ToolCall) -> ToolAnswer:
        """Answer a call that cannot be made: there is no such tool, or what it says has no one reading."""
        repeated, why = self._repeats.count(f"{call.name} {canonical(call.arguments)}"), call.problem
        if call.name not in self._tools:
            near = difflib.get_close_matches(call.name, self._names, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            why = f"{call.name!r} is not one of your tools.{meant} You have: {', '.join(self._names) or 'none'}."
        return self._told(
            self._caller.deny(Call(key, self._names.get(call.name, call.name), call.arguments), why), repeated
        )

    def _told(self, outcome: Outcome, repeated: int) -> ToolAnswer:
        if not outcome.ok:
            content = f"{outcome.message} {outcome.hint}".strip()
            return ToolAnswer(content=content, is_error=True, repeated=repeated)
        text = canonical(outcome.result)
        self.evidence.append(text)
        self._shared.untrusted = self._shared.untrusted or outcome.untrusted
        return ToolAnswer(content=text, repeated=repeated)


def wire_name(tool: str) -> str:
    """The name of `role.tool` on the wire: letters, digits and `_` only."""
    return tool.replace(".", "_")


def evidence_of(task: dict[str, Any]) -> str:
    """The text that the figures of a task are looked up in."""
    return canonical(task)
