"""PostgreSQL and Redis for the production pair: the servers of the tests, with PostgreSQL's durability switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.measure import tree
from tests.services import OWN, PostgresServer, RedisServer

#: The tests do without; of options given twice PostgreSQL takes the last.
_DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "autovacuum=on")


class DurablePostgres(PostgresServer):
    """PostgreSQL that keeps what it has committed."""

    def start(self, command: list[str]) -> None:
        super().start([*command, *(part for option in _DURABLE for part in ("-c", option))])


@contextmanager
def durable_database() -> Iterator[dict[str, str]]:
    """The settings that lead to an empty database: ours, and those of others. Raises `Missing`, `Broken`."""
    postgres = DurablePostgres()
    try:
        with postgres.database() as url:
            yield {"KONTORA_DATABASE_URL": url, "BENCH_DATABASE": url.replace("+psycopg", "")}
    finally:
        postgres.stop()


@contextmanager
def production_pair() -> Iterator[dict[str, str]]:
    """The settings that lead to an empty database and an empty broker. Raises `Missing`, `Broken`."""
    RedisServer.find()
    with durable_database() as settings:
        redis = RedisServer()
        try:
            yield {**settings, "KONTORA_BROKER_URL": redis.url(0)}
        finally:
            redis.stop()


def service_processes() -> set[int]:
    """Every process of these servers."""
    return tree(OWN)
