"""Enqueues workflows, each under the reference of its job, and says what DBOS knows of them."""

import os

from dbos import DBOSClient, run_dbos_database_migrations
from desk import serve

STATES = {"SUCCESS": "done", "ERROR": "failed", "CANCELLED": "failed", "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed"}
run_dbos_database_migrations(os.environ["DATABASE_URL"])
client = DBOSClient(system_database_url=os.environ["DATABASE_URL"])


def submit(references):
    """Return the ids of the workflows. A second one under the same id starts nothing."""
    for one in references:
        client.enqueue({"queue_name": "orders", "workflow_name": "order", "workflow_id": one, "app_version": "1"}, one)
    return {one: one for one in references}


def states(_):
    """The state of every workflow."""
    return {one.workflow_id: STATES.get(one.status, "open") for one in client.list_workflows(load_output=False)}


def held(_):
    """How many workflows are to go on."""
    return sum(state == "open" for state in states(None).values())


serve({"submit": submit, "states": states, "held": held})
