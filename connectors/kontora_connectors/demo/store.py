"""Puts finished tables into a database, all of them or none: a reader never meets half a company."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, MetaData, Table, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from kontora_connectors.demo.rows import Row
from kontora_connectors.errors import Conflict, Forbidden, Invalid
from kontora_connectors.sql import open_engine, translate

Tables = list[tuple[Table, Iterable[Row]]]


class CompanyExists(Conflict):
    """There is a demo company in this place already."""

    code = "company_exists"


def parse(url: str) -> URL:
    """Return the parsed URL. Raises `Invalid` if it is neither a SQLite file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Invalid("This is not a database URL, such as sqlite:///erp.db.", fields={"url": "not a URL"}) from None
    backend = parsed.get_backend_name()
    in_file = backend == "sqlite" and parsed.database not in (None, "", ":memory:")
    if not in_file and parsed.drivername != "postgresql+psycopg":
        why = "The demo company lives in a SQLite file (sqlite:///erp.db) or in PostgreSQL (postgresql+psycopg://...)."
        raise Invalid(why, fields={"url": f"{parsed.drivername} cannot be used"})
    return parsed


def same_file(one: URL, other: URL) -> bool:
    """Say whether two URLs name one SQLite file."""
    files = [Path(str(url.database)).resolve() for url in (one, other) if url.get_backend_name() == "sqlite"]
    return len(files) == 2 and files[0] == files[1]


def vacant(url: URL, metadata: MetaData, *, replace: bool) -> None:
    """Return if a company may be put here.

    Raises `CompanyExists` if there is one and `replace` is not said, `Conflict` if what is there was not made by
    this generator: that is never replaced.
    """
    where = url.render_as_string(hide_password=True)
    found = _tables(url)
    ours = set(metadata.tables) & found
    if url.get_backend_name() == "sqlite":
        ours = found
    if not ours:
        return
    if f"demo_{_side(metadata)}" not in found:
        raise Conflict(
            f"{where} holds tables that are not of a demo company: nothing was changed.", hint="Name another place."
        )
    if not replace:
        raise CompanyExists(
            f"{where} holds a demo company already.", hint="Say that it is to be replaced, or name another place."
        )


def _side(metadata: MetaData) -> str:
    return "erp" if "demo_erp" in metadata.tables else "crm"


def _tables(url: URL) -> set[str]:
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return set()
    engine = open_engine(url.render_as_string(hide_password=False))
    try:
        return set(inspect(engine).get_table_names())
    except DBAPIError as error:
        raise translate(error, _name(url)) from None
    finally:
        engine.dispose()


def _name(url: URL) -> str:
    return Path(url.database or "").name


@contextmanager
def prepared(url: URL, metadata: MetaData, tables: Tables) -> Iterator[None]:
    """Write the tables where no reader sees them; they appear when the block ends, and vanish if it raises."""
    try:
        with (
            _file(Path(str(url.database)), metadata, tables)
            if url.get_backend_name() == "sqlite"
            else _transaction(url, metadata, tables)
        ):
            yield
    except DBAPIError as error:
        raise translate(error, _name(url)) from error
    except OSError as error:
        raise Forbidden(f"{url.database} cannot be written: {error.strerror}.", detail=str(error)) from error


@contextmanager
def _file(path: Path, metadata: MetaData, tables: Tables) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        _build(partial, metadata, tables)
        yield
        # A journal left by a crashed writer belongs to the old file and would be played into the new one.
        for rest in ("-journal", "-wal", "-shm"):
            Path(f"{path}{rest}").unlink(missing_ok=True)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _build(path: Path, metadata: MetaData, tables: Tables) -> None:
    engine = create_engine(URL.create("sqlite", database=str(path)))
    try:
        with engine.connect() as connection:
            # The file is thrown away unless it is finished, so it needs no journal.
            connection.exec_driver_sql("PRAGMA journal_mode = OFF")
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            _fill(connection, metadata, tables)
            connection.commit()
    finally:
        engine.dispose()
    path.chmod(0o644)
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _transaction(url: URL, metadata: MetaData, tables: Tables) -> Iterator[None]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            metadata.drop_all(connection)
            _fill(connection, metadata, tables)
            yield
    finally:
        engine.dispose()


def _fill(connection: Connection, metadata: MetaData, tables: Tables) -> None:
    metadata.create_all(connection)
    for table, rows in tables:
        if connection.dialect.name == "postgresql":
            _copy(connection, table, rows)
        else:
            values = ", ".join("?" * len(table.columns))
            connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({values})", list(rows))


def _copy(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
