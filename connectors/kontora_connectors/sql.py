"""Connectors that read a system's database through SQLAlchemy. Writes go through the system's own API.

The boundary is the database role (SELECT only); what this file adds is a second fence and honest errors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import NullPool

from kontora_connectors.contract import Config, Connector, Health
from kontora_connectors.errors import (
    AuthFailed,
    Conflict,
    ConnectorError,
    Forbidden,
    Invalid,
    OutcomeUnknown,
    Unavailable,
)


class SqlConfig(Config):
    """How to reach the database.

    `url` is an SQLAlchemy URL (it may hold a password, so it is a secret); `timeout_s` limits one statement and the
    wait for a lock, in seconds.
    """

    url: SecretStr
    timeout_s: float = 30.0


SqlConfigT = TypeVar("SqlConfigT", bound=SqlConfig)


def _guard(engine: Engine, timeout_s: float, read_only: bool) -> None:
    """Make every session of this engine read-only and bounded in time, as far as its database can."""
    milliseconds = int(timeout_s * 1000)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "sqlite":
            connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
            if read_only:
                connection.execute("PRAGMA query_only = 1")
            return
        if engine.dialect.name == "postgresql":
            cursor = connection.cursor()
            cursor.execute(f"SET statement_timeout = {milliseconds}")
            cursor.execute(f"SET lock_timeout = {milliseconds}")
            if read_only:
                cursor.execute("SET default_transaction_read_only = on")
            cursor.close()
            connection.commit()


def open_engine(url: str, *, timeout_s: float = 30.0, read_only: bool = True) -> Engine:
    """Return an engine for `url`. Raises `Invalid` for a URL that no installed driver understands.

    A SQLite file is opened with `mode=ro`/`mode=rw`, so that a missing file is an error and never a new database, and
    anew for each connection, so that nobody goes on with a file that was replaced.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database and not parsed.database.startswith("file:"):
                query = {**parsed.query, "mode": "ro" if read_only else "rw", "uri": "true"}
                parsed = parsed.set(database=f"file:{quote(parsed.database)}", query=query)
            engine = create_engine(parsed, poolclass=NullPool)
        else:
            engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise Invalid(f"The database URL cannot be used: {error}", fields={"url": str(error)}) from None
    _guard(engine, timeout_s, read_only)
    return engine


def translate(error: DBAPIError, instance: str) -> ConnectorError:
    """Turn a driver's error into one of the family. The driver's words go to `detail`, not to the model."""
    said = str(error.orig).strip()
    low = said.lower()
    check = f"Run `kontora connectors check {instance}`."
    if "unable to open database file" in low or ("database" in low and "does not exist" in low):
        return Unavailable(f"The database of {instance!r} is missing.", detail=said, hint=f"Check its url. {check}")
    if "not a database" in low or "malformed" in low:
        return Invalid(f"The file of {instance!r} is damaged, or no SQLite database: check its url.", detail=said)
    if "no such table" in low or ("relation" in low and "does not exist" in low):
        name = said.split(":")[-1].strip() if "no such table" in low else said.split('"')[1] if '"' in said else "?"
        return Invalid(
            f"The database of {instance!r} has no table {name!r}: is it the right system and version?", detail=said
        )
    if "no such column" in low or ("column" in low and "does not exist" in low):
        return Invalid(f"A table of {instance!r} lacks a column that this connector reads.", detail=said)
    if "locked" in low or "lock timeout" in low:
        return Unavailable(
            f"The database of {instance!r} is locked by another program.", detail=said, hint="Try again later."
        )
    if "password" in low or "authentication" in low:
        return AuthFailed(f"The database of {instance!r} refused the credentials.", detail=said, hint=check)
    if "readonly" in low or "read-only" in low or "permission denied" in low:
        return Forbidden(f"The database of {instance!r} does not allow this.", detail=said)
    if isinstance(error, IntegrityError):
        return Conflict(f"A record of {instance!r} exists already or refers to one that does not.", detail=said)
    if isinstance(error, OperationalError):
        return Unavailable(f"The database of {instance!r} does not answer.", detail=said, hint=check)
    return Invalid(f"The database of {instance!r} refused a statement.", detail=said)


class SqlConnector(Connector[SqlConfigT]):
    """Base of connectors over one database."""

    _engine: Engine | None = None
    _writer: Engine | None = None
    _reading: Any = None  # the driver's connection of the read under way

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read-only connection. Raises the error family, never a driver's error."""
        if self._engine is None:
            self._engine = open_engine(self.config.url.get_secret_value(), timeout_s=self.config.timeout_s)
        with self._connection(self._engine) as connection:
            self._reading = connection.connection.driver_connection
            try:
                yield connection
            finally:
                self._reading = None

    def interrupt(self) -> None:
        """Let the database break off the statement under way."""
        connection = self._reading
        stop = getattr(connection, "interrupt", None) or getattr(connection, "cancel", None)  # SQLite, PostgreSQL
        if stop is not None:
            stop()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that commits at the end. Only for systems whose API is their database.

        Raises the error family; `OutcomeUnknown` if the connection is lost while the end is being written.
        """
        if self._writer is None:
            url = self.config.url.get_secret_value()
            self._writer = open_engine(url, timeout_s=self.config.timeout_s, read_only=False)
        with self._connection(self._writer) as connection:
            yield connection
            try:
                connection.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise OutcomeUnknown(
                        f"The connection to the database of {self.instance!r} was lost during a write.",
                        detail=str(error.orig),
                    ) from error
                raise

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.connect() as connection:
                yield connection
        except (OperationalError, ProgrammingError, DBAPIError) as error:
            raise translate(error, self.instance) from error

    def check(self) -> Health:
        """Run `SELECT 1`."""
        started = time.perf_counter()
        try:
            with self.reading() as connection:
                connection.execute(text("SELECT 1"))
        except ConnectorError as error:
            return Health(ok=False, detail=f"{error.message} {error.hint}".strip())
        return Health(ok=True, detail="answers", latency_ms=(time.perf_counter() - started) * 1000)

    def close(self) -> None:
        """Dispose of the connection pools."""
        for engine in (self._engine, self._writer):
            if engine is not None:
                engine.dispose()
        self._engine = self._writer = None
