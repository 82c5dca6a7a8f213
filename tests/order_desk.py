"""An agent that enters one order through the engine, on a model that misbehaves. Orders are counted on arrival."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Literal

from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.model_http import Deadlines
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import load_scenarios
from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer, serve
from kontora_connectors import Config, Connector, Invalid, Record, read, write
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import AT_REST, Run
from kontora_workflows.loader import load_workflow
from kontora_workflows.starting import Start, start_run

SCENARIOS = load_scenarios(sorted((Path(__file__).parent.parent / "bench" / "models" / "scenarios").glob("*.yaml")))
FILE = """
apiVersion: kontora/v1
name: orders
title: An order
roles: {erp: {kind: order-books}}
agents:
  clerk:
    instructions: Look the customer up, create the order, then report its number and total.
    tools: [erp.get_customer, erp.create_order]
    limits: {turns: 16}
steps:
  - {id: work, agent: clerk, with: {task: "One order for C-1042 over 1250.50 EUR, due on 2026-12-01.", language: en}}
"""
_NUMBERS = count()
#: The order that was asked for.
RIGHT = ("C-1042", Decimal("1250.50"), "EUR", date(2026, 12, 1))


class Customer(Record):
    customer_id: str
    credit_limit: Decimal


class Created(Record):
    order_id: str
    total: Decimal
    currency: str


class Books(Connector[Config], kind="order-books"):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(Config(), instance="books")
        self.read: list[str] = []
        self.orders: list[tuple[str, Decimal, str, date]] = []

    @read
    def get_customer(self, customer_id: str) -> Customer:
        """Look a customer up."""
        self.read.append(customer_id)
        if customer_id != "C-1042":
            raise Invalid(f"There is no customer {customer_id!r}.")
        return Customer(customer_id=customer_id, credit_limit=Decimal("20000.00"))

    @write(idempotency="none")
    def create_order(
        self,
        customer_id: str,
        amount: Decimal,
        currency: Literal["EUR", "USD", "RUB"],
        due_date: date,
        note: str | None = None,
        *,
        key: str,
    ) -> Created:
        """Create an order."""
        self.orders.append((customer_id, amount, currency, due_date))
        return Created(order_id=f"SO-{70000 + len(self.orders)}", total=amount, currency=currency)


@dataclass
class OrderDesk:
    """A ledger, the books, a server of models that misbehave; also every port of the engine."""

    ledger: Ledger
    server: MisbehavingServer
    model: str = ""
    stream: bool = True
    books: Books = field(default_factory=Books)

    def enter(self, scenario: str, persistence: str) -> Run:
        """Let a run with this model go to its rest; whoever is asked says yes."""
        self.model = f"{scenario}/{persistence}/{next(_NUMBERS)}"
        self.books = Books()
        workflow = load_workflow(FILE, source="orders.yaml")
        run, _ = start_run(self.ledger, self, workflow, Start("tester", "cli", {}), today=date(2026, 11, 24))
        for _ in range(20):
            self.work(run)
            if self.ledger.runs.get(run.id).state in AT_REST:
                break
            for asked in self.ledger.approvals.page(state="pending")[0]:
                self.ledger.approvals.decide(asked.id, "approved", by="boss")
        return self.ledger.runs.get(run.id)

    def work(self, run: Run) -> None:
        """Let a new worker take the run."""
        engine = Engine(self.ledger, self, self, self, AutogenRunner(), "one", 5000)
        try:
            engine.work(run.id)
        finally:
            engine.close()

    def said(self, run: Run) -> str:
        """The agent's answer."""
        last = self.ledger.entries.of_run(run.id)[-1]
        return str(json.loads(self.ledger.entries.payloads(run.id)[last.seq] or "{}")["steps"]["work"]["text"])

    def entries(self, run: Run, kind: str) -> list[Entry]:
        """The entries of a kind."""
        return [entry for entry in self.ledger.entries.of_run(run.id) if entry.kind == kind]

    # --- the ports ---------------------------------------------------------------------------------------------------

    def send(self, run_ids: list[str], queue: str = "kontora") -> bool:
        return True

    def bind(self, roles: dict[str, dict[str, str | None]], given: dict[str, str]) -> dict[str, str]:
        return dict.fromkeys(roles, "books")

    def open(self, instance: str) -> Books:
        return self.books

    def limit(self, instance: str) -> int | None:
        return None

    def kind(self, instance: str) -> type[Books]:
        return Books

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        return self.again(self.model, "server")

    def again(self, name: str, server: str) -> ChosenModel:
        self._client = OllamaModel(self.server.url, deadlines=Deadlines(5, 20, 30), stream=self.stream, pause=0.01)
        return ChosenModel(self._client, name, server, False)

    async def aclose(self) -> None:
        await self._client.aclose()


@contextmanager
def order_desk(ledger_url: str, **more: Any) -> Iterator[OrderDesk]:
    """Open the desk."""
    ledger = Ledger(ledger_url)
    try:
        with serve(MisbehavingModels(SCENARIOS)) as server:
            yield OrderDesk(ledger, server, **more)
    finally:
        ledger.close()
