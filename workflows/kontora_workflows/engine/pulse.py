"""The heartbeat of a claimed run: it keeps the lease and hears of cancel requests."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from kontora_workflows.engine.signals import Cancelled, HandBack, StepFailed, TimedOut
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.entries import LeaseLost
from kontora_workflows.ledger.run import Claim


class Pulse:
    """Extends the lease four times per lease from its own thread, until the block ends."""

    def __init__(self, ledger: Ledger, claim: Claim, lease_ms: int, stopping: threading.Event) -> None:
        self._ledger, self._claim, self._lease_ms = ledger, claim, lease_ms
        self._done, self._stopping = threading.Event(), stopping
        self._lost = self._cancelled = False
        self._started = self._beaten = time.monotonic()
        #: The step that is open and when it has to be done, in milliseconds since 1970 on the database's clock.
        self.step: tuple[str, int] | None = None
        self._thread = threading.Thread(target=self._beat, name=f"pulse {claim.run.id}", daemon=True)

    def __enter__(self) -> Pulse:
        self._cancelled = self._claim.run.cancel_requested_at is not None
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(self._lease_ms / 4000):
            began = time.monotonic()
            try:
                answer = self._ledger.runs.heartbeat(self._claim.run.id, self._claim.fence, self._lease_ms)
            except LedgerUnavailable:
                continue  # the lease may run out; the fence decides then
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
        if self._lost or time.monotonic() - self._beaten > self._lease_ms / 1000:
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
