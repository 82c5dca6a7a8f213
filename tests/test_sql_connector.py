"""A read that takes long is broken off by the database itself, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from kontora_connectors import ConnectorError
from kontora_connectors.sql import SqlConfig, SqlConnector
from pydantic import SecretStr
from sqlalchemy import create_engine, text

#: A statement that counts for minutes.
LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e10) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


class Counting(SqlConnector[SqlConfig], kind="counting"):
    def count(self) -> None:
        with self.reading() as connection:
            connection.execute(text(LONG[connection.dialect.name]))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    path = f"sqlite:///{tmp_path / 'count.db'}"
    engine = create_engine(path)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (i INTEGER)"))
    engine.dispose()
    return path


def test_a_read_under_way_is_interrupted_from_another_thread(url: str) -> None:
    connector = Counting(SqlConfig(url=SecretStr(url)))
    said: list[Exception] = []

    def count() -> None:
        try:
            connector.count()
        except ConnectorError as error:
            said.append(error)

    counting = threading.Thread(target=count)
    counting.start()
    time.sleep(0.3)
    started = time.monotonic()
    connector.interrupt()
    counting.join(10)
    assert not counting.is_alive()
    assert time.monotonic() - started < 5
    assert len(said) == 1
    connector.interrupt()  # nothing is under way: nothing happens
    connector.close()
