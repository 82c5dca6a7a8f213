"""Teams: several agents in one step, each at its own seams; what they did is replayed, not done again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_workflows.engine.engine import Engine
from kontora_workflows.ledger import tables
from sqlalchemy import update

from tests.office import Note, OneDoor, Rehearsed, office
from tests.test_engine import HEAD
from tests.test_replay import done, replayed

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


def test_a_team_replays_to_the_same_and_calls_nothing(ledger_url: str) -> None:
    for text, script in ((PAIR, PAIR_SCRIPT), (PICKED, PICKED_SCRIPT), (SWARM, SWARM_SCRIPT)):
        with office(ledger_url, script) as here:
            run = done(here, text)
            (again,) = replayed(here, run)
            assert again.same, (again.at, again.why)


@pytest.mark.parametrize(
    ("decision", "comment", "told"),
    [
        ("rejected", "Ask him.", "No. Ask him."),
        ("rejected", "", "No."),
        ("approved", "", "Yes."),
        ("expired", "", "Nobody answered in time."),
    ],
)
def test_a_person_who_gives_no_words_is_understood_too(ledger_url: str, decision: str, comment: str, told: str) -> None:
    script = copy.deepcopy(SWARM_SCRIPT)
    del script["agents"]["sales"][1]
    with office(ledger_url, script) as here:
        run = here.work_until_rest(here.start(SWARM))
        (question,), _ = here.ledger.approvals.page(state="pending")
        if decision == "expired":
            with here.ledger.database.write() as connection:
                connection.execute(update(tables.approvals).values(expires_at=0))
            here.ledger.approvals.expire()
        else:
            here.ledger.approvals.decide(question.id, decision, by="boss", comment=comment)  # type: ignore[arg-type]
        assert here.result(here.work_until_rest(run))["answer"]["text"] == f"The person says: {told}"


def test_a_question_dies_with_its_run(ledger_url: str) -> None:
    with office(ledger_url, SWARM_SCRIPT) as here:
        run = here.work_until_rest(here.start(SWARM))
        assert here.ledger.runs.request_cancel(run.id, by="boss").state == "cancelled"
        assert here.ledger.approvals.page(state="pending")[0] == []


def test_what_strangers_wrote_marks_the_writes_of_the_whole_team(ledger_url: str) -> None:
    script = copy.deepcopy(SWARM_SCRIPT)
    script["agents"]["desk"][0] = {"calls": [{"tool": "book_list_notes"}]}
    script["agents"]["desk"][1]["calls"][0]["arguments"] = {"message": "Write it down."}
    script["agents"]["sales"][:1] = []
    with office(ledger_url, script) as here:
        here.notebook.notes["k"] = Note(id="n0", text="from a stranger")
        run = here.work_until_rest(here.start(SWARM.replace("book.people", "book.list_notes")))
        assert run.state == "waiting", run.error
        (write,), _ = here.ledger.approvals.page(state="pending")
        assert write.untrusted


def test_the_class_of_data_goes_along_when_it_is_handed_over(ledger_url: str) -> None:
    script = copy.deepcopy(SWARM_SCRIPT)
    script["agents"]["desk"] = [
        {"calls": [{"tool": "book_contacts"}, {"tool": "hand_over_to_sales", "arguments": {"message": "Go on."}}]}
    ]
    with office(ledger_url, script) as here:
        models = Rehearsed(here.url, "private", "confidential")
        engine = Engine(here.ledger, OneDoor(here.notebook), models, here.hole, AutogenRunner(), "one", 5000)
        here.engines.append(engine)
        run = here.start(SWARM.replace("book.people", "book.contacts"))
        engine.work(run.id)
        run = here.ledger.runs.get(run.id)
        assert run.error is not None
        assert run.error["code"] == "data_class"
        asked = [entry.key for entry in here.ledger.entries.of_run(run.id) if entry.kind == "model.asked"]
        assert asked == ["answer/desk/t0"], "who is handed over to is not asked"


def test_figures_that_stand_nowhere_are_asked_about_once(ledger_url: str) -> None:
    script = copy.deepcopy(PAIR_SCRIPT)
    script["agents"]["writer"][2:] = [{"say": "You owe 999.99 EUR"}, {"say": "You owe something"}]
    text = PAIR.replace("by: checker}", "by: checker}\n      answer_of: writer")
    with office(ledger_url, script) as here:
        letter = here.result(here.work_until_rest(here.start(text)))["letter"]
        assert (letter["text"], letter["agent"], letter["ungrounded"]) == ("You owe something", "writer", [])
        script["agents"]["writer"][3] = script["agents"]["writer"][2]
    with office(ledger_url, script) as here:
        text = text.replace("You write a note.", "You write a note., grounding: fail")
        run = here.work_until_rest(here.start(text))
        assert run.error is not None
        assert run.error["code"] == "ungrounded"


def test_the_derivations_of_who_wrote_the_result_count_in_a_team(ledger_url: str) -> None:
    script = copy.deepcopy(PAIR_SCRIPT)
    script["agents"]["writer"][2:] = [{"say": "You owe 60.10 EUR, after 100.10 EUR less 40.00 EUR"}] * 2
    text = PAIR.replace("by: checker}", "by: checker}\n      answer_of: writer")
    text = text.replace("with: {", 'with: {total: "100.10", paid: "40.00", ')
    with office(ledger_url, script) as here:
        assert here.result(here.work_until_rest(here.start(text)))["letter"]["ungrounded"] == []
        text = text.replace("You write a note.", "You write a note., derivations: [sum]")
    with office(ledger_url, script) as here:
        letter = here.result(here.work_until_rest(here.start(text)))["letter"]
        assert [one["text"] for one in letter["ungrounded"]] == ["60.10 EUR"]


def test_who_hands_over_twice_hands_over_once(ledger_url: str) -> None:
    script = copy.deepcopy(SWARM_SCRIPT)
    both = [{"tool": f"hand_over_to_{name}", "arguments": {"message": 7}} for name in ("sales", "person")]
    script["agents"] = {"desk": [{"calls": both}], "sales": [{"say": "Here."}]}
    with office(ledger_url, script) as here:
        answer = here.result(here.work_until_rest(here.start(SWARM)))["answer"]
        assert [(one["who"], one["to"]) for one in answer["transcript"]] == [("desk", "sales"), ("sales", None)]


@pytest.mark.parametrize("arguments", [{}, {"message": 7}, {"message": None}, {"message": "Look at this."}])
def test_who_hands_over_without_words_hands_over(ledger_url: str, arguments: dict[str, Any]) -> None:
    script = copy.deepcopy(SWARM_SCRIPT)
    to = {name: {"calls": [{"tool": f"hand_over_to_{name}", "arguments": arguments}]} for name in ("desk", "sales")}
    script["agents"] = {"desk": [to["sales"]] * 4 + [{"say": "Here."}], "sales": [to["desk"]] * 4}
    with office(ledger_url, script) as here:
        run = here.work_until_rest(here.start(SWARM))
        assert run.state == "succeeded", run.error
        said = here.result(run)["answer"]["transcript"]
        assert [one["who"] for one in said] == ["desk", "sales"] * 4 + ["desk"]
        words = arguments.get("message")
        assert {one["text"] for one in said[:-1]} == {words if isinstance(words, str) else ""}


def test_the_error_of_a_model_stops_the_run_as_in_a_single_agent(ledger_url: str) -> None:
    script = copy.deepcopy(PAIR_SCRIPT)
    script["agents"]["checker"] = []
    with office(ledger_url, script) as here:
        run = here.work_until_rest(here.start(PAIR))
        assert (run.state, (run.error or {})["code"]) == ("failed", "rehearsal_mismatch")
