"""Two roles on PostgreSQL, as docs/ledger.md grants them: the one that runs things cannot change what is written."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.migration import LedgerTooOld
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.doc_pages import page
from tests.ledger_book import broken, finished
from tests.office import office
from tests.test_engine import EACH


@dataclass(frozen=True)
class Roles:
    """The URLs of one database as its owner, and as the role that runs everything."""

    owner: str
    running: str


@pytest.fixture
def roles(postgres_url: str) -> Iterator[Roles]:
    """The two roles of the page, under other names, in a database whose tables the owner has made."""
    suffix, url = secrets.token_hex(4), make_url(postgres_url)
    names = {role: f"{role}_{suffix}" for role in ("kontora_owner", "kontora_running")}
    create, grant = (one.text for one in page("docs/ledger.md").blocks if one.language == "sql")
    for role, name in names.items():
        create, grant = create.replace(role, name), grant.replace(role, name)
    superuser = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    owner = url.set(username=names["kontora_owner"], password="one")
    running = url.set(username=names["kontora_running"], password="another")
    with superuser.connect() as connection:
        for statement in create.split(";\n")[:2]:
            connection.execute(text(statement))
        connection.execute(text(f"ALTER DATABASE {url.database} OWNER TO {names['kontora_owner']}"))
        urls = Roles(*(one.render_as_string(hide_password=False) for one in (owner, running)))
        made = Ledger(urls.owner)
        with made.database.write() as granting:
            granting.execute(text(grant))
        made.close()
        yield urls
        for name in names.values():
            connection.execute(text(f"DROP OWNED BY {name} CASCADE"))
            connection.execute(text(f"ALTER DATABASE {url.database} OWNER TO CURRENT_USER"))
            connection.execute(text(f"DROP ROLE {name}"))
    superuser.dispose()


def test_the_running_role_can_do_all_that_running_takes(roles: Roles) -> None:
    with office(roles.running) as here:
        run = here.work_until_rest(here.start(EACH))
        for asked in here.ledger.approvals.page(state="pending")[0]:
            here.ledger.approvals.decide(asked.id, "approved", by="boss")
        assert here.work_until_rest(run).state == "succeeded"
        here.ledger.workers.seen("one", "0")
        here.ledger.workers.gone("one")
        assert here.ledger.slots.take("model", 1, run.id, 1)
        values: dict[str, object] = {"policy": {}, "expect_ms": None, "origin": "cli", "principal": "tester"}
        schedule, _ = here.ledger.schedules.add("w", "0 2 * * *", "UTC", {}, next_at=1, **values)  # type: ignore[arg-type]
        here.ledger.schedules.pause(schedule.id, by="tester")
        here.ledger.schedules.remove(schedule.id)
        finished(here.ledger)
        assert broken(here.ledger) == {}


FORBIDDEN = [
    "UPDATE entries SET body = '{}'",
    "DELETE FROM entries",
    "TRUNCATE entries",
    "UPDATE payloads SET content = NULL",
    "DELETE FROM payloads",
    "UPDATE artifacts SET content = NULL",
    "DELETE FROM runs",
    "DELETE FROM approvals",
    "INSERT INTO removed_runs SELECT id, head_seq, head_hash, 1, 1, 'x', 'x' FROM runs",
    "DROP TRIGGER entries_append_only ON entries",
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "ALTER TABLE entries OWNER TO CURRENT_USER",
    "DROP TABLE payloads",
    "SET session_replication_role = 'replica'",
    "CREATE OR REPLACE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
    "UPDATE alembic_version SET version_num = '0000'",
]


def test_the_running_role_cannot_change_what_is_written(roles: Roles) -> None:
    ledger = Ledger(roles.running)
    try:
        finished(ledger)
        for statement in FORBIDDEN:
            refused = pytest.raises(DBAPIError, match=r"permission denied|must be owner")
            with refused, ledger.database.write() as connection:
                connection.execute(text(statement))
        assert broken(ledger) == {}
    finally:
        ledger.close()


def test_the_running_role_cannot_upgrade_and_says_who_can(roles: Roles) -> None:
    older = Database(roles.owner)
    with older.write() as connection:  # as revision 0002 left it
        connection.execute(text("DROP INDEX runs_on_a_timer, runs_to_stop, runs_of_loops, approvals_by_end"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    with pytest.raises(LedgerTooOld, match="its database user may not change tables"):
        Ledger(roles.running)
    assert older.revision() == "0002"
    older.close()
    Ledger(roles.owner).close()
    running = Ledger(roles.running)
    finished(running)
    assert broken(running) == {}
    running.close()


def test_the_owner_can_so_that_the_refusals_mean_something(roles: Roles) -> None:
    ledger = Ledger(roles.owner)
    try:
        run_id = finished(ledger)
        with ledger.database.write() as connection:
            connection.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))
            connection.execute(text("UPDATE entries SET body = '{}' WHERE seq = 2"))
        assert "content was changed" in broken(ledger)[run_id]
    finally:
        ledger.close()
