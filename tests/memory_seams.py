"""Seams for tests: a journal in memory, and tools that are plain functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from kontora_agents.seams import ModelAnswer, ModelRequest, Repair, ToolAnswer, ToolCall, TurnLeft

Tools = dict[str, Callable[..., Any]]


class Journal:
    """What was asked, answered and called. It outlives the seams that write it."""

    def __init__(self) -> None:
        self.asked: dict[int, tuple[ModelRequest, ModelAnswer]] = {}
        self.called: dict[tuple[int, int], tuple[ToolCall, ToolAnswer]] = {}

    def evidence(self) -> list[str]:
        return [answer.content for _, answer in self.called.values() if not answer.is_error]


class MemorySeams:
    """One run's door. `leave_at` is the call (turn, position) that wants a person: it gets a placeholder."""

    def __init__(self, tools: Tools, journal: Journal | None = None, leave_at: tuple[int, int] | None = None) -> None:
        self.tools = tools
        self.journal = journal or Journal()
        self.leave_at = leave_at
        self.leaving = False
        self.sent: list[int] = []
        self.repairs: dict[int, list[Repair]] = {}
        self.limits: list[tuple[int, str]] = []
        self.made: list[tuple[int, int, str]] = []
        self.overlaps = 0
        self._inside = 0

    async def ask(
        self, turn: int, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> ModelAnswer:
        if self.leaving:
            raise TurnLeft
        if turn in self.journal.asked:
            recorded, answer = self.journal.asked[turn]
            assert recorded == request, "a replay must ask what was asked"
            return answer
        self.sent.append(turn)
        answer = await send(request)
        self.journal.asked[turn] = (request, answer)
        return answer

    async def repaired(self, turn: int, repairs: list[Repair]) -> None:
        self.repairs[turn] = repairs

    async def reached(self, turn: int, limit: str) -> None:
        self.limits.append((turn, limit))

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        if (turn, position) in self.journal.called:
            return self.journal.called[turn, position][1]
        self.leaving = self.leaving or (turn, position) == self.leave_at
        if self.leaving:
            return ToolAnswer(content="placeholder")
        self.made.append((turn, position, call.name))
        answer = await self._make(call)
        self.journal.called[turn, position] = (call, answer)
        return answer

    async def _make(self, call: ToolCall) -> ToolAnswer:
        if call.problem:
            return ToolAnswer(content=call.problem, is_error=True)
        if call.name not in self.tools:
            return ToolAnswer(content=f"There is no tool {call.name}.", is_error=True)
        self.overlaps += self._inside
        self._inside += 1
        await asyncio.sleep(0.001)
        self._inside -= 1
        return ToolAnswer(content=json.dumps(self.tools[call.name](**call.arguments)))


class _Held(MemorySeams):
    """Seams whose first call goes on when it is told to."""

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self.inside, self.go_on = asyncio.Event(), asyncio.Event()

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        self.inside.set()
        await self.go_on.wait()
        return await super().call(turn, position, call)


def cancelled_in_a_call(tools: Tools, work: Callable[[MemorySeams], Coroutine[Any, Any, object]]) -> MemorySeams:
    """Cancel `work` while a call is under way, and see that it is waited for and that nothing is left behind."""

    async def cancelled() -> MemorySeams:
        door = _Held(tools)
        task = asyncio.create_task(work(door))
        await door.inside.wait()
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done(), "the call under way is waited for"
        door.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return door

    return asyncio.run(cancelled())
