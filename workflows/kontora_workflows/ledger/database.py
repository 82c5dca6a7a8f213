"""The ledger's database: opening it, its transactions, its schema version."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    column,
    create_engine,
    event,
    exists,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError, OperationalError

from kontora_workflows.failpoints import passing
from kontora_workflows.ledger.tables import Now

#: The revision this code was written for; the newest file under `migrations/versions`.
REVISION = "0003"
_VERSION = table("alembic_version", column("version_num")).c.version_num
#: Whether the ledger still has that revision: a newer Kontora may upgrade it while we work.
UNCHANGED = exists(select(_VERSION).where(_VERSION == REVISION))


#: How SQLite says that a table or column is missing.
_UNFIT = re.compile(r"no such (table|column)|has no column")
#: How the databases say that a disk is full or must not be written to: SQLite often only that it cannot open a file.
_NO_ROOM = re.compile(r"full|readonly|disk I/O error|unable to open|No space")
#: A connection that lay idle for longer is looked at before it is used, in seconds: to look at each costs a round trip.
_IDLE_S = 1.0
#: How long a transaction waits for SQLite's write lock, and how long for everybody to let go of the file, in seconds.
_LOCK_S, _ALONE_S = 30, 5

_IN_USE = (
    "What was erased is gone from the ledger, and may still be read from the file by force: another process uses it. "
    "Stop the workers, then do it again."
)


class LedgerUnavailable(Exception):
    """The ledger's database does not answer. The message says what to do; `detail` holds the driver's words."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        self.message, self.detail = message, detail
        super().__init__(message)


class LedgerTooNew(LedgerUnavailable):
    """The ledger was written by a newer Kontora."""


class LedgerUnfit(LedgerUnavailable):
    """The ledger is not what its schema version says (None: an empty one)."""

    def __init__(self, version: str | None, missing: str) -> None:
        says = f"has schema {version}" if version else "is new"
        message = (
            f"This ledger says that it {says}, and does not look so: {missing}. It was made by a build of Kontora that "
            "was never released, or something else wrote to its database. Nothing was changed; keep it for what made "
            "it, and begin a new one."
        )
        super().__init__(message, detail=missing)


def _sqlite_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {_LOCK_S * 1000}", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if not connection.get_execution_options().get("kontora_write", False):
        driver.execute("BEGIN")
        return
    deadline = time.monotonic() + _LOCK_S
    while True:  # SQLite's own waiting sleeps far longer than any of our transactions takes
        driver.execute("PRAGMA busy_timeout = 0")
        try:
            driver.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise OperationalError("BEGIN IMMEDIATE", None, error) from error
        finally:
            driver.execute(f"PRAGMA busy_timeout = {_LOCK_S * 1000}")
        time.sleep(random.uniform(0.0002, 0.001))


def insert_ignore(connection: Connection, table: Any) -> Any:
    """An INSERT that does nothing where the row exists."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return make(table).on_conflict_do_nothing()


def _look_before_use(engine: Engine) -> None:
    """Replace a connection that has become useless while it lay idle, before anybody meets it."""

    @event.listens_for(engine, "checkin")
    def remember(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        idle_s = time.monotonic() - record.info.get("idle_since", time.monotonic())
        if idle_s > _IDLE_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error


class Database:
    """Transactions on the ledger. One object per process; not to be used across a fork."""

    def __init__(self, url: str) -> None:
        """Open `url` (SQLAlchemy form). Raises `LedgerUnavailable` when no driver understands it."""
        try:
            parsed = make_url(url)
            self.dialect = parsed.get_backend_name()
            if self.dialect == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            options: dict[str, Any] = {} if self.dialect == "sqlite" else {"pool_size": 3}
            self.engine: Engine = create_engine(parsed, **options)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise LedgerUnavailable(
                f"The ledger's database URL cannot be used: {error}. Set KONTORA_DATABASE_URL to an SQLAlchemy URL "
                "(PostgreSQL: postgresql+psycopg://user@host/kontora, with kontora[postgres]), or unset it for SQLite."
            ) from None
        except OSError as error:
            raise LedgerUnavailable(
                f"The data folder cannot be used: {error}. Set KONTORA_HOME to a folder you own."
            ) from None
        if self.dialect == "sqlite":
            event.listen(self.engine, "connect", _sqlite_connect)
            event.listen(self.engine, "begin", _sqlite_begin)
        else:
            _look_before_use(self.engine)
        self._writer = self.engine.execution_options(kontora_write=True)
        # SQLite sees one instant anyway, as long as a transaction is open.
        instant: dict[str, Any] = {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**instant)
        # Each question by itself; the words around it would cost two round trips more.
        alone: dict[str, Any] = {} if self.dialect == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._asker = self.engine.execution_options(**alone)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """For statements that only read. On PostgreSQL each of them sees the ledger as it is then."""
        with self._translated(), self._asker.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees the ledger as it is at one instant."""
        with self._translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self, name: str = "ledger") -> Iterator[Connection]:
        """A transaction that writes; on SQLite it takes the write lock at once. `name` is that of its failpoints."""
        with self._translated(), self._writer.begin() as connection:
            yield connection
            passing(f"{name}.before")
        passing(f"{name}.after")

    @contextmanager
    def alone(self, name: str) -> Iterator[Connection]:
        """For one statement that writes, and is a transaction by itself on PostgreSQL. `name` as in `write`."""
        passing(f"{name}.before")
        with self.read() as connection:
            yield connection
        passing(f"{name}.after")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            said = str(error.orig)
            if _UNFIT.search(said):
                raise LedgerUnfit(REVISION, said) from error
            why = "is full or not writable" if _NO_ROOM.search(said) else "does not answer"
            raise LedgerUnavailable(
                f"The ledger's database {why}. Nothing was lost: start it (or make room), then try again.", detail=said
            ) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise LedgerUnavailable(
                    "The ledger's database broke off the connection.", detail=str(error.orig)
                ) from error
            raise

    def now(self) -> int:
        """The database's clock in milliseconds."""
        with self.read() as connection:
            return int(connection.execute(select(Now())).scalar_one())

    def revision(self) -> str | None:
        """The schema version of the database; None if it is empty."""
        with self.read() as connection:
            return self.revision_in(connection)

    def revision_in(self, connection: Connection) -> str | None:
        """The same inside an open transaction."""
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(select(_VERSION)).scalar()

    def scrub(self) -> bool:
        """Take what was deleted out of the files, too. False where that is for the database's owner to do.

        Raises `LedgerUnavailable` when the file is in use for so long that it cannot be rewritten.
        """
        if self.dialect != "sqlite":
            return False
        connection: Any = self.engine.raw_connection()
        try:
            connection.execute(f"PRAGMA busy_timeout = {_ALONE_S * 1000}")
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            raise LedgerUnavailable(_IN_USE, detail=str(error)) from error
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_LOCK_S * 1000}")
            connection.close()
        if busy:
            raise LedgerUnavailable(_IN_USE)
        return True

    def close(self) -> None:
        """Dispose of the connections."""
        self.engine.dispose()
