"""The shape of a ledger's database: every column, key, index and trigger, as the database tells of them."""

from __future__ import annotations

from typing import Any

from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.tables import APPEND_ONLY
from sqlalchemy import Connection, Inspector, MetaData, inspect, text

#: Triggers, functions and indexes in the words of the database.
_WORDS = {
    "sqlite": (
        "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('trigger', 'index')"
    ),
    "postgresql": (
        "SELECT 'trigger ' || tgname, pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal "
        "UNION ALL SELECT 'function ' || proname, pg_get_functiondef(oid) FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace "
        "UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "UNION ALL SELECT 'constraint ' || conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace"
    ),
}


def shape_in(connection: Connection) -> dict[str, Any]:
    """The shape inside an open transaction, without the table that holds the revision."""
    found = inspect(connection)
    made: dict[str, Any] = {name: _table(found, name) for name in found.get_table_names()}
    words = connection.execute(text(_WORDS[connection.dialect.name]))
    made |= {name: " ".join(said.split()) for name, said in words}
    return {name: value for name, value in made.items() if "alembic" not in name}


def _table(found: Inspector, name: str) -> dict[str, Any]:
    columns = found.get_columns(name)
    return {
        "columns": [(one["name"], str(one["type"]), one["nullable"], one["default"]) for one in columns],
        "primary key": found.get_pk_constraint(name)["constrained_columns"],
        "references": sorted(str(one) for one in found.get_foreign_keys(name)),
        "unique": sorted(str(one) for one in found.get_unique_constraints(name)),
        "checks": sorted(str(one) for one in found.get_check_constraints(name)),
    }


def shape(database: Database) -> dict[str, Any]:
    """The shape of a ledger."""
    with database.read() as connection:
        return shape_in(connection)


def shape_of(metadata: MetaData, database: Database) -> dict[str, Any]:
    """The shape that tables have on an empty database, with the triggers of the ledger; nothing stays."""
    with database.engine.connect() as connection, connection.begin() as transaction:
        metadata.create_all(connection)
        for statement in APPEND_ONLY[database.dialect]:
            connection.exec_driver_sql(statement)
        made = shape_in(connection)
        transaction.rollback()
    return made
