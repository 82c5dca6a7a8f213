"""Whoever wants runs: stores them, tells the workers, waits for the end. `python -m bench.starter`, as a process."""

from __future__ import annotations

import time

from kontora_worker.house import House
from kontora_worker.settings import load_settings
from kontora_workflows.ledger.run import Run
from kontora_workflows.starting import Start

from bench.books import question
from bench.driver import Done, serve
from bench.ledger_answers import answers
from bench.office import WORKFLOW

#: Pause between two looks at the ledger, in seconds. A look costs CPU; when runs ended is read from the ledger.
_LOOK_S, _LOOK_ALONE_S = 0.05, 0.02
#: Runs that are not done by then never will be, in seconds.
_PATIENCE_S = 60.0


class Starter:
    """The house of a process that starts runs and works on none."""

    def __init__(self) -> None:
        self._house = House(load_settings())

    def work(self, runs: list[int]) -> list[Done]:
        started = [self._start(run) for run in runs]
        ledger, deadline = self._house.ledger, time.monotonic() + _PATIENCE_S
        while ledger.runs.busy() and time.monotonic() < deadline:
            time.sleep(_LOOK_S if len(runs) > 1 else _LOOK_ALONE_S)
        return [Done(run.id, (ledger.runs.get(run.id).finished_at or 0) / 1000) for run in started]

    def _start(self, run: int) -> Run:
        stored, _ = self._house.start(WORKFLOW, Start("bench", "rest", {"question": question(run)}))
        return stored

    def answers(self, tokens: list[str]) -> list[str]:
        return answers(self._house.ledger, tokens)


if __name__ == "__main__":
    serve(Starter())
