"""Ollama's `/api/chat` in bytes: how a request is written, how an answer is put together from its lines."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Literal

from kontora_agents.characters import whole_characters
from kontora_agents.errors import ModelMisspoke, ModelUnavailable
from kontora_agents.reading.call_shapes import decode, exact, no_number, unique
from kontora_agents.reading.repetition import Repetition
from kontora_agents.reading.thoughts import without_thoughts
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolCall, ToolSpec, call_id
from kontora_agents.wire_schema import flatten

#: How servers say that an answer is cut off, was kept back by a filter, or ends in calls.
_CUT, _FILTERED, _CALLS = ("length", "max_tokens", "model_length"), ("content_filter",), ("tool_calls", "function_call")


def write_request(
    request: ModelRequest,
    options: dict[str, Any],
    *,
    stream: bool,
    thinks: bool,
    answer_format: dict[str, Any] | None = None,
    keep_alive: str = "",
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
    if keep_alive:
        body["keep_alive"] = keep_alive
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
        self._model, self._rehearsal = "", False
        self._last: dict[str, Any] | None = None
        self._repetition = Repetition()

    @property
    def done(self) -> bool:
        """Whether the server said that the answer is complete."""
        return self._last is not None

    @property
    def endless(self) -> bool:
        """Whether it says the same again and again, so that nobody need hear it to its end."""
        return self._repetition.found and not self.done

    def take(self, line: bytes) -> None:
        """Add one line of the stream; what comes behind the end is not part of it. Raises `ModelMisspoke` if it is not
        the protocol, `ModelUnavailable` if the server says in it that it failed."""
        if self._last is not None:
            return
        chunk = parse_line(line)
        if chunk.get("error"):
            raise ModelUnavailable("The model server broke off its answer.", detail=str(chunk["error"])[:500])
        message = chunk.get("message") or {}
        if not isinstance(message, dict):
            raise ModelMisspoke(detail=repr(line[:200]))
        for part, said in ((self._text, message.get("content")), (self._thinking, message.get("thinking"))):
            part.append(text_of(said))
            self._repetition.hear(part[-1])
        self._model = str(chunk.get("model") or self._model)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise ModelMisspoke("The model proposed a call that cannot be read.", detail=repr(calls)[:200])
        self._calls += calls
        self._rehearsal = self._rehearsal or bool(chunk.get("rehearsal"))
        if chunk.get("done"):
            self._last = chunk

    def finish(self) -> ModelAnswer:
        """Return the whole answer. Raises `ModelMisspoke` if it never ended."""
        if self._last is None and not self.endless:
            raise ModelMisspoke("The answer of the model broke off before its end.")
        last = self._last or {}
        return finished(
            model=self._model,
            text="".join(self._text),
            thinking="".join(self._thinking),
            calls=[] if self.endless else [read_call(one, self._turn, at) for at, one in enumerate(self._calls)],
            ended="endless" if self.endless else str(last.get("done_reason") or ""),
            prompt_tokens=last.get("prompt_eval_count"),
            completion_tokens=last.get("eval_count"),
            rehearsal=self._rehearsal,
        )


def finished(
    *,
    model: str,
    text: str,
    thinking: str,
    calls: list[ToolCall],
    ended: str,
    prompt_tokens: Any,
    completion_tokens: Any,
    rehearsal: bool,
) -> ModelAnswer:
    """Return an answer, thoughts taken out of its text. `ended` says why, as servers do, or `endless`. What a filter
    ended, or what should hold calls and holds none, is unread.

    Whether it can be used is judged by who asked.
    """
    text, thoughts = without_thoughts(whole_characters(text))
    return ModelAnswer(
        model=model,
        text=text,
        calls=[] if ended in _FILTERED else calls,
        thinking=whole_characters(thinking) + thoughts,
        prompt_tokens=_count(prompt_tokens),
        completion_tokens=_count(completion_tokens),
        finish=_finish(ended, calls),
        rehearsal=rehearsal,
    )


def _finish(ended: str, calls: list[ToolCall]) -> Literal["stop", "calls", "length", "endless", "unread"]:
    if ended in _CUT:
        return "length"
    if ended == "endless":
        return "endless"
    if ended in _FILTERED or (ended in _CALLS and not calls):
        return "unread"
    return "calls" if calls else "stop"


def read_call(wire: Any, turn: int, position: int) -> ToolCall:
    """Return a call under our own id; one whose arguments are no object has a problem.

    Raises `ModelMisspoke` if it is no call at all.
    """
    function = wire.get("function") if isinstance(wire, dict) else None
    if not isinstance(function, dict):
        raise ModelMisspoke("The model proposed a call that cannot be read.", detail=repr(wire)[:200])
    name, written = str(function.get("name") or ""), function.get("arguments")
    arguments = _arguments(written)
    problem = (
        "" if arguments is not None else f"{name} was not called: {written!r:.200} is no JSON object of arguments."
    )
    id_, name, arguments = call_id(turn, position), whole_characters(name), whole_characters(arguments or {})
    return ToolCall(id=id_, name=name, arguments=arguments, problem=whole_characters(problem))


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line; numbers that a float would change stay text. Raises `ModelMisspoke`."""
    try:
        chunk = json.loads(line, object_pairs_hook=unique, parse_float=exact, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise ModelMisspoke("What the model server sent is not JSON.", detail=repr(line[:200])) from None
    if not isinstance(chunk, dict):
        raise ModelMisspoke("What the model server sent is not an answer.", detail=repr(line[:200]))
    return chunk


def _arguments(wire: Any) -> dict[str, Any] | None:
    """Return a call's arguments, None if they are none; models also write them as JSON in a text, even twice, or as
    null when there are none."""
    for _ in range(2):
        if isinstance(wire, str):
            try:
                wire = decode(wire) if wire.strip() else None
            except (ValueError, RecursionError):
                return None
    if wire is None:
        return {}
    return wire if isinstance(wire, dict) else None


def text_of(content: Any) -> str:
    """The text of a message; some servers send it in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return str(content or "")


def _count(wire: Any) -> int:
    return wire if isinstance(wire, int) and wire > 0 else 0
