"""Celery as the carrier of run ids: nothing else is in its messages, and losing one loses nothing."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES
from kontora_workflows.engine.ports import QUEUE
from kontora_workflows.failpoints import passing

from kontora_worker.folder_transport import SCHEME
from kontora_worker.settings import Settings

log = logging.getLogger("kontora.broker")

#: How long a broker that did not answer is left alone, in seconds.
_PAUSE_S = 2.0

#: kombu imports it when it is first needed, which takes half a second.
TRANSPORT_ALIASES |= dict.fromkeys(("redis", "rediss"), "kontora_worker.redis_transport:Transport")

#: The one task.
TASK = "kontora.work"


def make_celery(settings: Settings) -> Celery:
    """A Celery app on Redis, or on the filesystem transport in the data folder."""
    app = Celery("kontora", set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        result_backend=None,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        task_default_queue=QUEUE,
        task_publish_retry=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        **_transport(settings),
    )
    return app


def _transport(settings: Settings) -> dict[str, Any]:
    if settings.broker_url is not None:
        # A broker that refuses connections is not tried again for two seconds while a client waits for its 202.
        options = {"socket_timeout": 5, "socket_connect_timeout": 2, "max_retries": 0}
        return {"broker_url": settings.broker_url.get_secret_value(), "broker_transport_options": options}
    logging.getLogger("kombu").setLevel(logging.ERROR)  # it wonders at a transport without a host
    folder = settings.home / "broker"
    for name in ("queue", "processed", "control"):
        Path(folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "broker_url": f"{SCHEME}://",
        "broker_transport_options": {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "processed_folder": str(folder / "processed"),
            "control_folder": str(folder / "control"),
            "store_processed": False,
            "polling_interval": 0.05,
        },
    }


class CelerySender:
    """Sends run ids through Celery; what cannot be sent is logged and left to the sweeper."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._not_before = 0.0

    def send(self, run_ids: list[str], queue: str = QUEUE) -> bool:
        """Send each id to a queue; never raises. False if they are not on their way.

        A broker that did not answer is left alone for a moment, so that nobody waits for it.
        """
        if time.monotonic() < self._not_before:
            return False
        for run_id in run_ids:
            try:
                passing("broker.before")
                self._app.send_task(TASK, args=[run_id], queue=queue, retry=False)
            except (OperationalError, OSError) as error:
                log.warning(
                    "the broker does not answer (%s); the sweeper will send %s again", type(error).__name__, run_id
                )
                self._not_before = time.monotonic() + _PAUSE_S
                return False
        return True

    def answers(self) -> bool:
        """Whether the broker takes a connection now."""
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=3)
        except (OperationalError, OSError):
            return False
        return True
