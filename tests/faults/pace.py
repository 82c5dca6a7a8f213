"""How much longer work takes on this machine than it would if nobody else wanted a processor."""

from __future__ import annotations

import threading
import time
from collections import deque

#: How much work is measured how often, in seconds, and over how many measurements the mean is taken: five seconds.
_WORK_S, _EVERY_S, _WINDOW = 0.02, 0.5, 10
#: This slowness is what two lanes make of two cores by themselves: it is not allowed for.
_USUAL = 2.0


class Pace:
    """Measures as long as the block is open. `slowness` is 1 where nobody else wants a processor."""

    def __init__(self) -> None:
        self.slowness = 1.0
        self._last: deque[float] = deque(maxlen=_WINDOW)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def __enter__(self) -> Pace:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def stretch(self) -> float:
        """How many times as long to wait for something that is to happen."""
        return max(1.0, self.slowness / _USUAL)

    def allowance(self, seconds: float) -> float:
        """How much longer something may take that has `seconds` for its work, at the worst pace so far."""
        return seconds * max(0.0, self.slowness - _USUAL)

    def notes(self) -> list[str]:
        """What has to be said of a machine on which something is allowed for."""
        return [f"work took {self.slowness:.1f} times as long as it needs"] if self.slowness > _USUAL else []

    def _measure(self) -> None:
        while not self._over.wait(_EVERY_S):
            began, work = time.monotonic(), time.thread_time()
            while time.thread_time() - work < _WORK_S:
                pass
            self._last.append((time.monotonic() - began) / (time.thread_time() - work))
            self.slowness = max(self.slowness, sum(self._last) / _WINDOW)
