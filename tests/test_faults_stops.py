"""Stopping for good: a cancel is not lost, children stop with their parent, open writes are looked up first."""

from __future__ import annotations

import pytest
from kontora_connectors import OutcomeUnknown
from kontora_workflows.firing import Firing
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.run import Failure
from kontora_workflows.sweeper import Sweeper

from tests.office import Office, OneDoor, office
from tests.test_engine import EACH, HEAD, WRITING
from tests.test_engine_stops import set_run
from tests.test_faults_writes import passing_by


def sweep(here: Office) -> None:
    Sweeper(here.ledger, OneDoor(here.notebook), here.hole, lambda _: pytest.fail("no schedule"), resend_ms=0).sweep()


def approve(here: Office) -> None:
    for approval in here.ledger.approvals.page(state="pending")[0]:
        here.ledger.approvals.decide(approval.id, "approved", by="boss")


def broken_off(here: Office, *, done: bool) -> str:
    """A run whose worker died between its call and the outcome, or between the intent and the call."""
    run = here.work_until_rest(here.start(WRITING))
    approve(here)
    place = "call.after" if done else "call.before"
    with passing_by({place: lambda: SystemExit(9)}), pytest.raises(SystemExit):
        here.worker("doomed").work(run.id)
    set_run(here, run.id, lease_until=1)
    return run.id


def test_a_cancel_that_comes_while_a_worker_is_about_to_wait_is_not_lost(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start(WRITING)

        def cancel() -> None:
            here.ledger.runs.request_cancel(run.id, by="boss")

        with passing_by({"approval.requested.after": cancel}):
            here.worker().work(run.id)
        assert here.work_until_rest(run).state == "cancelled"


def test_a_cancel_that_breaks_off_is_finished_by_the_sweeper(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(EACH))
        gone = LedgerUnavailable("The ledger does not answer.")
        with passing_by({"run.end.after": lambda: gone}), pytest.raises(LedgerUnavailable):
            here.ledger.runs.request_cancel(run.id, by="boss")
        sweep(here)
        assert [one.state for one in here.ledger.runs.family(run.id)] == ["cancelled"] * 3


def test_the_items_of_a_run_that_passed_its_deadline_stop(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start("deadline: 1h\n" + EACH))
        set_run(here, run.id, deadline_at=1)
        sweep(here)
        assert [one.state for one in here.ledger.runs.family(run.id)] == ["timed_out", "cancelled", "cancelled"]
        assert here.ledger.approvals.page(state="pending")[0] == []


def test_an_item_that_waits_for_a_review_is_not_stopped_with_its_parent(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start("deadline: 1h\n" + EACH))
        set_run(here, here.ledger.runs.children(run.id)[0].id, state="needs_review", waiting_for=None)
        set_run(here, run.id, deadline_at=1)
        sweep(here)
        assert [one.state for one in here.ledger.runs.children(run.id)] == ["needs_review", "cancelled"]


def test_a_write_that_was_done_is_found_before_its_run_is_cancelled(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run_id = broken_off(here, done=True)
        assert here.ledger.runs.request_cancel(run_id, by="boss").state == "running"
        here.worker("heir").work(run_id)
        run = here.ledger.runs.get(run_id)
        assert run.state == "cancelled"
        assert here.kinds(run)[-2:] == ["tool.outcome", "run.state"]
        assert len(here.notebook.notes) == 1


def test_a_write_of_which_nobody_knows_goes_to_a_person_before_its_run_is_cancelled(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run_id = broken_off(here, done=False)
        here.ledger.runs.request_cancel(run_id, by="boss")
        here.worker("heir").work(run_id)
        assert here.ledger.runs.get(run_id).state == "needs_review"
        here.ledger.runs.settle(run_id, "remember", done=False, result=None, by="boss")
        sweep(here)
        assert here.ledger.runs.get(run_id).state == "cancelled"
        assert here.notebook.notes == {}


def test_a_run_that_is_given_up_says_that_its_write_is_unknown(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run_id = broken_off(here, done=True)
        set_run(here, run_id, attempts=5)
        sweep(here)
        run = here.ledger.runs.get(run_id)
        assert run.state == "failed"
        assert here.kinds(run)[-2:] == ["tool.unknown", "run.state"]
        here.ledger.runs.resume(run_id, by="boss")
        assert here.work_until_rest(run).state == "succeeded"
        assert here.notebook.asked == ["add_note buy ink"]


@pytest.mark.parametrize("said", [True, False])
def test_a_run_that_failed_while_it_asked_asks_again_when_it_is_resumed(ledger_url: str, said: bool) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        if said:
            approve(here)
        here.ledger.runs.end_idle(run.id, "timed_out", Failure("deadline", "Too late."), by="sweeper")
        here.ledger.runs.resume(run.id, by="boss")
        run = here.work_until_rest(run)
        if not said:
            assert (run.state, run.waiting_for) == ("waiting", "approval")
            approve(here)
        assert here.work_until_rest(run).state == "succeeded"
        assert [note.text for note in here.notebook.notes.values()] == ["buy ink"]
        assert all(broken is None for _, broken in here.ledger.verify())


def test_a_part_of_the_sweep_that_trips_does_not_keep_runs_from_being_sent(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(ledger_url) as here:
        run = here.start(WRITING)

        def trip(_firing: Firing) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Firing, "fire", trip)
        with pytest.raises(ZeroDivisionError):
            sweep(here)
        assert here.hole.ids == [run.id]


def test_a_worker_that_is_asked_to_end_takes_no_run(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start(WRITING)
        ending = here.worker()
        ending.stopping.set()
        assert not ending.work(run.id)
        assert here.ledger.runs.get(run.id).fence == 0
        assert here.work_until_rest(run).state == "waiting"


def test_a_write_that_broke_off_unknown_is_still_there_for_the_person(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(HEAD + SHOUT))
        approve(here)
        with passing_by({"call.before": lambda: OutcomeUnknown("The line went dead.")}):
            here.worker().work(run.id)
        assert here.ledger.runs.get(run.id).state == "needs_review"
        here.ledger.runs.request_cancel(run.id, by="boss")
        assert here.ledger.runs.get(run.id).state == "cancelled"
        assert "tool.unknown" in here.kinds(run)


SHOUT = 'steps: [{id: shout, approval: {title: Shout, call: book.shout, with: {text: "fire"}}}]'
