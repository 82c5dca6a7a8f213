"""Whether a pool still hears its broker: it is deaf when runs are due, it has hands free, and it takes none."""

from __future__ import annotations

import time
from collections.abc import Callable

#: A pool that takes nothing after it was started anew is given up to so many times as long: it may only be slow.
_MOST = 16


class Ears:
    """Watches the claims of one pool of `hands` processes. Times are in seconds."""

    def __init__(self, deaf_s: float, hands: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._deaf_s, self._hands, self._clock = deaf_s, hands, clock
        self._patience, self._since = deaf_s, clock()
        self._held: frozenset[tuple[str, int]] = frozenset()

    def started(self) -> None:
        """The pool was started: it has all its time again."""
        self._since = self._clock()

    def deaf(self, held: frozenset[tuple[str, int]], neglected: Callable[[], bool]) -> bool:
        """Whether to start the pool anew. `held` are its claims (run, fence) now; a backlog alone makes nobody deaf."""
        if held - self._held:
            self._since, self._patience = self._clock(), self._deaf_s
        self._held = held
        if len(held) >= self._hands or self._clock() - self._since < self._patience or not neglected():
            return False
        self._patience = min(2 * self._patience, _MOST * self._deaf_s)
        return True
