"""A small HTTP server in a process of its own, which ends with its standard input."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    def body(self) -> dict[str, Any]:
        """What was sent."""
        read: dict[str, Any] = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        return read

    def answer(self, status: int, document: Any, *, cut: bool = False) -> None:
        """Answer with JSON; `cut`: with the first half of it, and end the connection."""
        data = json.dumps(document, ensure_ascii=False).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)

    def drop(self) -> None:
        """Reset the connection without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The diary tells it better."""


class Loopback(ThreadingHTTPServer):
    """Listens on 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle is what this is for."""


def serve(exchange: type[Exchange], port: int) -> None:
    """Serve on a port (0: a free one), print the URL as a JSON line, and end with the standard input."""
    server = Loopback(("127.0.0.1", port), exchange)
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    threading.Thread(target=_end_with_input, daemon=True).start()
    server.serve_forever(0.5)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)
