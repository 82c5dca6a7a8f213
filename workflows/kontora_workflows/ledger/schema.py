"""What a ledger's database has, held against what this code needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import Connection, Inspector, Table, UniqueConstraint, inspect, text

from kontora_workflows.ledger.tables import APPEND_ONLY, metadata

_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND pg_table_is_visible(tgrelid)",
}


def lacking(connection: Connection) -> list[str]:
    """Name the tables, columns, indexes and guarding triggers that are missing. What is there besides does no harm."""
    found = inspect(connection)
    there = set(found.get_table_names())
    missing = [
        name
        for table in metadata.sorted_tables
        for name in (_lacking(found, table) if table.name in there else [f"no table {table.name}"])
    ]
    dialect = connection.dialect.name
    guards = re.findall(r"CREATE TRIGGER (\w+)", " ".join(APPEND_ONLY[dialect]))
    guarding = set(connection.execute(text(_TRIGGERS[dialect])).scalars())
    return missing + [f"no trigger {name}" for name in guards if name not in guarding]


def _lacking(found: Inspector, table: Table) -> Iterator[str]:
    columns = {column["name"] for column in found.get_columns(table.name)}
    yield from (f"no column {table.name}.{column.name}" for column in table.columns if column.name not in columns)
    named = {one["name"] for one in (*found.get_indexes(table.name), *found.get_unique_constraints(table.name))}
    unique = (one for one in table.constraints if isinstance(one, UniqueConstraint))
    wanted = sorted({str(one.name) for one in table.indexes} | {str(one.name) for one in unique})
    yield from (f"no index {name}" for name in wanted if name not in named)
