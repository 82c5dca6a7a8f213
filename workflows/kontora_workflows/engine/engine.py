"""Claim a run, work on it, and hand it on: to its end, to a person, or to the next process."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kontora_agents.runner import AgentRunner

from kontora_workflows.definition import Workflow
from kontora_workflows.engine.call_thread import CallPool
from kontora_workflows.engine.execution import Execution
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import Doors, Models, Sender
from kontora_workflows.engine.pulse import Heart, Pulse
from kontora_workflows.engine.routing import ANYWHERE, Routes, send_all
from kontora_workflows.engine.signals import (
    MAX_ATTEMPTS,
    Cancelled,
    Elsewhere,
    HandBack,
    NeedsReview,
    Retry,
    StepFailed,
    TimedOut,
    Wait,
)
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.entries import LeaseLost
from kontora_workflows.ledger.run import REPLAY_VERSION, Claim, Failure, Run

log = logging.getLogger("kontora.engine")

#: Definitions that a process keeps ready.
_KEPT = 64


@dataclass
class Engine:
    """Works on runs, one at a time. `lease_ms` is how long a run stays ours without a heartbeat."""

    ledger: Ledger
    doors: Doors
    models: Models
    sender: Sender
    runner: AgentRunner
    owner: str
    lease_ms: int = 30_000
    routes: Routes = ANYWHERE
    #: Called with the id of a run that has written files, when we are done with it for now.
    on_files: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        #: Set it to make the run under way go back to the queue.
        self.stopping = threading.Event()
        # One event loop for all runs of this process: connections to the model server live in it.
        self._loop = asyncio.Runner()
        self._heart, self._calls = Heart(), CallPool()
        self._workflows: dict[str, Workflow] = {}

    def close(self) -> None:
        """Close the event loop and what models opened in it, and let go of threads."""
        self._heart.close()
        self._calls.close()
        self._loop.run(self.models.aclose())
        self._loop.close()

    def work(self, run_id: str) -> bool:
        """Work on a run if it is due and nobody else does. False if there was nothing to do, or this process ends."""
        if self.stopping.is_set():
            return False
        claim = self.ledger.runs.claim(run_id, self.owner, self.lease_ms)
        if claim is None:
            return False
        try:
            with self._heart.beats(Pulse(self.ledger, claim, self.lease_ms, self.stopping)) as pulse:
                journal = Journal(self.ledger, claim)
                done = self._settle(claim, journal, pulse)
        except LeaseLost:
            log.info("run %s was taken over", run_id)
            return True
        except LedgerUnavailable as error:
            log.error("run %s: %s", run_id, error.message)
            return True
        self._send_next(claim.run, done)
        if self.on_files is not None and journal.has("artifact.written"):
            self.on_files(run_id)
        return True

    def _settle(self, claim: Claim, journal: Journal, pulse: Pulse) -> bool:
        """Work on a claimed run and hand it on. False if it, or a child of it, may be due again at once."""
        runs, head = self.ledger.runs, journal.head
        try:
            steps, outputs = self._execute(journal, pulse)
        except Wait as wait:
            runs.leave(head, claim.run.wakes, waiting_for=wait.what, until=wait.until, resource=wait.resource)
            return False
        except HandBack:
            runs.put_back(head, delay_ms=0)
            return False
        except Elsewhere as elsewhere:
            runs.put_back(head, delay_ms=0, queue=elsewhere.queue)
            return False
        except Cancelled:
            runs.finish(head, "cancelled", failure=Failure("cancelled", "Cancelled on request."))
        except TimedOut:
            runs.finish(head, "timed_out", failure=Failure("deadline", "The run passed its deadline."))
        except NeedsReview as unknown:
            runs.finish(head, "needs_review", failure=unknown.failure)
        except Retry as failed:
            if journal.attempts >= MAX_ATTEMPTS:
                runs.finish(head, "failed", failure=failed.failure)
            else:
                runs.put_back(head, delay_ms=_backoff_ms(journal.attempts), failure=failed.failure)
        except StepFailed as failed:
            runs.finish(head, "failed", failure=failed.failure)
        except (LeaseLost, LedgerUnavailable):
            raise
        except Exception as error:
            log.exception("run %s: a defect", head.run_id)
            why = f"A defect of Kontora stopped the run: {type(error).__name__}."
            runs.finish(head, "failed", failure=Failure("defect", why, "Please report it with the worker's log."))
        else:
            runs.finish(head, "succeeded", output={"steps": steps, "outputs": outputs})
        return True

    def _execute(self, journal: Journal, pulse: Pulse) -> tuple[dict[str, Any], dict[str, Any]]:
        """Do what is left to do; returns the results by step, and the outputs."""
        if journal.run.replay_version != REPLAY_VERSION:
            why = f"The run began under replay version {journal.run.replay_version}; this Kontora has {REPLAY_VERSION}."
            raise StepFailed("engine_changed", why, "Let a worker of the older version finish it, or start a new run.")
        workflow = self._workflow(journal.run.definition_hash)
        ours = self.doors, self.models, self.runner, self._loop, self._calls, self.routes
        execution = Execution(workflow, journal, pulse, *ours)
        return execution.go(), execution.outputs()

    def _workflow(self, hash_: str) -> Workflow:
        """A definition as it was when a run started; the last ones are kept."""
        if hash_ not in self._workflows:
            if len(self._workflows) >= _KEPT:
                self._workflows.clear()
            self._workflows[hash_] = Workflow.model_validate_json(self.ledger.runs.definition(hash_))
        return self._workflows[hash_]

    def _send_next(self, run: Run, done: bool) -> None:
        """Tell the workers of what became due through this run, sooner than the sweeper would."""
        due = [] if done else [self.ledger.runs.get(run.id), *self.ledger.runs.children(run.id)]
        if run.parent_id:
            due.append(self.ledger.runs.get(run.parent_id))
        send_all(self.ledger, self.sender, [one for one in due if one.state == "queued" and one.sent_at is None])


def _backoff_ms(attempt: int) -> int:
    """Exponential with full jitter: 0.5 to 1 of 2, 4, 8, … seconds."""
    return int(1000 * 2**attempt * random.uniform(0.5, 1))
