"""The Celery pool: `python -m kontora_worker.celery_worker PID`, where PID is that of the supervisor that starts it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings

from kontora_workflows.ledger.database import LedgerUnavailable

from kontora_worker.broker import TASK, make_celery
from kontora_worker.house import House
from kontora_worker.settings import load_settings

log = logging.getLogger("kontora.worker")


def main() -> None:
    """Run a Celery worker until SIGTERM, or until its parent is gone."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(one_line)
    settings = load_settings()
    app = make_celery(settings)
    house = House(settings)

    @app.task(name=TASK)  # type: ignore[untyped-decorator]
    def work(run_id: object = None, *_: object, **__: object) -> None:  # a message may hold anything
        # Here, because the pool installs a handler of its own after its processes were initialised; it would tear
        # the run off, ours lets it be handed back.
        signal.signal(signal.SIGTERM, lambda *_: house.engine.stopping.set())
        work_on(house, run_id)

    threading.Thread(target=_leave_with_parent, args=(int(sys.argv[1]),), daemon=True).start()
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    # Not by Celery's own command line: loading all of its commands takes a quarter of a second.
    pool = app.Worker(
        hostname=f"kontora-{os.getpid()}@{socket.gethostname()}",
        concurrency=int(os.environ.get("KONTORA_CONCURRENCY", "2")),
        queues=settings.queues or settings.all_queues,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    pool.start()
    sys.exit(pool.exitcode)


def one_line(record: logging.LogRecord) -> bool:
    """Let the carriers say in a line what went wrong: a message may hold anything, and its trace helps nobody."""
    if record.name.partition(".")[0] in ("celery", "kombu"):
        said = next((line for line in record.getMessage().splitlines() if line.strip()), "")[:300]
        record.msg, record.args = "".join(c if c.isprintable() else " " for c in said), None
        record.exc_info = record.exc_text = record.stack_info = None
    return True


def work_on(house: House, run_id: object) -> None:
    """Work on the run of a message, which may hold anything. Whatever goes wrong, it must not stop the worker."""
    try:
        house.engine.work(str(run_id))
    except LedgerUnavailable as error:  # the run is sent again
        log.error("run id %.80r could not be worked on: %s", run_id, error.message)
    except Exception:
        log.exception("run id %.80r could not be worked on", run_id)


def _leave_with_parent(parent: int) -> None:
    """A worker whose supervisor was killed must not live on alone, also if that was while it was starting."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
