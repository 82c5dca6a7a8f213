"""A statement that is run again and again: compiled once per dialect, and given to the driver as it is.

SQLAlchemy's way from a statement to the driver takes several times as long as the driver does. Where every entry passes
a shorter one is worth having.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError

#: Rows that are fetched at a time.
_ROWS = 5_000


class Statement:
    """A statement without expanding parameters, whose values need no conversion (numbers, texts, booleans, None)."""

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._ready: dict[str, tuple[str, list[str] | None, dict[str, Any]]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Execute it in the open transaction; returns the driver's cursor. Raises `DBAPIError`."""
        text, order, fixed = self._for(connection.dialect)
        with _translated(connection):
            return connection.connection.cursor().execute(text, _given(order, {**fixed, **values}))

    def run_each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for every row. Raises `DBAPIError`."""
        if len(rows) < 2:  # for one row drivers have a shorter way
            for row in rows:
                self.run(connection, row)
            return
        text, order, fixed = self._for(connection.dialect)
        with _translated(connection):
            connection.connection.cursor().executemany(text, [_given(order, {**fixed, **row}) for row in rows])

    def rows(self, connection: Connection) -> Iterator[tuple[Any, ...]]:
        """What a question without parameters of its own gives, some rows at a time. Raises `DBAPIError`."""
        text, order, fixed = self._for(connection.dialect)
        aside = {"name": "rows"} if connection.dialect.driver == "psycopg" else {}  # a cursor of the server's
        with _translated(connection), closing(connection.connection.cursor(**aside)) as cursor:
            cursor.execute(text, _given(order, fixed))
            while some := cursor.fetchmany(_ROWS):
                yield from some

    def _for(self, dialect: Dialect) -> tuple[str, list[str] | None, dict[str, Any]]:
        """Its text, the order of its parameters where they have no names, and those whose value is part of it."""
        ready = self._ready.get(dialect.name)
        if ready is None:
            compiled: Any = self._clause.compile(dialect=dialect)
            ready = self._ready[dialect.name] = compiled.string, compiled.positiontup, dict(compiled.params)
        return ready


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Statements of the block go out in one piece where the driver can do that; what they did is known at its end."""
    if connection.dialect.driver != "psycopg":
        yield
        return
    driver: Any = connection.connection.driver_connection
    with _translated(connection):
        with driver.pipeline():
            yield
        # After a pipeline PostgreSQL does not count how long the session is idle, until it is asked something alone: a
        # worker that was cut off here would keep its rows locked for good.
        driver.execute("")


def _given(order: list[str] | None, values: dict[str, Any]) -> Any:
    return values if order is None else [values[name] for name in order]


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy does; a connection that broke off is not used again."""
    dialect = connection.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        broke = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        if broke:
            connection.invalidate(error)
        driver_error = dialect.loaded_dbapi.Error
        told: Any = DBAPIError.instance(None, None, error, driver_error, connection_invalidated=broke, dialect=dialect)
        raise told from error
