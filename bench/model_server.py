"""A model that takes no time: two scripted turns, by Ollama's protocol or OpenAI's. `python -m bench.model_server`.

Asked for the first time it wants the first tool called for the customer of the prompt; shown the tool's result it
answers with the `open_count` it finds there. It prints its URL and ends with its standard input. What
BENCH_MODEL_HOLD_S says it waits before each answer, in seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from functools import partial
from typing import Any

MODEL = "bench:1b"
_CUSTOMER = re.compile(r"customer (\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)")
_END = {"done": True, "done_reason": "stop", "total_duration": 9, "prompt_eval_count": 90, "eval_count": 9}
_dump = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


class Model:
    """What the server says. `asked` counts the chats."""

    def __init__(self) -> None:
        self.asked = 0

    def reply(self, path: str, body: bytes) -> tuple[str, list[dict[str, Any]]]:
        """The media type and the JSON objects of an answer."""
        if path in ("/api/chat", "/v1/chat/completions"):
            self.asked += 1
            request = json.loads(body)
            return self._chat(request) if path == "/api/chat" else ("application/json", [_completion(request)])
        known: dict[str, dict[str, Any]] = {
            "/api/version": {"version": "0.0.0-bench"},
            "/api/tags": {"models": [{"name": MODEL, "model": MODEL, "size": 1}]},
            "/api/ps": {"models": [{"name": MODEL, "context_length": 131_072}]},
            "/api/show": {"capabilities": ["completion", "tools"], "details": {}, "model_info": {}},
            "/asked": {"asked": self.asked},
        }
        return "application/json", [known.get(path, {"error": f"{path} is not offered"})]

    def _chat(self, request: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        head = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z"}
        message = {"role": "assistant", **_turn(request)}
        if not request.get("stream", True):
            return "application/json", [{**head, "message": message, **_END}]
        nothing = {"role": "assistant", "content": ""}
        lines = [{**head, "message": message, "done": False}, {**head, "message": nothing, **_END}]
        return "application/x-ndjson", lines


def _turn(request: dict[str, Any]) -> dict[str, Any]:
    last = request["messages"][-1]
    if last["role"] == "tool":
        return {"content": f"This customer has {json.loads(last['content'])['open_count']} open invoices."}
    found = _CUSTOMER.search(last["content"])
    assert found is not None, "the prompt names no customer"
    call = {"name": request["tools"][0]["function"]["name"], "arguments": {"customer": int(found[1])}}
    return {"content": "", "tool_calls": [{"id": "1", "function": {"index": 0, **call}}]}


def _completion(request: dict[str, Any]) -> dict[str, Any]:
    """The same turn in OpenAI's form, in one piece."""
    message = {"role": "assistant", **_turn(request)}
    calls = message.get("tool_calls", [])
    for call in calls:
        name, arguments = call["function"]["name"], _dump(call["function"]["arguments"])
        call |= {"type": "function", "function": {"name": name, "arguments": arguments}}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99}
    head = {"id": "1", "object": "chat.completion", "created": 1_767_225_600, "model": MODEL}
    return {**head, "choices": [choice], "usage": usage}


class Http(asyncio.Protocol):
    """As much HTTP/1.1 as clients of Ollama use."""

    def __init__(self, model: Model, hold_s: float) -> None:
        self._model, self._hold_s, self._read = model, hold_s, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n") + 4) > 3:
            length = _LENGTH.search(self._read[:end].lower())
            stop = end + int(length[1]) if length else end
            if len(self._read) < stop:
                return
            path = self._read.split(b" ", 2)[1].decode()
            body, self._read = self._read[end:stop], self._read[stop:]
            response = _response(*self._model.reply(path, body))
            if self._hold_s and "chat" in path:
                asyncio.get_running_loop().call_later(self._hold_s, self._transport.write, response)
            else:
                self._transport.write(response)


def _response(media_type: str, objects: list[dict[str, Any]]) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n"
    pieces = [f"{_dump(one)}\n".encode() for one in objects]
    if len(pieces) == 1:
        return f"{head}Content-Length: {len(pieces[0])}\r\n\r\n".encode() + pieces[0]
    chunks = [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces]
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + b"".join(chunks) + b"0\r\n\r\n"


async def main() -> None:
    model, loop = Model(), asyncio.get_running_loop()
    hold_s = float(os.environ.get("BENCH_MODEL_HOLD_S", "0"))
    server = await loop.create_server(lambda: Http(model, hold_s), "127.0.0.1", 0)
    print(_dump({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
