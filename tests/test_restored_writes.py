"""In a run of a restored ledger no write is made that may have been made after the backup, unless somebody looked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kontora_connectors import write
from kontora_workflows.engine.calls import Call, Prepared
from kontora_workflows.ledger.restored import mark_restored
from kontora_workflows.ledger.run import Run

from tests.office import Note, Notebook, Office, office
from tests.test_engine import HEAD
from tests.test_engine_stops import SHOUT

JOTTING = HEAD + 'steps: [{id: jot, approval: {title: Jot, call: book.jot, with: {text: "buy ink"}}}]'


class Jotter(Notebook, kind="notebook"):
    """A notebook that can be searched for our key, and takes the same note twice."""

    @write(idempotency="lookup", lookup="note_by_key")
    def jot(self, text: str, *, key: str) -> Note:
        """Jot something down."""
        self.asked.append(f"jot {text}")
        self.notes[key] = Note(id=f"n{len(self.asked)}", text=text)
        return self.notes[key]


@pytest.fixture
def here(ledger_url: str) -> Iterator[Office]:
    with office(ledger_url) as place:
        place.notebook = Jotter()
        yield place


def go_on(here: Office, run: Run) -> Run:
    """Let a worker take the run as long as it is queued."""
    while here.ledger.runs.get(run.id).state == "queued":
        here.worker().work(run.id)
    return here.ledger.runs.get(run.id)


def agree(here: Office) -> None:
    (approval,), _ = here.ledger.approvals.page(state="pending")
    here.ledger.approvals.decide(approval.id, "approved", by="boss")


def restored(here: Office, run: Run) -> Run:
    """The run goes on after the ledger was restored from a backup of this moment."""
    mark_restored(here.ledger, lambda _schedule, now: now, by="boss")
    here.ledger.runs.resume(run.id, by="boss")
    return go_on(here, run)


@pytest.mark.parametrize("done", [True, False])
def test_a_write_that_nobody_can_look_up_goes_to_a_person(here: Office, done: bool) -> None:
    run = go_on(here, here.start(SHOUT))
    agree(here)
    run = restored(here, run)
    assert run.state == "needs_review"
    assert here.notebook.asked == []
    here.ledger.runs.settle(run.id, "shout", done=done, result="fire", by="boss")
    assert go_on(here, run).state == "succeeded"
    assert here.notebook.asked == ([] if done else ["shout fire"])
    assert all(broken is None for _, broken in here.ledger.verify())


@pytest.mark.parametrize("done", [True, False])
def test_a_write_that_was_made_after_the_backup_is_found_and_not_made_again(here: Office, done: bool) -> None:
    run = go_on(here, here.start(JOTTING))
    agree(here)
    if done:
        key = key_of(here, run)
        here.notebook.notes[key] = Note(id="n1", text="buy ink")
    assert restored(here, run).state == "succeeded"
    assert here.notebook.asked == ([] if done else ["jot buy ink"])
    outcome = [entry for entry in here.ledger.entries.of_run(run.id) if entry.kind == "tool.outcome"][-1]
    assert outcome.data["outcome"] == ("reconciled" if done else "ok")


def test_who_is_asked_after_the_restore_is_told_to_look_first_and_then_believed(here: Office) -> None:
    run = restored(here, here.start(SHOUT))
    assert run.state == "waiting"
    (approval,), _ = here.ledger.approvals.page(state="pending")
    assert "restored from a backup" in approval.instructions
    agree(here)
    assert go_on(here, run).state == "succeeded"
    assert here.notebook.asked == ["shout fire"]


def test_a_question_from_before_the_restore_does_not_count_as_having_looked(here: Office) -> None:
    run = restored(here, go_on(here, here.start(SHOUT)))
    agree(here)
    assert go_on(here, run).state == "needs_review"
    assert here.notebook.asked == []


def key_of(here: Office, run: Run) -> str:
    """The key under which the run makes its write."""
    connector, call = here.notebook, Call("jot", "book.jot", {"text": "buy ink"})
    tool = type(connector).tools()["jot"]
    return Prepared(call, connector, tool, tool.canonical(call.arguments)).key(run.id)
