"""A chat request as a script sees it: the task, the tools offered, and what the calls so far have given."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.task import parse_task


@dataclass(frozen=True)
class Result:
    """What a call gave. `data` is the parsed JSON, or None if the tool answered with an explanation."""

    turn: int
    tool: str
    arguments: dict[str, Any]
    data: Any
    text: str


@dataclass(frozen=True)
class Heard:
    """What another member of a team said, before the answer `turn`."""

    turn: int
    who: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """Everything a script may use."""

    task: dict[str, Any]
    results: list[Result]
    heard: list[Heard]
    turn: int
    offered: frozenset[str]

    def until(self, turn: int) -> list[Result]:
        """Return the results of the turns before `turn`."""
        return [result for result in self.results if result.turn < turn]

    def heard_until(self, turn: int) -> list[Heard]:
        """Return what others said before the answer `turn` was given."""
        return [one for one in self.heard if one.turn <= turn]


def read_conversation(request: dict[str, Any]) -> Conversation:
    """Read the body of a chat request. Raises `RehearsalMismatch` if a script cannot play to it."""
    messages = request.get("messages") or []
    offered = frozenset(tool["function"]["name"] for tool in request.get("tools") or ())
    turn = sum(message["role"] == "assistant" for message in messages)
    return Conversation(_task(messages), _results(messages), _heard(messages), turn, offered)


def _task(messages: list[dict[str, Any]]) -> dict[str, Any]:
    for message in messages:
        if message["role"] == "user":
            try:
                return parse_task(message.get("content") or "", more=True)
            except ValueError:
                break
    raise RehearsalMismatch("the first message of the user holds no task data (a sentence, a blank line, JSON)")


_SAID = re.compile(r"^(\w+) said:\n\n", re.MULTILINE)


def _heard(messages: list[dict[str, Any]]) -> list[Heard]:
    """What others said, in order; several may have spoken in one message."""
    found: list[Heard] = []
    turn = 0
    for message in messages:
        turn += message["role"] == "assistant"
        _, *parts = _SAID.split(message.get("content") or "") if message["role"] == "user" else ("",)
        found += [Heard(turn, who, text.strip()) for who, text in zip(parts[::2], parts[1::2], strict=True)]
    return found


def _results(messages: list[dict[str, Any]]) -> list[Result]:
    """Pair calls with the tool messages that follow them, in order."""
    results: list[Result] = []
    waiting: list[dict[str, Any]] = []
    turn = -1
    for message in messages:
        if message["role"] == "assistant":
            turn += 1
            waiting = [call["function"] for call in message.get("tool_calls") or ()]
        elif message["role"] == "tool" and waiting:
            call = waiting.pop(0)
            text = message.get("content") or ""
            results.append(Result(turn, call["name"], call.get("arguments") or {}, _data(text), text))
    return results


def _data(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str)
    except ValueError:
        return None
