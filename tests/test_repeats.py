"""An agent that calls the same again is answered from the ledger; a write is not made twice."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_workflows.engine.replay import replay
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.run import Run
from kontora_workflows.tool_calls import tool_calls

from tests.office import Office, OneDoor, office
from tests.test_engine import HEAD

AGENT = (
    HEAD
    + """
agents:
  clerk:
    instructions: You keep notes.
    tools: [book.people, book.list_notes, book.add_note, book.shout]
steps:
  - id: work
    agent: clerk
    with: {language: en}
"""
)
LIST = {"tool": "book_list_notes"}
INK = {"tool": "book_add_note", "arguments": {"text": "buy ink"}}
SHOUT = {"tool": "book_shout", "arguments": {"text": "fire"}}


def script(*turns: list[dict[str, Any]], say: str = "Done.") -> dict[str, Any]:
    return {"workflow": "notes", "agents": {"clerk": [*({"calls": turn} for turn in turns), {"say": say}]}}


def finish(here: Office, decision: Literal["approved", "rejected"] = "approved") -> Run:
    """Work until the run ends; every question gets the same answer, and is asked once."""
    run = here.start(AGENT)
    for _ in range(6):
        run = here.work_until_rest(run)
        for approval in here.ledger.approvals.page(state="pending")[0]:
            here.ledger.approvals.decide(approval.id, decision, by="boss")
    assert run.state == "succeeded", run.error
    assert [one.why for one in replay(here.ledger, OneDoor(here.notebook), AutogenRunner(), run.id)] == [None]
    return run


def outcomes(here: Office, run: Run) -> list[str | None]:
    return [call.outcome for call in tool_calls(here.ledger, run.id)]


@pytest.mark.parametrize("turns", [[[INK, INK]], [[INK], [INK]], [[INK], [LIST], [INK]]])
def test_a_write_that_was_done_is_not_made_again(ledger_url: str, turns: list[list[dict[str, Any]]]) -> None:
    with office(ledger_url, script(*turns)) as here:
        run = finish(here)
        assert [asked for asked in here.notebook.asked if asked.startswith("add_note")] == ["add_note buy ink"]
        assert outcomes(here, run)[-1] == "denied"
        assert len(here.ledger.approvals.page()[0]) == 1, "nobody is asked a second time"


def test_a_write_that_a_person_said_no_to_is_not_asked_for_again(ledger_url: str) -> None:
    with office(ledger_url, script([INK], [INK], say="Nothing was written.")) as here:
        run = finish(here, "rejected")
        assert here.notebook.notes == {}
        assert outcomes(here, run) == ["denied", "denied"]
        assert len(here.ledger.approvals.page()[0]) == 1


def test_a_write_is_not_made_again_under_the_arguments_that_a_person_put_in(ledger_url: str) -> None:
    paper = {"tool": "book_add_note", "arguments": {"text": "buy paper"}}
    with office(ledger_url, script([INK], [paper], [INK])) as here:
        run = here.work_until_rest(here.start(AGENT))
        (asked,), _ = here.ledger.approvals.page(state="pending")
        other = {"text": "buy paper"}
        edited = here.ledger.approvals.edit(asked.id, other, digest(other), by="anna")
        here.ledger.approvals.decide(edited.id, "approved", by="boss")
        run = here.work_until_rest(run)
        assert run.state == "succeeded", run.error
        assert [note.text for note in here.notebook.notes.values()] == ["buy paper"]
        assert outcomes(here, run) == ["ok", "denied", "denied"]


def test_a_read_is_answered_from_the_ledger_until_something_is_written(ledger_url: str) -> None:
    with office(ledger_url, script([LIST, LIST], [LIST], [INK], [LIST])) as here:
        run = finish(here)
        assert here.notebook.asked == ["list_notes ", "add_note buy ink", "list_notes "]
        assert outcomes(here, run) == ["ok", "denied", "denied", "ok", "ok"]


def test_what_failed_may_be_tried_again(ledger_url: str) -> None:
    with office(ledger_url, script([LIST], [LIST], say="There are no notes.")) as here:
        here.notebook.down = 1
        run = finish(here)
        assert outcomes(here, run) == ["failed", "ok"]


def test_an_agent_is_told_what_the_first_call_gave(ledger_url: str) -> None:
    with office(ledger_url, script([INK], [INK])) as here:
        run = finish(here)
        asked = [entry for entry in here.ledger.entries.of_run(run.id) if entry.kind == "model.asked"]
        payload = json.loads(here.ledger.entries.payloads(run.id)[asked[-1].seq] or "")
        told = json.loads(payload["messages"][-1]["content"])
        assert told["note"].startswith("You made this very call before.")
        assert told["result"] == {"id": "n1", "text": "buy ink"}
