"""No question goes to a model that may not hold what it would carry, whichever way the data came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_connectors import DataClass
from kontora_workflows.engine.engine import Engine
from kontora_workflows.ledger.run import Run

from tests.office import Office, OneDoor, Rehearsed, office
from tests.test_engine import HEAD

AGENT = """
agents:
  clerk: {{instructions: You keep notes., tools: [{tools}]}}
"""
SCRIPT: dict[str, Any] = {
    "workflow": "notes",
    "agents": {"clerk": [{"calls": [{"tool": "book_contacts"}]}, {"say": "Done."}]},
}
PLAIN: dict[str, Any] = {"workflow": "notes", "agents": {"clerk": [{"say": "Done."}]}}


@pytest.fixture
def here(ledger_url: str) -> Iterator[Office]:
    with office(ledger_url, PLAIN) as opened:
        yield opened


def work(here: Office, text: str, may_hold: DataClass) -> Run:
    """A run whose model may hold so much, until it rests."""
    models = Rehearsed(here.url, "external", may_hold)
    engine = Engine(here.ledger, OneDoor(here.notebook), models, here.hole, AutogenRunner(), "one", 5000)
    here.engines.append(engine)
    run = here.start(text)
    for _ in range(5):
        for one in here.ledger.runs.family(run.id):
            if one.state == "queued":
                engine.work(one.id)
    return here.ledger.runs.get(run.id)


def asked(here: Office, run: Run) -> int:
    """How many questions went out."""
    return sum(here.kinds(one).count("model.asked") for one in here.ledger.runs.family(run.id))


def told(run: Run) -> str:
    assert run.error is not None
    assert run.error["code"] == "data_class"
    return str(run.error["message"])


def flow(steps: str, *, data_class: str = "public", tools: str = "") -> str:
    return HEAD + f"data_class: {data_class}\n" + AGENT.format(tools=tools) + "steps:\n" + steps


def test_what_a_step_read_does_not_leave_in_the_task(here: Office) -> None:
    steps = """
  - {id: people, call: book.contacts}
  - {id: work, agent: clerk, with: {people: "${{ steps.people }}"}}
"""
    run = work(here, flow(steps), "confidential")
    assert "book.contacts gave is personal" in told(run)
    assert asked(here, run) == 0
    assert work(here, flow(steps), "personal").state == "succeeded"


def test_what_was_read_and_not_handed_on_holds_nothing_up(here: Office) -> None:
    steps = """
  - {id: people, call: book.contacts}
  - {id: work, agent: clerk, with: {language: en}}
"""
    assert work(here, flow(steps), "public").state == "succeeded"


def test_the_class_travels_through_another_agent_and_a_loop(here: Office) -> None:
    steps = """
  - {id: people, call: book.contacts}
  - id: each
    for_each: ${{ steps.people }}
    as: person
    steps:
      - {id: work, agent: clerk, with: {person: "${{ person }}"}}
"""
    run = work(here, flow(steps), "confidential")
    (child,) = here.ledger.runs.children(run.id)
    assert "book.contacts gave is personal" in told(child)
    assert asked(here, run) == 0


def test_what_a_tool_tells_the_agent_stops_the_next_question(ledger_url: str) -> None:
    with office(ledger_url, SCRIPT) as here:
        steps = "  - {id: work, agent: clerk, with: {language: en}}\n"
        run = work(here, flow(steps, tools="book.contacts"), "internal")
        assert "gave the agent is personal" in told(run)
        assert asked(here, run) == 1
        assert work(here, flow(steps, tools="book.contacts"), "personal").state == "succeeded"


def test_what_nobody_labelled_is_internal(here: Office) -> None:
    steps = """
  - {id: people, call: book.people}
  - {id: work, agent: clerk, with: {people: "${{ steps.people }}"}}
"""
    assert "book.people gave is internal" in told(work(here, flow(steps), "public"))
    assert work(here, flow(steps), "internal").state == "succeeded"


def test_the_class_of_the_workflow_holds_for_its_inputs(here: Office) -> None:
    steps = "  - {id: work, agent: clerk, with: {language: en}}\n"
    run = work(here, flow(steps, data_class="confidential"), "internal")
    assert here.ledger.entries.questions_outside(30) == 0
    work(here, flow(steps), "public")
    assert here.ledger.entries.questions_outside(30) == 1
    assert here.ledger.entries.questions_outside(0) == 0
    assert "the workflow is confidential" in told(run)
    assert "nothing was sent" in told(run)
