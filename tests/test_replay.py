"""A run is replayed from its ledger alone, and retried from one of its steps."""

from __future__ import annotations

import json

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_workflows.engine.replay import Replayed, replay
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.erasure import Erasure
from kontora_workflows.ledger.person import Person
from kontora_workflows.ledger.run import Failure, Run
from kontora_workflows.retrying import NotRetryable, retry_run
from kontora_workflows.tool_calls import tool_calls
from sqlalchemy import update

from tests.office import Office, OneDoor, office
from tests.test_engine import AGENT, CLERK, EACH, HEAD, READING, WRITING
from tests.test_engine_stops import SHOUT

FULL = (
    AGENT
    + """
  - id: report
    report:
      title: Work
      language: en
      sections:
        - prose: {title: What was done, step: work}
      formats: [html, xlsx]
"""
)


def done(here: Office, text: str) -> Run:
    """A run that got a yes to everything and succeeded."""
    run = here.start(text)
    for _ in range(10):
        run = here.work_until_rest(run)
        waiting, _ = here.ledger.approvals.page(state="pending")
        if not waiting:
            break
        for approval in waiting:
            here.ledger.approvals.decide(approval.id, "approved", by="boss")
    assert run.state == "succeeded", run.error
    return run


def replayed(here: Office, run: Run) -> list[Replayed]:
    asked = list(here.notebook.asked)
    found = replay(here.ledger, OneDoor(here.notebook), AutogenRunner(), run.id)
    assert here.notebook.asked == asked
    return found


@pytest.mark.parametrize("text", [READING, WRITING, EACH, FULL])
def test_a_run_that_succeeded_replays_to_the_same_and_calls_nothing(ledger_url: str, text: str) -> None:
    with office(ledger_url, CLERK) as here:
        run = done(here, text)
        before = {one.id: one.head_hash for one in here.ledger.runs.family(run.id)}
        for one in replayed(here, run):
            assert one.same, (one.at, one.why)
            assert one.steps > 0
        assert {one.id: one.head_hash for one in here.ledger.runs.family(run.id)} == before


def test_a_run_that_waits_or_failed_replays_to_where_it_stands(ledger_url: str) -> None:
    with office(ledger_url, CLERK) as here:
        waiting = here.work_until_rest(here.start(AGENT))
        assert waiting.state == "waiting"
        assert replayed(here, waiting)[0].same
        here.notebook.down = 9
        failing = here.start(READING)
        here.worker().work(failing.id)
        here.ledger.runs.request_cancel(failing.id, by="boss")
        assert replayed(here, here.ledger.runs.get(failing.id))[0].same


def test_the_first_divergence_is_named(ledger_url: str) -> None:
    with office(ledger_url, CLERK) as here:
        run = done(here, READING)
        other = READING.replace("book.people", "book.slow_list").replace("when: ${{ steps.notes }}\n    ", "")
        text = json.dumps(json.loads(here.ledger.runs.definition(done(here, other).definition_hash)))
        with here.ledger.database.write() as connection:
            where = tables.definitions.c.hash == run.definition_hash
            connection.execute(update(tables.definitions).where(where).values(text=text))
        (found,) = replayed(here, run)
        assert not found.same
        assert found.at is not None
        assert found.at.startswith("nobody")


def test_a_retry_takes_over_what_came_before_and_does_the_rest_anew(ledger_url: str) -> None:
    with office(ledger_url) as here:
        text = READING + "  - id: again\n    call: book.people\n"
        old = done(here, text)
        here.notebook.asked.clear()
        new = retry_run(here.ledger, old.id, "again", by="boss")
        assert (new.retry_of, new.trigger) == (old.id, "retry")
        assert here.work_until_rest(new).state == "succeeded"
        assert here.notebook.asked == ["people"]
        assert here.result(new) == here.result(old)
        assert [call.key for call in tool_calls(here.ledger, new.id)] == ["again"]
        assert all(broken is None for _, broken in here.ledger.verify())
        assert replayed(here, here.ledger.runs.get(new.id))[0].same


def test_a_report_of_a_retried_run_names_the_sources_that_were_taken_over(ledger_url: str) -> None:
    text = (
        HEAD
        + """
steps:
  - id: people
    call: book.people
  - id: report
    report:
      title: People
      language: en
      sections: [{table: {title: All, rows: "${{ steps.people }}", columns: [{field: name, title: Name}]}}]
      formats: [html]
"""
    )
    with office(ledger_url) as here:
        run = here.start(text.replace("call: book.people", "call: book.list_notes"))
        run = here.work_until_rest(run)
        assert run.state == "succeeded", run.error
        new = here.work_until_rest(retry_run(here.ledger, run.id, "report", by="boss"))
        (artifact,) = here.ledger.artifacts.of_run(new.id)
        assert b"list_notes" in here.ledger.artifacts.content(artifact.id)


def test_a_run_that_goes_on_is_not_retried_beside_itself(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        with pytest.raises(NotRetryable, match="is waiting and still goes on"):
            retry_run(here.ledger, run.id, "remember", by="boss")
        here.ledger.runs.request_cancel(run.id, by="boss")
        assert retry_run(here.ledger, run.id, "remember", by="boss").retry_of == run.id


def test_a_write_of_which_nobody_knows_is_not_made_by_a_retry(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.down = 1
        run = here.work_until_rest(here.start(SHOUT))
        (approval,), _ = here.ledger.approvals.page(state="pending")
        here.ledger.approvals.decide(approval.id, "approved", by="boss")
        assert here.work_until_rest(run).state == "needs_review"
        with pytest.raises(NotRetryable, match="waits for you"):
            retry_run(here.ledger, run.id, "shout", by="boss")
        here.ledger.runs.end_idle(run.id, "failed", Failure("poison", "It broke off."), by="sweeper")
        with pytest.raises(NotRetryable, match="Nobody knows whether shout"):
            retry_run(here.ledger, run.id, "shout", by="boss")


def test_a_loop_with_an_item_that_waits_for_a_person_is_not_retried(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(EACH))
        first, second = here.ledger.runs.children(run.id)
        here.ledger.runs.end_idle(first.id, "failed", Failure("x", "It ended."), by="test")
        set_state(here, second.id, "needs_review")
        here.ledger.runs.end_idle(run.id, "failed", Failure("x", "It ended."), by="test")
        with pytest.raises(NotRetryable, match=second.id):
            retry_run(here.ledger, run.id, "greet", by="boss")


def test_a_retry_has_the_deadline_of_its_workflow(ledger_url: str) -> None:
    with office(ledger_url) as here:
        old = done(here, READING.replace("inputs:", "deadline: 1h\ninputs:"))
        new = retry_run(here.ledger, old.id, "nobody", by="boss")
        assert new.deadline_at == new.due_at + 3_600_000


def test_a_run_whose_inputs_were_erased_is_neither_replayed_nor_retried(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(READING, about="Anna Meier"))
        erasure = Erasure(here.ledger, Person(["Anna Meier"]))
        erasure.erase(erasure.search(), by="boss")
        (found,) = replayed(here, here.ledger.runs.get(run.id))
        assert (found.at, found.same) == ("inputs", False)
        with pytest.raises(NotRetryable, match="erased"):
            retry_run(here.ledger, run.id, "notes", by="boss")


def test_a_run_that_was_cancelled_with_its_loop_replays_to_where_it_stood(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(EACH))
        here.ledger.runs.request_cancel(run.id, by="boss")
        assert all(one.same for one in replayed(here, here.ledger.runs.get(run.id)))


def set_state(here: Office, run_id: str, state: str) -> None:
    with here.ledger.database.write() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(state=state))


@pytest.mark.parametrize(("step", "words"), [("nbody", "Did you mean 'nobody'?"), ("nobody", "'notes', before")])
def test_a_retry_that_makes_no_sense_says_why(ledger_url: str, step: str, words: str) -> None:
    with office(ledger_url) as here, pytest.raises(NotRetryable, match=words):
        retry_run(here.ledger, here.start(READING).id, step, by="boss")
