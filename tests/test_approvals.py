"""Approvals: bound to exact arguments, edited into a new question, agreed to by as many people as asked for."""

from __future__ import annotations

import threading

import pytest
from kontora_workflows.ledger.approvals import AlreadyDecided, Approval, SamePerson, etag
from kontora_workflows.ledger.chain import digest

from tests.office import Office, office
from tests.test_engine import HEAD, WRITING

TWO = (
    HEAD
    + """
steps:
  - id: remember
    approval: {title: Remember this, people: 2, call: book.add_note, with: {text: "buy ink"}}
"""
)


def pending(here: Office) -> Approval:
    (approval,), _ = here.ledger.approvals.page(state="pending")
    return approval


def test_an_edited_call_is_a_new_question_and_is_made_as_edited(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        asked = pending(here)
        other = {"text": "buy paper"}
        edited = here.ledger.approvals.edit(asked.id, other, digest(other), by="anna", version=asked.version)
        assert edited.arguments == other
        assert etag(edited) != etag(asked)

        # A yes to what was asked before is no yes to this.
        with pytest.raises(AlreadyDecided):
            here.ledger.approvals.decide(asked.id, "approved", by="boss", version=asked.version)
        here.ledger.approvals.decide(asked.id, "approved", by="boss", version=edited.version)
        run = here.work_until_rest(run)
        assert run.state == "succeeded"
        assert [note.text for note in here.notebook.notes.values()] == ["buy paper"]
        assert here.result(run)["remember"]["result"]["text"] == "buy paper"
        assert all(broken is None for _, broken in here.ledger.verify())


def test_an_edited_call_is_replayed_as_edited(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING + "  - id: after\n    call: book.list_notes\n"))
        other = {"text": "buy paper"}
        here.ledger.approvals.edit(pending(here).id, other, digest(other), by="anna")
        here.ledger.approvals.decide(pending(here).id, "approved", by="boss")
        here.notebook.down = 1
        here.worker().work(run.id)
        here.ledger.runs.request_cancel(run.id, by="boss")
        assert here.notebook.asked.count("add_note buy paper") == 1


def test_two_people_have_to_agree_and_one_may_refuse(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(TWO))
        first = here.ledger.approvals.decide(pending(here).id, "approved", by="anna")
        assert (first.state, first.agreed_by) == ("pending", "anna")
        with pytest.raises(SamePerson):
            here.ledger.approvals.decide(first.id, "approved", by="anna")
        assert here.work_until_rest(run).state == "waiting"
        second = here.ledger.approvals.decide(first.id, "approved", by="boris", version=first.version)
        assert (second.state, second.decided_by) == ("approved", "anna, boris")
        assert here.work_until_rest(run).state == "succeeded"
        assert len(here.notebook.notes) == 1


def test_an_edit_takes_the_first_yes_back(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.work_until_rest(here.start(TWO))
        here.ledger.approvals.decide(pending(here).id, "approved", by="anna")
        other = {"text": "buy gold"}
        assert here.ledger.approvals.edit(pending(here).id, other, digest(other), by="boris").agreed_by is None
        assert here.ledger.approvals.decide(pending(here).id, "approved", by="boris").state == "pending"


def test_of_two_who_decide_at_once_one_wins(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.work_until_rest(here.start(WRITING))
        asked, results, start = pending(here), [], threading.Barrier(2)

        def decide(who: str, decision: str) -> None:
            start.wait()
            try:
                here.ledger.approvals.decide(asked.id, decision, by=who, version=asked.version)  # type: ignore[arg-type]
                results.append("won")
            except AlreadyDecided:
                results.append("late")

        people = [threading.Thread(target=decide, args=one) for one in (("anna", "approved"), ("boris", "rejected"))]
        for person in people:
            person.start()
        for person in people:
            person.join()
        assert sorted(results) == ["late", "won"]


def test_a_run_that_fails_withdraws_what_it_asked(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        asked = pending(here)
        here.ledger.runs.request_cancel(run.id, by="boss")
        with pytest.raises(AlreadyDecided) as late:
            here.ledger.approvals.decide(asked.id, "approved", by="anna")
        assert late.value.approval.state == "withdrawn"


def test_what_to_look_at_is_shown_with_the_question(ledger_url: str) -> None:
    with office(ledger_url) as here:
        text = TWO.replace("people: 2,", 'instructions: "Look at ${{ run.workflow }}.",')
        here.work_until_rest(here.start(text))
        asked = pending(here)
        assert asked.instructions == "Look at notes."
        other = {"text": "buy gold"}
        assert here.ledger.approvals.edit(asked.id, other, digest(other), by="anna").instructions == "Look at notes."
