"""The contest: contenders, each started with a data folder of its own."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.books import write_books
from bench.child import Child
from bench.contender import Contender
from bench.entrants import Entrant
from bench.office import environment, furnish, install_plugin
from bench.services import service_processes
from tests.faults.peers.environments import NoEnvironment
from tests.faults.peers.environments import environment as environment_from
from tests.services import Broken, Missing

PEERS = Path(__file__).parent / "peers"


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
        self._model = str(self._child("bench.model_server", {}).ready()["url"])

    def contenders(self, entrants: Sequence[Entrant]) -> list[Contender]:
        """Everybody, ready. Raises `Failed`."""
        pythons = {one.name: python for one in entrants if (python := self._python(one))}
        everybody = []
        for entrant in [one for one in entrants if one.name in pythons]:
            try:
                everybody.append(self._contender(entrant, pythons[entrant.name]))
            except (Missing, Broken) as error:
                self.missing[entrant.name] = str(error)
        for one in everybody:
            says, *_ = [child.ready() for child in one.children]
            one.about = says.get("about", "")
        return everybody

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """The environment of processes with a furnished data folder `name`."""
        home = self.folder / re.sub(r"\W+", "-", name)
        furnish(home, self._books, self._model)
        return environment(self.folder, KONTORA_HOME=str(home), **more)

    def _python(self, entrant: Entrant) -> str:
        """The Python that an entrant runs on; nothing where its environment could not be made."""
        if not entrant.peer:
            return sys.executable
        try:
            return str(environment_from(f"bench-{entrant.peer}-durable", PEERS / f"{entrant.peer}.txt"))
        except NoEnvironment as error:
            self.missing[entrant.name] = str(error).strip().splitlines()[-1]
            return ""

    def _contender(self, entrant: Entrant, python: str) -> Contender:
        settings = {"BENCH_BOOKS": f"sqlite:///{self._books}", "BENCH_MODEL": self._model}
        settings["BENCH_POOL"] = str(entrant.pool)
        if entrant.services:
            settings |= self.stack.enter_context(entrant.services())
        settings = self.environment(entrant.name, **settings)
        worker = self._child(entrant.worker, settings, python) if entrant.worker else None
        drivers = []
        for _ in range(entrant.processes):
            drivers.append(self._child(entrant.module, settings, python))
            if entrant.peer:
                drivers[0].ready()  # it makes its tables, and two of them at once would be in each other's way
        services = service_processes if entrant.services else set
        return Contender(entrant.name, entrant.baseline, drivers, self._asked, worker, services, entrant.others)

    def _child(self, module: str, settings: dict[str, str], python: str = sys.executable) -> Child:
        log = self.folder / f"{module}.log"
        return self.stack.enter_context(Child(module, settings or environment(self.folder), log, python))

    def _asked(self) -> int:
        with urllib.request.urlopen(f"{self._model}/asked", timeout=10) as answer:
            return int(json.load(answer)["asked"])
