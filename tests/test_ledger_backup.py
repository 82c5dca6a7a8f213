"""Backup and restore: a backup is whole, and after a restore nothing goes on by itself."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.backup import BackupUnusable, back_up
from kontora_workflows.ledger.database import LedgerTooNew
from kontora_workflows.ledger.entries import LeaseLost
from kontora_workflows.ledger.restored import mark_restored
from kontora_workflows.ledger.restoring import restore
from kontora_workflows.ledger.run import Failure
from kontora_workflows.ledger.schedules import Schedule
from sqlalchemy import text

from tests.command_line import CommandLine
from tests.ledger_book import begun, broken, finished, new_run, written


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


def tomorrow(_schedule: Schedule, now: int) -> int:
    return now + 86_400_000


# --- after a restore -------------------------------------------------------------------------------------------------


def test_runs_that_were_open_wait_for_a_person(ledger: Ledger) -> None:
    queued, head = ledger.runs.create(new_run())[0].id, begun(ledger)
    waiting = begun(ledger)
    ledger.runs.leave(waiting, 0, waiting_for="approval")
    marked = mark_restored(ledger, tomorrow, by="local:boss")
    assert sorted(marked.review) == sorted([queued, head.run_id, waiting.run_id])
    for run_id in marked.review:
        run = ledger.runs.get(run_id)
        assert run.error is not None
        assert (run.state, run.error["code"], run.owner, run.waiting_for) == ("needs_review", "restored", None, None)
        assert ledger.entries.of_run(run_id)[-1].kind == "ledger.restored"
        assert ledger.runs.claim(run_id, "two", 30_000) is None
    assert ledger.runs.to_send(0) == []
    assert broken(ledger) == {}


def test_a_worker_from_before_the_restore_cannot_write_any_more(ledger: Ledger) -> None:
    head = begun(ledger)
    mark_restored(ledger, tomorrow, by="local:boss")
    with pytest.raises(LeaseLost):
        ledger.entries.append(head, "step.started", "a")


def test_a_run_that_somebody_could_resume_is_marked_and_one_that_is_over_is_not(ledger: Ledger) -> None:
    failed, over = finished(ledger, state="failed"), finished(ledger)
    review = begun(ledger)
    ledger.runs.finish(review, "needs_review", failure=Failure("outcome_unknown", "Nobody knows."))
    marked = mark_restored(ledger, tomorrow, by="local:boss")
    assert (marked.review, marked.others) == ([], 2)
    assert ledger.runs.get(failed).restored_at == ledger.runs.get(review.run_id).restored_at is not None
    assert ledger.runs.get(over).restored_at is None
    error = ledger.runs.get(review.run_id).error
    assert error is not None
    assert error["code"] == "outcome_unknown"
    assert broken(ledger) == {}


def test_a_run_of_a_loop_that_begins_after_the_restore_is_marked_as_its_parent(ledger: Ledger) -> None:
    head = begun(ledger)
    mark_restored(ledger, tomorrow, by="local:boss")
    ledger.runs.resume(head.run_id, by="local:boss")
    child = new_run(parent_id=head.run_id, parent_step="s", item_key="1")
    with ledger.database.write() as connection:
        made = ledger.runs.create_in(connection, child)
    assert made.restored_at == ledger.runs.get(head.run_id).restored_at is not None
    assert broken(ledger) == {}


def test_a_run_of_a_loop_gets_the_same_id_whenever_it_is_started(ledger: Ledger) -> None:
    head = begun(ledger)
    ids = []
    for key in ("1", "2", "1"):
        try:
            with ledger.database.write() as connection:
                ids.append(ledger.runs.create_in(connection, new_run(parent_id=head.run_id, item_key=key)).id)
                raise InterruptedError  # nothing of it stays
        except InterruptedError:
            pass
    assert ids[0] == ids[2] != ids[1]
    assert ids[0][:14] == head.run_id[:14]


def test_schedules_go_on_with_their_next_time(ledger: Ledger) -> None:
    how: dict[str, object] = {"policy": {}, "expect_ms": None, "origin": "cli", "principal": "tester"}
    past, _ = ledger.schedules.add("w", "0 2 * * *", "UTC", {}, next_at=1_000, **how)  # type: ignore[arg-type]
    later = ledger.database.now() + 3_600_000
    future, _ = ledger.schedules.add("v", "0 2 * * *", "UTC", {}, next_at=later, **how)  # type: ignore[arg-type]
    assert mark_restored(ledger, tomorrow, by="local:boss").schedules == [past.id]
    assert ledger.schedules.due(ledger.database.now()) == []
    assert ledger.schedules.get(future.id).next_at == later


# --- SQLite ----------------------------------------------------------------------------------------------------------


def test_a_backup_that_is_made_while_others_write_is_whole(embedded: Ledger, tmp_path: Path) -> None:
    finished(embedded)
    head, stop = begun(embedded), threading.Event()

    def work() -> None:
        while not stop.is_set():
            embedded.entries.append(head, "tool.intended", "a", {}, payload={"arguments": {"text": "x" * 2_000}})

    worker = threading.Thread(target=work)
    worker.start()
    try:
        sizes = [back_up(embedded.database, tmp_path / f"{number}.db") for number in range(5)]
    finally:
        stop.set()
        worker.join()
    assert sizes == sorted(sizes)
    for number in range(5):
        assert not (tmp_path / f"{number}.db-wal").exists()
        copy = Ledger(f"sqlite:///{tmp_path / f'{number}.db'}")
        assert broken(copy) == {}
        copy.close()


def test_a_backup_replaces_nothing(embedded: Ledger, tmp_path: Path) -> None:
    (tmp_path / "mine.db").write_bytes(b"mine")
    with pytest.raises(BackupUnusable, match="exists already"):
        back_up(embedded.database, tmp_path / "mine.db")
    assert sorted(path.name for path in tmp_path.glob("*mine*")) == ["mine.db"]
    assert (tmp_path / "mine.db").read_bytes() == b"mine"


def test_a_restored_ledger_is_the_one_of_the_backup_and_the_other_is_kept(embedded: Ledger, tmp_path: Path) -> None:
    head = begun(embedded)
    back_up(embedded.database, tmp_path / "backup.db")
    later = finished(embedded)
    embedded.close()
    marked, aside = restore(tmp_path / "backup.db", tmp_path / "ledger.db", tomorrow, by="local:boss")
    assert marked.review == [head.run_id]
    assert aside is not None
    before, now = Ledger(f"sqlite:///{aside}"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        assert before.runs.get(later).state == "succeeded"
        assert [run.id for run in now.runs.page().items] == [head.run_id]
        assert (broken(before), broken(now)) == ({}, {})
    finally:
        before.close()
        now.close()
    assert list(tmp_path.glob("*restoring*")) == []


def test_a_ledger_in_use_is_not_replaced(embedded: Ledger, tmp_path: Path) -> None:
    begun(embedded)
    back_up(embedded.database, tmp_path / "backup.db")
    with pytest.raises(BackupUnusable, match="is in use"):
        restore(tmp_path / "backup.db", tmp_path / "ledger.db", tomorrow, by="x")
    assert list(tmp_path.glob("*restor*")) == []


def test_a_broken_ledger_is_replaced_and_kept(embedded: Ledger, tmp_path: Path) -> None:
    head = begun(embedded)
    back_up(embedded.database, tmp_path / "backup.db")
    embedded.close()
    (tmp_path / "ledger.db").write_bytes(b"torn" * 4_000)
    _, aside = restore(tmp_path / "backup.db", tmp_path / "ledger.db", tomorrow, by="x")
    assert aside is not None
    assert aside.read_bytes() == b"torn" * 4_000
    again = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert again.runs.get(head.run_id).state == "needs_review"
    again.close()


@pytest.mark.parametrize("content", [None, b"no database", b""])
def test_what_is_no_ledger_is_not_restored(embedded: Ledger, tmp_path: Path, content: bytes | None) -> None:
    begun(embedded)
    embedded.close()
    before = (tmp_path / "ledger.db").read_bytes()
    if content is not None:
        (tmp_path / "backup.db").write_bytes(content)
    with pytest.raises(BackupUnusable):
        restore(tmp_path / "backup.db", tmp_path / "ledger.db", tomorrow, by="x")
    assert (tmp_path / "ledger.db").read_bytes() == before
    assert list(tmp_path.glob("*restor*")) == []


def test_a_backup_of_a_newer_program_is_not_restored(embedded: Ledger, tmp_path: Path) -> None:
    back_up(embedded.database, tmp_path / "backup.db")
    embedded.close()
    with closing(sqlite3.connect(tmp_path / "backup.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(LedgerTooNew):
        restore(tmp_path / "backup.db", tmp_path / "ledger.db", tomorrow, by="x")
    assert list(tmp_path.glob("*restor*")) == []


def test_the_commands_make_a_backup_and_put_it_back(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    head = begun(ledger)
    written(ledger, head)
    assert kontora("ledger", "backup", "copy.db").exit_code == 0
    used = kontora("ledger", "restore", "copy.db")
    assert (used.exit_code, "is in use" in used.stderr) == (4, True)
    ledger.entries.append(head, "step.started", "more", {})
    ledger.close()
    said = kontora("ledger", "restore", "copy.db", "--json")
    assert (said.exit_code, said.document["review"]) == (0, [head.run_id])
    assert "before-restore" in said.stderr
    shown = kontora("runs", "list", "--json").document["items"][0]
    assert (shown["state"], shown["error"]["code"]) == ("needs_review", "restored")
    asked = kontora("approvals", "list", "--json").document["items"][0]
    assert f"runs resume {asked['run']}`" in kontora("approvals", "approve", asked["id"]).stdout
    assert kontora("ledger", "verify").exit_code == 0


def test_on_postgresql_the_commands_say_what_to_do_instead(postgres_url: str, tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path, KONTORA_DATABASE_URL=postgres_url)
    ledger = Ledger(postgres_url)
    try:
        head = begun(ledger)
        refused = kontora("ledger", "backup", "copy.dump")
        assert (refused.exit_code, "pg_dump" in refused.stderr) == (4, True)
        assert "kontora ledger restored" in kontora("ledger", "restore", "copy.dump").stderr.replace("\n", " ")
        ledger.workers.seen("host:1", "0")
        assert "worker is running" in kontora("ledger", "restored").stderr
        with ledger.database.write() as connection:
            connection.execute(text("UPDATE workers SET seen_at = seen_at - 60000"))
        assert kontora("ledger", "restored", "--json").document["review"] == [head.run_id]
    finally:
        ledger.close()
