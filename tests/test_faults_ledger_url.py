"""Nothing that PostgreSQL or the network does keeps a worker waiting without a bound."""

from __future__ import annotations

import time

import pytest
from kontora_worker.ledger_url import BOUNDS, bounded
from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.database import LedgerUnavailable
from sqlalchemy import make_url, update

from tests.office import office
from tests.test_engine import WRITING


def test_other_databases_keep_their_url() -> None:
    assert bounded("sqlite:////tmp/ledger.db") == "sqlite:////tmp/ledger.db"
    assert bounded("no url at all") == "no url at all"


def test_what_the_operator_says_holds() -> None:
    query = make_url(bounded("postgresql+psycopg://me:secret@db/kontora?connect_timeout=60")).query
    assert query["connect_timeout"] == "60"
    assert query["options"] == BOUNDS["options"]
    assert "secret" in bounded("postgresql+psycopg://me:secret@db/kontora")


def test_a_claim_does_not_wait_for_ever_for_a_row_that_a_lost_worker_has_locked(postgres_url: str) -> None:
    with office(postgres_url) as here:
        run = here.start(WRITING)
        heir = Ledger(bounded(postgres_url).replace("lock_timeout%3D10s", "lock_timeout%3D300"))
        try:
            with here.ledger.database.write() as connection:
                connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(due_at=1))
                started = time.monotonic()
                with pytest.raises(LedgerUnavailable):
                    heir.runs.claim(run.id, "heir", 1000)
            assert time.monotonic() - started < 5
            assert heir.runs.claim(run.id, "heir", 1000) is not None
        finally:
            heir.close()


def test_a_transaction_that_nobody_goes_on_with_is_ended(postgres_url: str) -> None:
    with office(postgres_url) as here:
        run = here.start(WRITING)
        lost = Ledger(bounded(postgres_url).replace("session_timeout%3D10s", "session_timeout%3D300"))

        def hang() -> None:
            with lost.database.write() as connection:
                connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(due_at=1))
                time.sleep(0.6)
                assert here.worker().work(run.id)

        with pytest.raises(LedgerUnavailable):
            hang()
        lost.close()
        assert here.ledger.runs.get(run.id).state == "waiting"
