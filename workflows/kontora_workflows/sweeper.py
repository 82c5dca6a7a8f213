"""The sweeper: what is due is sent again, what ran out is ended, what is scheduled is started. Any number may run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kontora_workflows.definition import Workflow
from kontora_workflows.engine.ports import Doors, Sender
from kontora_workflows.engine.routing import send_all
from kontora_workflows.engine.signals import MAX_ATTEMPTS
from kontora_workflows.firing import Firing
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.run import Failure


@dataclass
class Sweeper:
    """One sweep at a time. `workflow_of` gives a workflow by name and raises `LookupError` for unknown ones."""

    ledger: Ledger
    doors: Doors
    sender: Sender
    workflow_of: Callable[[str], Workflow]
    resend_ms: int = 10_000

    @property
    def firing(self) -> Firing:
        """What fires schedules."""
        return Firing(self.ledger, self.doors, self.workflow_of)

    def sweep(self) -> int:
        """Do what is due; return how many run ids were sent.

        What one part trips over, a schedule that nobody foresaw, say, does not keep the others from their work: it is
        raised at the end. A ledger that does not answer ends the sweep at once.
        """
        failures: list[Exception] = []
        for part in (self.ledger.approvals.expire, self._end_overdue, self._stop, self.firing.fire):
            try:
                part()
            except LedgerUnavailable:
                raise
            except Exception as error:
                failures.append(error)
        sent = self._send()
        if failures:
            raise failures[0]
        return sent

    def _end_overdue(self) -> None:
        for run in self.ledger.runs.overdue():
            self.ledger.runs.end_idle(
                run.id, "timed_out", Failure("deadline", "The run passed its deadline."), by="sweeper"
            )

    def _stop(self) -> None:
        """End what was asked to stop, should nobody have, and what belongs to a run that was stopped."""
        runs = self.ledger.runs
        for run in runs.orphans():
            runs.request_cancel(run.id, by="the end of its parent")
        for run in runs.to_stop():
            runs.end_idle(run.id, "cancelled", Failure("cancelled", "Cancelled on request."), by="sweeper")

    def _send(self) -> int:
        due = self.ledger.runs.to_send(self.resend_ms)
        for run in due:
            if run.state == "running" and run.attempts >= MAX_ATTEMPTS:
                why = f"The run broke off {run.attempts} times without an end."
                hint = f"See the worker's log; `kontora runs resume {run.id}` tries again."
                self.ledger.runs.end_idle(run.id, "failed", Failure("poison", why, hint), by="sweeper")
        going = [run for run in due if not (run.state == "running" and run.attempts >= MAX_ATTEMPTS)]
        send_all(self.ledger, self.sender, going)
        return len(going)
