"""The heartbeat of a claimed run: it keeps the lease and hears of cancel requests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kontora_workflows.engine.signals import Cancelled, HandBack, StepFailed, TimedOut
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.entries import LeaseLost
from kontora_workflows.ledger.run import Claim

log = logging.getLogger("kontora.engine")


class Heart:
    """The thread of a process that extends the lease of the run in hand, four times per lease."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self._beating, self._closed = threading.Lock(), threading.Event()
        self._pulse: Pulse | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def beats(self, pulse: Pulse) -> Iterator[Pulse]:
        """Keep a run's lease inside the block; when it is left, no heartbeat is under way."""
        self._pause_s = pulse.lease_ms / 4000
        if self._thread is None:  # not before: threads do not survive a fork
            self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)
            self._thread.start()
        self._pulse = pulse
        try:
            yield pulse
        finally:
            with self._beating:
                self._pulse = None

    def _beat(self) -> None:
        while not self._closed.wait(self._pause_s):
            with self._beating:
                if self._pulse is not None:
                    self._pulse.beat()

    def close(self) -> None:
        """Let the thread end."""
        self._closed.set()


class Pulse:
    """What is known about the lease of one claimed run, and about what asks it to stop."""

    def __init__(self, ledger: Ledger, claim: Claim, lease_ms: int, stopping: threading.Event) -> None:
        self._ledger, self._claim, self.lease_ms, self._stopping = ledger, claim, lease_ms, stopping
        self._lost, self._cancelled = False, claim.run.cancel_requested_at is not None
        self._started = self._beaten = time.monotonic()
        #: The step that is open and when it has to be done, in milliseconds since 1970 on the database's clock.
        self.step: tuple[str, int] | None = None

    def beat(self) -> None:
        """Extend the lease. Where that fails it may run out; the fence decides then."""
        if self._lost:
            return
        began = time.monotonic()
        try:
            answer = self._ledger.runs.heartbeat(self._claim.run.id, self._claim.fence, self.lease_ms)
        except LedgerUnavailable:
            return
        except Exception:
            log.exception("run %s: no heartbeat", self._claim.run.id)
            return
        if answer is None:
            self._lost = True
            return
        self._beaten = began
        self._cancelled = self._cancelled or answer

    @property
    def quiet(self) -> bool:
        """Whether nothing asks the run to stop."""
        return not (self._lost or self._cancelled or self._stopping.is_set())

    def now(self) -> int:
        """The database's clock, counted on from the claim."""
        return self._claim.claimed_at + int((time.monotonic() - self._started) * 1000)

    def hold(self) -> None:
        """Raise `LeaseLost` if the lease may have run out: others may work on the run, whatever the ledger says now."""
        if self._lost or time.monotonic() - self._beaten > self.lease_ms / 1000:
            raise LeaseLost(f"run {self._claim.run.id} was taken over, or may have been")

    def check(self) -> None:
        """Raise `LeaseLost`, `Cancelled`, `TimedOut`, `HandBack` or `StepFailed` if the run has to stop now."""
        self.hold()
        if self._cancelled:
            raise Cancelled("cancelled on request")
        deadline = self._claim.run.deadline_at
        if deadline is not None and self.now() > deadline:
            raise TimedOut("the run passed its deadline")
        if self._stopping.is_set():
            raise HandBack("this worker is stopping")
        if self.step is not None and self.now() > self.step[1]:
            hint = "Raise its `timeout`, or find out what took so long: `kontora calls RUN`."
            raise StepFailed("step_timeout", f"Step {self.step[0]} was not done in time.", hint)
