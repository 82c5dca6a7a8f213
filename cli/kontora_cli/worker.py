"""`kontora worker`: carry runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Annotated

import typer

from kontora_cli.failures import OK
from kontora_cli.opening import opened
from kontora_cli.options import Home, Parent
from kontora_cli.output import note
from kontora_cli.processes import leave_with


def worker(
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=64, help="Runs worked on at once.")] = 2,
    queues: Annotated[str, typer.Option("--queues", help="Serve only these, comma-separated.")] = "",
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when nothing is due.")] = False,
    home: Home = None,
    parent: Parent = None,
) -> int:
    """Carry runs, fire schedules and send again what was lost, until stopped. Any number may run."""
    from kontora_worker.log_pipe import never_stuck
    from kontora_worker.supervisor import Supervisor

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    if queues:
        os.environ["KONTORA_QUEUES"] = queues  # for the processes of the pool, too
    with never_stuck(), opened(home) as house:
        supervisor = Supervisor(house, concurrency=concurrency, until_idle=until_idle)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, supervisor.stop)
        leave_with(parent)
        house.ledger.workers.alive()  # a ledger that cannot be opened is said before anything starts
        note(f"worker on {house.settings.home}; Ctrl-C hands its runs back and stops")
        supervisor.run()
        note("nothing is due" if until_idle else "stopped; what was under way is queued again")
    return OK
