"""AutoGen's workbench over the seams: one call at a time, in message order, and nothing outside the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from autogen_core import CancellationToken
from autogen_core.tools import ParametersSchema, TextResultContent, ToolResult, ToolSchema, Workbench
from pydantic import BaseModel

from kontora_agents.seams import Seams, ToolCall, ToolSpec

#: After so many repetitions of a call its tool is taken away from the model.
MOST_REPEATED = 3

_LEFT = "This call was not made: the agent is being stopped."


class Toolbox(Workbench):
    """The tools of one agent's run.

    AutoGen starts all calls of a message at once and hangs if one raises; here they wait for each other, in the order
    in which they were started, and never raise. What the seams raise against their promise is kept in `failure`, and
    the names of tools that were called too often in the same way in `worn`.
    """

    def __init__(self, tools: Iterable[ToolSpec], seams: Seams) -> None:
        self._offered = {spec.name: _schema(spec) for spec in tools}
        self._listed = list(self._offered.values())
        self._seams = seams
        self._one = asyncio.Lock()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._expected: dict[str, ToolCall] = {}
        self.made = 0
        self.worn: set[str] = set()
        self.failure: Exception | None = None

    def expect(self, calls: Iterable[ToolCall]) -> None:
        """Be ready for these calls. AutoGen answers a name that is not listed by itself, so that the journal would
        never hear of it: such a name is listed until the next answer (and not offered to the model)."""
        self._expected = {call.id: call for call in calls}
        unoffered = {call.name for call in self._expected.values()} - self._offered.keys()
        self._listed = [*self._offered.values(), *(ToolSchema(name=name) for name in sorted(unoffered))]

    async def list_tools(self) -> list[ToolSchema]:
        """Return the schemas; made once, because AutoGen asks before every model call and every tool call."""
        return self._listed

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """Pass a call to the seams when its turn has come. Never raises."""
        expected = self._expected.get(call_id or "")  # AutoGen does not know what is wrong with a call
        call = expected or ToolCall(id=call_id or "", name=name, arguments=dict(arguments or {}))
        self._under_way += 1
        self._idle.clear()
        try:
            async with self._one:
                return await self._call(call)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _call(self, call: ToolCall) -> ToolResult:
        if self._closed or self.failure is not None:
            return _result(call.name, _LEFT, is_error=True)
        self.made += 1
        try:
            _, turn, position = call.id.split("_")
            answer = await self._seams.call(int(turn), int(position), call)
        except Exception as error:
            self.failure = error
            return _result(call.name, _LEFT, is_error=True)
        if answer.repeated >= MOST_REPEATED:
            self.worn.add(call.name)
        return _result(call.name, answer.content, is_error=answer.is_error)

    async def finish(self) -> None:
        """Wait for the call under way and make no further ones."""
        self._closed = True
        await self._idle.wait()

    async def start(self) -> None:
        """Do nothing: the seams are open already."""

    async def stop(self) -> None:
        """Do nothing: the seams belong to the engine."""

    async def reset(self) -> None:
        """Do nothing: the journal is not reset."""

    async def save_state(self) -> Mapping[str, Any]:
        """Return nothing: the journal is the state."""
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Load nothing: the journal is the state."""

    def _to_config(self) -> BaseModel:
        raise NotImplementedError("a toolbox belongs to one run and is not stored")

    @classmethod
    def _from_config(cls, config: BaseModel) -> Toolbox:
        raise NotImplementedError("a toolbox belongs to one run and is not stored")


def _schema(spec: ToolSpec) -> ToolSchema:
    parameters = ParametersSchema(type="object", properties=spec.parameters.get("properties", {}))
    return ToolSchema(name=spec.name, description=spec.description, parameters=parameters)


def _result(name: str, content: str, *, is_error: bool) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=content)], is_error=is_error)
