"""How a run stops: deadlines, timeouts, timers, a cancel request in the middle of a read, writes of unknown outcome."""

from __future__ import annotations

import threading
import time

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_workflows.engine.replay import replay
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.runs import NotResumable
from kontora_workflows.settling import ResultUnfit, settle_write
from kontora_workflows.tool_calls import tool_calls
from sqlalchemy import update

from tests.office import Office, OneDoor, office
from tests.test_engine import HEAD, READING, make_due

SLOW = HEAD + "steps: [{id: slow, call: book.slow_list}, {id: after, call: book.people}]"
SHOUT = (
    HEAD
    + """
steps:
  - id: shout
    approval: {title: Shout, call: book.shout, with: {text: "fire"}}
"""
)


def set_run(here: Office, run_id: str, **columns: object) -> None:
    with here.ledger.database.write() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(**columns))


def test_a_run_past_its_deadline_times_out_before_its_next_step(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start("deadline: 1h\n" + READING)
        assert run.deadline_at == run.created_at + 3_600_000
        set_run(here, run.id, deadline_at=1)
        assert here.work_until_rest(run).state == "timed_out"
        assert here.notebook.asked == []


def test_a_step_that_is_not_done_in_time_fails_and_counts_anew_after_a_resume(ledger_url: str) -> None:
    with office(ledger_url) as here:
        text = HEAD + "steps: [{id: slow, timeout: 1s, call: book.slow_list}]"
        here.notebook.slow.clear()
        failed = here.work_until_rest(here.start(text))
        assert failed.error is not None
        assert failed.error["code"] == "step_timeout"
        assert here.notebook.asked == ["slow_list", "interrupt"]
        here.ledger.runs.resume(failed.id, by="boss")
        assert here.work_until_rest(failed).state == "succeeded"


def test_a_timer_holds_no_worker_and_goes_off_once(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(HEAD + "steps: [{id: pause, wait: 2h}, {id: after, call: book.people}]"))
        assert (run.state, run.waiting_for) == ("waiting", "timer")
        assert 7_100_000 < run.due_at - run.created_at < 7_300_000
        assert not here.worker().work(run.id)
        assert here.ledger.runs.to_send(0) == []
        assert not here.ledger.runs.busy()


def test_a_timer_that_went_off_lets_the_run_go_on(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(HEAD + "steps: [{id: pause, wait: 1s}, {id: after, call: book.people}]"))
        assert run.state == "waiting"
        time.sleep(1.1)
        assert [one.id for one in here.ledger.runs.to_send(0)] == [run.id]
        assert here.worker().work(run.id)
        assert here.ledger.runs.get(run.id).state == "succeeded"


def test_a_cancel_request_reaches_a_read_under_way(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.slow.clear()
        run = here.start(SLOW)
        engine = here.worker()
        engine.lease_ms = 400  # the heartbeat hears of it within a quarter
        working = threading.Thread(target=engine.work, args=(run.id,))
        working.start()
        wait_for(lambda: "slow_list" in here.notebook.asked)
        here.ledger.runs.request_cancel(run.id, by="boss")
        working.join(10)
        assert here.ledger.runs.get(run.id).state == "cancelled"
        assert here.notebook.asked == ["slow_list", "interrupt"]


def test_a_worker_that_stops_leaves_its_read_and_another_one_makes_it(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.slow.clear()
        run = here.start(SLOW)
        engine = here.worker()
        working = threading.Thread(target=engine.work, args=(run.id,))
        working.start()
        wait_for(lambda: "slow_list" in here.notebook.asked)
        engine.stopping.set()
        working.join(10)
        assert here.ledger.runs.get(run.id).state == "queued"
        assert here.work_until_rest(run).state == "succeeded"
        assert here.notebook.asked.count("slow_list") == 2


@pytest.mark.parametrize("done", [True, False])
def test_a_person_settles_a_write_that_nobody_can_tell_of(ledger_url: str, done: bool) -> None:
    with office(ledger_url) as here:
        run = shouted(here)
        assert run.error is not None
        assert f"runs settle {run.id} shout" in run.error["hint"]

        # Resuming alone asks the same question again; it repeats nothing.
        here.ledger.runs.resume(run.id, by="boss")
        assert here.work_until_rest(run).state == "needs_review"
        assert here.notebook.asked == ["shout fire"]

        here.ledger.runs.settle(run.id, "shout", done=done, result="fire", by="boss")
        assert here.work_until_rest(run).state == "succeeded"
        assert here.result(run)["shout"]["result"] == "fire"
        assert here.notebook.asked == ["shout fire"] * (1 if done else 2)
        with pytest.raises(NotResumable):
            here.ledger.runs.settle(run.id, "shout", done=True, result=None, by="boss")


def test_what_a_write_is_said_to_have_given_has_to_fit_its_tool(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = shouted(here)
        for result in (None, {"text": "fire"}):
            with pytest.raises(ResultUnfit, match=r"book.shout on 'notebook' answers with string, .*valid string"):
                settled(here, run, result)
        assert here.ledger.runs.get(run.id).state == "needs_review"
        assert here.work_until_rest(settled(here, run, "fire")).state == "succeeded"


def test_a_run_that_failed_on_what_a_person_had_said_goes_on_with_what_is_said_anew(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = shouted(
            here, SHOUT + '  - {id: after, call: book.list_notes, with: {about: "${{ steps.shout.result }}"}}'
        )
        here.ledger.runs.settle(run.id, "shout", done=True, result=None, by="boss")
        run = here.work_until_rest(run)
        assert run.state == "failed"

        run = here.work_until_rest(settled(here, run, "fire"))
        assert run.state == "succeeded", run.error
        assert here.result(run)["shout"]["result"] == "fire"
        assert here.notebook.asked == ["shout fire", "list_notes fire"]
        assert [call.result for call in tool_calls(here.ledger, run.id, results=True)] == ["fire", None, []]
        assert list(here.ledger.verify(run.id)) == [(run.id, None)]
        doors = OneDoor(here.notebook)
        assert [one.why for one in replay(here.ledger, doors, AutogenRunner(), run.id)] == [None]
        with pytest.raises(NotResumable):
            settled(here, run, "fire")


def shouted(here: Office, text: str = SHOUT) -> Run:
    """A run whose write may have been done."""
    here.notebook.down = 1
    run = here.work_until_rest(here.start(text))
    (approval,), _ = here.ledger.approvals.page(state="pending")
    here.ledger.approvals.decide(approval.id, "approved", by="boss")
    run = here.work_until_rest(run)
    assert run.state == "needs_review"
    return run


def settled(here: Office, run: Run, result: object) -> Run:
    """The run after a person said that its write was done, and what it gave."""
    doors = OneDoor(here.notebook)
    return settle_write(here.ledger, doors, run.id, "shout", done=True, result=result, by="boss")


def test_a_run_of_another_replay_version_is_not_replayed(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start(READING)
        set_run(here, run.id, replay_version=99)
        run = here.work_until_rest(run)
        assert run.error is not None
        assert run.error["code"] == "engine_changed"
        assert here.notebook.asked == []


def test_other_arguments_at_a_place_that_the_ledger_knows_stop_the_replay(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.notebook.down = 5
        run = here.start(READING)
        here.worker().work(run.id)
        set_run(here, run.id, inputs='{"about":"something else"}')
        make_due(here, run.id)
        run = here.work_until_rest(run)
        assert run.error is not None
        assert run.error["code"] == "nondeterministic"


def wait_for(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
