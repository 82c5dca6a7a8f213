"""An answer in bytes, over Ollama's `/api/chat` and over the `/v1` of OpenAI-compatible servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from kontora_agents.rehearsal.misbehaving.model import Said
from kontora_agents.rehearsal.misbehaving.scenario import WireCall
from kontora_agents.rehearsal.server import NOTICE

_PIECE = 9
_CREATED = "2026-01-01T00:00:00Z"
_USUAL = WireCall()
_PIECES = re.compile(r"<[^<>\s]*>|[^<]{1,40}|<")


class Wire(Protocol):
    """One protocol: how a request is read and an answer written."""

    content_type: ClassVar[str]

    def offered(self, request: dict[str, Any]) -> list[str]:
        """The names of the tools of a request."""
        ...

    def form(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The JSON Schema that the answer of a request should have, if any."""
        ...

    def most(self, request: dict[str, Any]) -> int | None:
        """The longest answer that a request allows, in tokens."""
        ...

    def streams(self, request: dict[str, Any]) -> bool:
        """Whether a request asks for a stream."""
        ...

    def whole(self, model: str, said: Said, counts: tuple[int, int]) -> dict[str, Any]:
        """An answer in one piece. `counts` are the tokens of prompt and answer."""
        ...

    def lines(self, model: str, said: Said, counts: tuple[int, int]) -> Iterator[bytes]:
        """An answer as a stream."""
        ...

    def words(self, model: str, text: str) -> bytes:
        """A piece of text of a stream."""
        ...

    def error(self, text: str) -> dict[str, Any]:
        """The body of an error."""
        ...

    def broken(self, text: str) -> bytes:
        """An error in the middle of a stream."""
        ...


def written(value: Any) -> bytes:
    """JSON; half a character is written as its escape, as servers do."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _form(said: Said, index: int) -> WireCall:
    """How the scenario wants a call to be written."""
    listed = said.reply.calls
    return listed[min(index, len(listed) - 1)] if listed else _USUAL


def pieces(text: str) -> list[str]:
    """A text in pieces, as it is streamed. Tags come alone: they are tokens of their own."""
    return _PIECES.findall(text)


class _Ollama(Wire):
    """One JSON object a line."""

    content_type: ClassVar[str] = "application/x-ndjson"

    def offered(self, request: dict[str, Any]) -> list[str]:
        if request.get("format"):  # a server that gets both leaves the tools alone
            return []
        return [tool["function"]["name"] for tool in request.get("tools") or ()]

    def form(self, request: dict[str, Any]) -> dict[str, Any] | None:
        form = request.get("format")
        return form if isinstance(form, dict) else None

    def most(self, request: dict[str, Any]) -> int | None:
        most = (request.get("options") or {}).get("num_predict")
        return most if isinstance(most, int) and most > 0 else None

    def streams(self, request: dict[str, Any]) -> bool:
        return request.get("stream") is not False

    def whole(self, model: str, said: Said, counts: tuple[int, int]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.thinking:
            message["thinking"] = said.thinking
        if said.calls:
            message["tool_calls"] = _ollama_calls(said)
        return {**_ollama(model, message), **_ollama_end(said, counts)}

    def lines(self, model: str, said: Said, counts: tuple[int, int]) -> Iterator[bytes]:
        if said.reply.one_piece:
            yield _line(self.whole(model, said, counts))
            return
        for name, text in (("thinking", said.thinking), ("content", said.text)):
            for piece in pieces(text):
                yield _line(_ollama(model, {"role": "assistant", "content": "", name: piece}))
        if said.calls:
            yield _line(_ollama(model, {"role": "assistant", "content": "", "tool_calls": _ollama_calls(said)}))
        if said.reply.line != "open":
            yield _line({**_ollama(model, {"role": "assistant", "content": ""}), **_ollama_end(said, counts)})

    def words(self, model: str, text: str) -> bytes:
        return _line(_ollama(model, {"role": "assistant", "content": text}))

    def error(self, text: str) -> dict[str, Any]:
        return {"error": text}

    def broken(self, text: str) -> bytes:
        return _line(self.error(text))


def _ollama(model: str, message: dict[str, Any]) -> dict[str, Any]:
    return {"model": model, "created_at": _CREATED, "message": message, "done": False, "rehearsal": NOTICE}


def _ollama_end(said: Said, counts: tuple[int, int]) -> dict[str, Any]:
    return {"done": True, "done_reason": said.reply.finish, "prompt_eval_count": counts[0], "eval_count": counts[1]}


def _ollama_calls(said: Said) -> list[dict[str, Any]]:
    calls = []
    for place, (name, arguments) in enumerate(said.calls):
        form = _form(said, place)
        ids = {"id": form.id or f"call_{place:08d}"} if form.ids else {}
        index = form.index if form.index is not None else place if form.ids else 0
        given = json.dumps(arguments, ensure_ascii=False) if form.as_text else arguments
        calls.append({**ids, "function": {"index": index, "name": name, "arguments": given}})
    return calls


def _line(value: dict[str, Any]) -> bytes:
    return written(value) + b"\n"


class _OpenAI(Wire):
    """Server-sent events."""

    content_type: ClassVar[str] = "text/event-stream"

    def offered(self, request: dict[str, Any]) -> list[str]:
        return [tool["function"]["name"] for tool in request.get("tools") or ()]

    def form(self, request: dict[str, Any]) -> dict[str, Any] | None:
        wanted = request.get("response_format")
        form = wanted.get("json_schema", {}).get("schema") if isinstance(wanted, dict) else None
        return form if isinstance(form, dict) else None

    def most(self, request: dict[str, Any]) -> int | None:
        most = request.get("max_tokens") or request.get("max_completion_tokens")
        return most if isinstance(most, int) and most > 0 else None

    def streams(self, request: dict[str, Any]) -> bool:
        return bool(request.get("stream"))

    def whole(self, model: str, said: Said, counts: tuple[int, int]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
        if said.thinking:
            message["reasoning"] = said.thinking
        if said.calls:
            message["tool_calls"] = [
                {name: part for name, part in call.items() if name != "index"} for call in _openai_calls(said)
            ]
        choice = {"index": 0, "message": message, "finish_reason": _finish(said)}
        return {**_openai(model, "chat.completion"), "choices": [choice], "usage": _usage(counts)}

    def lines(self, model: str, said: Said, counts: tuple[int, int]) -> Iterator[bytes]:
        for name, text in (("reasoning", said.thinking), ("content", said.text)):
            for piece in [text] if said.reply.one_piece and text else pieces(text):
                yield _event(_delta(model, {name: piece}))
        for call in _in_pieces(_openai_calls(said), said.reply.framing):
            yield _event(_delta(model, {"tool_calls": [call]}))
        if said.reply.line != "open":
            yield _event({**_delta(model, {}, _finish(said)), "usage": _usage(counts)})
            yield b"data: [DONE]\n\n"

    def words(self, model: str, text: str) -> bytes:
        return _event(_delta(model, {"content": text}))

    def error(self, text: str) -> dict[str, Any]:
        return {"error": {"message": text, "type": "api_error", "param": None, "code": None}}

    def broken(self, text: str) -> bytes:
        return _event(self.error(text))


def _openai(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1767225600, "model": model, "rehearsal": NOTICE}


def _delta(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    return {**_openai(model, "chat.completion.chunk"), "choices": [choice]}


def _finish(said: Said) -> str:
    if said.reply.finish not in ("stop", "load"):
        return said.reply.finish
    return "tool_calls" if said.calls else "stop"


def _usage(counts: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)}


def _openai_calls(said: Said) -> list[dict[str, Any]]:
    """Calls whose arguments are a JSON text, as this protocol has them."""
    calls = []
    for place, (name, arguments) in enumerate(said.calls):
        form = _form(said, place)
        given: Any = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
        if form.as_text is False:
            given = arguments
        id_ = form.id or (f"call_{place:08d}" if form.ids else "call_0")
        function = {"name": name, "arguments": given}
        index = place if form.index is None else form.index
        calls.append({"index": index, "id": id_, "type": "function", "function": function})
    return calls


def _in_pieces(calls: list[dict[str, Any]], framing: str) -> Iterator[dict[str, Any]]:
    """Calls as a stream brings them: whole, or in pieces; those of several calls come by turns."""
    if framing not in ("by_turns", "name_again"):
        yield from calls
        return
    for start in range(0, max(len(call["function"]["arguments"]) for call in calls), _PIECE):
        for call in calls:
            piece = call["function"]["arguments"][start : start + _PIECE]
            if start == 0 or framing == "name_again":
                yield {**call, "function": {"name": call["function"]["name"], "arguments": piece}}
            elif piece:
                yield {"index": call["index"], "function": {"arguments": piece}}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + written(value) + b"\n\n"


#: The protocols by the path of their chat.
WIRES: dict[str, Wire] = {"/api/chat": _Ollama(), "/v1/chat/completions": _OpenAI()}
