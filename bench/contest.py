"""Who takes part: contenders by name, each started with a data folder of its own."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.books import write_books
from bench.child import Child
from bench.contender import Contender
from bench.office import environment, furnish, install_plugin
from bench.services import production_pair, service_processes
from tests.services import Broken, Missing


@dataclass(frozen=True)
class Entrant:
    """Who may take part. `module` is what works or starts runs, in so many processes; `worker` works beside it."""

    name: str
    baseline: str
    module: str
    processes: int = 1
    worker: str = ""
    pool: int = 2
    services: bool = False


_WORKER = "bench.worker"
_ONE, _TWO = "plain loop, 1 process", "plain loop, 2 processes"
_QUEUED = "plain loop behind Celery and Redis, pool of 2"
ENTRANTS = (
    Entrant(_ONE, _ONE, "bench.plain_loop", 1),
    Entrant(_TWO, _TWO, "bench.plain_loop", 2),
    Entrant("in process: SQLite, 1 process", _ONE, "bench.in_process", 1),
    Entrant("in process: SQLite, 2 processes", _TWO, "bench.in_process", 2),
    Entrant("embedded: SQLite + filesystem, pool of 2", _TWO, "bench.starter", worker=_WORKER),
    Entrant(_QUEUED, _QUEUED, "bench.celery_loop", worker="bench.celery_worker", services=True),
    *(
        Entrant(f"production: PostgreSQL + Redis, pool of {pool}", _QUEUED, "bench.starter", 1, _WORKER, pool, True)
        for pool in (2, 1, 4)
    ),
)


def chosen(words: Sequence[str]) -> list[Entrant]:
    """Those whose name holds one of the words (all, if there are none), and their baselines."""
    named = [one for one in ENTRANTS if not words or any(word in one.name for word in words)]
    return [one for one in ENTRANTS if one in named or one.name in {other.baseline for other in named}]


@dataclass
class Contest:
    """Starts contenders below `folder`; the stack ends them. Who cannot take part is in `missing`, with the reason."""

    folder: Path
    stack: ExitStack
    missing: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._books = self.folder / "books.db"
        write_books(self._books)
        install_plugin(self.folder)
        self._model = str(self._child("bench.model_server", {}).hear()["url"])

    def contenders(self, entrants: Sequence[Entrant]) -> list[Contender]:
        """Everybody, ready. Raises `Failed`."""
        everybody = []
        for entrant in entrants:
            try:
                everybody.append(self._contender(entrant))
            except (Missing, Broken) as error:
                self.missing[entrant.name] = str(error)
        for child in [child for one in everybody for child in one.children]:
            child.hear()
        return everybody

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """The environment of processes with a furnished data folder `name`."""
        home = self.folder / re.sub(r"\W+", "-", name)
        furnish(home, self._books, self._model)
        return environment(self.folder, KONTORA_HOME=str(home), **more)

    def _contender(self, entrant: Entrant) -> Contender:
        settings = {"BENCH_BOOKS": f"sqlite:///{self._books}", "BENCH_MODEL": self._model}
        settings["BENCH_POOL"] = str(entrant.pool)
        if entrant.services:
            settings |= self.stack.enter_context(production_pair())
        settings = self.environment(entrant.name, **settings)
        worker = self._child(entrant.worker, settings) if entrant.worker else None
        drivers = [self._child(entrant.module, settings) for _ in range(entrant.processes)]
        services = service_processes if entrant.services else set
        return Contender(entrant.name, entrant.baseline, drivers, self._asked, worker, services)

    def _child(self, module: str, settings: dict[str, str]) -> Child:
        log = self.folder / f"{module}.log"
        return self.stack.enter_context(Child(module, settings or environment(self.folder), log))

    def _asked(self) -> int:
        with urllib.request.urlopen(f"{self._model}/asked", timeout=10) as answer:
            return int(json.load(answer)["asked"])
