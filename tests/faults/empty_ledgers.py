"""Empty ledgers by the hundred: a migrated one is made once, and copied."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psycopg
from kontora_workflows.ledger import Ledger

_TEMPLATE = "template_ledger"


class SqliteLedgers:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _in_a_child(lambda: Ledger(self._url(_TEMPLATE)).close())

    def make(self, name: str) -> str:
        """Return the URL of an empty ledger."""
        shutil.copy(self._path(_TEMPLATE), self._path(name))
        return self._url(name)

    def drop(self, name: str) -> None:
        """Remove it."""
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path(name)}{suffix}").unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def _url(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"


class PostgresLedgers:
    """Databases of a server. `url` is the SQLAlchemy URL of one of them."""

    def __init__(self, url: str) -> None:
        self._base = url.rpartition("/")[0]
        self._say(f"CREATE DATABASE {_TEMPLATE}")
        _in_a_child(lambda: Ledger(self._url(_TEMPLATE)).close())

    def make(self, name: str) -> str:
        """Return the URL of an empty ledger."""
        self._say(f'CREATE DATABASE "{name}" TEMPLATE {_TEMPLATE}')
        return self._url(name)

    def drop(self, name: str) -> None:
        """Remove it, whoever is still connected."""
        self._say(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _url(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _say(self, statement: str) -> None:
        address = f"{self._base}/postgres".replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())


def _in_a_child(work: object) -> None:
    """Do it in a forked process, so that this one opens no connection and starts no thread."""
    assert callable(work)
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
