"""The ledger on both databases: what is in it stays, and who lost the right to write cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.creation import KeyReused
from kontora_workflows.ledger.database import LedgerTooNew
from kontora_workflows.ledger.entries import Head, LeaseLost
from kontora_workflows.ledger.run import Claim, Failure, NewRun
from kontora_workflows.ledger.runs import NotResumable, UnknownRun
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def new_run(**changes: object) -> NewRun:
    values: dict[str, object] = {
        "workflow": "w",
        "definition_hash": hashlib.sha256(b"{}").hexdigest(),
        "definition": "{}",
        "inputs": {"кто": "Ольга"},
        "principal": "tester",
        "trigger": "cli",
    }
    return NewRun(**{**values, **changes})  # type: ignore[arg-type]


def head_of(claim: Claim) -> Head:
    return Head(claim.run.id, claim.fence, claim.run.head_seq, claim.run.head_hash, claim.claimed_at)


def claimed(ledger: Ledger, lease_ms: int = 30_000) -> tuple[Claim, Head]:
    run, _ = ledger.runs.create(new_run())
    claim = ledger.runs.claim(run.id, "one", lease_ms)
    assert claim is not None
    return claim, head_of(claim)


def test_the_same_key_gives_the_same_run_and_another_request_is_refused(ledger: Ledger) -> None:
    first, fresh = ledger.runs.create(new_run(idempotency_key="k", request_hash="a"))
    again, repeated = ledger.runs.create(new_run(idempotency_key="k", request_hash="a"))
    assert (fresh, repeated, again.id) == (True, False, first.id)
    with pytest.raises(KeyReused):
        ledger.runs.create(new_run(idempotency_key="k", request_hash="b"))


def test_a_schedule_fires_once_per_logical_time(ledger: Ledger) -> None:
    fire = {"schedule_id": "sch_1", "logical_at": 1_000}
    assert ledger.runs.create(new_run(**fire))[1]
    assert not ledger.runs.create(new_run(**fire))[1]
    assert ledger.runs.create(new_run(schedule_id="sch_1", logical_at=2_000))[1]


def test_a_run_is_claimed_by_one_worker_at_a_time(ledger: Ledger) -> None:
    claim, _ = claimed(ledger)
    assert ledger.runs.claim(claim.run.id, "two", 30_000) is None


def test_a_worker_whose_lease_ran_out_cannot_write_any_more(ledger: Ledger) -> None:
    claim, head = claimed(ledger, lease_ms=-1)
    ledger.entries.append(head, "step.started", "a")
    heir = ledger.runs.claim(claim.run.id, "two", 30_000)
    assert heir is not None
    assert heir.fence == claim.fence + 1
    with pytest.raises(LeaseLost):
        ledger.entries.append(head, "step.finished", "a")
    assert ledger.runs.heartbeat(claim.run.id, claim.fence, 30_000) is None
    ledger.entries.append(head_of(heir), "step.finished", "a")


def test_a_fact_from_outside_does_not_disturb_the_worker(ledger: Ledger) -> None:
    claim, head = claimed(ledger)
    with ledger.database.write() as connection:
        ledger.entries.append_fact(connection, claim.run.id, "cancel.requested", body={"by": "boss"})
    ledger.entries.append(head, "step.started", "a")
    assert [e.seq for e in ledger.entries.of_run(claim.run.id)] == [1, 2, 3, 4]
    assert dict(ledger.verify()) == {claim.run.id: None}


def test_a_wake_between_the_look_and_the_wait_is_not_lost(ledger: Ledger) -> None:
    claim, head = claimed(ledger)
    with ledger.database.write() as connection:
        ledger.entries.append_fact(connection, claim.run.id, "child.ended", wake=True)
    ledger.runs.leave(head, claim.run.wakes, waiting_for="children")
    assert ledger.runs.get(claim.run.id).state == "queued"


def test_entries_cannot_be_changed_or_deleted(ledger: Ledger) -> None:
    claimed(ledger)
    for statement in ("UPDATE entries SET body = '{}'", "DELETE FROM entries"):
        with pytest.raises(DBAPIError, match="append-only"), ledger.database.write() as connection:
            connection.execute(text(statement))


def drop_triggers(ledger: Ledger) -> None:
    """What somebody with the rights of the tables' owner can do."""
    with ledger.database.write() as connection:
        if ledger.database.dialect == "sqlite":
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER entries_refuse_{verb}"))
        else:
            connection.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE entries SET body = '{}' WHERE seq = 2", "content was changed"),
        ("UPDATE entries SET at = at + 1 WHERE seq = 2", "content was changed"),
        ("DELETE FROM entries WHERE seq = 2", "is missing"),
        ("DELETE FROM entries WHERE seq = 3", "the run ends at entry 3"),
        ("UPDATE payloads SET content = '{\"inputs\":{}}' WHERE seq = 1", "payload was changed"),
        ("DELETE FROM payloads WHERE seq = 1", "payload is missing"),
        ("UPDATE runs SET head_seq = 2", "the run ends at entry 2"),
    ],
)
def test_verification_finds_what_was_tampered_with(ledger: Ledger, statement: str, why: str) -> None:
    claim, head = claimed(ledger)
    ledger.entries.append(head, "step.started", "a")
    assert [broken for _, broken in ledger.verify()] == [None]
    drop_triggers(ledger)
    with ledger.database.write() as connection:
        connection.execute(text(statement))
    broken = dict(ledger.verify())[claim.run.id]
    assert broken is not None
    assert why in broken.why


def test_runs_are_listed_newest_first_page_by_page(ledger: Ledger) -> None:
    ids = [ledger.runs.create(new_run())[0].id for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = ledger.runs.page(limit=2, cursor=cursor)
        seen += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 5


def test_a_failed_run_can_be_resumed_and_a_succeeded_one_cannot(ledger: Ledger) -> None:
    claim, head = claimed(ledger)
    ledger.runs.finish(head, "failed", failure=Failure("x", "It broke."))
    assert ledger.runs.resume(claim.run.id, by="boss").state == "queued"
    again = ledger.runs.claim(claim.run.id, "two", 30_000)
    assert again is not None
    ledger.runs.finish(head_of(again), "succeeded")
    with pytest.raises(NotResumable):
        ledger.runs.resume(claim.run.id, by="boss")
    with pytest.raises(UnknownRun):
        ledger.runs.get("run_nothing")


def test_a_ledger_of_a_newer_program_is_left_alone(ledger: Ledger, ledger_url: str) -> None:
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerTooNew, match="newer than this Kontora"):
        Ledger(ledger_url)
