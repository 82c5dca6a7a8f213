"""A ledger on a clock that stands still until a test moves it, and that can be emptied: one for many examples."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from kontora_workflows.ledger import Ledger, tables
from sqlalchemy import event, make_url, text

#: When the clock of an example begins to stand still, in milliseconds since 1970 UTC.
BEGINNING = 1_800_000_000_000

#: Ours is found before that of the system, because its schema is searched first.
_CLOCK = """
CREATE TABLE public.moment (at bigint NOT NULL);
INSERT INTO public.moment VALUES (0);
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT to_timestamp(at / 1000.0) FROM public.moment';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$;
"""


class StoppedLedger:
    """A ledger, and the hand on its database's clock."""

    def __init__(self, url: str) -> None:
        self.url, self.now = url, 0
        self.sqlite = make_url(url).get_backend_name() == "sqlite"
        if not self.sqlite:
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(_CLOCK.encode())
        self.ledger = Ledger(url)
        self.set(BEGINNING)
        if self.sqlite:
            event.listen(self.ledger.database.engine, "connect", self._stop)
            self.ledger.database.engine.dispose()
            self._empty = sqlite3.connect(":memory:")
            with closing(sqlite3.connect(str(make_url(url).database))) as made:
                made.backup(self._empty)

    def _stop(self, connection: sqlite3.Connection, _record: Any) -> None:
        connection.create_function("julianday", 1, lambda _: self.now / 86_400_000 + 2_440_587.5)
        connection.execute("PRAGMA synchronous = OFF")  # what a crash leaves is tested elsewhere

    def set(self, now: int) -> None:
        """Move the clock."""
        self.now = now
        if not self.sqlite:
            with self.ledger.database.write() as connection:
                connection.execute(text("UPDATE public.moment SET at = :now"), {"now": now})

    def empty(self) -> None:
        """Take everything out of the ledger, and put the clock back."""
        self.set(BEGINNING)
        if self.sqlite:
            with closing(self.ledger.database.engine.raw_connection()) as connection:
                driver: Any = connection.driver_connection
                self._empty.backup(driver)
            return
        with self.ledger.database.write() as connection:
            connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
            for table in tables.metadata.sorted_tables:
                connection.execute(table.delete())

    def close(self) -> None:
        """Close the databases."""
        self.ledger.close()
        if self.sqlite:
            self._empty.close()


@contextmanager
def stopped_ledger(url: str) -> Iterator[StoppedLedger]:
    """A ledger whose clock stands still."""
    opened = StoppedLedger(url)
    try:
        yield opened
    finally:
        opened.close()
