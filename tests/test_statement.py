"""Statements that take a short way to the driver: they fail as others do, and hold no rows for a silent worker."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.statement import Statement, together
from sqlalchemy import bindparam, make_url, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.services import PostgresServer

WORKER = {"id": "one", "started_at": 1, "seen_at": 1, "version": "0"}
ADD = Statement(tables.workers.insert())
FIND = Statement(select(tables.workers.c.id).where(tables.workers.c.seen_at == bindparam("at")))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def test_rows_are_stored_one_by_one_and_many_at_once(ledger: Ledger) -> None:
    with ledger.database.write() as connection, together(connection):
        ADD.run_each(connection, [])
        ADD.run_each(connection, [WORKER])
        ADD.run_each(connection, [{**WORKER, "id": f"w{number}"} for number in range(20)])
    with ledger.database.write() as connection:
        assert len(FIND.run(connection, {"at": 1}).fetchall()) == 21
        assert FIND.run(connection, {"at": 2}).fetchone() is None


def add_in_one_piece(ledger: Ledger, *rows: dict[str, object]) -> None:
    with ledger.database.write() as connection, together(connection):
        ADD.run(connection, rows[0])
        ADD.run_each(connection, rows[1:])


def add_slowly(ledger: Ledger, *rows: dict[str, object]) -> None:
    with ledger.database.engine.begin() as connection:
        for row in rows:
            with together(connection):
                ADD.run(connection, row)
            time.sleep(1.0)


def test_what_the_database_refuses_is_raised_as_ever_and_undoes_the_transaction(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError):
        add_in_one_piece(ledger, {**WORKER, "id": "two"}, WORKER, WORKER)
    with ledger.database.write() as connection:
        assert FIND.run(connection, {"at": 1}).fetchall() == []


def test_postgresql_ends_a_transaction_that_nobody_goes_on_with() -> None:
    server = PostgresServer()
    try:
        with server.database() as url:
            impatient = make_url(url).update_query_dict({"options": "-c idle_in_transaction_session_timeout=300"})
            ledger = Ledger(impatient.render_as_string(hide_password=False))
            with pytest.raises(DBAPIError) as caught:
                add_slowly(ledger, WORKER, {**WORKER, "id": "two"})
            assert caught.value.connection_invalidated
            ledger.close()
    finally:
        server.stop()
