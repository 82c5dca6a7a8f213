"""Verification: whatever one hand changes in the ledger's tables is found; what is right is not complained about."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.chain import entry_hash
from kontora_workflows.ledger.verification import Verification
from sqlalchemy import Table, select, text
from sqlalchemy.exc import DBAPIError

from tests.ledger_book import begun, broken, finished, forging, written


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def test_a_sound_ledger_is_counted_and_not_complained_about(ledger: Ledger) -> None:
    finished(ledger)
    written(ledger, begun(ledger))
    found = Verification(ledger.database).whole()
    with ledger.database.read() as connection:
        entries = connection.execute(text("SELECT count(*) FROM entries")).scalar()
    assert (found.runs, found.entries, found.erased, found.breaks) == (2, entries, 0, [])


def test_an_entry_is_hashed_as_the_documentation_says(ledger: Ledger) -> None:
    for entry in ledger.entries.of_run(finished(ledger)):
        fields = [entry.prev_hash, entry.run_id, entry.seq, entry.at, entry.kind, entry.key, entry.fence, entry.body]
        text_ = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(text_.encode()).hexdigest() == entry.hash


def test_a_run_that_is_verified_while_it_goes_on_holds(ledger: Ledger) -> None:
    head, stop = begun(ledger), threading.Event()

    def work() -> None:
        while not stop.is_set():
            ledger.entries.append(head, "tool.intended", "a", {}, payload={"arguments": {}})

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(30):
            assert broken(ledger) == {}
    finally:
        stop.set()
        worker.join()


def test_two_processes_find_what_one_finds(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kontora_workflows.ledger.verification._MANY", 1)
    runs = [finished(ledger) for _ in range(5)]
    with forging(ledger.database) as connection:
        connection.execute(text("UPDATE entries SET body = '{}' WHERE seq = 2 AND run_id = :id"), {"id": runs[3]})
    alone, together = (Verification(ledger.database).whole(processes) for processes in (1, 2))
    assert alone == together
    assert [one.run_id for one in together.breaks] == [runs[3]]


# --- what one hand can do --------------------------------------------------------------------------------------------


def rehash(ledger: Ledger, run_id: str) -> None:
    """Write a chain anew after a change, head included: what somebody with time on their hands does."""
    previous = "0" * 64
    with forging(ledger.database) as connection:
        query = select(tables.entries).where(tables.entries.c.run_id == run_id).order_by(tables.entries.c.seq)
        for row in connection.execute(query).all():
            hash_ = entry_hash(previous, row.run_id, row.seq, row.at, row.kind, row.key, row.fence, row.body)
            values = {"prev": previous, "hash": hash_, "id": run_id, "seq": row.seq}
            statement = "UPDATE entries SET prev_hash = :prev, hash = :hash WHERE run_id = :id AND seq = :seq"
            connection.execute(text(statement), values)
            previous = hash_
        connection.execute(text("UPDATE runs SET head_hash = :hash WHERE id = :id"), {"hash": previous, "id": run_id})


CHANGES = [
    ("DELETE FROM entries WHERE seq = 3", "entry 3 is missing"),
    ("DELETE FROM entries", "its entries at 0"),
    ("DELETE FROM runs", "the run is missing"),
    ("UPDATE payloads SET salt = NULL, content = NULL WHERE seq = 1", "no entry says that it was erased"),
    ("UPDATE payloads SET salt = NULL WHERE seq = 1", "payload was changed"),
    ("UPDATE payloads SET seq = 2 WHERE seq = 1", "payload is missing"),
    ("INSERT INTO payloads SELECT run_id, 2, salt, content FROM payloads WHERE seq = 1", "no entry names"),
    ("UPDATE runs SET inputs = '{}'", "other inputs"),
    ("UPDATE runs SET inputs = NULL", "inputs are gone"),
    ("UPDATE runs SET principal = 'somebody'", "another principal"),
    ('UPDATE runs SET bindings = \'{"erp":"other"}\'', "other bindings"),
    ("UPDATE runs SET state = 'queued'", "the run is queued, its entries say succeeded"),
    ("UPDATE runs SET error = '{}'", "another error"),
    ("UPDATE runs SET restored_at = 5", "when it was restored"),
    ("UPDATE definitions SET text = '{}'", "definition was changed"),
    ("UPDATE approvals SET state = 'rejected'", "is rejected, its entries say approved"),
    ("UPDATE approvals SET state = 'pending'", "is pending, its entries say approved"),
    ("UPDATE approvals SET title = 'Something harmless'", "another title"),
    ("UPDATE approvals SET decided_by = 'somebody'", "not what its entries say"),
    ("UPDATE approvals SET arguments_hash = 'sha256:0'", "not what its entries say"),
    ("DELETE FROM approvals", "is missing"),
    ("UPDATE approvals SET comment = 'as I said'", "another comment"),
    ("UPDATE approvals SET comment = NULL", "another comment"),
    ("UPDATE approvals SET decided_at = decided_at - 3600000", "decided at another time"),
    ("UPDATE approvals SET expires_at = expires_at + 3600000", "expires at another time"),
    ("UPDATE runs SET created_at = created_at - 1", "another created_at"),
    ("UPDATE runs SET started_at = started_at - 3600000", "another started_at"),
    ("UPDATE runs SET started_at = NULL", "another started_at"),
    ("UPDATE runs SET finished_at = finished_at - 3600000", "another finished_at"),
    ("UPDATE runs SET deadline_at = 5", "another deadline_at"),
    ("UPDATE runs SET root_id = 'run_other'", "another place, key or version"),
    ("UPDATE runs SET idempotency_key = 'k'", "another place, key or version"),
    ("UPDATE runs SET request_hash = 'sha256:0'", "another place, key or version"),
    ("UPDATE runs SET replay_version = 1", "another place, key or version"),
    ("UPDATE runs SET parent_step = 's'", "another place, key or version"),
    ("UPDATE runs SET item_position = 3", "another place, key or version"),
    ("UPDATE artifacts SET content = NULL", "content of artifact"),
    ("UPDATE artifacts SET name = 'other.html'", "not what its entry says"),
    ("DELETE FROM artifacts", "is missing"),
]


def test_what_was_done_to_the_tables_is_found_and_named(ledger: Ledger) -> None:
    run_id = finished(ledger)
    original = Original(ledger)
    for statement, why in CHANGES:
        with forging(ledger.database) as connection:
            connection.execute(text(statement))
        assert why in broken(ledger).get(run_id, "nothing"), statement
        original.replace(original.rows)
    assert broken(ledger) == {}


def test_a_file_that_was_changed_is_found(ledger: Ledger) -> None:
    run_id = finished(ledger)
    with forging(ledger.database) as connection:
        connection.execute(tables.artifacts.update().values(content=b"something else"))
    assert "the content of artifact" in broken(ledger)[run_id]


def test_a_chain_that_was_written_anew_does_not_fit_the_tables_beside_it(ledger: Ledger) -> None:
    run_id = finished(ledger)
    with forging(ledger.database) as connection:
        connection.execute(text("UPDATE entries SET body = replace(body, 'boss', 'thief')"))
    rehash(ledger, run_id)
    assert "not what its entries say" in broken(ledger)[run_id]


def test_an_approval_that_nobody_asked_for_is_found(ledger: Ledger) -> None:
    run_id, other = finished(ledger), begun(ledger).run_id
    with forging(ledger.database) as connection:
        connection.execute(text("UPDATE approvals SET run_id = :to WHERE run_id = :of"), {"to": other, "of": run_id})
    assert "is missing" in broken(ledger)[run_id]
    assert "no entry asked for it" in broken(ledger)[other]


#: Columns that follow from the entries; the others say who works on a run right now, or when.
GUARDED: dict[str, tuple[str, ...]] = {
    "entries": tuple(tables.entries.c.keys()),
    "payloads": tuple(tables.payloads.c.keys()),
    "definitions": ("hash", "text"),
    "runs": (
        *(
            "id",
            "workflow",
            "definition_hash",
            "state",
            "principal",
            "trigger",
            "schedule_id",
            "logical_at",
            "retry_of",
        ),
        *("parent_id", "item_key", "inputs", "bindings", "error", "restored_at", "head_seq", "head_hash"),
    ),
    "approvals": (
        *("id", "run_id", "key", "seq", "title", "tool", "instance", "arguments_hash", "untrusted", "people"),
        *("state", "decided_by", "agreed_by"),
    ),
    "artifacts": ("id", "run_id", "name", "media_type", "size", "sha256", "content"),
}


def other_value(value: Any, drawn: int) -> Any:
    """A value of the same type that is not this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 + drawn % 7
    if isinstance(value, bytes):
        return value[: drawn % len(value)]
    if value is None:
        return "7"  # good for every type
    place = drawn % max(1, len(value))
    return value[:place] + ("y" if value[place : place + 1] == "x" else "x") + value[place + 1 :]


@st.composite
def mutation(draw: st.DrawFn) -> tuple[str, str, int, str, int]:
    """What is done, to which table, row (counted round and round) and column, and with which value."""
    table = draw(st.sampled_from(sorted(GUARDED)))
    what = draw(st.sampled_from(["edit", "delete", "swap"]))
    return what, table, draw(st.integers(0, 40)), draw(st.sampled_from(GUARDED[table])), draw(st.integers(0, 1_000))


def mutate(rows: list[dict[str, Any]], what: str, row: int, column: str, drawn: int) -> None:
    """Change some rows in one place."""
    row %= len(rows)
    if what == "delete":
        del rows[row]
    elif what == "swap":
        other = drawn % len(rows)
        rows[row][column], rows[other][column] = rows[other][column], rows[row][column]
    else:
        rows[row][column] = other_value(rows[row][column], drawn)


class Original:
    """A small ledger whose tables can be filled with other rows, and with their own again."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        with ledger.database.read() as connection:
            self.rows = {name: self._read(connection, tables.metadata.tables[name]) for name in GUARDED}

    @staticmethod
    def _read(connection: Any, table: Table) -> list[dict[str, Any]]:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]

    def replace(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Let the tables hold these rows instead. Raises `IntegrityError` for rows that they cannot hold."""
        with forging(self.ledger.database) as connection:
            for name, some in rows.items():
                table = tables.metadata.tables[name]
                connection.execute(table.delete())
                if some:
                    connection.execute(table.insert(), some)


def test_any_single_change_to_the_tables_is_found(ledger: Ledger) -> None:
    finished(ledger)
    written(ledger, begun(ledger))
    original = Original(ledger)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(mutation())
    def check(change: tuple[str, str, int, str, int]) -> None:
        what, table, row, column, drawn = change
        rows = [dict(one) for one in original.rows[table]]
        mutate(rows, what, row, column, drawn)
        key = tables.metadata.tables[table].primary_key.columns.keys()
        if rows == original.rows[table] or len({tuple(one[name] for name in key) for one in rows}) < len(rows):
            return
        try:
            with suppress(DBAPIError):  # the database itself refuses it
                original.replace({table: rows})
                assert broken(ledger), f"{what} {table}.{column} of row {row} was not found"
        finally:
            original.replace({table: original.rows[table]})

    check()
    assert broken(ledger) == {}
