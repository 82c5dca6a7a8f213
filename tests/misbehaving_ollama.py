"""A hand-made Ollama server that misbehaves, for tests of the model client. The name of the model says how."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CALL = {"function": {"name": "erp_payments", "arguments": {"party_id": "C1"}}}
DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 30, "eval_count": 4}


def line(content: str = "", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    for key in ("tool_calls", "thinking"):
        if key in more:
            message[key] = more.pop(key)
    return {"model": "m", "message": message, "done": False, **more}


#: What is streamed by models that always say the same.
STREAMS: dict[str, list[Any]] = {
    "fine": [line("Nothing "), line("is due."), line("", **DONE)],
    "uncounted": [line("Nothing is due.", done=True, done_reason="stop")],
    "one-chunk": [line("Nothing is due.", **DONE)],
    "empty": [line("", **DONE)],
    "only-thinks": [line("", thinking="Let me see"), line("", **DONE)],
    "thinks-aloud": [line("<think>17 or 18?</think>Nothing is"), line(" due.", **DONE)],
    "thinks-half-aloud": [line("17 or 18?</think>Nothing is due.", **DONE)],
    "too-long": [line("Nothing is"), line("", **DONE | {"done_reason": "length"})],
    "calls": [line("Looking.", tool_calls=[CALL, CALL]), line("", tool_calls=[CALL], **DONE)],
    "arguments-as-text": [
        line("", tool_calls=[{"function": {"name": "f", "arguments": '{"a": {"b": 1}}'}}]),
        line("", tool_calls=[{"function": {"name": "f", "arguments": "null"}}]),
        line("", tool_calls=[{"function": {"name": "f", "arguments": '"{\\"a\\": 1}"'}}]),
        line("", tool_calls=[{"function": {"name": "f", "arguments": None}}], **DONE),
    ],
    "unreadable-arguments": [line("", tool_calls=[{"function": {"name": "f", "arguments": "a: 1,"}}], **DONE)],
    "no-done": [line("Nothing is")],
    "error-mid-stream": [line("Nothing is"), {"error": "unexpected EOF at /srv/models/secret"}],
    "not-json": [b"<html>Bad gateway</html>"],
    "not-an-object": [b"[1, 2]"],
    "cut-prompt": [line("Nothing is due.", **DONE | {"prompt_eval_count": 2051})],
    "cached-prompt": [line("Nothing is due.", **DONE | {"prompt_eval_count": 2051})],
    "exact-amounts": [b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":'
                      b'{"a":12345678901234567.89,"b":1250.50}}}]},"done":true}'],
}  # fmt: skip
#: HTTP errors: how often, the status, the text.
ERRORS: dict[str, tuple[float, int, str]] = {
    "busy-once": (1, 503, "server busy, please try again.  maximum pending requests exceeded"),
    "busy": (float("inf"), 503, "server busy, please try again.  maximum pending requests exceeded"),
    "fails-once": (1, 500, "llama runner process has terminated: exit status 2"),
    "fails": (float("inf"), 500, "llama runner process has terminated: exit status 2"),
    "unreadable-call": (float("inf"), 500, "error parsing tool call: raw='{\"name', err=unexpected end of JSON input"),
    "overfull": (float("inf"), 400, "the prompt is longer than the context length currently available to the model"),
    "lies-about-tools": (float("inf"), 400, "registry.ollama.ai/library/m does not support tools"),
}
OTHERS = ["no-tools", "resets-once", "resets", "hangs", "drips", "small"]


class MisbehavingOllama(ThreadingHTTPServer):
    """Counts what it is asked and keeps the last chat request."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.last: dict[str, Any] = {}
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up is what many of these tests are about."""


@contextmanager
def misbehaving_ollama() -> Iterator[MisbehavingOllama]:
    server = MisbehavingOllama()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    server: MisbehavingOllama

    def do_GET(self) -> None:
        names = [*STREAMS, *ERRORS, *OTHERS]
        same = {"size": 42, "digest": "d1", "details": {"parameter_size": "7.6B", "family": "qwen3"}}
        tags = [{"name": f"{name}:latest", "model": f"{name}:latest", **same} for name in names]
        loaded = {"cut-prompt": 4096, "cached-prompt": 32768}
        running = [{"name": name, "model": name, "context_length": size} for name, size in loaded.items()]
        answers: dict[str, dict[str, Any]] = {
            "/api/tags": {"models": tags},
            "/api/ps": {"models": running},
            "/api/version": {"version": "0.33.0"},
        }
        self.answer(200, answers[self.path])

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = request["model"].removesuffix(":latest")
        self.server.asked[self.path, name] += 1
        if name not in {*STREAMS, *ERRORS, *OTHERS}:
            self.answer(404, {"error": f"model '{name}' not found"})
        elif self.path == "/api/show":
            capabilities = ["completion"] if name == "no-tools" else ["completion", "tools"]
            facts = {"general.architecture": "qwen3", "qwen3.context_length": 512 if name == "small" else 40960}
            details = {"parameter_size": "7.6B", "family": "qwen3"}
            self.answer(200, {"capabilities": capabilities, "model_info": facts, "details": details})
        else:
            self.server.last = request
            if not request["messages"]:
                self.answer(200, {"model": name, "message": {"role": "assistant"}, "done": True, "done_reason": "load"})
                return
            self.chat(name, self.server.asked[self.path, name])

    def chat(self, name: str, time: int) -> None:
        if name in ERRORS and time <= ERRORS[name][0]:
            self.answer(ERRORS[name][1], {"error": ERRORS[name][2]})
        elif name == "hangs":
            self.server.closing.wait(10)
        elif name == "drips":
            self.stream([line("Nothing")])
            self.server.closing.wait(10)
        elif name == "resets" or (name == "resets-once" and time == 1):
            self.stream([line("Nothing is")])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.stream(STREAMS.get(name, STREAMS["fine"]))

    def stream(self, lines: list[Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        for one in lines:
            self.wfile.write((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n")
        self.wfile.flush()

    def answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read the exceptions, not a log."""
