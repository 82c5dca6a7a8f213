"""Teams: several agents in one step, each at its own seams; what they did is replayed, not done again."""

from __future__ import annotations

from typing import Any

from tests.office import office
from tests.test_engine import HEAD

PAIR = (
    HEAD
    + """
agents:
  writer: {instructions: You write a note., tools: [book.people]}
  checker: {instructions: You check it.}
steps:
  - id: letter
    team:
      pattern: round_robin
      agents: [writer, checker]
      ends: {says: APPROVED, by: checker}
    with: {language: en}
"""
)

PAIR_SCRIPT: dict[str, Any] = {
    "workflow": "notes",
    "agents": {
        "writer": [{"calls": [{"tool": "book_people"}]}, {"say": "Dear all"}, {"say": "Dear Anna, dear Борис"}],
        "checker": [{"say": "Name them. Then it is\nnot approved."}, {"say": "Good.\n\n**Approved.**"}],
    },
}


def test_a_team_goes_round_until_the_word_is_said(ledger_url: str) -> None:
    with office(ledger_url, PAIR_SCRIPT) as here:
        run = here.work_until_rest(here.start(PAIR))
        assert run.state == "succeeded", run.error
        letter = here.result(run)["letter"]
        assert (letter["text"], letter["agent"], letter["ended"]) == ("Good.", "checker", "answered")
        assert [(one["who"], one["text"][:8]) for one in letter["transcript"]] == [
            ("writer", "Dear all"),
            ("checker", "Name the"),
            ("writer", "Dear Ann"),
            ("checker", "Good.\n\n*"),
        ]
        keys = [entry.key for entry in here.ledger.entries.of_run(run.id) if entry.kind == "model.answered"]
        assert keys == [f"letter/{key}" for key in ("writer/t0", "writer/t1", "checker/t0", "writer/t2", "checker/t1")]


PICKED = (
    HEAD
    + """
agents:
  reader: {instructions: You read., tools: [book.people]}
  counter: {instructions: You count.}
  writer: {instructions: You write.}
steps:
  - id: talk
    team:
      pattern: selector
      agents: [reader, counter, writer]
      ends: {says: DONE, by: writer}
    with: {language: en}
"""
)

PICKED_SCRIPT: dict[str, Any] = {
    "workflow": "notes",
    "agents": {
        "talk_selector": [
            {"say": "I pick the counter."},
            {"say": "{{ 'Reader' if heard[-1].who == 'counter' else 'nobody' }}"},
            {"say": "writer, or the counter"},
            {"say": "writer"},
        ],
        "reader": [{"calls": [{"tool": "book_people"}]}, {"say": "Two people."}],
        "counter": [{"say": "I have nothing to count."}, {"say": "Now I have."}],
        "writer": [{"say": "{{ heard[1].who }} said: {{ heard[1].text }}\nDONE"}],
    },
}


def test_a_model_picks_who_speaks_and_where_it_names_nobody_the_order_holds(ledger_url: str) -> None:
    with office(ledger_url, PICKED_SCRIPT) as here:
        run = here.work_until_rest(here.start(PICKED))
        assert run.state == "succeeded", run.error
        talk = here.result(run)["talk"]
        assert [one["who"] for one in talk["transcript"]] == ["counter", "reader", "counter", "writer"]
        assert talk["text"] == "reader said: Two people."
        chosen = [entry.data for entry in here.ledger.entries.of_run(run.id) if entry.kind == "speaker.chosen"]
        assert [(one["speaker"], one["by"]) for one in chosen] == [
            ("counter", "model"),
            ("reader", "model"),
            ("counter", "order"),  # two were named
            ("writer", "model"),
        ]


SWARM = (
    HEAD
    + """
agents:
  desk: {instructions: You take questions., tools: [book.people]}
  sales: {instructions: You answer about sales., tools: [book.add_note]}
steps:
  - id: answer
    team:
      pattern: swarm
      agents: [desk, sales]
      person: {expires_after: 2d}
    with: {language: en}
"""
)

SWARM_SCRIPT: dict[str, Any] = {
    "workflow": "notes",
    "agents": {
        "desk": [
            {"calls": [{"tool": "book_people"}, {"tool": "hand_over_to_slaes", "offered": False}]},
            {"calls": [{"tool": "hand_over_to_sales", "arguments": {"message": "Is it {{ results[0].data[0] }}?"}}]},
        ],
        "sales": [
            {"calls": [{"tool": "hand_over_to_person", "arguments": {"message": "{{ heard[-1].text }}"}}]},
            {"calls": [{"tool": "book_add_note", "arguments": {"text": "{{ heard[-1].text }}"}}]},
            {"say": "The person says: {{ heard[-1].text }}"},
        ],
    },
}


def test_a_swarm_hands_over_asks_a_person_and_goes_on_with_what_they_said(ledger_url: str) -> None:
    with office(ledger_url, SWARM_SCRIPT) as here:
        run = here.work_until_rest(here.start(SWARM))
        assert (run.state, run.waiting_for) == ("waiting", "approval"), run.error
        (question,), _ = here.ledger.approvals.page(state="pending")
        assert (question.title, question.arguments) == ("Is it Anna?", {"question": "Is it Anna?", "asked_by": "sales"})
        here.ledger.approvals.decide(question.id, "approved", by="boss", comment="It is Борис.")
        run = here.work_until_rest(run)
        (write,), _ = here.ledger.approvals.page(state="pending")
        assert write.arguments == {"text": "It is Борис."}
        here.ledger.approvals.decide(write.id, "approved", by="boss")
        run = here.work_until_rest(run)
        assert run.state == "succeeded", run.error
        answer = here.result(run)["answer"]
        assert (answer["text"], answer["agent"]) == ("The person says: It is Борис.", "sales")
        assert [(one["who"], one["to"]) for one in answer["transcript"]] == [
            ("desk", "sales"),
            ("sales", "person"),
            ("person", "sales"),
            ("sales", None),
        ]
        called = [e.data["tool"] for e in here.ledger.entries.of_run(run.id) if e.kind == "tool.intended"]
        assert called == ["book.people", "book.add_note"], "a hand-over is no call"
        told = [e for e in here.ledger.entries.of_run(run.id) if e.key == "answer/desk/t1" and e.kind == "model.asked"]
        shown = here.ledger.entries.payloads(run.id)[told[0].seq] or ""
        assert "Did you mean 'hand_over_to_sales'?" in shown
