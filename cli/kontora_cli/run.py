"""`kontora run`: start a run and see it through."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from kontora_cli.failures import CANCELLED, OK, RUN_FAILED, TIMEOUT, WAITING
from kontora_cli.opening import opened, principal
from kontora_cli.options import Bindings, Home, Inputs, Json, pairs
from kontora_cli.output import note, show
from kontora_cli.processes import Children, ending_in_order

if TYPE_CHECKING:
    from kontora_api.documents import RunDocument
    from kontora_worker.house import House

#: Exit codes by the state a run is left in.
EXIT_CODES = {"succeeded": OK, "waiting": WAITING, "timed_out": TIMEOUT, "cancelled": CANCELLED}

_LOOK_S = 0.2


def run(
    workflow: Annotated[str, typer.Argument(help="Name of the workflow.")],
    inputs: Inputs = None,
    bind: Bindings = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key starts one run.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and do not wait.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Start a run; wait until it ended or waits for a person. Without a worker, one is started for the time."""
    from kontora_api.whole_run import whole_run
    from kontora_workflows.starting import Start

    with ending_in_order(), opened(home) as house:
        start = Start(principal(), "cli", dict(pairs(inputs, "--input")), pairs(bind, "--bind"), idempotency_key=key)
        started, new = house.start(workflow, start)
        note(f"{started.id} {'is queued' if new else 'was started before with this key'}")
        if not detach:
            _see_through(house, started.id)
        document = whole_run(house.ledger, started.id)
        show(document.model_dump(mode="json"), _text(house, document), as_json=as_json)
    return OK if detach else EXIT_CODES.get(document.state, RUN_FAILED)


def _see_through(house: House, run_id: str) -> None:
    """Tell what happens until the run settles; work on it here if nobody else does."""
    with Children(house.settings) as children:
        if not house.ledger.workers.alive():
            note("no worker is running: one is started until this run settles")
            children.start("worker", log="worker.log")
        follow(house, run_id)
    house.export(run_id)


def follow(house: House, run_id: str) -> None:
    """Tell what happens in a run until it settles."""
    from kontora_api.whole_run import whole_run
    from kontora_workflows.ledger.follow import Follower

    from kontora_cli.telling import Teller, titles_of

    steps = [step.model_dump() for step in whole_run(house.ledger, run_id).steps]
    teller, follower = Teller(titles_of(steps)), Follower(house.ledger, run_id)
    while True:
        settled = whole_run(house.ledger, run_id).settled
        for _, entry in follower.read():
            item = follower.items[entry.run_id]
            teller.tell({"item": item, "kind": entry.kind, "key": entry.key, "body": entry.data})
        if settled:
            return
        time.sleep(_LOOK_S)


def _text(house: House, run: RunDocument) -> str:
    from kontora_cli.runs import described

    return described(house, run)
