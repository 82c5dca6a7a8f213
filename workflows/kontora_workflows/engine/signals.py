"""How a step stops the run it belongs to.

Stop
├── Wait          nothing to do until something from outside happens (approval, children, timer, resource)
├── Cancelled     somebody asked for it
├── TimedOut      the run passed its deadline
├── HandBack      this process has to go; another one takes the run over
├── Elsewhere     the next step is for the processes of another queue
├── StepFailed    the run fails, with a code, a message and what to do next
├── Retry         the same, but worth another attempt later
└── NeedsReview   a person has to settle the unknown outcome of a write
"""

from __future__ import annotations

from kontora_workflows.ledger.run import Failure

#: Attempts at a run before it is given up.
MAX_ATTEMPTS = 5


class Stop(Exception):
    """The run stops here, for now or for good."""


class Wait(Stop):
    """The run waits for `what`: approval, children, a timer, or a slot of `resource`.

    It goes on at `until` (milliseconds since 1970) at the latest, if that is given.
    """

    def __init__(self, what: str, until: int | None = None, resource: str | None = None) -> None:
        self.what, self.until, self.resource = what, until, resource
        super().__init__(what)


class Cancelled(Stop):
    """Somebody asked the run to stop."""


class TimedOut(Stop):
    """The run passed its deadline."""


class HandBack(Stop):
    """This process is asked to end; the run goes back to the queue."""


class Elsewhere(Stop):
    """The next step needs what other processes serve; the run goes to their queue."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        super().__init__(queue)


class StepFailed(Stop):
    """The run fails."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        self.failure = Failure(code, message, hint)
        super().__init__(message)


class Retry(StepFailed):
    """The run fails if further attempts do not help."""


class NeedsReview(StepFailed):
    """The outcome of a write is unknown: a person looks it up and settles it."""


def nondeterministic(what: str) -> StepFailed:
    """A replay that does not meet what the ledger holds."""
    hint = "Start a new run: the workflow, a connector or the program changed in a way that matters here."
    return StepFailed("nondeterministic", what, hint)
