"""A server on loopback whose models misbehave, for Ollama's protocol and OpenAI's. It says that it is scripted."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kontora_agents.rehearsal.misbehaving.framing import framed
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels, Said
from kontora_agents.rehearsal.misbehaving.scenario import Reply
from kontora_agents.rehearsal.misbehaving.wire import WIRES, Wire, written
from kontora_agents.rehearsal.server import NOTICE
from kontora_agents.tokens import estimate

_CONTEXT = 32_768
#: No answer without an end goes on for longer, in words, however much is allowed; nothing hangs longer, in seconds.
_ENDLESS, _HANGING_S, _SLOW_S = 20_000, 60.0, 1.0
#: Seconds between the pieces of an answer without an end.
_PAUSE_S = 0.005

_LENGTH = Reply(finish="length")


class MisbehavingServer(ThreadingHTTPServer):
    """Plays models; `models.asked` counts the questions, `left` the answers without an end that a client left."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, models: MisbehavingModels, port: int = 0) -> None:
        self.models, self.closing = models, threading.Event()
        self.left: Counter[str] = Counter()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what this is about."""


@contextmanager
def serve(models: MisbehavingModels, port: int = 0) -> Iterator[MisbehavingServer]:
    """Serve until the block ends. Port 0 takes a free one. Raises `OSError` if the port is taken."""
    server = MisbehavingServer(models, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="misbehaving", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: MisbehavingServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        names = [f"{id_}/once/0" for id_ in self.server.models.scenarios]
        answers: dict[str, dict[str, Any]] = {
            "/api/version": {"version": "0.33.0"},
            "/api/ps": {"models": []},
            "/api/tags": {"models": [{"name": name, "model": name, "size": 0, "digest": ""} for name in names]},
            "/v1/models": {"object": "list", "data": [{"id": name, "object": "model"} for name in names]},
        }
        known = self.path in answers
        self._send(200 if known else 404, answers[self.path] if known else {"error": f"no such path: {self.path}"})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        model = str(request.get("model"))
        scenario = self.server.models.scenario(model)
        if scenario is None:
            self._send(404, WIRES.get(self.path, WIRES["/api/chat"]).error(f"model '{model}' not found"))
        elif self.path == "/api/show":
            capabilities = ["completion", *(["tools"] if scenario.tools else [])]
            facts = {"general.architecture": "rehearsal", "rehearsal.context_length": _CONTEXT}
            self._send(200, {"license": NOTICE, "capabilities": capabilities, "model_info": facts, "details": {}})
        elif self.path in WIRES:
            self._chat(WIRES[self.path], request, model)
        else:
            self._send(404, {"error": f"no such path: {self.path}"})

    def _chat(self, wire: Wire, request: dict[str, Any], model: str) -> None:
        scenario = self.server.models.scenario(model)
        assert scenario is not None
        if request.get("tools") and not scenario.tools:
            self._send(400, wire.error(f"registry.ollama.ai/library/{model} does not support tools"))
            return
        if not request.get("messages"):
            self._send(200, wire.whole(model, Said(reply=scenario.reply.model_copy(update={"finish": "load"})), (0, 0)))
            return
        said = self.server.models.say(model, request["messages"], wire.offered(request), wire.form(request))
        if said.reply.status != 200:
            self._send(said.reply.status, wire.error(said.reply.error))
            return
        prompt = estimate(json.dumps([request["messages"], request.get("tools")], ensure_ascii=False))
        counts = (said.reply.counted or prompt, estimate(said.text))
        self._answer(wire, request, model, said, counts)

    def _answer(self, wire: Wire, request: dict[str, Any], model: str, said: Said, counts: tuple[int, int]) -> None:
        line = said.reply.line
        if line == "hang" or (line == "stall" and not wire.streams(request)):
            self._hang()
            return
        if line == "slow":
            self.server.closing.wait(_SLOW_S)
        if line == "html":
            self._page(b"<html><body><h1>502 Bad Gateway</h1></body></html>")
        elif line == "endless":
            self._endless(wire, request, model, said.text or "and so on ", counts)
        elif wire.streams(request) or line in ("reset", "open", "garbage", "error"):
            self._stream(wire, wire.lines(model, said, counts), said)
        else:
            self._send(200, wire.whole(model, said, counts))

    def _hang(self) -> None:
        self.server.closing.wait(_HANGING_S)
        self.close_connection = True

    def _endless(self, wire: Wire, request: dict[str, Any], model: str, text: str, counts: tuple[int, int]) -> None:
        """Say the same until the client has had enough, or as long as it allows."""
        words = min(wire.most(request) or _ENDLESS, _ENDLESS)
        times = words // max(1, len(text.split()))
        if not wire.streams(request):
            self._send(200, wire.whole(model, Said(text * times, reply=_LENGTH), (counts[0], words)))
            return
        self._head(wire.content_type)
        for start in range(0, times, 100):
            if self._client_has_left():
                self.server.left[model] += 1
                self.close_connection = True
                return
            self._chunk(wire.words(model, text * min(100, times - start)))
        for last in list(wire.lines(model, Said("", reply=_LENGTH), (counts[0], words))):
            self._chunk(last)
        self._chunk(b"")

    def _client_has_left(self) -> bool:
        """Whether the connection was closed; it waits a moment for that."""
        if not select.select([self.connection], [], [], _PAUSE_S)[0]:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def _stream(self, wire: Wire, lines: Iterator[bytes], said: Said) -> None:
        line = said.reply.line
        self._head(wire.content_type)
        if line in ("", "slow", "open"):
            for one in framed(lines, said.reply.framing):
                self._chunk(one)
        else:
            self._chunk(wire.words("", said.text or "The order "))
        if line == "error":
            self._chunk(wire.broken("unexpected EOF"))
        elif line == "garbage":
            self._chunk(b"<html>Bad gateway</html>\n")
        elif line == "stall":
            self._hang()
            return
        elif line == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self._chunk(b"")

    # --- bytes ---------------------------------------------------------------------------------------------------

    def _head(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("X-Kontora-Rehearsal", "1")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _page(self, data: bytes) -> None:
        self._whole(200, "text/html", data)

    def _send(self, status: int, body: dict[str, Any]) -> None:
        self._whole(status, "application/json", written(body))

    def _whole(self, status: int, content_type: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("X-Kontora-Rehearsal", "1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: who plays a scenario reads what came out of it."""
