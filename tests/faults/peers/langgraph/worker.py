"""A worker: resumes what it had begun when it ended last, then takes jobs, two at a time.

A thread that has a checkpoint is resumed from it, by `invoke(None)`. What is left after all tries is marked as failed.
Where the database is gone the process ends; whoever looks after it starts it again, and it resumes. Asked to end, it
ends what is under way first.
"""

import os
import queue
import signal
import threading
import traceback

import psycopg
import psycopg_pool
from graph import built
from jobs import TAKE, opened

NAME = os.environ["WORKER"]
pool, checkpointer = opened()
graph = built(checkpointer)
ending = threading.Event()
begun = queue.SimpleQueue()


def taken():
    """The next job: what was begun comes first."""
    try:
        return begun.get_nowait()
    except queue.Empty:
        with pool.connection() as connection:
            row = connection.execute(TAKE, (NAME,)).fetchone()
        return row and row["reference"]


def done(reference):
    """Do one job, and return how it ended."""
    config = {"configurable": {"thread_id": reference}}
    given = None if checkpointer.get_tuple(config) else {"reference": reference}
    try:
        graph.invoke(given, config, durability="sync")
    except (psycopg.Error, psycopg_pool.PoolTimeout):
        raise
    except Exception:
        traceback.print_exc()
        return "failed"
    return "done"


def loop():
    """Take jobs until it is asked to end."""
    try:
        while not ending.is_set():
            reference = taken()
            if reference is None:
                ending.wait(0.2)
                continue
            state = done(reference)
            with pool.connection() as connection:
                connection.execute("UPDATE jobs SET state = %s WHERE reference = %s", (state, reference))
    except BaseException:
        traceback.print_exc()
        os._exit(1)


signal.signal(signal.SIGTERM, lambda *_: ending.set())
with pool.connection() as setup:
    for row in setup.execute("SELECT reference FROM jobs WHERE worker = %s AND state = 'open'", (NAME,)).fetchall():
        begun.put(row["reference"])
threads = [threading.Thread(target=loop) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    while thread.is_alive():
        thread.join(0.2)
pool.close()
