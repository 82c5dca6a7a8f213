"""What is compared: each system with what it needs, where its programs are, and what is to be known of its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from tests.faults.hall import Hall
from tests.faults.kontora import Kontora
from tests.faults.peers.environments import FOLDER, environment_of, versions
from tests.faults.peers.peer import Peer
from tests.faults.stories import ORDER, Story

Server = Literal["redis", "postgres"]
#: The name of our workflow.
JOB = "compared"
_ORDER = ORDER.replace("unique_reference", "lookup")
_CELERY = ("-m", "celery", "--app", "app", "worker", "--concurrency", "2", "--hostname", "{worker}@h")


@dataclass(frozen=True)
class Contender:
    """A system of the comparison. `folder` and `worker` (arguments of its Python) are those of a peer."""

    name: str
    needs: tuple[Server, ...]
    notes: str
    folder: str = ""
    worker: tuple[str, ...] = ("worker.py",)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """Its packages and their versions."""
        return versions(self.folder) if self.folder else {"kontora": version("kontora")}

    def prepare(self) -> None:
        """Make its environment, if it has none yet. Raises `NoEnvironment`."""
        if self.folder:
            environment_of(self.folder)

    def opened(self, hall: Hall, folder: Path, database: str, broker: str) -> Kontora | Peer:
        """Make it ready in an empty folder, on an empty database and an empty broker."""
        if not self.folder:
            ours = Kontora(folder, hall.plugin, erp=hall.erp, model=hall.model, ledger=database, broker=broker)
            (ours.home / "workflows" / f"{JOB}.yaml").write_text(Story(JOB, _ORDER).text(), encoding="utf-8")
            return ours
        servers = {**self.reaching(database), "BROKER_URL": broker}
        urls = {"ERP_URL": hall.erp, "MODEL_URL": hall.model, **servers, **self.more}
        return Peer(self.name, environment_of(self.folder), FOLDER / self.folder, self.worker, folder, urls)

    def reaching(self, database: str) -> dict[str, str]:
        """What tells a worker of it where its database is."""
        if self.folder:
            return {"DATABASE_URL": database.replace("+psycopg", "")}
        return {"KONTORA_DATABASE_URL": database}


_DURABLE = (
    "acks_late, reject_on_worker_lost, prefetch 1, visibility timeout 20 s, 5 retries; the task id is the reference"
)
_DBOS = "one step per call with 5 retries, one executor id per worker; the workflow id is the reference"
_LANGGRAPH = "one node per call with 5 retries, durability sync, a table of jobs; the thread id is the reference"
_LOOKS = "; looks for its key before it writes where the ERP books repeats"
CONTENDERS = (
    Contender("kontora", ("redis", "postgres"), "lease 2 s, 5 attempts; a person says yes to each write at once"),
    Contender("celery", ("redis",), "the defaults", "celery", _CELERY),
    Contender("celery-durable", ("redis",), _DURABLE, "celery", _CELERY, {"DURABLE": "1"}),
    Contender("dbos", ("postgres",), _DBOS, "dbos"),
    Contender("langgraph", ("postgres",), _LANGGRAPH, "langgraph"),
    Contender(
        "celery-looks", ("redis",), f"as celery-durable{_LOOKS}", "celery", _CELERY, {"DURABLE": "1", "LOOKS": "1"}
    ),
    Contender("dbos-looks", ("postgres",), f"as dbos{_LOOKS}", "dbos", more={"LOOKS": "1"}),
    Contender("langgraph-looks", ("postgres",), f"as langgraph{_LOOKS}", "langgraph", more={"LOOKS": "1"}),
)
