"""The job as a Celery task: with the defaults, or (DURABLE=1) with the settings that the documentation gives for tasks
that must not be lost.

One task per job, because a job is one thing to its user; what is tried again is tried from its beginning. The durable
one acknowledges late, gives back what a dying process held, takes one message at a time and tries again with pauses.
Its visibility timeout is short, because after a death it is the time that a job waits: the default is an hour, and the
documentation asks for more than the longest job takes. Jobs take a few seconds here. The two `unacked_restore` settings
let kombu look for what is overdue every second; by default it does every 100 seconds. A result that cannot be stored is
stored again.
"""

import os

from celery import Celery
from job import RETRIES, TROUBLE, ask, book, stock, task, use

DURABLE = os.environ.get("DURABLE") == "1"
VISIBILITY_S = 20

app = Celery("orders", broker=os.environ["BROKER_URL"], backend=os.environ["BROKER_URL"])
options = {}
if DURABLE:
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_S,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
        },
        result_backend_transport_options={"visibility_timeout": VISIBILITY_S},
        result_backend_always_retry=True,
    )
    options = {"autoretry_for": TROUBLE, "retry_backoff": True, "max_retries": RETRIES}


@app.task(name="order", **options)
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
