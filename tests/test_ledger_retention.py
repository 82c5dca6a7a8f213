"""Retention: whole runs go when their time is over; nothing else does, and that they were there stays on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.retention import Retention
from kontora_workflows.ledger.run import Failure
from kontora_workflows.ledger.runs import UnknownRun
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.command_line import CommandLine
from tests.ledger_book import begun, broken, ended_days_ago, finished, head_of, new_run

TABLES = ("runs", "entries", "payloads", "approvals", "artifacts")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def rows(ledger: Ledger) -> dict[str, int]:
    with ledger.database.read() as connection:
        return {name: int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()) for name in TABLES}


def due(ledger: Ledger, days: int) -> list[str]:
    return [family.root_id for family in Retention(ledger.database).due(days)]


def removed(ledger: Ledger, days: int) -> list[str]:
    retention = Retention(ledger.database)
    return [id_ for family in retention.due(days) for id_ in retention.remove(family, by="local:boss", why="old")]


def test_a_run_goes_with_all_that_belongs_to_it(ledger: Ledger) -> None:
    old, new = finished(ledger), finished(ledger)
    one_run = {name: count // 2 for name, count in rows(ledger).items()}
    ended_days_ago(ledger, old, 31)
    assert due(ledger, 32) == []
    assert removed(ledger, 30) == [old]
    assert rows(ledger) == one_run
    assert due(ledger, 30) == []
    with pytest.raises(UnknownRun):
        ledger.runs.get(old)
    assert ledger.runs.get(new).state == "succeeded"
    assert broken(ledger) == {}


def test_what_was_removed_stays_on_record(ledger: Ledger) -> None:
    run = ledger.runs.get(finished(ledger))
    ended_days_ago(ledger, run.id, 31)
    removed(ledger, 30)
    with ledger.database.read() as connection:
        (record,) = connection.execute(text("SELECT * FROM removed_runs")).mappings().all()
    assert (record["id"], record["head_seq"], record["head_hash"]) == (run.id, run.head_seq, run.head_hash)
    assert (record["removed_by"], record["why"]) == ("local:boss", "old")
    assert record["removed_at"] - record["ended_at"] > 30 * 86_400_000


def test_a_run_that_may_go_on_stays(ledger: Ledger) -> None:
    queued = ledger.runs.create(new_run())[0].id
    running = begun(ledger).run_id
    review = begun(ledger)
    ledger.runs.finish(review, "needs_review", failure=Failure("x", "Nobody knows."))
    for run_id in (queued, running, review.run_id):
        ended_days_ago(ledger, run_id, 400)
    assert due(ledger, 1) == []


def test_a_loop_goes_when_the_last_of_its_runs_has_ended_long_ago(ledger: Ledger) -> None:
    head = begun(ledger)
    with ledger.database.write() as connection:
        children = [
            ledger.runs.create_in(connection, new_run(parent_id=head.run_id, parent_step="s", item_key=key)).id
            for key in "ab"
        ]
    for child in children:
        claim = ledger.runs.claim(child, "one", 30_000)
        assert claim is not None
        assert due(ledger, 1) == []
        ledger.runs.finish(head_of(claim), "succeeded")
        ended_days_ago(ledger, child, 20)
    ledger.runs.finish(head, "succeeded")
    ended_days_ago(ledger, head.run_id, 10)
    assert due(ledger, 15) == []
    assert sorted(removed(ledger, 5)) == sorted([head.run_id, *children])
    assert rows(ledger)["runs"] == rows(ledger)["entries"] == 0


def test_a_run_stays_as_long_as_a_retry_of_it(ledger: Ledger) -> None:
    first = finished(ledger)
    second = finished(ledger, retry_of=first)
    third = finished(ledger, retry_of=second)
    for run_id in (first, second):
        ended_days_ago(ledger, run_id, 10)
    assert due(ledger, 5) == []
    ended_days_ago(ledger, third, 10)
    assert sorted(due(ledger, 5)) == sorted([first, second, third])


def test_a_run_that_goes_on_again_meanwhile_is_not_removed(ledger: Ledger) -> None:
    run_id = finished(ledger, state="failed")
    ended_days_ago(ledger, run_id, 10)
    retention = Retention(ledger.database)
    (family,) = retention.due(5)
    ledger.runs.resume(run_id, by="boss")
    assert retention.remove(family, by="x", why="old") == []
    assert ledger.runs.get(run_id).state == "queued"
    assert broken(ledger) == {}


RECORD = """INSERT INTO removed_runs (id, head_seq, head_hash, ended_at, removed_at, removed_by, why)
SELECT id, head_seq, head_hash, 1, 2, 'thief', 'x' FROM runs WHERE id = :id"""


def test_only_a_run_that_ended_can_be_put_on_record_as_removed(ledger: Ledger) -> None:
    going_on, ended = begun(ledger).run_id, finished(ledger)
    with pytest.raises(DBAPIError, match="only a run that ended"), ledger.database.write() as connection:
        connection.execute(text(RECORD), {"id": going_on})
    with pytest.raises(DBAPIError, match="only a run that ended"), ledger.database.write() as connection:
        connection.execute(text(RECORD.replace("head_seq, head_hash, 1", "3, head_hash, 1")), {"id": ended})
    with pytest.raises(DBAPIError, match="append-only"), ledger.database.write() as connection:
        connection.execute(text("DELETE FROM entries WHERE run_id = :id"), {"id": ended})


def test_entries_of_a_removed_run_can_go_and_no_others_and_the_record_stays(ledger: Ledger) -> None:
    ended, other = finished(ledger), finished(ledger)
    with ledger.database.write() as connection:
        connection.execute(text(RECORD), {"id": ended})
    for statement, why in [
        ("DELETE FROM entries", "append-only"),
        (f"UPDATE entries SET body = '' WHERE run_id = '{ended}'", "append-only"),
        ("DELETE FROM removed_runs", "stays on record"),
        ("UPDATE removed_runs SET why = ''", "stays on record"),
    ]:
        with pytest.raises(DBAPIError, match=why), ledger.database.write() as connection:
            connection.execute(text(statement))
    assert broken(ledger) == {ended: "it is on record as removed, and is there"}
    with ledger.database.write() as connection:
        connection.execute(text("DELETE FROM entries WHERE run_id = :id"), {"id": ended})
    assert len(ledger.entries.of_run(other)) == ledger.runs.get(other).head_seq


def test_the_command_shows_first_and_then_takes_the_copies_of_reports_too(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    try:
        old, new = finished(ledger), finished(ledger)
        ended_days_ago(ledger, old, 100)
        for run_id in (old, new):
            (kontora.home / "reports" / run_id).mkdir(parents=True)
            (kontora.home / "reports" / run_id / "r.html").write_bytes(b"x")
    finally:
        ledger.close()
    shown = kontora("ledger", "retain", "--days", "90")
    assert (shown.exit_code, old in shown.stdout, "Nothing was removed" in shown.stderr) == (0, True, True)
    done = kontora("ledger", "retain", "--days", "90", "--yes", "--json")
    assert done.document["removed"] == [old]
    assert [path.name for path in (kontora.home / "reports").iterdir()] == [new]
    assert kontora("ledger", "verify").exit_code == 0
