"""Sends jobs and says what the result backend knows of them. The durable one names its tasks after their jobs."""

import redis
from app import DURABLE, app, order
from desk import serve

STATES = {"SUCCESS": "done", "FAILURE": "failed", "REVOKED": "failed"}


def submit(references):
    """Return the ids of the tasks."""
    if DURABLE:
        return {one: order.apply_async((one,), task_id=one).id for one in references}
    return {one: order.delay(one).id for one in references}


def states(ids):
    """What is neither a success nor a failure may still go on; the backend cannot tell it from what it never knew."""
    return {one: STATES.get(app.AsyncResult(ids[one]).state, "open") for one in ids}


def held(_):
    """How many messages the broker holds."""
    with redis.Redis.from_url(app.conf.broker_url) as broker:
        return broker.llen("celery") + broker.hlen("unacked")


serve({"submit": submit, "states": states, "held": held})
