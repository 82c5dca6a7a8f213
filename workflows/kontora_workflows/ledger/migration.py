"""Bringing a ledger to the schema of this Kontora, all of it or nothing, while others work on it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from kontora_workflows.ledger.backup import BackupUnusable, back_up
from kontora_workflows.ledger.database import REVISION, Database, LedgerTooNew, LedgerUnavailable, LedgerUnfit
from kontora_workflows.ledger.schema import lacking

#: PostgreSQL's states for "you may not" and "somebody holds what you need".
_NOT_ALLOWED, _LOCKED = "42501", "55P03"
#: How the databases say that something is missing, or is there already.
_UNFIT = re.compile(r"no such (table|column|index)|already exists|duplicate column|does not exist")

#: One process migrates while the others wait for it, and then find it done. Whoever works on the ledger is kept waiting
#: for seconds at most; an upgrade itself takes as long as it takes.
_ALONE = (
    "SET LOCAL lock_timeout = '10min'",
    "SELECT pg_advisory_xact_lock(7205759)",
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)


class LedgerTooOld(LedgerUnavailable):
    """The ledger has to be upgraded, and this database user may not."""


@dataclass(frozen=True)
class Upgrade:
    """What was done: the schema before (None for a new ledger) and where a SQLite ledger's copy is."""

    before: str | None
    copy: Path | None

    def __str__(self) -> str:
        """The same in a sentence."""
        if self.before is None:
            return f"A ledger was made, with schema {REVISION}."
        kept = f" The ledger as it was is {self.copy}." if self.copy else ""
        return f"The ledger was upgraded from schema {self.before} to {REVISION}.{kept}"


def refuse_newer(database: Database) -> None:
    """Raise `LedgerTooNew` if a newer Kontora has upgraded the ledger, maybe while we were at work."""
    _refuse_newer(database.revision())


def upgrade(database: Database) -> Upgrade | None:
    """Bring the schema to this code's version; None if it is there already.

    A SQLite ledger is copied first. Raises `LedgerTooNew`, `LedgerTooOld`, `LedgerUnfit`, `LedgerUnavailable`; the
    ledger then is as it was.
    """
    found = database.revision()
    _refuse_newer(found)
    if found == REVISION:
        return None
    with database.write("ledger.upgrade") as connection, _explained(found):
        if database.dialect == "postgresql":
            for statement in _ALONE:
                connection.execute(text(statement))
        found = database.revision_in(connection)
        _refuse_newer(found)
        if found == REVISION:  # somebody else did it while we waited
            return None
        with _copy_kept(database if found else None) as copy:
            run_revisions(connection)
            if found and (missing := lacking(connection)):
                raise LedgerUnfit(found, ", ".join(missing))
    return Upgrade(found, copy)


def run_revisions(connection: Connection, last: str = REVISION) -> None:
    """Run what a ledger lacks, up to one revision, inside an open transaction."""
    from alembic import command  # 0.6 s to import, needed once in a database's life
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, last)


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > REVISION:
        raise LedgerTooNew(
            f"This ledger has schema {found}, newer than this Kontora knows ({REVISION}), and there is no way back. "
            "Install the newer version; nothing was changed."
        )


@contextmanager
def _copy_kept(database: Database | None) -> Iterator[Path | None]:
    """Keep a SQLite ledger as it is under the write lock, unless what follows fails.

    What a process left that was killed is replaced.
    """
    if database is None or database.dialect != "sqlite" or not database.engine.url.database:
        yield None
        return
    path = Path(f"{database.engine.url.database}.before-{REVISION}")
    try:
        for left in (path, *path.parent.glob(f".{path.name}.*")):
            left.unlink(missing_ok=True)
        back_up(database, path)
    except (OSError, sqlite3.Error, BackupUnusable) as error:
        raise LedgerUnavailable(
            f"The ledger could not be copied to {path} before its upgrade: {error}. Nothing was changed.",
            detail=str(error),
        ) from error
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _explained(found: str | None) -> Iterator[None]:
    """Say what an upgrade was refused for. What else goes wrong is not known here and passes."""
    try:
        yield
    except DBAPIError as error:
        said, state = str(error.orig), getattr(error.orig, "sqlstate", None)
        if state == _NOT_ALLOWED:
            has = f"schema {found}" if found else "no tables yet"
            raise LedgerTooOld(
                f"This ledger has {has}, this Kontora needs schema {REVISION}, and its database user may not change "
                "tables. Nothing was changed.",
                detail=said,
            ) from error
        if state == _LOCKED:
            raise LedgerUnavailable(
                "The ledger could not be upgraded: somebody has been reading or upgrading it for long (a backup, say). "
                "Let that end, then try again; nothing was changed.",
                detail=said,
            ) from error
        if _UNFIT.search(said):
            raise LedgerUnfit(found, said) from error
        raise
