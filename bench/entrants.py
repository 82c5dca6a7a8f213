"""Who may take part, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench.services import durable_database, production_pair


@dataclass(frozen=True)
class Entrant:
    """Who may take part. `module` is what works or starts runs, in so many processes; `worker` works beside it.

    `services` opens what it needs besides, and gives the settings that lead there. Who comes from outside runs in the
    environment that `peers/PEER.txt` describes. `others`: with whom it is compared besides.
    """

    name: str
    baseline: str
    module: str
    processes: int = 1
    worker: str = ""
    pool: int = 2
    services: Callable[[], AbstractContextManager[dict[str, str]]] | None = None
    peer: str = ""
    others: tuple[str, ...] = ()


def _production(pool: int) -> Entrant:
    name = f"production: PostgreSQL + Redis, pool of {pool}"
    others = (_LANGGRAPH, _DBOS) if pool == 2 else ()
    return Entrant(name, _QUEUED, "bench.starter", 1, _WORKER, pool, production_pair, others=others)


_WORKER, _PEERS = "bench.worker", "bench.peers"
_ONE, _TWO = "plain loop, 1 process", "plain loop, 2 processes"
_QUEUED = "plain loop behind Celery and Redis, pool of 2"
_LANGGRAPH = "LangGraph with PostgreSQL checkpoints, 2 processes"
_DBOS = "pydantic-ai with DBOS on PostgreSQL, 2 processes"
ENTRANTS = (
    Entrant(_ONE, _ONE, "bench.plain_loop", 1),
    Entrant(_TWO, _TWO, "bench.plain_loop", 2),
    Entrant("in process: SQLite, 1 process", _ONE, "bench.in_process", 1),
    Entrant("in process: SQLite, 2 processes", _TWO, "bench.in_process", 2),
    Entrant(
        "in process: PostgreSQL, 2 processes",
        *(_TWO, "bench.in_process", 2),
        services=durable_database,
        others=(_LANGGRAPH, _DBOS),
    ),
    Entrant("embedded: SQLite + filesystem, pool of 2", _TWO, "bench.starter", worker=_WORKER),
    Entrant(_QUEUED, _QUEUED, "bench.celery_loop", worker="bench.celery_worker", services=production_pair),
    *(_production(pool) for pool in (2, 1, 4)),
    Entrant(_LANGGRAPH, _TWO, f"{_PEERS}.langgraph_side", 2, services=durable_database, peer="langgraph"),
    Entrant(_DBOS, _TWO, f"{_PEERS}.pydantic_ai_side", 2, services=durable_database, peer="pydantic_ai"),
)


def chosen(words: Sequence[str]) -> list[Entrant]:
    """Those whose name holds one of the words (all, if there are none), and their baselines."""
    named = [one for one in ENTRANTS if not words or any(word in one.name for word in words)]
    return [one for one in ENTRANTS if one in named or one.name in {other.baseline for other in named}]
