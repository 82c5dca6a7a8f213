"""The shipped workflows with teams, played on the demo company from the question to the approval."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kontora_agents.rehearsal.script import load_script
from kontora_agents.rehearsal.server import Rehearsal
from kontora_connectors import Invalid
from kontora_connectors.demo.erp import DemoErp
from kontora_worker.house import REHEARSAL_URL, House
from kontora_worker.settings import ModelSettings
from kontora_workflows.ledger.approvals import Approval
from kontora_workflows.ledger.run import Run
from kontora_workflows.progress import progress
from kontora_workflows.starting import Start

from tests.command_line import CommandLine
from tests.demo_place import TODAY
from tests.rest_office import furnished


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """A small demo company, and where the scripts of its agents are played."""
    opened = furnished(tmp_path_factory.mktemp("teams"), models={"default": ModelSettings(server="rehearsal")})
    paths = [path for name in ("dunning-letters", "customer-question") for path in opened.catalog.rehearsals(name)]
    scripts = {script.key: script for script in map(load_script, paths) if not script.name}
    with Rehearsal(scripts).serve() as server:
        yield opened, server.url
        opened.close()


@pytest.fixture
def house(company: tuple[House, str], monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv(REHEARSAL_URL, company[1])
    return company[0]


def play(house: House, workflow: str, **inputs: Any) -> Run:
    run, _ = house.start(workflow, Start("tester", "cli", {"as_of": TODAY.isoformat(), **inputs}))
    return work(house, run)


def work(house: House, run: Run) -> Run:
    """Work on a run and its items until nothing is due."""
    while due := [one for one in house.ledger.runs.family(run.id) if one.state == "queued"]:
        for one in due:
            house.engine.work(one.id)
    return house.ledger.runs.get(run.id)


def said(house: House, run_id: str, step: str) -> dict[str, Any]:
    """What a team said, as the run shows it."""
    steps = progress(house.ledger, house.ledger.runs.get(run_id)).steps
    return next(one.said for one in steps if one.id == step)


def waiting(house: House, run: Run) -> list[Approval]:
    assert house.ledger.runs.get(run.id).state == "waiting", house.ledger.runs.get(run.id).error
    return house.ledger.approvals.page(state="pending", root_id=run.id)[0]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_letter_is_checked_against_the_books_before_a_person_sees_it(house: House, language: str) -> None:
    letters = waiting(house, play(house, "dunning-letters", language=language))
    assert letters
    for letter in letters:
        case, text = (said(house, letter.run_id, step) for step in ("case", "letter"))
        who = [one["who"] for one in case["transcript"]]
        assert who in (["bookkeeper", "collector"], ["bookkeeper", "account_manager", "collector"])
        assert [one["who"] for one in text["transcript"]] == ["writer", "checker", "writer", "checker"]
        assert (text["ended"], text["ungrounded"], text["agent"]) == ("answered", [], "writer")
        assert letter.arguments is not None
        assert letter.arguments["body"] == text["text"]
        assert ("Пожалуйста" in text["text"]) == (language == "ru")
        assert case["text"] in letter.instructions
        assert "DONE" not in case["text"]


@pytest.fixture
def debtor(house: House) -> str:
    """The customer that owes most; the CRM knows it."""
    erp = house.doors.open("erp")
    assert isinstance(erp, DemoErp)
    return erp.receivables_ageing(as_of=TODAY).largest[0].party_id


def test_a_question_about_invoices_is_answered_from_the_books(house: House, debtor: str) -> None:
    run = play(house, "customer-question", customer=debtor, question="Какие счета открыты?", language="ru")
    (draft,) = waiting(house, run)
    answer = said(house, run.id, "answer")
    passed = [(one["who"], one["to"]) for one in answer["transcript"]]
    assert passed == [("reception", "accounting"), ("accounting", None)]
    assert "Открытые счета" in answer["text"]
    assert draft.arguments is not None
    assert draft.arguments["body"] == answer["text"]


def test_what_needs_a_promise_goes_to_a_person_whose_words_reach_the_customer(house: House, debtor: str) -> None:
    run = play(house, "customer-question", customer=debtor, question="May I pay in instalments?")
    (question,) = waiting(house, run)
    assert question.title.endswith("May I pay in instalments?")
    with pytest.raises(Invalid, match="answer"):
        house.edit_approval(question.id, {"question": "Never mind?"}, by="boss")
    words = "Two parts, the second one at the end of next month."
    shell = CommandLine(house.settings.home, KONTORA_HOME=str(house.settings.home))
    shown = shell("approvals", "show", question.id).stdout
    assert f'approvals answer {question.id} "…"' in shown
    assert shell("approvals", "answer", question.id, words).exit_code == 0
    run = work(house, house.ledger.runs.get(run.id))
    (draft,) = waiting(house, run)
    refused = shell("approvals", "answer", draft.id, words)
    assert refused.exit_code == 4
    assert "approve or reject it" in refused.stderr
    assert draft.arguments is not None
    assert draft.arguments["body"] == words
    house.ledger.approvals.decide(draft.id, "approved", by="boss")
    run = work(house, run)
    assert progress(house.ledger, run).outputs == {"answer": words}


def test_a_question_that_nobody_in_the_house_knows_goes_to_a_person_who_may_not_answer(
    house: House, debtor: str
) -> None:
    run = play(house, "customer-question", customer=debtor, question="Who won?")
    (question,) = waiting(house, run)
    assert question.arguments == {"question": "Who won?", "asked_by": "reception"}
    house.ledger.approvals.decide(question.id, "rejected", by="boss", comment="Not our business.")
    work(house, house.ledger.runs.get(run.id))
    assert said(house, run.id, "answer")["text"] == "No. Not our business."


def test_a_team_that_lies_and_approves_its_lies_ends_in_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"default": ModelSettings(server="rehearsal", script="adversarial")}
    with closing(furnished(tmp_path, models=models)) as house:
        scripts = {one.key: one for one in map(load_script, house.catalog.rehearsals("dunning-letters"))}
        with Rehearsal(scripts).serve() as server:
            monkeypatch.setenv(REHEARSAL_URL, server.url)
            run = play(house, "dunning-letters")
        assert run.state == "failed"
        for item in house.ledger.runs.children(run.id):
            assert (item.error or {})["code"] == "ungrounded", item.error
            entries = house.ledger.entries.of_run(item.id)
            picked = [one.data for one in entries if one.kind == "speaker.chosen"]
            order = ["bookkeeper", "account_manager", "collector"]
            assert picked == [{"speaker": name, "by": "order"} for name in order]
            made = [one.data["tool"] for one in entries if one.kind == "tool.outcome" and one.data["outcome"] == "ok"]
            assert made == ["crm.find_accounts"]
        assert house.ledger.approvals.page()[0] == []
