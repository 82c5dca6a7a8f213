"""Kontora, as its users run it: a workflow with one agent, the durable engine, a connector, a person who approves.

`python -m bench.models.kontora_side`. Pauses between attempts are skipped: nobody waits for them here.
"""

from __future__ import annotations

import json
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.model_http import Deadlines
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.openai_model import OpenAIModel
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.ports import ChosenModel
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.run import AT_REST, Run
from kontora_workflows.loader import load_workflow
from kontora_workflows.starting import Start, start_run
from sqlalchemy import update

from bench.models.kontora_systems import SYSTEMS, System
from bench.models.side import Order, serve

_DEADLINES = Deadlines(connect=2.0, first_byte=2.0, total=6.0)
_FILE = """
apiVersion: kontora/v1
name: entry
title: An entry
deadline: 20s
roles: {{erp: {{kind: {kind}}}}}
inputs: {{task: {{type: string}}}}
agents:
  clerk:
    instructions: {instructions}
    tools: [{tools}]
    limits: {{turns: {steps}}}
    grounding: fail
steps:
  - {{id: work, agent: clerk, with: {{task: "${{{{ inputs.task }}}}"}}}}
"""


class _Nobody:
    """There is no worker to tell."""

    def send(self, run_ids: list[str], queue: str = "kontora") -> bool:
        return True


class _Door:
    """The only connector, and the only model."""

    def __init__(self, order: Order) -> None:
        self._system = SYSTEMS[order.world][0](order.erp)
        self._model = _client(order)
        self._name, self._server = order.model, order.server

    def bind(self, roles: dict[str, dict[str, str | None]], given: dict[str, str]) -> dict[str, str]:
        return dict.fromkeys(roles, "erp")

    def open(self, instance: str) -> System:
        return self._system

    def limit(self, instance: str) -> int | None:
        return None

    def kind(self, instance: str) -> type[System]:
        return type(self._system)

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        return ChosenModel(self._model, self._name, self._server, False)

    def again(self, name: str, server: str) -> ChosenModel:
        return ChosenModel(self._model, self._name, self._server, False)

    async def aclose(self) -> None:
        await self._model.aclose()


def _client(order: Order) -> OllamaModel | OpenAIModel:
    if order.protocol == "openai":
        return OpenAIModel(f"{order.server}/v1", deadlines=_DEADLINES, stream=order.stream, pause=0.05)
    return OllamaModel(order.server, deadlines=_DEADLINES, stream=order.stream, pause=0.05)


def _work(order: Order) -> str:
    """Let a run go to its rest; the person who is asked says yes. Raises `RuntimeError` with what the user reads."""
    door, workflow = _Door(order), load_workflow(_FILE.format(**_quoted(order)), source="entry.yaml")
    with tempfile.TemporaryDirectory(prefix="kontora-bench-") as folder:
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        engine = Engine(ledger, door, door, _Nobody(), AutogenRunner(), "bench")
        try:
            start = Start("bench", "cli", {"task": order.task})
            run, _ = start_run(ledger, door, workflow, start, today=date(2026, 11, 24))
            ended = _at_rest(ledger, engine, run)
            return _said(ledger, ended)
        finally:
            engine.close()
            ledger.close()


def _quoted(order: Order) -> dict[str, Any]:
    tools = ", ".join(f"erp.{tool}" for tool in SYSTEMS[order.world][1])
    instructions = json.dumps(order.instructions, ensure_ascii=False)
    return {"kind": f"bench-{order.world}", "tools": tools, "instructions": instructions, "steps": order.steps}


def _at_rest(ledger: Ledger, engine: Engine, run: Run) -> Run:
    while (now := ledger.runs.get(run.id)).state not in AT_REST:
        for asked in ledger.approvals.page(state="pending")[0]:
            ledger.approvals.decide(asked.id, "approved", by="boss", version=asked.version)
        with ledger.database.write() as connection:
            connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(due_at=1))
        if not engine.work(run.id) and now.state == "waiting" and now.waiting_for not in ("approval", "timer"):
            raise RuntimeError(f"the run waits for {now.waiting_for}")
    return now


def _said(ledger: Ledger, run: Run) -> str:
    if run.state != "succeeded":
        error = run.error or {}
        raise RuntimeError(
            " ".join(filter(None, [run.state, error.get("code"), error.get("message"), error.get("hint")]))
        )
    last = ledger.entries.of_run(run.id)[-1]
    text = ledger.entries.payloads(run.id)[last.seq]
    work = json.loads(text or "{}")["steps"]["work"]
    if work["ended"] == "limit":
        raise RuntimeError(f"stopped at the agent's limit; the last it said: {work['text']}")
    return str(work["text"])


if __name__ == "__main__":
    serve(_work, {"Kontora": version("kontora"), "settings": "grounding: fail, as shipped; deadlines of 2 and 6 s"})
