"""An office whose agents have a stronger model behind them: a script of their own, and a server that writes down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.errors import ModelError
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.rehearsal.script import Line
from kontora_agents.rehearsal.server import Rehearsal
from kontora_connectors import DataClass, Zone
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.ledger.approvals import Approval
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import Run

from tests.office import Office, OneDoor, Rehearsed, office
from tests.test_engine import HEAD

#: An agent whose own model states a figure that nobody gave, also after it was asked again.
LYING: dict[str, Any] = {
    "workflow": "notes",
    "agents": {
        "clerk": [
            {"calls": [{"tool": "book_contacts"}]},
            {"say": "77 people are on the list."},
            {"say": "There are 78 of them."},
        ]
    },
}


def flow(*, more: str = "", escalation: str = "model: strong", data_class: str = "public") -> str:
    """A workflow of one agent that may escalate."""
    return (
        HEAD
        + f"data_class: {data_class}\n"
        + f"""
agents:
  clerk:
    instructions: Say who is on the list.
    tools: [book.contacts, book.list_notes]
    escalation: {{{escalation}}}
    {more}
steps:
  - {{id: work, agent: clerk, with: {{language: en, office: Bonn}}}}
"""
    )


class Stronger(Rehearsal):
    """A server that says one thing, and keeps the body of every question."""

    def __init__(self) -> None:
        super().__init__({})
        self.says, self.calls = "Anna is on the list.", False
        self.asked: list[dict[str, Any]] = []

    def show(self, model: str) -> dict[str, Any]:
        return {"capabilities": ["completion"], "model_info": {}, "details": {}}

    def answer(self, request: dict[str, Any]) -> Line:
        self.asked.append(request)
        return Line(text=self.says, calls=[("book_contacts", {})] if self.calls else [])


@dataclass
class TwoModels:
    """Models of an office: the stronger one is `strong`, all others are its rehearsal."""

    own: Rehearsed
    url: str
    name: str = "rehearsal/strong"
    zone: Zone = "external"
    may_hold: DataClass = "public"
    may_hold_approved: DataClass = "personal"
    limit: int | None = None
    refuses: ModelError | None = None
    _clients: dict[str, OllamaModel] = field(default_factory=dict)

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        if wanted != "strong":
            return self.own.choose(wanted, workflow, agent, tools=tools)
        if self.refuses is not None:
            raise self.refuses
        return self.again(self.name, self.url)

    def again(self, name: str, server: str) -> ChosenModel:
        if server != self.url:
            return self.own.again(name, server)
        client = self._clients.setdefault(server, OllamaModel(server, pause=0.01))
        return ChosenModel(client, name, server, False, self.limit, self.zone, self.may_hold, self.may_hold_approved)

    async def aclose(self) -> None:
        await self.own.aclose()
        for client in self._clients.values():
            await client.aclose()


@dataclass
class TwoModelOffice:
    """An office with two models; `work` lets new workers take its runs."""

    here: Office
    strong: Stronger
    models: TwoModels

    def worker(self) -> Engine:
        """A new process, as far as the engine can tell."""
        models = replace(self.models, own=Rehearsed(self.here.url), _clients={})
        parts = self.here.ledger, OneDoor(self.here.notebook), models, self.here.hole, AutogenRunner()
        self.here.engines.append(engine := Engine(*parts, "one", 5000))
        return engine

    def work(self, run: Run) -> Run:
        """Let a new worker take the run until it rests or waits."""
        for _ in range(10):
            if self.here.ledger.runs.get(run.id).state != "queued" or not self.worker().work(run.id):
                break
        return self.here.ledger.runs.get(run.id)

    def begin(self, text: str) -> Run:
        """Start a run, and work on it."""
        return self.work(self.here.start(text))

    def pending(self) -> Approval:
        """The one question that waits for a person."""
        (approval,), _ = self.here.ledger.approvals.page(state="pending")
        return approval

    def decide(self, run: Run, decision: str = "approved") -> Run:
        """Let the boss decide, and the run go on."""
        self.here.ledger.approvals.decide(self.pending().id, decision, by="boss")  # type: ignore[arg-type]
        return self.work(run)

    def entries(self, run: Run, kind: str) -> list[Entry]:
        """The entries of a kind."""
        return [entry for entry in self.here.ledger.entries.of_run(run.id) if entry.kind == kind]

    def sent(self) -> list[dict[str, str]]:
        """Every question to the stronger model: the role and content of each message."""
        return [{one["role"]: one["content"] for one in body["messages"]} for body in self.strong.asked]

    def work_result(self, run: Run) -> dict[str, Any]:
        """What the agent's step gave."""
        result: dict[str, Any] = self.here.result(run)["work"]
        return result


@contextmanager
def two_models(ledger_url: str, script: dict[str, Any] | None = None, **strong: Any) -> Iterator[TwoModelOffice]:
    """Open such an office; `strong` are facts of the stronger model."""
    stronger = Stronger()
    with office(ledger_url, script or LYING) as here, stronger.serve() as server:
        yield TwoModelOffice(here, stronger, TwoModels(Rehearsed(here.url), strong.pop("url", server.url), **strong))
