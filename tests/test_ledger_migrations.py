"""Upgrades of the ledger: whole or not at all, once, under runs in every state, and never back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kontora_workflows.firing import Firing
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.backup import back_up
from kontora_workflows.ledger.checkpoint import compare
from kontora_workflows.ledger.database import REVISION, Database, LedgerTooNew, LedgerUnavailable, LedgerUnfit
from kontora_workflows.ledger.migration import run_revisions
from kontora_workflows.ledger.restoring import restore
from kontora_workflows.ledger.signing import PUBLIC, public_key
from sqlalchemy import Column, MetaData, Text, create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.command_line import CommandLine
from tests.ledger_book import broken, new_run
from tests.ledger_shape import shape, shape_of
from tests.office import Office, OneDoor, office
from tests.older_kontora import ROOT, OlderKontora
from tests.older_office import MINUTELY
from tests.services import PostgresServer
from tests.test_engine import READING


@pytest.fixture
def older(tmp_path: Path) -> OlderKontora:
    return OlderKontora(tmp_path)


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """A ledger of the first revision, without runs."""
    opened = Database(ledger_url)
    with opened.write() as connection:
        run_revisions(connection, "0001")
    yield opened
    opened.close()


@pytest.fixture
def empty(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Database]:
    """An empty database beside the ledger, of the same make."""
    if database.dialect == "sqlite":
        opened = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        yield opened
        opened.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        opened = Database(url)
        yield opened
        opened.close()


def entries_of(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        rows = connection.execute(text("SELECT * FROM entries ORDER BY run_id, seq"))
        return [tuple(row) for row in rows]


def upgrading(url: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that is about to open a ledger, and does when it is spoken to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.upgrading", url, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


# --- runs in flight -----------------------------------------------------------------------------------------------

STATES = {
    "finished": "succeeded",
    "queued": "queued",
    "waiting for an approval": "waiting",
    "loop": "waiting",
    "unknown write": "needs_review",
    "waiting for a timer": "waiting",
    "retry due": "queued",
    "claimed": "running",
    "open write": "queued",
}


def finish(here: Office, patience_s: float = 20) -> None:
    """Work on whatever is due, agree to whatever is asked, until every run has ended."""
    deadline = time.monotonic() + patience_s
    while any(not run.ended for run in all_runs(here)):
        assert time.monotonic() < deadline, [(run.id, run.state) for run in all_runs(here) if not run.ended]
        for asked in here.ledger.approvals.page(state="pending")[0]:
            here.ledger.approvals.decide(asked.id, "approved", by="boss")
        worked = [here.worker("new").work(run.id) for run in here.ledger.runs.to_send(0)]
        if not any(worked):
            time.sleep(0.1)


def all_runs(here: Office) -> list[Any]:
    return [one for run in here.ledger.runs.page(limit=100).items for one in here.ledger.runs.family(run.id)]


def test_runs_of_every_state_are_upgraded_and_worked_to_their_end(
    ledger_url: str, older: OlderKontora, tmp_path: Path
) -> None:
    # Given runs of an older Kontora, the last of which died in the middle of a write
    left = older.run("older_office", ledger_url, str(tmp_path))
    assert left.returncode == 9, left.stderr
    made = json.loads(left.stdout)
    assert made["states"] == STATES
    before = Database(ledger_url)
    assert before.revision() == "0001"
    entries = entries_of(before)
    before.close()

    with office(ledger_url) as here:
        # When this one opens the ledger
        assert here.ledger.upgraded is not None
        assert here.ledger.upgraded.before == "0001"

        # Then nothing in it has changed, the guards stand, and all goes on to its end
        assert entries_of(here.ledger.database) == entries
        assert broken(here.ledger) == {}
        assert compare(here.ledger.database, tmp_path / "checkpoint.jsonl", public_key(tmp_path / PUBLIC)).breaks == []
        with pytest.raises(DBAPIError, match="append-only"), here.ledger.database.write() as connection:
            connection.execute(text("DELETE FROM entries"))
        assert {run.queue for run in all_runs(here)} == {"kontora"}
        here.ledger.runs.settle(made["ids"]["unknown write"], "shout", done=True, result="fire", by="boss")
        finish(here)
        assert {run.state for run in all_runs(here)} == {"succeeded"}
        assert len(all_runs(here)) == len(STATES) + 3  # two of the loop, one of the schedule
        assert sorted(here.notebook.asked).count("add_note buy ink") == 2
        assert "shout fire" not in here.notebook.asked
        assert entries_of(here.ledger.database) != entries
        assert broken(here.ledger) == {}
        assert compare(here.ledger.database, tmp_path / "checkpoint.jsonl", public_key(tmp_path / PUBLIC)).breaks == []


def test_a_schedule_of_the_older_schema_fires_no_logical_time_twice(
    ledger_url: str, older: OlderKontora, tmp_path: Path
) -> None:
    assert older.run("older_office", ledger_url, str(tmp_path)).returncode == 9
    with office(ledger_url) as here:
        (schedule,) = here.ledger.schedules.all()
        before = {fire.logical_at for fire in here.ledger.fires.last(schedule.id, 100)}
        here.ledger.schedules.pause(schedule.id, by="tester")
        here.ledger.schedules.resume(schedule.id, next_at=max(before))
        Firing(here.ledger, OneDoor(here.notebook), lambda _: MINUTELY).fire()
        fired = [run.logical_at for run in here.ledger.schedules.last_runs(schedule.id, 100)]
        assert len(fired) == len(set(fired))
        assert before <= set(fired)


def test_a_worker_that_holds_a_run_ends_it_and_takes_no_other(ledger_url: str, older: OlderKontora) -> None:
    with older.start("older_worker", ledger_url) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "holding\n"
        ledger = Ledger(ledger_url)
        try:
            assert ledger.upgraded is not None
            out, err = worker.communicate("go on\n", timeout=60)
            assert worker.returncode == 0, err
            told = json.loads(out)
            assert ledger.runs.get(told["held"]).state == "succeeded"
            assert (told["took"], ledger.runs.get(told["other"]).state) == (False, "queued")
            assert ledger.runs.get(told["begun"]).queue == "kontora"
            assert "newer than this Kontora knows (0001), and there is no way back" in told["said"]
            assert "Install the newer version; nothing was changed" in told["said"]
            assert broken(ledger) == {}
        finally:
            ledger.close()


# --- the schema ---------------------------------------------------------------------------------------------------


def test_the_revisions_make_what_the_tables_say(database: Database, empty: Database, ledger_url: str) -> None:
    Ledger(ledger_url).close()
    assert shape(database) == shape_of(tables.metadata, empty)


def test_a_change_of_the_tables_without_a_revision_is_noticed(database: Database, empty: Database) -> None:
    with database.write() as connection:
        run_revisions(connection)
    made = shape(database)
    changes: list[Callable[[MetaData], object]] = [
        lambda changed: changed.tables["runs"].append_column(Column("mood", Text)),
        lambda changed: changed.tables["runs"].indexes.pop(),
        lambda changed: setattr(changed.tables["entries"].c.key, "nullable", False),
        lambda changed: setattr(changed.tables["entries"].c.kind, "type", Text()),
        lambda changed: setattr(changed.tables["runs"].c.queue, "server_default", None),
        lambda changed: changed.remove(changed.tables["slots"]),
    ]
    for change in changes:
        changed = MetaData()
        for table in tables.metadata.sorted_tables:
            table.to_metadata(changed)
        assert shape_of(changed, empty) == made
        change(changed)
        assert shape_of(changed, empty) != made


def test_the_code_knows_the_newest_revision() -> None:
    names = sorted((ROOT / "workflows/kontora_workflows/ledger/migrations/versions").glob("0*.py"))
    assert names[-1].name.startswith(f"{REVISION}_")


def test_no_revision_reads_what_may_change_after_it() -> None:
    for path in (ROOT / "workflows/kontora_workflows/ledger/migrations").rglob("*.py"):
        assert "kontora" not in "".join(re.findall(r"^\s*(?:from|import) .*$", path.read_text(encoding="utf-8"), re.M))


# --- whole or not at all ------------------------------------------------------------------------------------------


def three_at_once(url: str) -> list[str]:
    """What three processes did that open a ledger at the same time."""
    processes = [upgrading(url) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sorted(process.communicate(timeout=60)[0].strip() for process in processes)


def test_several_processes_upgrade_once(database: Database, ledger_url: str) -> None:
    assert three_at_once(ledger_url) == ["0001", "nothing", "nothing"]
    assert database.revision() == REVISION


def test_several_processes_make_a_new_ledger_once(ledger_url: str) -> None:
    assert three_at_once(ledger_url) == ["empty", "nothing", "nothing"]


def test_an_upgrade_that_is_killed_leaves_the_ledger_as_it_was_and_is_done_again(
    database: Database, ledger_url: str
) -> None:
    before = shape(database)
    killed = upgrading(ledger_url, "ledger.upgrade.before")
    killed.communicate("go\n", timeout=60)
    assert killed.returncode == -9
    assert database.revision() == "0001"
    assert shape(database) == before

    again = upgrading(ledger_url)
    assert again.communicate("go\n", timeout=60)[0].strip() == "0001"
    assert database.revision() == REVISION
    assert shape(database) != before


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("ALTER TABLE runs DROP COLUMN restored_at", "no column runs.restored_at"),
        ("DROP TABLE alerts", "no table alerts"),
        ("DROP INDEX runs_by_root", "no index runs_by_root"),
        ("DROP TABLE runs", "no such table: runs|relation .runs. does not exist"),
    ],
)
def test_a_ledger_of_an_unreleased_build_is_named_and_left_alone(
    database: Database, ledger_url: str, statement: str, missing: str
) -> None:
    with database.write() as connection:
        cascade = " CASCADE" if statement == "DROP TABLE runs" and database.dialect != "sqlite" else ""
        connection.execute(text(statement + cascade))
    before = shape(database)
    with pytest.raises(LedgerUnfit, match=missing) as refused:
        Ledger(ledger_url)
    assert "has schema 0001, and does not look so" in refused.value.message
    assert "begin a new one" in refused.value.message
    assert (database.revision(), shape(database)) == ("0001", before)
    assert not list(Path(str(database.engine.url.database)).parent.glob("*.before-*"))


def test_a_guard_that_is_missing_after_an_upgrade_undoes_it(database: Database, ledger_url: str) -> None:
    sqlite = database.dialect == "sqlite"
    with database.write() as connection:
        connection.execute(
            text("DROP TRIGGER entries_refuse_delete" if sqlite else "DROP TRIGGER entries_no_truncate ON entries")
        )
    with pytest.raises(LedgerUnfit, match="no trigger entries_"):
        Ledger(ledger_url)
    assert database.revision() == "0001"


def test_a_column_that_goes_missing_later_is_named(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    with ledger.database.write() as connection:
        connection.execute(text("ALTER TABLE runs DROP COLUMN restored_at"))
    with pytest.raises(LedgerUnfit, match=r"no such column: runs\.restored_at"):
        ledger.runs.page()
    ledger.close()


# --- how it is done -----------------------------------------------------------------------------------------------


def test_the_command_upgrades_and_keeps_the_ledger_as_it_was(older: OlderKontora, tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    kontora.home.mkdir()
    path = kontora.home / "ledger.db"
    assert older.run("older_office", f"sqlite:///{path}", str(tmp_path)).returncode == 9

    done = kontora("ledger", "upgrade", "--json")
    copy = kontora.home / f"ledger.db.before-{REVISION}"
    assert done.document == {"schema": REVISION, "before": "0001", "copy": str(copy)}
    assert f"upgraded from schema 0001 to {REVISION}. The ledger as it was is {copy}." in done.stderr
    kept = Database(f"sqlite:///{copy}")
    assert kept.revision() == "0001"
    assert entries_of(kept)
    kept.close()

    again = kontora("ledger", "upgrade")
    assert (again.exit_code, again.stdout) == (0, f"The ledger has schema {REVISION}.\n")
    assert again.stderr == ""


def test_an_upgrade_waits_for_nobody_for_long(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.write() as connection:
        run_revisions(connection, "0001")
    reader = create_engine(postgres_url)
    with reader.connect() as reading:
        reading.execute(text("SELECT count(*) FROM runs"))
        with pytest.raises(LedgerUnavailable, match="could not be upgraded: somebody has been reading"):
            Ledger(postgres_url)
    reader.dispose()
    assert database.revision() == "0001"
    database.close()
    Ledger(postgres_url).close()


def test_a_claim_that_an_upgrade_keeps_waiting_is_refused_after_it(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    runs = [ledger.runs.create(new_run())[0] for _ in range(8)]
    for run in runs[:7]:  # so often that PostgreSQL has prepared the statement
        assert ledger.runs.claim(run.id, "old", 60_000)
    claims: list[object] = []
    claiming = threading.Thread(target=lambda: claims.append(ledger.runs.claim(runs[7].id, "old", 60_000)))
    with ledger.database.write() as connection:
        connection.execute(text("ALTER TABLE runs ADD COLUMN mood TEXT"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        claiming.start()
        claiming.join(0.5)
        assert claiming.is_alive()
    claiming.join()
    assert claims == [None]
    assert ledger.runs.get(runs[7].id).state == "queued"
    ledger.close()


def test_a_backup_of_an_older_schema_is_restored_into_this_one(tmp_path: Path, older: OlderKontora) -> None:
    made, ledger = tmp_path / "made.db", tmp_path / "restored.db"
    assert older.run("older_office", f"sqlite:///{made}", str(tmp_path)).returncode == 9
    source = Database(f"sqlite:///{made}")
    back_up(source, tmp_path / "backup.db")
    source.close()
    marked, _ = restore(tmp_path / "backup.db", ledger, lambda _schedule, _after: None, by="boss")
    restored = Ledger(f"sqlite:///{ledger}")
    assert restored.upgraded is None
    assert len(marked.review) >= len(STATES) - 2
    assert broken(restored) == {}
    restored.close()
    assert [path.name for path in tmp_path.glob("*restored*")] == ["restored.db"]


def test_a_claim_is_refused_as_soon_as_the_ledger_is_newer(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start(READING)
        with here.ledger.database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert not here.worker().work(run.id)
        assert here.ledger.runs.get(run.id).state == "queued"
        with pytest.raises(LedgerTooNew):
            here.ledger.refuse_newer()


def test_a_worker_of_an_older_kontora_ends_when_the_ledger_is_upgraded(older: OlderKontora, tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    worker = CommandLine(tmp_path, PYTHONPATH=older.path).start("worker", "--concurrency", "1")
    worker.read_until("worker on")
    assert kontora("ledger", "upgrade", "--json").document["before"] == "0001"
    ended = worker.wait()
    assert ended.exit_code == 4
    assert "newer than this Kontora knows (0001)" in ended.stderr
    assert "next:  Install the newer Kontora." in ended.stderr
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    assert ledger.workers.alive() == []
    ledger.close()
