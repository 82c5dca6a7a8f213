"""An Ollama-protocol server on loopback that plays scripts. It keeps no state: the request holds the conversation."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.rehearsal.conversation import read_conversation
from kontora_agents.rehearsal.script import Line, Script
from kontora_agents.tokens import estimate

#: What every answer carries.
NOTICE = "scripted, not a language model"
_CREATED = "2026-01-01T00:00:00Z"
_CONTEXT = 131_072
_PIECE = 60


class Rehearsal:
    """Scripts by `<workflow>` or `<workflow>@<name>`, and the models they stand for."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = dict(scripts)

    def model_names(self) -> list[str]:
        """Return the name of every agent that can be played."""
        return [script.model_name(agent) for script in self._scripts.values() for agent in script.agents]

    def answer(self, request: dict[str, Any]) -> Line:
        """Return what the named agent says next. Raises `RehearsalMismatch`."""
        script, agent = self._find(str(request.get("model")))
        try:
            conversation = read_conversation(request)
        except RehearsalMismatch as error:
            raise RehearsalMismatch(f"rehearsal script {script.key}, agent {agent}: {error.message}") from None
        return script.play(agent, conversation)

    def show(self, model: str) -> dict[str, Any]:
        """Return what `/api/show` says about a model. Raises `RehearsalMismatch`."""
        script, agent = self._find(model)
        if agent not in script.agents:
            raise RehearsalMismatch(f"rehearsal script {script.key}: there is no agent {agent!r}")
        return {
            "license": NOTICE,
            "details": _details(),
            "model_info": {"general.architecture": "rehearsal", "rehearsal.context_length": _CONTEXT},
            "capabilities": ["completion", "tools", "rehearsal"],
        }

    def _find(self, model: str) -> tuple[Script, str]:
        _, _, rest = model.partition("/")
        workflow, _, agent = rest.partition("/")
        agent, _, name = agent.partition("@")
        key = f"{workflow}@{name}" if name else workflow
        if key not in self._scripts:
            known = ", ".join(self._scripts) or "none"
            raise RehearsalMismatch(f"rehearsal script {key}: there is no such script; there are: {known}")
        return self._scripts[key], agent

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[RehearsalServer]:
        """Serve on loopback until the block ends. Port 0 takes a free one. Raises OSError if the port is taken."""
        server = RehearsalServer(self, port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="rehearsal", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class RehearsalServer(ThreadingHTTPServer):
    """The listening socket and its connections."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, rehearsal: Rehearsal, port: int) -> None:
        self.rehearsal = rehearsal
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that closing the server also ends connections that are kept alive."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget and close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is none of our business."""

    def server_close(self) -> None:
        """Close the socket, and every connection with it."""
        super().server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    server: RehearsalServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        rehearsal = self.server.rehearsal
        answers: dict[str, dict[str, Any]] = {
            "/": {"status": "Ollama is running"},
            "/api/version": {"version": "0.33.0"},
            "/api/ps": {"models": []},
            "/api/tags": {"models": [_listed(name) for name in rehearsal.model_names()]},
        }
        if self.path in answers:
            self._send(200, answers[self.path])
        else:
            self._send(404, {"error": f"no such path: {self.path}"})

    def do_POST(self) -> None:
        try:
            request = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
            model = request.get("model")
            if not isinstance(model, str) or not model.startswith("rehearsal/"):
                self._send(404, {"error": f"model '{model}' not found"})
            elif self.path == "/api/show":
                self._send(200, self.server.rehearsal.show(model))
            elif self.path == "/api/chat":
                self._chat(request)
            else:
                self._send(404, {"error": f"no such path: {self.path}"})
        except RehearsalMismatch as error:
            self._send(400, {"error": error.message})
        except (ValueError, KeyError, TypeError, AttributeError):
            self._send(400, {"error": "the request is not a chat request"})

    def _chat(self, request: dict[str, Any]) -> None:
        line = self.server.rehearsal.answer(request)
        model = request["model"]
        counts = {
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": estimate(json.dumps([request["messages"], request.get("tools")], ensure_ascii=False)),
            "eval_count": estimate(line.text + json.dumps(line.calls, ensure_ascii=False)),
        }
        calls = [
            {"id": f"call_{index}", "function": {"index": index, "name": name, "arguments": arguments}}
            for index, (name, arguments) in enumerate(line.calls)
        ]
        if request.get("stream") is False:
            self._send(200, _chunk(model, line.text, calls) | counts)
            return
        pieces = [line.text[start : start + _PIECE] for start in range(0, len(line.text), _PIECE)]
        chunks = [_chunk(model, piece, []) for piece in pieces] + ([_chunk(model, "", calls)] if calls else [])
        self._stream([*chunks, _chunk(model, "", []) | counts])

    def _stream(self, chunks: list[dict[str, Any]]) -> None:
        self._head(200, "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            data = json.dumps(chunk, ensure_ascii=False).encode() + b"\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps({**body, "rehearsal": NOTICE}, ensure_ascii=False).encode()
        self._head(status, "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _head(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("X-Kontora-Rehearsal", "1")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests hold the company's data."""


def _chunk(model: str, text: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = calls
    return {"model": model, "created_at": _CREATED, "message": message, "done": False, "rehearsal": NOTICE}


def _listed(name: str) -> dict[str, Any]:
    return {"name": name, "model": name, "modified_at": _CREATED, "size": 0, "digest": "", "details": _details()}


def _details() -> dict[str, Any]:
    return {"format": "script", "family": "rehearsal", "parameter_size": "0", "quantization_level": ""}
