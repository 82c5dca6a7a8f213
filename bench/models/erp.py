"""The system that the agents work on: a small server of our own that knows one record and counts what is written."""

from __future__ import annotations

import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal, InvalidOperation
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.models.worlds import World


class Erp(ThreadingHTTPServer):
    """`POST /RUN/TOOL` with JSON arguments, for runs that were opened; `written` is what each of them wrote.

    A repeated `Idempotency-Key` writes nothing.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.worlds: dict[str, World] = {}
        self.written: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.keys: dict[str, dict[str, Any]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    def open(self, run: str, world: World) -> str:
        """Make a run known. Returns where its tools are."""
        self.worlds[run] = world
        return f"http://127.0.0.1:{self.server_port}/{run}"

    def read(self, run: str, given: dict[str, Any]) -> dict[str, Any]:
        """The one record of a run. Raises `ValueError`."""
        world = self.worlds[run]
        wanted = given.get(world.kind.id)
        if wanted != world.id:
            raise ValueError(f"There is no {world.kind.id} {wanted!r}.")
        return world.found()

    def write(self, run: str, given: dict[str, Any], key: str | None) -> dict[str, Any]:
        """Write a record, once per key. Raises `ValueError`."""
        self.read(run, given)
        kind = self.worlds[run].kind
        number, day = _number(given.get(kind.number), kind.whole), _day(given.get(kind.day))
        if given.get(kind.word) not in kind.words:
            raise ValueError(f"The {kind.word} {given.get(kind.word)!r} is not one of {', '.join(kind.words)}.")
        with self.lock:
            if key is not None and key in self.keys:
                return self.keys[key]
            record = {
                kind.made: f"{kind.prefix}{secrets.randbelow(90000) + 10000}",
                kind.id: given[kind.id],
                kind.total: int(number) if kind.whole else str(number),
                kind.word: given[kind.word],
                kind.day: day.isoformat(),
                "idempotency_key": key,
            }
            self.written[run].append(record)
            if key is not None:
                self.keys[key] = record
            return record

    def is_right(self, run: str, record: dict[str, Any]) -> bool:
        """Whether a written record is what the task asked for."""
        world = self.worlds[run]
        kind, told = world.kind, (world.id, world.word, world.day.isoformat())
        return Decimal(record[kind.total]) == world.number and told == (
            record[kind.id],
            record[kind.word],
            record[kind.day],
        )


def _number(given: Any, whole: bool) -> Decimal:
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        raise ValueError(f"{given!r} is not a number.") from None
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{number} is not greater than zero.")
    if whole and number != int(number):
        raise ValueError(f"{number} is not a whole number.")
    return number


def _day(given: Any) -> date:
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise ValueError(f"{given!r} is not a date.") from None


@contextmanager
def serve() -> Iterator[Erp]:
    """Serve until the block ends."""
    erp = Erp()
    thread = threading.Thread(target=erp.serve_forever, args=(0.02,), name="erp", daemon=True)
    thread.start()
    try:
        yield erp
    finally:
        erp.shutdown()
        erp.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Erp

    def do_GET(self) -> None:
        record = self.server.keys.get(self.path.rpartition("/")[2])
        self._answer(200 if record else 404, record or {"error": "unknown"})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        run, _, tool = self.path.strip("/").rpartition("/")
        try:
            if tool == self.server.worlds[run].kind.read:
                self._answer(200, self.server.read(run, given))
            else:
                self._answer(200, self.server.write(run, given, self.headers.get("Idempotency-Key")))
        except ValueError as error:
            self._answer(422, {"error": str(error)})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what counts is in `written`."""
