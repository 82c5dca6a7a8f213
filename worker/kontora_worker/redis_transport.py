"""Celery's Redis transport for a broker in which anything may lie: what is no message is left out.

kombu gives up the connection, and at times the whole worker, over it.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any

from kombu.transport import redis

log = logging.getLogger("kontora.broker")


class Channel(redis.Channel):  # type: ignore[misc]  # kombu has few types
    """A channel over Redis."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("what lay in the broker is no message (%s), and is left out", type(error).__name__)
            raise Empty from None


class Transport(redis.Transport):  # type: ignore[misc]
    """The transport of Redis."""

    Channel = Channel
