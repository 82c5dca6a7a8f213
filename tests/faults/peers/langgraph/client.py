"""Puts jobs into their table, each once, and says how they stand."""

from desk import serve
from jobs import TABLE, opened

pool, checkpointer = opened()
checkpointer.setup()
with pool.connection() as setup:
    setup.execute(TABLE)


def submit(references):
    """Return the names of the threads. A second job under the same reference starts nothing."""
    with pool.connection() as connection:
        for one in references:
            connection.execute("INSERT INTO jobs (reference) VALUES (%s) ON CONFLICT DO NOTHING", (one,))
    return {one: one for one in references}


def states(_):
    """The state of every job."""
    with pool.connection(timeout=5) as connection:
        return {row["reference"]: row["state"] for row in connection.execute("SELECT reference, state FROM jobs")}


def held(_):
    """How many jobs are to go on."""
    return sum(state == "open" for state in states(None).values())


serve({"submit": submit, "states": states, "held": held})
