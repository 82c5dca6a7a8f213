"""Runs: what is recorded is not done twice, what is not agreed to is not done at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.approvals import AlreadyDecided
from kontora_workflows.progress import progress
from kontora_workflows.tool_calls import tool_calls
from sqlalchemy import update

from tests.office import Office, office

HEAD = """
apiVersion: kontora/v1
name: notes
title: Notes
roles: {book: {kind: notebook}}
"""

READING = (
    HEAD
    + """
inputs: {about: {type: string, default: ""}}
steps:
  - id: notes
    call: book.list_notes
    with: {about: "${{ inputs.about }}"}
  - id: nobody
    when: ${{ steps.notes }}
    call: book.people
"""
)

WRITING = (
    HEAD
    + """
steps:
  - id: remember
    approval:
      title: Remember this
      call: book.add_note
      with: {text: "buy ink"}
"""
)

EACH = (
    HEAD
    + """
steps:
  - id: people
    call: book.people
  - id: greet
    for_each: ${{ steps.people }}
    as: person
    key: ${{ person }}
    steps:
      - id: note
        approval:
          title: "Greet ${{ person }}"
          call: book.add_note
          with: {text: "hello ${{ person }}"}
"""
)

AGENT = (
    HEAD
    + """
agents:
  clerk:
    instructions: You keep notes.
    tools: [book.people, book.add_note]
steps:
  - id: work
    agent: clerk
    with: {language: en}
"""
)

CLERK = {
    "workflow": "notes",
    "agents": {
        "clerk": [
            {"calls": [{"tool": "book_people"}, {"tool": "book_add_note", "arguments": {"text": "first"}}]},
            {"calls": [{"tool": "book_add_note", "arguments": {"text": "second"}}]},
            {"say": "Done."},
        ]
    },
}


def test_a_run_reads_and_skips_what_its_condition_leaves_out(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(READING))
        assert run.state == "succeeded"
        assert here.result(run) == {"notes": [], "nobody": {"skipped": True}}
        assert here.kinds(run).index("tool.intended") < here.kinds(run).index("tool.outcome")
        assert all(broken is None for _, broken in here.ledger.verify())


def test_a_write_waits_for_a_yes_and_is_made_once(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        assert (run.state, run.waiting_for) == ("waiting", "approval")
        assert here.notebook.notes == {}
        (approval,), _ = here.ledger.approvals.page(state="pending")
        assert approval.arguments == {"text": "buy ink"}

        here.ledger.approvals.decide(approval.id, "approved", by="boss", version=approval.version)
        assert here.work_until_rest(run).state == "succeeded"
        assert [note.text for note in here.notebook.notes.values()] == ["buy ink"]
        assert here.ledger.approvals.get(approval.id).state == "used"
        with pytest.raises(AlreadyDecided):
            here.ledger.approvals.decide(approval.id, "rejected", by="late boss")


def test_a_no_is_an_answer_and_not_a_failure(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        (approval,), _ = here.ledger.approvals.page(state="pending")
        here.ledger.approvals.decide(approval.id, "rejected", by="boss", comment="too dear")
        run = here.work_until_rest(run)
        assert run.state == "succeeded"
        told = here.result(run)["remember"]
        assert (told["decision"], told["message"]) == ("rejected", "Not done: boss said no (too dear).")
        assert "too dear" not in "".join(entry.body for entry in here.ledger.entries.of_run(run.id)), "it can be erased"
        assert here.notebook.notes == {}


def test_each_item_waits_on_its_own_and_the_parent_ends_after_the_last(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(EACH))
        assert (run.state, run.waiting_for) == ("waiting", "children")
        approvals, _ = here.ledger.approvals.page(state="pending", root_id=run.id)
        assert sorted(one.title for one in approvals) == ["Greet Anna", "Greet Борис"]
        for approval in approvals:
            here.ledger.approvals.decide(approval.id, "approved", by="boss")
        run = here.work_until_rest(run)
        assert run.state == "succeeded"
        assert sorted(note.text for note in here.notebook.notes.values()) == ["hello Anna", "hello Борис"]
        assert here.result(run)["greet"]["succeeded"] == 2


def test_an_agent_waits_in_the_middle_of_a_turn_and_goes_on_in_another_process(ledger_url: str) -> None:
    with office(ledger_url, CLERK) as here:
        run = here.work_until_rest(here.start(AGENT))
        assert run.state == "waiting"
        for expected in ("first", "second"):
            (approval,), _ = here.ledger.approvals.page(state="pending")
            assert approval.arguments == {"text": expected}
            here.ledger.approvals.decide(approval.id, "approved", by="boss")
            run = here.work_until_rest(run)
        assert run.state == "succeeded"
        assert here.result(run)["work"]["text"] == "Done."
        assert [note.text for note in here.notebook.notes.values()] == ["first", "second"]
        assert here.notebook.asked == ["people", "add_note first", "add_note second"]
        assert here.kinds(run).count("model.asked") == 3


def test_a_closed_system_is_tried_again_later_and_the_reason_is_kept(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.down = 1
        run = here.start(READING)
        here.worker().work(run.id)
        run = here.ledger.runs.get(run.id)
        assert (run.state, run.attempts) == ("queued", 1)
        assert run.due_at > run.created_at
        last = here.ledger.entries.of_run(run.id)[-1].data
        assert last["error"]["message"] == "Step notes: The notebook is closed."


def test_a_lookup_settles_a_write_whose_worker_died_before_saying_how_it_went(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        (approval,), _ = here.ledger.approvals.page(state="pending")
        here.ledger.approvals.decide(approval.id, "approved", by="boss")

        # Given a worker that dies right after the write reached the notebook
        engine, add = here.worker("doomed"), the_end()
        here.notebook.note_by_key = add  # type: ignore[method-assign,assignment]
        with pytest.raises(SystemExit):
            engine.work(run.id)
        del here.notebook.note_by_key
        assert len(here.notebook.notes) == 1

        # When its lease has run out and another one takes over
        here.ledger.runs.heartbeat(run.id, here.ledger.runs.get(run.id).fence, -1000)
        here.worker("heir").work(run.id)

        # Then the write is found and not repeated
        assert here.ledger.runs.get(run.id).state == "succeeded"
        assert here.notebook.asked == ["add_note buy ink"]
        outcomes = [e.data["outcome"] for e in here.ledger.entries.of_run(run.id) if e.kind == "tool.outcome"]
        assert outcomes == ["reconciled"]


def the_end() -> Callable[[str], None]:
    """A lookup that ends the process."""

    def die(_key: str) -> None:
        raise SystemExit(9)

    return die


def test_a_run_that_waits_is_cancelled_with_its_items_and_their_approvals(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(EACH))
        run = here.ledger.runs.request_cancel(run.id, by="boss")
        assert [one.state for one in here.ledger.runs.family(run.id)] == ["cancelled"] * 3
        assert here.ledger.approvals.page(state="pending")[0] == []
        assert here.notebook.notes == {}


def test_a_retry_makes_the_call_again_and_both_are_in_the_ledger(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.down = 1
        run = here.start(READING)
        here.worker().work(run.id)
        make_due(here, run.id)
        assert here.work_until_rest(run).state == "succeeded"
        assert here.notebook.asked == ["list_notes ", "list_notes "]
        assert [call.outcome for call in tool_calls(here.ledger, run.id)] == ["failed", "ok"]


def test_a_run_that_failed_for_good_is_resumed_with_a_new_call(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.down = 5
        run = here.start(READING)
        for _ in range(5):
            make_due(here, run.id)
            here.worker().work(run.id)
        assert here.ledger.runs.get(run.id).state == "failed"
        here.ledger.runs.resume(run.id, by="boss")
        assert here.work_until_rest(run).state == "succeeded"


def make_due(here: Office, run_id: str) -> None:
    """Let the pause before a retry be over."""
    with here.ledger.database.write() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(due_at=0))


def test_a_run_that_succeeded_gives_the_outputs_that_its_workflow_names(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start(READING + 'outputs: {all: "${{ steps.notes }}"}\n')
        assert progress(here.ledger, run).outputs == {}
        assert progress(here.ledger, here.work_until_rest(run)).outputs == {"all": []}
