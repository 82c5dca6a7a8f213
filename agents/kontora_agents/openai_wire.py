"""OpenAI's `/v1/chat/completions` in bytes, as vLLM, LM Studio, llama.cpp and the hosted services speak it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from kontora_agents.errors import ModelError, ModelMisspoke, ModelUnavailable
from kontora_agents.ollama_wire import finished, parse_line, read_call, text_of
from kontora_agents.reading.call_shapes import decode
from kontora_agents.reading.repetition import Repetition
from kontora_agents.seams import Message, ModelAnswer, ModelRequest
from kontora_agents.wire_schema import flatten

#: What may be left out of a request, or be named differently, where a server does not take it.
QUIRKS = ("stream_options", "temperature", "seed", "max_tokens")


def write_request(
    request: ModelRequest,
    *,
    most: int,
    stream: bool,
    without: Collection[str] = (),
    answer_format: dict[str, Any] | None = None,
) -> bytes:
    """Return the body of a chat request of at most `most` tokens. `without` are quirks of the server."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": stream,
        "max_completion_tokens" if "max_tokens" in without else "max_tokens": most,
    }
    wished = {"temperature": request.options.get("temperature", 0), "seed": request.options.get("seed")}
    body |= {name: value for name, value in wished.items() if value is not None and name not in without}
    if stream and "stream_options" not in without:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": spec.name,
                    "description": spec.description,
                    "parameters": flatten(spec.parameters),
                },
            }
            for spec in request.tools
        ]
    if answer_format is not None:
        named = {"name": "answer", "schema": answer_format, "strict": False}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in message.calls
        ]
    if message.role == "tool":
        wire |= {"tool_call_id": message.call_id, "name": message.name}
    return wire


@dataclass
class _Pieces:
    """A call as its pieces arrive."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether its arguments are a whole object."""
        try:
            return isinstance(decode("".join(self.arguments)), dict)
        except (ValueError, RecursionError):
            return False


class Events:
    """An answer as it grows: server-sent events, or one JSON object. `turn` numbers the ids of its calls."""

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[_Pieces] = []
        self._by_index: dict[int, _Pieces] = {}
        self._model, self._reason, self._rehearsal = "", "", False
        self._usage: dict[str, Any] = {}
        self._whole: list[bytes] = []
        self._ended = False
        self._repetition = Repetition()

    @property
    def done(self) -> bool:
        """Whether the server said that the answer is complete."""
        return self._ended or bool(self._reason)

    @property
    def endless(self) -> bool:
        """Whether it says the same again and again, so that nobody need hear it to its end."""
        return self._repetition.found and not self.done

    def take(self, line: bytes) -> None:
        """Add one line. Raises `ModelMisspoke` if it is not the protocol, `ModelUnavailable` if the server says in it
        that it failed."""
        line = line.strip()
        if line.startswith((b":", b"event:", b"id:", b"retry:")):
            return
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                self._ended = True
            else:
                self._event(data)
        elif not self.done:  # an answer in one piece may be written over several lines
            self._whole.append(line)

    def _event(self, data: bytes) -> None:
        """Add an event; one behind the end may count tokens, and nothing else of it matters."""
        over = self.done
        try:
            self._chunk(parse_line(data))
        except ModelError:
            if not over:
                raise

    def finish(self) -> ModelAnswer:
        """Return the whole answer. Raises `ModelMisspoke` if it is empty, cut off, or never ended."""
        if self._whole:
            self._chunk(parse_line(b"\n".join(self._whole)))
        if not self.done and not self.endless:
            raise ModelMisspoke("The answer of the model broke off before its end.")
        calls = [
            {"function": {"name": one.name, "arguments": "".join(one.arguments)}}
            for one in self._calls
            if one.name or one.arguments
        ]
        return finished(
            model=self._model,
            text="".join(self._text),
            thinking="".join(self._thinking),
            calls=[] if self.endless else [read_call(one, self._turn, at) for at, one in enumerate(calls)],
            ended="endless" if self.endless else self._reason,
            prompt_tokens=self._usage.get("prompt_tokens"),
            completion_tokens=self._usage.get("completion_tokens"),
            rehearsal=self._rehearsal,
        )

    def _chunk(self, chunk: dict[str, Any]) -> None:
        if chunk.get("error"):
            said = chunk["error"]
            detail = str(said.get("message") if isinstance(said, dict) else said)[:500]
            raise ModelUnavailable("The model server broke off its answer.", detail=detail)
        self._model = str(chunk.get("model") or self._model)
        self._rehearsal = self._rehearsal or bool(chunk.get("rehearsal"))
        usage = chunk.get("usage")
        self._usage = usage if isinstance(usage, dict) else self._usage
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise ModelMisspoke(detail=repr(chunk)[:200])
        for choice in choices[:1]:
            if not isinstance(choice, dict):
                raise ModelMisspoke(detail=repr(chunk)[:200])
            self._say(choice.get("delta") or choice.get("message") or {})
            self._reason = str(choice.get("finish_reason") or self._reason)

    def _say(self, said: Any) -> None:
        if not isinstance(said, dict):
            raise ModelMisspoke(detail=repr(said)[:200])
        thought = str(said.get("reasoning_content") or said.get("reasoning") or "")
        for part, words in ((self._text, text_of(said.get("content"))), (self._thinking, thought)):
            part.append(words)
            self._repetition.hear(words)
        listed = said.get("tool_calls") or []
        if not isinstance(listed, list):
            raise ModelMisspoke("The model proposed a call that cannot be read.", detail=repr(listed)[:200])
        for position, call in enumerate(listed):
            if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
                raise ModelMisspoke("The model proposed a call that cannot be read.", detail=repr(call)[:200])
            self._piece(call, position)

    def _piece(self, call: dict[str, Any], position: int) -> None:
        """Add a piece of a call. Some servers give every call the index 0, some name a call in each of its pieces: a
        name begins another call only where it is another, or the one before is complete."""
        function, index = call["function"], call.get("index")
        index = index if isinstance(index, int) else position
        id_, name = str(call.get("id") or ""), str(function.get("name") or "")
        here = self._by_index.get(index)
        if here is None and self._calls and not (name or id_):  # what has neither goes on with the call before
            here = self._calls[-1]
        if here is None or (name and here.name and (name != here.name or here.complete)):
            here = self._by_index[index] = _Pieces(id_)
            self._calls.append(here)
        here.id, here.name = here.id or id_, here.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            here.arguments.append(arguments)
            self._repetition.hear(arguments)
        elif arguments is not None:
            here.arguments.append(json.dumps(arguments, ensure_ascii=False))
