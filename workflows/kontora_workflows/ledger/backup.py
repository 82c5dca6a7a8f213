"""Backup of a SQLite ledger. PostgreSQL has its own tools."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from kontora_workflows.ledger.database import Database


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
            check_copy(copy, path)
        os.link(part, path)
    except FileExistsError:
        raise BackupUnusable(f"{path} exists already; a backup replaces nothing.") from None
    finally:
        source.close()
        part.unlink()
    return path.stat().st_size


def check_copy(copy: sqlite3.Connection, path: Path) -> None:
    """Raise `BackupUnusable` if a copy is not sound, or no ledger; `path` is what it is called."""
    found = [row[0] for row in copy.execute("PRAGMA quick_check(1)")]
    known = copy.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('entries', 'alembic_version')").fetchone()
    if found != ["ok"] or known[0] != 2:
        raise BackupUnusable(f"{path} holds no whole ledger: {found[0] if known[0] == 2 else 'it has no entries'}.")
