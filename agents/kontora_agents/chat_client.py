"""AutoGen's model client over the seams: it converts, asks again, counts turns, and keeps the errors AutoGen loses."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, Never

from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from kontora_agents.definition import Limits
from kontora_agents.dialogue import Dialogue
from kontora_agents.limits import LimitReached
from kontora_agents.model import Model
from kontora_agents.reading.understanding import Understood
from kontora_agents.seams import Message, ModelAnswer, Seams, ToolCall, ToolSpec
from kontora_agents.tokens import estimate_request
from kontora_agents.toolbox import Toolbox


class ChatClient(ChatCompletionClient):
    """The model of one agent's run, as AutoGen sees it.

    `text` is what it said last. `stopped` holds what ended the run early: `TurnLeft`, a `ModelError`, `LimitReached`,
    or what else the seams raised.
    """

    def __init__(
        self,
        model: Model,
        model_name: str,
        tools: Sequence[ToolSpec],
        seams: Seams,
        toolbox: Toolbox,
        limits: Limits,
        *,
        alone: bool = False,
        founded: bool = False,
    ) -> None:
        """`alone`: nobody else works on the task. `founded`: the values of its writes have to come from somewhere."""
        self._model = model
        self._name = model_name
        self._seams = seams
        self._toolbox = toolbox
        self._limits = limits
        self._dialogue = Dialogue(tools, self._is_called_anyhow, alone=alone, founded=founded)
        self.answers: list[ModelAnswer] = []
        self.text = ""
        self.stopped: Exception | None = None

    def _is_called_anyhow(self, tool: str) -> bool:
        """Whether a tool is called whatever its arguments are."""
        return False

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Ask through the seams. `tools` only brings back what the toolbox listed, so the full schemas are sent."""
        try:
            return await self._create(messages)
        except Exception as error:
            self.stopped = error
            raise

    async def _create(self, messages: Sequence[LLMMessage]) -> CreateResult:
        if self._toolbox.failure is not None:
            raise self._toolbox.failure
        converted = [message for wire in messages for message in _messages(wire)]
        self._dialogue.withhold(self._toolbox.worn, converted)
        while True:
            if len(self.answers) >= self._limits.turns:
                raise await self._reached("turns")
            turn, request = len(self.answers), self._dialogue.request(self._name, converted)
            answer = await self._seams.ask(turn, request, self._model.answer)
            self.answers.append(answer)
            understood = self._dialogue.hear(answer, turn, converted, last=turn + 1 >= self._limits.turns)
            if understood is not None:
                return await self._said(understood, answer, turn)

    async def _said(self, understood: Understood, answer: ModelAnswer, turn: int) -> CreateResult:
        self.text = understood.text or self.text
        if understood.repairs:
            await self._seams.repaired(turn, understood.repairs)
        await self._stop_before_calls_that_nobody_would_read(understood.calls)
        self._toolbox.expect(understood.calls)
        return _result(understood, answer)

    async def _stop_before_calls_that_nobody_would_read(self, calls: list[ToolCall]) -> None:
        if calls and len(self.answers) >= self._limits.turns:
            raise await self._reached("turns")
        if calls and self._toolbox.made + len(calls) > self._limits.tool_calls:
            raise await self._reached("tool_calls")

    async def _reached(self, limit: str) -> LimitReached:
        await self._seams.reached(len(self.answers), limit)
        return LimitReached(limit)

    def create_stream(self, messages: Sequence[LLMMessage], **_: Any) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the whole answer: it comes through the journal in one piece."""
        return self._one_piece(messages)

    async def _one_piece(self, messages: Sequence[LLMMessage]) -> AsyncGenerator[str | CreateResult, None]:
        yield await self.create(messages)

    async def close(self) -> None:
        """Do nothing: the model client belongs to the process."""

    def actual_usage(self) -> RequestUsage:
        """Return the tokens of all answers so far."""
        return RequestUsage(
            prompt_tokens=sum(answer.prompt_tokens for answer in self.answers),
            completion_tokens=sum(answer.completion_tokens for answer in self.answers),
        )

    def total_usage(self) -> RequestUsage:
        """Return the tokens of all answers so far."""
        return self.actual_usage()

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Return about how many tokens a prompt takes."""
        converted = [message for wire in messages for message in _messages(wire)]
        return estimate_request(self._dialogue.request(self._name, converted))

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> Never:
        """Not offered: the context is planned below, by the client that knows the server."""
        raise NotImplementedError("the context is planned by the model client")

    @property
    def capabilities(self) -> Never:
        """Not offered: AutoGen itself calls this deprecated."""
        raise NotImplementedError("use model_info")

    @property
    def model_info(self) -> ModelInfo:
        """What AutoGen may expect; whether the model really can call tools is asked of its server."""
        return ModelInfo(
            vision=False, function_calling=True, json_output=False, structured_output=False, family="unknown"
        )

    def _to_config(self) -> BaseModel:
        raise NotImplementedError("a chat client belongs to one run and is not stored")

    @classmethod
    def _from_config(cls, config: BaseModel) -> ChatClient:
        raise NotImplementedError("a chat client belongs to one run and is not stored")


def _messages(wire: LLMMessage) -> list[Message]:
    if isinstance(wire, SystemMessage):
        return [Message(role="system", content=wire.content)]
    if isinstance(wire, FunctionExecutionResultMessage):
        return [
            Message(role="tool", content=r.content, name=r.name, call_id=r.call_id, failed=bool(r.is_error))
            for r in wire.content
        ]
    if isinstance(wire, AssistantMessage):
        if isinstance(wire.content, str):
            return [Message(role="assistant", content=wire.content)]
        calls = [ToolCall(id=call.id, name=call.name, arguments=json.loads(call.arguments)) for call in wire.content]
        return [Message(role="assistant", content=wire.thought or "", calls=calls)]
    return [Message(role="user", content=wire.content if isinstance(wire.content, str) else "")]


def _result(understood: Understood, answer: ModelAnswer) -> CreateResult:
    calls = [
        FunctionCall(id=call.id, name=call.name, arguments=json.dumps(call.arguments, ensure_ascii=False))
        for call in understood.calls
    ]
    return CreateResult(
        finish_reason="function_calls" if calls else "stop",
        content=calls or understood.text,
        usage=RequestUsage(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens),
        cached=False,
        thought=understood.text if calls and understood.text else None,
    )
