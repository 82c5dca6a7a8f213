"""The system that the agents work on: a small server of our own that knows one customer and counts its orders."""

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

from kontora_agents.rehearsal.misbehaving.work import Work

_CURRENCIES = ("EUR", "USD", "RUB")


class Erp(ThreadingHTTPServer):
    """`POST /RUN/get_customer` and `/RUN/create_order` with JSON arguments; `orders` are what each run created.

    A repeated `Idempotency-Key` creates nothing.
    """

    daemon_threads = True

    def __init__(self, work: Work) -> None:
        self.work, self.lock = work, threading.Lock()
        self.orders: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.keys: dict[str, dict[str, Any]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def get_customer(self, given: dict[str, Any]) -> dict[str, Any]:
        """The one customer. Raises `ValueError`."""
        wanted = self.work.read_arguments["customer_id"]
        if given.get("customer_id") != wanted:
            raise ValueError(f"There is no customer {given.get('customer_id')!r}.")
        return {"customer_id": wanted, "name": "Romashka OOO / ООО «Ромашка»", "credit_limit": "20000.00"}

    def create_order(self, run: str, given: dict[str, Any], key: str | None) -> dict[str, Any]:
        """Create an order, once per key. Raises `ValueError`."""
        self.get_customer(given)
        try:
            amount = Decimal(str(given.get("amount")))
            due = date.fromisoformat(str(given.get("due_date")))
        except (InvalidOperation, ValueError) as error:
            raise ValueError(f"The amount or the due date cannot be read: {error}") from None
        if given.get("currency") not in _CURRENCIES:
            raise ValueError(f"The currency {given.get('currency')!r} is not one of {', '.join(_CURRENCIES)}.")
        with self.lock:
            if key is not None and key in self.keys:
                return self.keys[key]
            order = {
                "order_id": f"SO-{secrets.randbelow(90000) + 10000}",
                "customer_id": given["customer_id"],
                "total": str(amount),
                "currency": given["currency"],
                "due_date": due.isoformat(),
                "idempotency_key": key,
            }
            self.orders[run].append(order)
            if key is not None:
                self.keys[key] = order
            return order

    def is_right(self, order: dict[str, Any]) -> bool:
        """Whether an order is what the task asked for."""
        asked = self.work.write_arguments
        return Decimal(order["total"]) == Decimal(str(asked["amount"])) and all(
            order[name] == asked[name] for name in ("customer_id", "currency", "due_date")
        )


@contextmanager
def serve(work: Work) -> Iterator[Erp]:
    """Serve until the block ends."""
    erp = Erp(work)
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
        key = self.path.rpartition("/")[2]
        order = self.server.keys.get(key)
        self._answer(200 if order else 404, order or {"error": "unknown"})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        run, _, tool = self.path.strip("/").rpartition("/")
        try:
            if tool == self.server.work.read:
                self._answer(200, self.server.get_customer(given))
            else:
                self._answer(200, self.server.create_order(run, given, self.headers.get("Idempotency-Key")))
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
        """Say nothing: what counts is in `orders`."""
