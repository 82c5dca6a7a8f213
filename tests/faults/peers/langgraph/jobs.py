"""A table of jobs. LangGraph keeps the state of threads, and leaves it to its user who works on which."""

import os

from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

TABLE = "CREATE TABLE IF NOT EXISTS jobs (reference text PRIMARY KEY, worker text, state text NOT NULL DEFAULT 'open')"
TAKE = """
UPDATE jobs SET worker = %s WHERE reference = (
    SELECT reference FROM jobs WHERE worker IS NULL LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING reference
"""


def opened():
    """Return a pool of connections that are looked at before they are used, and a checkpointer on it."""
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool = ConnectionPool(
        os.environ["DATABASE_URL"],
        min_size=1,
        max_size=6,
        kwargs=options,
        check=ConnectionPool.check_connection,
        open=True,
    )
    return pool, PostgresSaver(pool)
