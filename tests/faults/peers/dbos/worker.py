"""The job as a durable workflow of DBOS, in a worker that takes workflows from a queue.

Every call is a step that is tried again with pauses. The worker has an executor id, which it keeps when it is started
again; at its start DBOS recovers what it had under way. Asked to end, it waits for what is under way.
"""

import os
import signal
import threading

from dbos import DBOS
from job import RETRIES, TROUBLE, ask, book, stock, task, use

#: How long a worker that is asked to end waits for its workflows, in seconds.
GRACE_S = 10

DBOS(
    config={
        "name": "orders",
        "system_database_url": os.environ["DATABASE_URL"],
        "executor_id": os.environ["WORKER"],
        "application_version": "1",
    }
)
durable = DBOS.step(retries_allowed=True, max_attempts=RETRIES + 1, should_retry=lambda e: isinstance(e, TROUBLE))
stock, book, ask, use = (durable(one) for one in (stock, book, ask, use))


@DBOS.workflow(name="order")
def order(reference):
    """Do one job."""
    stock(f"{reference}/stock")
    book(f"{reference}/book", "ink", "native_key")
    messages = [task(reference)]
    while True:
        said = ask(messages)
        messages.append(said)
        if not said["tool_calls"]:
            return
        messages += [use(call) for call in said["tool_calls"]]


DBOS.launch()
DBOS.register_queue("orders", worker_concurrency=2)
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
ended.wait()
DBOS.destroy(workflow_completion_timeout_sec=GRACE_S)
