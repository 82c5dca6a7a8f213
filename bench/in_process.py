"""Kontora's engine without a queue: runs are stored and worked on by one process. `python -m bench.in_process`."""

from __future__ import annotations

import os
import time
from datetime import date

from kontora_agents.autogen_runner import AutogenRunner
from kontora_worker.house import House
from kontora_worker.settings import load_settings
from kontora_workflows.engine.engine import Engine
from kontora_workflows.starting import Start, start_run

from bench.books import question
from bench.driver import Done, serve
from bench.ledger_answers import answers
from bench.office import WORKFLOW


class Nobody:
    """There is no worker to tell."""

    def send(self, run_ids: list[str], queue: str = "kontora") -> bool:
        return True


class InProcess:
    """The house of one process."""

    def __init__(self) -> None:
        self._house = House(load_settings())
        self._ledger, self._doors = self._house.ledger, self._house.doors
        self._workflow = self._house.workflow(WORKFLOW)
        owner = f"bench:{os.getpid()}"
        self._engine = Engine(self._ledger, self._doors, self._house.models, Nobody(), AutogenRunner(), owner)

    def work(self, runs: list[int]) -> list[Done]:
        return [Done(self._run(run), time.time()) for run in runs]

    def _run(self, run: int) -> str:
        start = Start("bench", "cli", {"question": question(run)})
        stored, _ = start_run(self._ledger, self._doors, self._workflow, start, today=date.today())  # noqa: DTZ011
        self._engine.work(stored.id)
        return stored.id

    def answers(self, tokens: list[str]) -> list[str]:
        return answers(self._ledger, tokens)


if __name__ == "__main__":
    serve(InProcess())
