"""A small office for tests of the engine: one connector, a workflow, and as many workers as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.rehearsal.script import Script
from kontora_agents.rehearsal.server import Rehearsal
from kontora_connectors import (
    Config,
    Connector,
    DataClass,
    Label,
    OutcomeUnknown,
    Record,
    Unavailable,
    Zone,
    read,
    write,
)
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.run import Run
from kontora_workflows.loader import load_workflow
from kontora_workflows.starting import Start, start_run

TODAY = date(2026, 11, 23)


class Note(Record):
    id: str
    text: Annotated[str, Label.UNTRUSTED]


class Contact(Record):
    name: str
    email: Annotated[str | None, Label.PII] = None


class Notebook(Connector[Config], kind="notebook"):
    """A system that remembers notes, and how often it was asked to do what."""

    def __init__(self) -> None:
        super().__init__(Config(), instance="notebook")
        self.notes: dict[str, Note] = {}
        self.asked: list[str] = []
        self.down = 0
        self.slow = threading.Event()
        self.slow.set()

    @read
    def list_notes(self, about: str = "") -> list[Note]:
        """List notes."""
        self.asked.append(f"list_notes {about}")
        if self.down:
            self.down -= 1
            raise Unavailable("The notebook is closed.", hint="Open it.")
        return [note for note in self.notes.values() if about in note.text]

    @read
    def slow_list(self) -> list[str]:
        """List something as soon as `slow` is set."""
        self.asked.append("slow_list")
        self.slow.wait(30)
        return []

    def interrupt(self) -> None:
        """Break off the slow list."""
        self.asked.append("interrupt")
        self.slow.set()

    @write(idempotency="none")
    def shout(self, text: str, *, key: str) -> str:
        """Say something that cannot be looked up."""
        self.asked.append(f"shout {text}")
        if self.down:
            self.down -= 1
            raise OutcomeUnknown("The line went dead.")
        return text

    @read
    def people(self) -> list[str]:
        """List people."""
        self.asked.append("people")
        return ["Anna", "Борис"]

    @read
    def contacts(self) -> list[Contact]:
        """List people with their addresses."""
        self.asked.append("contacts")
        return [Contact(name="Anna", email="anna@example.org")]

    @write(idempotency="unique_reference", lookup="note_by_key")
    def add_note(self, text: str, *, key: str) -> Note:
        """Add a note."""
        self.asked.append(f"add_note {text}")
        note = Note(id=f"n{len(self.notes) + 1}", text=text)
        return self.notes.setdefault(key, note)

    def note_by_key(self, key: str) -> Note | None:
        """Find a note by the key it was made under."""
        return self.notes.get(key)


@dataclass
class OneDoor:
    """Every role is the notebook."""

    notebook: Notebook
    most: int | None = None

    def limit(self, instance: str) -> int | None:
        return self.most

    def bind(self, roles: dict[str, dict[str, str | None]], given: dict[str, str]) -> dict[str, str]:
        return dict.fromkeys(roles, "notebook")

    def open(self, instance: str) -> Notebook:
        return self.notebook

    def kind(self, instance: str) -> type[Notebook]:
        return type(self.notebook)


@dataclass
class Rehearsed:
    """Every model is the rehearsal at `url`."""

    url: str
    zone: Zone = "local"
    may_hold: DataClass = "personal"
    _clients: dict[str, OllamaModel] = field(default_factory=dict)

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        return self.again(f"rehearsal/{workflow}/{agent}", "rehearsal")

    def again(self, name: str, server: str) -> ChosenModel:
        client = self._clients.setdefault(self.url, OllamaModel(self.url))
        return ChosenModel(client, name, server, True, zone=self.zone, may_hold=self.may_hold)

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@dataclass
class Pigeonhole:
    """Where run ids are put; whoever works takes them out."""

    ids: list[str] = field(default_factory=list)
    queues: list[str] = field(default_factory=list)

    def send(self, run_ids: list[str], queue: str = "kontora") -> bool:
        self.ids += run_ids
        self.queues += [queue] * len(run_ids)
        return True


@dataclass
class Office:
    """A ledger, a notebook and a rehearsal; `worker()` is a new process as far as the engine can tell."""

    ledger: Ledger
    notebook: Notebook
    url: str
    hole: Pigeonhole = field(default_factory=Pigeonhole)
    most: int | None = None
    engines: list[Engine] = field(default_factory=list)

    def worker(self, name: str = "one") -> Engine:
        engine = Engine(
            self.ledger, OneDoor(self.notebook, self.most), Rehearsed(self.url), self.hole, AutogenRunner(), name, 5000
        )
        self.engines.append(engine)
        return engine

    def close(self) -> None:
        for engine in self.engines:
            engine.close()

    def start(self, text: str, **given: Any) -> Run:
        workflow = load_workflow(text, source="test.yaml")
        run, _ = start_run(self.ledger, OneDoor(self.notebook), workflow, Start("tester", "cli", given), today=TODAY)
        return run

    def work_until_rest(self, run: Run) -> Run:
        """Let a new worker take each queued run of the family until nothing is due."""
        for _ in range(50):
            due = [one for one in self.ledger.runs.family(run.id) if one.state == "queued"]
            worked = [self.worker().work(one.id) for one in due]
            if not any(worked):
                break
        return self.ledger.runs.get(run.id)

    def kinds(self, run: Run) -> list[str]:
        return [entry.kind for entry in self.ledger.entries.of_run(run.id)]

    def result(self, run: Run) -> Any:
        """The results by step of a run that succeeded."""
        last = self.ledger.entries.of_run(run.id)[-1]
        text = self.ledger.entries.payloads(run.id)[last.seq]
        assert text is not None
        return json.loads(text)["steps"]


@contextmanager
def office(ledger_url: str, script: dict[str, Any] | None = None) -> Iterator[Office]:
    """Open an office; `script` is a rehearsal script."""
    scripts = [Script.model_validate(script)] if script else []
    ledger = Ledger(ledger_url)
    try:
        with Rehearsal({one.key: one for one in scripts}).serve() as server:
            here = Office(ledger, Notebook(), server.url)
            try:
                yield here
            finally:
                here.close()
    finally:
        ledger.close()
