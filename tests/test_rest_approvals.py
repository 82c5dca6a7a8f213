"""Approvals over REST: a decision is about exactly what was read, and is made once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rest_office import API, EACH, RestOffice, rest_office


def decide(
    here: RestOffice, approval: dict[str, Any], decision: str = "approve", *, if_match: str | None, **body: Any
) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match is not None else {}
    path = f"{API}/approvals/{approval['id']}/decision"
    return here.client.post(path, json={"decision": decision, **body}, headers=headers)


def etag_of(here: RestOffice, approval: dict[str, Any]) -> str:
    return here.client.get(f"{API}/approvals/{approval['id']}").headers["etag"]


def test_a_yes_lets_exactly_the_call_that_was_shown_through(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        run_id = here.start("writing")
        assert here.work(run_id).waiting_for == "approval"
        approval = here.asked(run_id)
        assert (approval["tool"], approval["arguments"]["subject"]) == ("crm.create_activity", "Звонок")
        answer = decide(here, approval, if_match=etag_of(here, approval), comment="yes, please")
        decided = answer.json()
        assert (answer.status_code, decided["state"], decided["comment"]) == (200, "approved", "yes, please")
        assert decided["decided_by"] == "local:operator"
        assert answer.headers["etag"] == etag_of(here, approval)
        assert here.work(run_id).state == "succeeded"
        assert here.get(f"/runs/{run_id}/calls")["items"][-1]["arguments"] == approval["arguments"]
        assert here.get("/approvals")["items"] == []
        assert [one["id"] for one in here.get("/approvals", state="used")["items"]] == [approval["id"]]


def test_after_a_no_nothing_is_written(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("writing")
        here.work(run_id)
        approval = here.asked(run_id)
        assert decide(here, approval, "reject", if_match=etag_of(here, approval)).json()["state"] == "rejected"
        assert here.work(run_id).state == "succeeded"
        assert [call["outcome"] for call in here.get(f"/runs/{run_id}/calls")["items"]] == ["ok", "denied"]


def test_of_two_who_decide_at_once_one_is_heard_and_the_other_is_told(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here, ThreadPoolExecutor(2) as pool:
        run_id = here.start("writing")
        here.work(run_id)
        approval = here.asked(run_id)
        etag, at_once = etag_of(here, approval), threading.Barrier(2)

        def answer(decision: str) -> httpx.Response:
            at_once.wait()
            return decide(here, approval, decision, if_match=etag)

        answers = list(pool.map(answer, ("approve", "reject")))
        heard, told = sorted(answers, key=lambda one: one.status_code)
        assert (heard.status_code, told.status_code) == (200, 412)
        assert told.json()["approval"]["state"] == heard.json()["state"]
        assert here.get(f"/approvals/{approval['id']}")["state"] == heard.json()["state"]


def test_a_decision_names_what_was_read_or_is_refused(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("writing")
        here.work(run_id)
        approval = here.asked(run_id)
        etag = etag_of(here, approval)
        for missing in (None, "", "*"):
            answer = decide(here, approval, if_match=missing)
            assert (answer.status_code, answer.json()["code"]) == (428, "if_match_missing")
        for other in ('"1-0000000000000000"', f"W/{etag}", etag.strip('"')):
            answer = decide(here, approval, if_match=other)
            assert (answer.status_code, answer.json()["code"]) == (412, "stale")
            assert answer.json()["approval"]["state"] == "pending"
        assert decide(here, approval, if_match=f'"another", {etag}').status_code == 200

        late = decide(here, approval, "reject", if_match=etag_of(here, approval))
        assert (late.status_code, late.json()["code"]) == (409, "already_decided")
        assert late.json()["approval"]["state"] == "approved"


def test_a_yes_that_comes_too_late_is_a_no(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        text = EACH.replace("name: each", "name: hasty").replace(
            "title: ${{ account.name }}", "title: Now\n          expires_after: 1s"
        )
        (tmp_path / "workflows" / "hasty.yaml").write_text(text, encoding="utf-8")
        run_id = here.start("hasty")
        here.work(run_id)
        first, second = here.get("/approvals", run=run_id)["items"]
        etag = etag_of(here, first)
        threading.Event().wait(1.1)
        answer = decide(here, first, if_match=etag)
        assert (answer.status_code, answer.json()["approval"]["state"]) == (412, "expired")
        assert here.get(f"/approvals/{second['id']}")["state"] == "expired"


def test_an_edited_call_is_a_new_question(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        run_id = here.start("writing")
        here.work(run_id)
        approval = here.asked(run_id)
        path, etag = f"{API}/approvals/{approval['id']}", etag_of(here, approval)
        assert here.client.patch(path, json={"arguments": {"subject": "x"}}).status_code == 428
        wrong = here.client.patch(path, json={"arguments": {"kind": "parade"}}, headers={"If-Match": etag})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
        assert wrong.json()["errors"][0]["pointer"] == "#/arguments/kind"

        edited = here.client.patch(path, json={"arguments": {"subject": "Письмо"}}, headers={"If-Match": etag})
        assert edited.json()["arguments"] == {**approval["arguments"], "subject": "Письмо"}
        assert decide(here, approval, if_match=etag).status_code == 412
        assert decide(here, approval, if_match=edited.headers["etag"]).status_code == 200
        here.work(run_id)
        assert here.get(f"/runs/{run_id}/calls")["items"][-1]["arguments"]["subject"] == "Письмо"


TWO = EACH.replace("name: each", "name: two").replace("title: ${{ account.name }}", "title: Both\n          people: 2")


def test_where_two_have_to_agree_one_person_is_not_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNA", "anna-token")
    tokens = {"anna": "env:ANNA", "boris": "boris-token"}
    with rest_office(tmp_path, tokens=tokens, api_token="shared-token") as here:
        (tmp_path / "workflows" / "two.yaml").write_text(TWO, encoding="utf-8")
        here.client.headers["Authorization"] = "Bearer shared-token"
        run_id = here.start("two")
        here.work(run_id)
        approval = here.get("/approvals", run=run_id)["items"][0]
        answer = decide(here, approval, if_match=etag_of(here, approval))
        assert (answer.status_code, answer.json()["code"]) == (403, "person_needed")

        here.client.headers["Authorization"] = "Bearer anna-token"
        agreed = decide(here, approval, if_match=etag_of(here, approval))
        assert (agreed.json()["state"], agreed.json()["agreed_by"]) == ("pending", "person:anna")
        again = decide(here, approval, if_match=agreed.headers["etag"])
        assert (again.status_code, again.json()["code"]) == (409, "same_person")
        here.client.headers["Authorization"] = "Bearer boris-token"
        decided = decide(here, approval, if_match=agreed.headers["etag"]).json()
        assert (decided["state"], decided["decided_by"]) == ("approved", "person:anna, person:boris")


def test_a_workflow_for_four_eyes_does_not_start_where_people_cannot_be_told_apart(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        (tmp_path / "workflows" / "two.yaml").write_text(TWO, encoding="utf-8")
        answer = here.client.post(f"{API}/workflows/two/runs")
        assert (answer.status_code, answer.json()["code"]) == (409, "four_eyes_impossible")


def test_approvals_come_in_pages_oldest_first(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("each")
        here.work(run_id)
        here.work(here.start("each"))
        found, path = [], f"{API}/approvals?run={run_id}&limit=1"
        while path:
            answer = here.client.get(path)
            found += answer.json()["items"]
            path = answer.links.get("next", {}).get("url", "")
        assert [one["root"] for one in found] == [run_id, run_id]
        assert found == here.get("/approvals", run=run_id)["items"]
        assert len(here.get("/approvals")["items"]) == 4
