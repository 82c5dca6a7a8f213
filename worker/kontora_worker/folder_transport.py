"""Celery's filesystem transport for several processes: a message appears whole, a damaged one is left out.

kombu writes a message in place, so that a reader may take half of it, and then the whole worker ends. What is lost here
is sent again by the sweeper.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

log = logging.getLogger("kontora.broker")

#: How it is named in a broker URL.
SCHEME = "kontora-folder"
TRANSPORT_ALIASES[SCHEME] = "kontora_worker.folder_transport:Transport"

#: How often a table of queues that is just being written is looked at again.
_TRIES = 5


class Channel(filesystem.Channel):  # type: ignore[misc]  # kombu has few types
    """A channel over a folder."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        path = Path(self.data_folder_out) / name
        part = path.with_suffix(".part")
        try:
            part.write_text(dumps(payload), encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            raise ChannelError(f"The message cannot be put into {path.parent}: {error.strerror}") from error

    def _get(self, queue: str) -> dict[str, Any]:
        while True:
            try:
                payload = super()._get(queue)
            except ValueError:
                payload = None
            if isinstance(payload, dict) and "body" in payload and "properties" in payload:
                return payload
            log.warning("a message in the data folder is damaged, and left out")

    def get_table(self, exchange: str) -> list[Any]:
        """The queues of an exchange. Another process may be writing them right now."""
        for _ in range(_TRIES):
            try:
                return list(super().get_table(exchange))
            except ValueError:
                time.sleep(0.02)
        return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        for tried in range(_TRIES):
            try:
                super()._queue_bind(exchange, routing_key, pattern, queue)
                return
            except ValueError:
                time.sleep(0.02 * (tried + 1))
        Path(self._exchange_file(exchange)).unlink(missing_ok=True)  # whoever wrote it is gone
        super()._queue_bind(exchange, routing_key, pattern, queue)


class Transport(filesystem.Transport):  # type: ignore[misc]
    """The transport of the embedded broker."""

    Channel = Channel
