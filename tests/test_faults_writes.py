"""Writes that break off: looked up before anybody is asked, repeated only under a new intent, never out of a lease."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from kontora_connectors import OutcomeUnknown, Unavailable, write
from kontora_workflows.failpoints import arm
from kontora_workflows.ledger.database import LedgerUnavailable

from tests.office import Note, Notebook, Office, office
from tests.test_engine import HEAD, WRITING, make_due

JOTTING = HEAD + 'steps: [{id: jot, approval: {title: Jot, call: book.jot, with: {text: "buy ink"}}}]'


class Jotter(Notebook, kind="notebook"):
    """A notebook that can be searched for our key, and takes the same note twice."""

    def __init__(self) -> None:
        super().__init__()
        self.jotted: list[str] = []
        self.deaf = self.mute = 0

    @write(idempotency="lookup", lookup="jotted_by_key", timeout_s=0.5)
    def jot(self, text: str, *, key: str) -> Note:
        """Jot something down."""
        self.jotted.append(text)
        self.notes[key] = Note(id=f"n{len(self.jotted)}", text=text)
        if self.mute:
            self.mute -= 1
            raise OutcomeUnknown("The line went dead.")
        return self.notes[key]

    def jotted_by_key(self, key: str) -> Note | None:
        """Find a note by the key it was jotted under."""
        if self.deaf:
            self.deaf -= 1
            raise Unavailable("The notebook is closed.")
        self.slow.wait(10)
        return self.notes.get(key)


@pytest.fixture
def here(ledger_url: str) -> Iterator[Office]:
    with office(ledger_url) as place:
        place.notebook = Jotter()
        yield place


def approved(here: Office, text: str = JOTTING) -> str:
    """A run whose write a person has agreed to; the next worker makes it."""
    run = here.start(text)
    here.worker().work(run.id)
    (approval,), _ = here.ledger.approvals.page(state="pending")
    here.ledger.approvals.decide(approval.id, "approved", by="boss")
    return run.id


def outcomes(here: Office, run_id: str) -> list[str]:
    return [e.data["outcome"] for e in here.ledger.entries.of_run(run_id) if e.kind == "tool.outcome"]


def jotter(here: Office) -> Jotter:
    assert isinstance(here.notebook, Jotter)
    return here.notebook


def test_a_write_whose_record_cannot_be_read_back_now_is_not_made_again(here: Office) -> None:
    run_id = approved(here)
    jotter(here).deaf = 1
    here.worker().work(run_id)
    run = here.ledger.runs.get(run_id)
    assert (run.state, outcomes(here, run_id)) == ("queued", [])
    make_due(here, run_id)
    here.worker().work(run_id)
    assert here.ledger.runs.get(run_id).state == "succeeded"
    assert outcomes(here, run_id) == ["reconciled"]
    assert jotter(here).jotted == ["buy ink"]


def test_a_write_that_can_never_be_looked_up_goes_to_a_person(here: Office) -> None:
    run_id = approved(here)
    jotter(here).deaf = 99
    for _ in range(5):
        here.worker().work(run_id)
        make_due(here, run_id)
    assert here.ledger.runs.get(run_id).state == "needs_review"
    assert here.ledger.entries.of_run(run_id)[-2].kind == "tool.unknown"
    assert jotter(here).jotted == ["buy ink"]


def test_a_write_whose_answer_was_lost_is_looked_up_before_anybody_is_asked(here: Office) -> None:
    run_id = approved(here)
    jotter(here).mute = 1
    here.worker().work(run_id)
    assert here.ledger.runs.get(run_id).state == "succeeded"
    assert outcomes(here, run_id) == ["reconciled"]
    assert jotter(here).jotted == ["buy ink"]


def test_a_lookup_that_hangs_holds_no_worker(here: Office) -> None:
    run_id = approved(here)
    jotter(here).slow.clear()
    started = time.monotonic()
    here.worker().work(run_id)
    assert time.monotonic() - started < 5
    assert here.ledger.runs.get(run_id).state == "queued"


def test_a_repeated_write_has_an_intent_of_its_own(here: Office) -> None:
    run_id = approved(here, WRITING)
    breaks = iter([OutcomeUnknown("The line went dead.")])
    with passing_by({"call.before": lambda: next(breaks, None)}):
        here.worker().work(run_id)
        make_due(here, run_id)
        here.worker().work(run_id)
    assert here.ledger.runs.get(run_id).state == "succeeded"
    assert here.kinds(here.ledger.runs.get(run_id)).count("tool.intended") == 2
    assert here.notebook.asked == ["add_note buy ink"]


def test_a_worker_that_was_cut_off_for_longer_than_its_lease_begins_no_write(here: Office) -> None:
    run_id = approved(here)
    engine = here.worker()
    engine.lease_ms = 200
    cut_off = LedgerUnavailable("The ledger does not answer.")
    with passing_by({"call.before": lambda: time.sleep(0.4), "run.heartbeat.before": lambda: cut_off}):
        engine.work(run_id)
    assert here.ledger.runs.get(run_id).state == "running"
    assert jotter(here).jotted == []


@contextmanager
def passing_by(acts: dict[str, Callable[[], BaseException | None]]) -> Iterator[None]:
    """Act at named places; what an act returns is raised there."""

    def hook(name: str) -> None:
        error = acts[name]() if name in acts else None
        if error is not None:
            raise error

    arm(hook)
    try:
        yield
    finally:
        arm(None)
