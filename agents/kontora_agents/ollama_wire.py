"""Ollama's `/api/chat` in bytes: how a request is written, how an answer is put together from its lines."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from kontora_agents.errors import ModelMisspoke, ModelUnavailable
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolCall, ToolSpec, call_id
from kontora_agents.wire_schema import flatten

_THOUGHT = re.compile(r"<think>(.*?)</think>", re.DOTALL)


def write_request(
    request: ModelRequest,
    options: dict[str, Any],
    *,
    stream: bool,
    thinks: bool,
    answer_format: dict[str, Any] | None = None,
) -> bytes:
    """Return the body of a chat request. A prompt that does not fit is refused by the server, never cut."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": stream,
        "options": options,
        "truncate": False,
        "shift": False,
    }
    if request.tools:
        body["tools"] = [_tool(spec.name, spec.description, _frozen(spec)) for spec in request.tools]
    if answer_format is not None:
        body["format"] = answer_format
    if thinks:  # unset means "think" on a model that can
        body["think"] = False
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _frozen(spec: ToolSpec) -> str:
    return json.dumps(spec.parameters, sort_keys=True)


@lru_cache(maxsize=512)
def _tool(name: str, description: str, parameters: str) -> dict[str, Any]:
    schema = flatten(json.loads(parameters))
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        wire["tool_calls"] = [
            {"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.arguments}}
            for index, call in enumerate(message.calls)
        ]
    if message.role == "tool":
        wire["tool_name"] = message.name
        wire["tool_call_id"] = message.call_id
    return wire


class Reply:
    """An answer as it grows, line by line. `turn` numbers the ids of its calls."""

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[Any] = []
        self._rehearsal = False
        self._last: dict[str, Any] | None = None

    @property
    def done(self) -> bool:
        """Whether the server said that the answer is complete."""
        return self._last is not None

    def take(self, line: bytes) -> None:
        """Add one line of the stream. Raises `ModelMisspoke` if it is not the protocol, `ModelUnavailable` if the
        server says in it that it failed."""
        chunk = parse_line(line)
        if chunk.get("error"):
            raise ModelUnavailable("The model server broke off its answer.", detail=str(chunk["error"])[:500])
        message = chunk.get("message") or {}
        if not isinstance(message, dict):
            raise ModelMisspoke(detail=repr(line[:200]))
        self._text.append(str(message.get("content") or ""))
        self._thinking.append(str(message.get("thinking") or ""))
        self._calls += message.get("tool_calls") or ()
        self._rehearsal = self._rehearsal or bool(chunk.get("rehearsal"))
        if chunk.get("done"):
            self._last = chunk

    def finish(self) -> ModelAnswer:
        """Return the whole answer. Raises `ModelMisspoke` if it is empty, cut off, or never ended."""
        if self._last is None:
            raise ModelMisspoke("The answer of the model broke off before its end.")
        return finished(
            model=str(self._last.get("model") or ""),
            text="".join(self._text),
            thinking="".join(self._thinking),
            calls=[read_call(wire, self._turn, position) for position, wire in enumerate(self._calls)],
            cut=self._last.get("done_reason") == "length",
            prompt_tokens=self._last.get("prompt_eval_count"),
            completion_tokens=self._last.get("eval_count"),
            rehearsal=self._rehearsal,
        )


def finished(
    *,
    model: str,
    text: str,
    thinking: str,
    calls: list[ToolCall],
    cut: bool,
    prompt_tokens: Any,
    completion_tokens: Any,
    rehearsal: bool,
) -> ModelAnswer:
    """Return a complete answer, thoughts taken out of its text. Raises `ModelMisspoke` if it is empty or cut off."""
    text, thoughts = _without_thoughts(text)
    thinking += thoughts
    if cut:
        raise ModelMisspoke(
            "The answer of the model was cut off at its longest allowed length.",
            hint="Ask for a shorter answer in the agent's instructions.",
        )
    if not text and not calls:
        why = "The model only thought and did not answer." if thinking else "The model answered nothing."
        raise ModelMisspoke(why, hint="Try again, or choose a larger model.")
    return ModelAnswer(
        model=model,
        text=text,
        calls=calls,
        thinking=thinking,
        prompt_tokens=_count(prompt_tokens),
        completion_tokens=_count(completion_tokens),
        finish="calls" if calls else "stop",
        rehearsal=rehearsal,
    )


def read_call(wire: Any, turn: int, position: int) -> ToolCall:
    """Return a call under our own id. Raises `ModelMisspoke` if it cannot be read."""
    function = wire.get("function") if isinstance(wire, dict) else None
    if not isinstance(function, dict):
        raise ModelMisspoke("The model proposed a call that cannot be read.", detail=repr(wire)[:200])
    arguments = _arguments(function.get("arguments"))
    return ToolCall(id=call_id(turn, position), name=str(function.get("name") or ""), arguments=arguments)


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line; numbers that a float would change stay text. Raises `ModelMisspoke`."""
    try:
        chunk = json.loads(line, parse_float=_exact, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ModelMisspoke("What the model server sent is not JSON.", detail=repr(line[:200])) from None
    if not isinstance(chunk, dict):
        raise ModelMisspoke("What the model server sent is not an answer.", detail=repr(line[:200]))
    return chunk


def _exact(digits: str) -> float | str:
    """Read a number; one that a float would change stays text, so that no amount is altered on the way."""
    number = float(digits)
    return number if number - number == 0 and Decimal(repr(number)) == Decimal(digits) else digits


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _arguments(wire: Any) -> dict[str, Any]:
    """Return a call's arguments; models also write them as a JSON string, or as null when there are none."""
    if isinstance(wire, str):
        try:
            wire = json.loads(wire, parse_float=_exact, parse_constant=_no_number) if wire.strip() else None
        except (ValueError, RecursionError):
            wire = wire or None
    if wire is None:
        return {}
    if not isinstance(wire, dict):
        raise ModelMisspoke("The model wrote the arguments of a call in a form that cannot be read.")
    return wire


def _without_thoughts(text: str) -> tuple[str, str]:
    """Return the text without `<think>` parts, and those parts. A lone closer ends a thought begun in the template."""
    thoughts = _THOUGHT.findall(text)
    text = _THOUGHT.sub("", text)
    if "</think>" in text:
        before, _, text = text.rpartition("</think>")
        thoughts.append(before)
    if "<think>" in text:
        text, _, after = text.partition("<think>")
        thoughts.append(after)
    return text.strip(), "".join(thoughts)


def _count(wire: Any) -> int:
    return wire if isinstance(wire, int) and wire > 0 else 0
