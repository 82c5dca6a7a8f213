"""Putting a backup of a SQLite ledger in its place. What comes after it is the same on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from kontora_workflows.ledger.backup import BackupUnusable, check_copy
from kontora_workflows.ledger.ledger import Ledger
from kontora_workflows.ledger.restored import Restored, mark_restored
from kontora_workflows.ledger.schedules import Schedule


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
        for name in part.parent.glob(f"{part.name}*"):  # also what an upgrade of an older backup kept
            name.unlink()
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
            check_copy(copy, backup)
    except sqlite3.DatabaseError as error:
        raise BackupUnusable(f"{backup} is no ledger: {error}.") from None


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
