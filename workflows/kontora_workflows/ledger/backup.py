"""Backup and restore of a SQLite ledger. PostgreSQL has its own tools; what comes after a restore is the same."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.ledger import Ledger
from kontora_workflows.ledger.restored import Restored, mark_restored
from kontora_workflows.ledger.schedules import Schedule


class BackupUnusable(Exception):
    """The file is no whole ledger, or must not be put where it should go."""


def back_up(database: Database, path: Path) -> int:
    """Copy a SQLite ledger as it is now to a new file, while others go on writing; return its size in bytes.

    Raises `BackupUnusable` when the file exists or the copy is not sound.
    """
    if path.exists():
        raise BackupUnusable(f"{path} exists already; a backup replaces nothing.")
    part = path.with_name(f".{path.name}.{os.getpid()}")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    source = database.engine.raw_connection()
    try:
        with closing(sqlite3.connect(part)) as copy:
            driver = source.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.backup(copy)  # in one go: what is committed meanwhile does not make it begin anew
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
            _check(copy, path)
        os.link(part, path)
    except FileExistsError:
        raise BackupUnusable(f"{path} exists already; a backup replaces nothing.") from None
    finally:
        source.close()
        part.unlink()
    return path.stat().st_size


def restore(
    backup: Path, ledger: Path, next_at: Callable[[Schedule, int], int | None], *, by: str
) -> tuple[Restored, Path | None]:
    """Put a backup where the ledger is; the ledger that was there is kept beside it, and its path returned.

    The copy is told that it was restored (`mark_restored`) before it takes the place. Raises `BackupUnusable`,
    `LedgerTooNew`.
    """
    if not backup.is_file():
        raise BackupUnusable(f"There is no file {backup}.")
    _let_go(ledger)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    part = ledger.with_name(f"{ledger.name}.restoring-{os.getpid()}")
    try:
        _copy(backup, part)
        restored = _marked(part, next_at, by)
        aside = _set_aside(ledger)
        if aside is not None:  # whoever could open it before can open it again
            before = aside.stat()
            part.chmod(before.st_mode)
            os.chown(part, before.st_uid, before.st_gid)
        part.replace(ledger)
    finally:
        for name in (part, *_beside(part)):
            name.unlink(missing_ok=True)
    return restored, aside


def _let_go(ledger: Path) -> None:
    """Make sure that nobody has the ledger open: SQLite takes its second file away with the last who closes it."""
    if not ledger.exists():
        return
    try:
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("SELECT count(*) FROM workers").fetchone()
    except sqlite3.DatabaseError:
        return  # it is broken, which may be why a backup is wanted
    if _beside(ledger)[0].exists():
        raise BackupUnusable(f"{ledger} is in use. Stop `kontora worker` and `kontora serve`, then do it again.")


def _copy(backup: Path, part: Path) -> None:
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        source = sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            _check(copy, backup)
    except sqlite3.DatabaseError as error:
        raise BackupUnusable(f"{backup} is no ledger: {error}.") from None


def _check(copy: sqlite3.Connection, path: Path) -> None:
    found = [row[0] for row in copy.execute("PRAGMA quick_check(1)")]
    known = copy.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('entries', 'alembic_version')").fetchone()
    if found != ["ok"] or known[0] != 2:
        raise BackupUnusable(f"{path} holds no whole ledger: {found[0] if known[0] == 2 else 'it has no entries'}.")


def _marked(part: Path, next_at: Callable[[Schedule, int], int | None], by: str) -> Restored:
    ledger = Ledger(URL.create("sqlite", database=str(part)).render_as_string())
    try:
        return mark_restored(ledger, next_at, by=by)
    finally:
        ledger.close()


def _set_aside(ledger: Path) -> Path | None:
    """Give the ledger that is there a second name; where it is gone from its own, nothing is lost."""
    if not ledger.exists():
        return None
    aside = ledger.with_name(f"{ledger.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    os.link(ledger, aside)
    for left, name in zip(_beside(ledger), _beside(aside), strict=True):
        if left.exists():  # of a broken one
            left.replace(name)
    return aside


def _beside(ledger: Path) -> tuple[Path, Path]:
    return ledger.with_name(f"{ledger.name}-wal"), ledger.with_name(f"{ledger.name}-shm")
