"""A stronger model is asked once, with exactly the text that a person agreed to, or not at all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.errors import ModelMissing, ModelNotAllowed
from kontora_connectors import Invalid
from kontora_workflows.engine.escalation import ESCALATION, destination, edited
from kontora_workflows.engine.replay import replay
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.approvals import AlreadyDecided
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.run import Run
from kontora_workflows.loader import WorkflowInvalid, load
from kontora_workflows.progress import progress
from kontora_workflows.validation import validate
from sqlalchemy import func, update

from tests.misbehaving_ollama import misbehaving_ollama
from tests.office import OneDoor
from tests.test_engine import AGENT, CLERK
from tests.two_models import TwoModelOffice, flow, two_models

TEXT = """\
Work on this data:

{"language": "en", "office": "Bonn"}

This was looked up for it, and nothing else can be:

book.contacts {}

[{"email": "anna@example.org", "name": "Anna"}]

Write the whole answer from what stands here, in the language of the task."""


LOOP = """
steps:
  - {id: people, call: book.people}
  - id: each
    for_each: ${{ steps.people }}
    as: person
    steps:"""


def same(desk: TwoModelOffice, run: Run) -> bool:
    """Whether a dry replay meets what the ledger holds, and nobody is asked again."""
    before = len(desk.strong.asked)
    found = replay(desk.here.ledger, OneDoor(desk.here.notebook), AutogenRunner(), run.id)
    assert len(desk.strong.asked) == before
    assert [one.why for one in found] == [None] * len(found)
    return True


def test_a_yes_sends_exactly_what_was_shown_and_the_answer_is_the_steps(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.begin(flow(escalation="model: strong, instructions: Look for names."))
        assert (run.state, run.waiting_for) == ("waiting", "approval")
        asked = desk.pending()
        assert (asked.tool, asked.instance, asked.instructions) == (ESCALATION, "strong", "Look for names.")
        wanted = {"model": "rehearsal/strong", "server": desk.models.url, "zone": "external"}
        assert asked.arguments == {**wanted, "instructions": "Say who is on the list.", "text": TEXT}
        assert asked.arguments_hash == digest(asked.arguments)
        assert f"would leave the house to {desk.models.url}" in asked.title
        assert desk.strong.asked == []
        assert desk.here.ledger.entries.questions_outside(30) == 0
        assert same(desk, run)

        run = desk.decide(run)
        assert run.state == "succeeded", run.error
        assert desk.sent() == [{"system": "Say who is on the list.", "user": TEXT}]
        assert "tools" not in desk.strong.asked[0]
        assert "77" not in str(desk.strong.asked)
        result = desk.work_result(run)
        assert (result["text"], result["escalated"], result["message"]) == ("Anna is on the list.", "approved", "")
        assert (result["model"], result["server"], result["ungrounded"]) == ("rehearsal/strong", desk.models.url, [])
        assert (result["turns"], result["tool_calls"], result["ended"]) == (4, 1, "answered")
        answered = [entry.data for entry in desk.entries(run, "model.answered")]
        assert result["prompt_tokens"] == sum(one["prompt_tokens"] for one in answered)
        assert desk.here.ledger.approvals.get(asked.id).state == "used"
        assert desk.here.ledger.entries.questions_outside(30) == 1
        assert desk.models.url in [one["server"] for one in progress(desk.here.ledger, run).models]
        assert all(broken is None for _, broken in desk.here.ledger.verify())
        assert same(desk, run)


def test_after_a_no_the_step_ends_as_it_would_have(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.decide(desk.begin(flow()), "rejected")
        assert run.state == "succeeded"
        result = desk.work_result(run)
        assert (result["escalated"], result["text"]) == ("rejected", "There are 78 of them.")
        assert [one["text"] for one in result["ungrounded"]] == ["78"]
        assert result["message"] == "The stronger model was not asked: boss said no."
        assert same(desk, run)
        failing = desk.decide(desk.begin(flow(more="grounding: fail")), "rejected")
        assert failing.error is not None
        assert failing.error["code"] == "ungrounded"
        assert failing.error["message"].endswith("The stronger model was not asked: boss said no.")
        assert same(desk, failing)
        assert desk.strong.asked == []


def test_without_a_yes_in_time_nothing_is_sent(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.begin(flow())
        with desk.here.ledger.database.write() as connection:
            connection.execute(update(tables.approvals).values(expires_at=tables.approvals.c.requested_at - 1))
        assert desk.here.ledger.approvals.expire() == 1
        run = desk.work(run)
        assert desk.work_result(run)["escalated"] == "expired"
        assert desk.strong.asked == []
        assert same(desk, run)


def test_what_a_person_changed_is_what_is_sent_byte_for_byte(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.begin(flow())
        asked = desk.pending()
        other = edited(
            asked.arguments or {},
            {"text": TEXT.replace("anna@example.org", "█ черно\n\t\u202e"), "instructions": "Кто?"},
        )
        desk.here.ledger.approvals.edit(asked.id, other, digest(other), by="anna")
        with pytest.raises(AlreadyDecided):
            desk.here.ledger.approvals.decide(asked.id, "approved", by="boss", version=asked.version)
        run = desk.decide(run)
        assert run.state == "succeeded", run.error
        assert desk.sent() == [{"system": "Кто?", "user": other["text"]}]
        assert "anna@example.org" not in str(desk.strong.asked)
        assert same(desk, run)


@pytest.mark.parametrize(
    "changes", [{"server": "http://other.example"}, {"zone": "local"}, {"text": " "}, {"text": {}}]
)
def test_only_the_words_may_be_changed(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        edited({"model": "m", "server": "s", "zone": "external", "instructions": "i", "text": "t"}, changes)


def test_two_people_have_to_agree_where_it_says_so(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.begin(flow(escalation="model: strong, people: 2"))
        assert desk.decide(run).state == "waiting"
        assert desk.strong.asked == []
        desk.here.ledger.approvals.decide(desk.pending().id, "approved", by="anna")
        assert desk.work(run).state == "succeeded"
        assert len(desk.strong.asked) == 1


def test_an_answer_that_can_be_trusted_leaves_nobody_to_ask(ledger_url: str) -> None:
    honest = {"workflow": "notes", "agents": {"clerk": [{"say": "Nobody."}]}}
    with two_models(ledger_url, honest) as desk:
        run = desk.begin(flow())
        assert desk.work_result(run)["escalated"] == "not_needed"
        assert "approval.requested" not in desk.here.kinds(run)
        assert same(desk, run)


def test_an_answer_that_cannot_be_used_is_a_reason(ledger_url: str) -> None:
    announcing = {"workflow": "notes", "agents": {"clerk": [{"say": "I will look at the list."}] * 3}}
    with two_models(ledger_url, announcing) as desk:
        run = desk.begin(flow())
        assert "gave no answer that can be used" in desk.pending().title
        run = desk.decide(run, "rejected")
        assert run.error is not None
        assert run.error["code"] == "model_unsuitable"
        assert "announced a call" in run.error["message"]
        assert run.error["message"].endswith("boss said no.")
        assert same(desk, run)
        assert desk.decide(desk.begin(flow())).state == "succeeded"
        assert "I will look" not in str(desk.strong.asked)


def test_a_limit_is_a_reason(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.begin(flow(more="limits: {turns: 1}"))
        assert "reached a limit before its answer" in desk.pending().title
        assert "Nothing was looked up" in (desk.pending().arguments or {})["text"]
        run = desk.decide(run)
        assert desk.work_result(run)["text"] == "Anna is on the list."
        assert same(desk, run)


def test_a_figure_that_the_stronger_model_made_up_is_found_as_well(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        desk.strong.says = "79 people."
        run = desk.decide(desk.begin(flow()))
        assert [one["text"] for one in desk.work_result(run)["ungrounded"]] == ["79"]
        failed = desk.decide(desk.begin(flow(more="grounding: fail")))
        assert (failed.error or {})["code"] == "ungrounded"
        assert len(desk.strong.asked) == 2, "it has one question, and nothing goes back"


@pytest.mark.parametrize(
    ("model", "words"),
    [("empty", "was empty"), ("too-long", "was cut off"), ("calls", "called a tool"), ("only-thinks", "thoughts only")],
)
def test_an_answer_that_is_none_is_a_clear_error(ledger_url: str, model: str, words: str) -> None:
    with misbehaving_ollama() as server, two_models(ledger_url, url=server.url, name=model) as desk:
        run = desk.decide(desk.begin(flow()))
        assert run.state == "failed"
        assert (run.error or {})["code"] == "model_unsuitable"
        assert f"Step work: The stronger model '{model}' was asked" in (run.error or {})["message"]
        assert words in (run.error or {})["message"]
        assert server.asked["/api/chat", model] == 1
        assert same(desk, run)


def test_a_class_that_it_may_not_hold_even_so_asks_nobody(ledger_url: str) -> None:
    nowhere = "http://127.0.0.1:9"
    with two_models(ledger_url, url=nowhere, may_hold_approved="confidential") as desk:
        run = desk.begin(flow())
        assert run.state == "succeeded", run.error
        result = desk.work_result(run)
        assert result["escalated"] == "not_allowed"
        assert "what book.contacts gave the agent is personal" in result["message"]
        assert desk.here.ledger.approvals.page()[0] == []
        assert desk.here.ledger.entries.questions_outside(30) == 0
        (refused,) = desk.entries(run, "escalation.refused")
        assert "may hold confidential data at most" in refused.data["why"]
        assert same(desk, run)


@pytest.mark.parametrize(
    "error", [ModelNotAllowed("It is outside of the house."), ModelMissing("There is no 'strong'.")]
)
def test_what_forbids_the_stronger_model_asks_nobody(ledger_url: str, error: Any) -> None:
    with two_models(ledger_url, refuses=error) as desk:
        run = desk.begin(flow())
        result = desk.work_result(run)
        assert result["escalated"] == "not_allowed"
        assert error.message in result["message"]
        assert same(desk, run)


def test_who_resumes_a_run_may_have_removed_what_stood_in_the_way(ledger_url: str) -> None:
    with two_models(ledger_url, refuses=ModelMissing("There is no 'strong'.")) as desk:
        run = desk.begin(flow(more="grounding: fail"))
        assert (run.error or {})["code"] == "ungrounded"
        assert (run.error or {})["message"].endswith("There is no 'strong'.")
        assert same(desk, run)
        desk.models.refuses = None
        desk.here.ledger.runs.resume(run.id, by="boss")
        run = desk.work(run)
        assert run.waiting_for == "approval"
        assert same(desk, run)
        run = desk.decide(run)
        assert desk.work_result(run)["escalated"] == "approved"
        assert same(desk, run)


def test_each_item_of_a_loop_escalates_on_its_own(ledger_url: str) -> None:
    loop = (
        flow()
        .replace("steps:", LOOP)
        .replace(
            "  - {id: work, agent: clerk, with: {", "      - {id: work, agent: clerk, with: {who: '${{ person }}', "
        )
    )
    with two_models(ledger_url, may_hold_approved="personal") as desk:
        run = desk.begin(loop)
        children = [desk.work(child) for child in desk.here.ledger.runs.children(run.id)]
        waiting, _ = desk.here.ledger.approvals.page(state="pending", root_id=run.id)
        assert [one.run_id for one in waiting] == [child.id for child in children]
        desk.here.ledger.approvals.decide(waiting[0].id, "approved", by="boss")
        desk.here.ledger.approvals.decide(waiting[1].id, "rejected", by="boss")
        assert [desk.work(child).state for child in children] == ["succeeded", "succeeded"]
        assert desk.work(run).state == "succeeded"
        assert len(desk.strong.asked) == 1
        assert "Anna" in desk.sent()[0]["user"]
        assert "Борис" not in desk.sent()[0]["user"]
        assert same(desk, run)


def test_a_server_of_its_own_that_is_down_is_no_reason(ledger_url: str) -> None:
    with two_models(ledger_url, {"workflow": "notes", "agents": {"other": [{"say": "x"}]}}) as desk:
        run = desk.begin(flow())
        assert (run.error or {})["code"] == "rehearsal_mismatch"
        assert "approval.requested" not in desk.here.kinds(run)


def test_a_stronger_server_that_breaks_off_is_asked_again_and_nobody_else_is(ledger_url: str) -> None:
    with misbehaving_ollama() as server, two_models(ledger_url, url=server.url, name="resets") as desk:
        run = desk.decide(desk.begin(flow()))
        times = server.asked["/api/chat", "resets"]
        assert (run.state, times > 0) == ("queued", True)
        with desk.here.ledger.database.write() as connection:
            connection.execute(update(tables.runs).values(due_at=0))
        run = desk.work(run)
        assert [entry.data["error"]["code"] for entry in desk.entries(run, "run.state")[-1:]] == ["model_unavailable"]
        assert server.asked["/api/chat", "resets"] == 2 * times
        assert server.last["messages"][1]["content"] == TEXT
        assert len(desk.entries(run, "approval.requested")) == len(desk.entries(run, "model.escalated")) == 1


def test_who_cancels_takes_the_question_back(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run = desk.begin(flow())
        asked = desk.pending()
        desk.here.ledger.runs.request_cancel(run.id, by="boss")
        desk.work(run)
        assert desk.here.ledger.runs.get(run.id).state == "cancelled"
        assert desk.here.ledger.approvals.get(asked.id).state == "withdrawn"
        assert desk.strong.asked == []
        assert all(broken is None for _, broken in desk.here.ledger.verify())


def test_words_of_strangers_are_pointed_out(ledger_url: str) -> None:
    reading = {
        "workflow": "notes",
        "agents": {"clerk": [{"calls": [{"tool": "book_list_notes"}]}, {"say": "77."}, {"say": "78."}]},
    }
    with two_models(ledger_url, reading) as desk:
        desk.here.notebook.add_note("buy ink", key="k")
        desk.begin(flow())
        assert desk.pending().untrusted


def test_what_a_tool_refused_is_not_shown_to_anybody(ledger_url: str) -> None:
    failing = {
        "workflow": "notes",
        "agents": {
            "clerk": [{"calls": [{"tool": "book_list_notes"}, {"tool": "book_contacts"}]}, *[{"say": "77."}] * 2]
        },
    }
    with two_models(ledger_url, failing) as desk:
        desk.here.notebook.down = 1
        desk.begin(flow())
        text = (desk.pending().arguments or {})["text"]
        assert "closed" not in text
        assert "list_notes" not in text
        assert text == TEXT


def test_a_text_that_was_changed_in_the_database_after_the_yes_is_not_sent(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        run, asked = desk.begin(flow()), desk.pending()
        desk.here.ledger.approvals.decide(asked.id, "approved", by="boss")
        content = tables.payloads.c.content
        with desk.here.ledger.database.write() as connection:
            where = (tables.payloads.c.run_id == run.id, tables.payloads.c.seq == asked.seq)
            connection.execute(
                update(tables.payloads).where(*where).values(content=func.replace(content, "Bonn", "Köln"))
            )
        run = desk.work(run)
        assert desk.work_result(run)["escalated"] == "rejected"
        assert desk.strong.asked == []


def test_a_yes_to_a_server_in_the_house_is_none_to_one_outside(ledger_url: str) -> None:
    with two_models(ledger_url, zone="private") as desk:
        run = desk.begin(flow())
        assert "would go to" in desk.pending().title
        desk.models.zone = "external"
        run = desk.decide(run)
        assert desk.work_result(run)["escalated"] == "rejected"
        assert "another zone" in desk.work_result(run)["message"]
        assert desk.strong.asked == []


def test_an_agent_without_escalation_leaves_what_it_always_left(ledger_url: str) -> None:
    with two_models(ledger_url, CLERK) as desk:
        run = desk.begin(AGENT)
        run = desk.decide(desk.decide(run))
        assert "escalated" not in desk.work_result(run)


@pytest.mark.parametrize(
    ("zone", "words"), [("external", "leave the house"), ("private", "company's network"), ("local", "stay on")]
)
def test_where_a_text_would_go_is_said(zone: str, words: str) -> None:
    said = destination({"model": "m", "server": "http://s", "zone": zone})
    assert words in said
    assert "http://s" in said


# --- the form -----------------------------------------------------------------------------------------------------


def problems(text: str) -> list[str]:
    loaded = load(text, source="w.yaml")
    found = validate(loaded, refusal=lambda name: "no" if name == "bad" else "")
    return [str(one) for one in found if "kind 'notebook'" not in one.message]


ALONE = (
    flow()
    .replace("steps:", "  second: {instructions: Say more.}\nsteps:")
    .replace("agent: clerk,", "team: {pattern: round_robin, agents: [clerk, second], ends: {speeches: 2}},")
)
REFERRING = flow() + 'outputs: {how: "${{ steps.work.escalated }}"}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (flow(), ""),
        (REFERRING, ""),
        (flow(escalation="model: default"), "`default` is the model that this agent works with"),
        (flow(more="model: strong"), "`strong` is the model that this agent works with"),
        (flow(escalation="model: bad"), "w.yaml:12:25: no"),
        (ALONE, "`clerk` has an `escalation`, which only works alone"),
        (REFERRING.replace("    escalation: {model: strong}\n", ""), "has no `escalated`"),
    ],
)
def test_what_is_wrong_with_an_escalation_is_said_before_anything_runs(text: str, said: str) -> None:
    found = problems(text)
    assert len(found) == bool(said), found
    assert said in "".join(found)


@pytest.mark.parametrize(
    ("escalation", "said"),
    [
        ("people: 1", "lacks `model`"),
        ("model: strong, people: 3", "cannot be `3`; it has to be 1 or 2"),
        ("model: strong, expires_after: soon", "`soon` is not a duration"),
        ("model: strong, until: 2d", "has no key `until`"),
    ],
)
def test_what_is_wrong_with_its_form_is_said_too(escalation: str, said: str) -> None:
    with pytest.raises(WorkflowInvalid, match=re.escape(said)):
        load(flow(escalation=escalation), source="w.yaml")
