"""`kontora ledger upgrade`, `retain`, `backup`, `restore`, `restored`: what changes a ledger as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kontora_cli.failures import CONFIGURATION, OK, CliError
from kontora_cli.opening import opened, principal
from kontora_cli.options import Home, Json
from kontora_cli.output import clock, note, show, table

if TYPE_CHECKING:
    from kontora_workflows.ledger.restored import Restored
    from kontora_workflows.ledger.schedules import Schedule

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it is only shown what would be done.")]

#: Who may do what the running role may not.
OWNER = "on PostgreSQL as the owner of the tables, as docs/ledger.md says"


def upgrade(home: Home = None, as_json: Json = False) -> int:
    """Bring the ledger's tables up to date, while workers go on; those of an older Kontora then end by themselves.

    Other commands do the same when they open the ledger, as far as its database user may.
    """
    with opened(home) as house:
        done, now = house.ledger.upgraded, house.ledger.database.revision()
    copy = str(done.copy) if done and done.copy else None
    document = {"schema": now, "before": done.before if done else now, "copy": copy}
    show(document, f"The ledger has schema {now}.", as_json=as_json)
    return OK


def retain(
    days: Annotated[int, typer.Option("--days", min=1, help="Runs that ended more than so many days ago go.")],
    yes: Yes = False,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Remove whole runs that ended long ago. That they were there stays on record, and in checkpoints."""
    from kontora_workflows.ledger.retention import Retention

    with opened(home) as house:
        retention = Retention(house.ledger.database)
        due = retention.due(days)
        removed: list[str] = []
        for family in due if yes else ():
            removed += retention.remove(family, by=principal(), why=f"ended more than {days} days ago")
        for run_id in removed:
            house.remove_copies(run_id)
        if removed and not house.ledger.database.scrub():
            note(f"Their room is free for new runs; VACUUM FULL gives it back to the disk, {OWNER}.")
    rows = [(family.root_id, family.runs, clock(family.ended_at)) for family in due]
    document = {"removed": removed, "due": [family.__dict__ for family in due]}
    show(document, table(("run", "runs", "ended"), rows, empty="No run ended so long ago."), as_json=as_json)
    note(f"{len(removed)} runs were removed." if yes else "Nothing was removed. Add --yes to do it.")
    return OK


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; it must not exist.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Copy a SQLite ledger while others go on writing. PostgreSQL has pg_dump for that."""
    from kontora_workflows.ledger.backup import BackupUnusable, back_up

    with opened(home) as house:
        if house.ledger.database.dialect != "sqlite":
            raise _not_sqlite("No backup was made.", f"pg_dump --format=custom --file={file} DATABASE")
        try:
            size = back_up(house.ledger.database, file)
        except BackupUnusable as error:
            raise CliError(
                CONFIGURATION, "backup_unusable", "No backup was made.", str(error), "kontora ledger backup FILE"
            ) from None
    show({"file": str(file), "bytes": size}, f"{file}: {size:,} bytes.", as_json=as_json)
    note("The key of checkpoints and kontora.toml are not in it.")
    return OK


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `kontora ledger backup` wrote.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Put a backup in place of a SQLite ledger. Runs that were open then wait for a person: no write is repeated."""
    from kontora_worker.settings import load_settings
    from kontora_workflows.ledger.backup import BackupUnusable
    from kontora_workflows.ledger.restoring import restore as put_back
    from sqlalchemy import make_url

    url = make_url(load_settings(home).database_url.get_secret_value())
    if url.get_backend_name() != "sqlite" or not url.database:
        raise _not_sqlite("Nothing was restored.", "pg_restore, then kontora ledger restored")
    try:
        marked, aside = put_back(file, Path(url.database), _next_at, by=principal())
    except BackupUnusable as error:
        raise CliError(
            CONFIGURATION, "backup_unusable", "Nothing was restored.", str(error), "kontora ledger restore FILE"
        ) from None
    _show_marked(marked, as_json)
    note(f"The ledger that was here is {aside}." if aside else "There was no ledger here before.")
    return OK


def restored(home: Home = None, as_json: Json = False) -> int:
    """Say that the ledger was restored with other tools, before a worker starts. No write is repeated then."""
    from kontora_workflows.ledger.restored import mark_restored

    with opened(home) as house:
        if house.ledger.workers.alive():
            why = "A worker is running: what it does now may have been done before."
            raise CliError(CONFIGURATION, "worker_running", "Nothing was marked.", why, "Stop the workers first.")
        _show_marked(mark_restored(house.ledger, _next_at, by=principal()), as_json)
    return OK


def _show_marked(marked: Restored, as_json: bool) -> None:
    rows = [(run_id,) for run_id in marked.review]
    show(marked.__dict__, table(("runs that wait for you",), rows, empty="No run was open."), as_json=as_json)
    note("Look at each with `kontora runs show`, then `kontora runs resume`; the runs of a loop before the run above.")
    if marked.schedules:
        note(
            f"{len(marked.schedules)} schedules go on with their next time: what was due until now may have been done."
        )


def _next_at(schedule: Schedule, now: int) -> int | None:
    from kontora_workflows.firing import policy_of
    from kontora_workflows.scheduling import next_at, problem_of

    if problem_of(schedule):  # it fires nothing until it is mended
        return schedule.next_at
    return next_at(schedule.cron, schedule.timezone, policy_of(schedule), now)


def _not_sqlite(what: str, next_: str) -> CliError:
    return CliError(CONFIGURATION, "not_sqlite", what, "This ledger is in PostgreSQL, which has its own tools.", next_)
