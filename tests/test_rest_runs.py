"""Runs over REST: accepted once and for good, listed, shown, cancelled and resumed."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kontora_workflows.ledger.entries import Head
from kontora_workflows.ledger.run import Failure

from tests.rest_office import API, RestOffice, rest_office
from tests.services import free_port


def test_a_run_is_accepted_worked_on_and_shown_with_all_that_happened(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        answer = here.client.post(f"{API}/workflows/reading/runs", json={"inputs": {"count": "3"}})
        assert answer.status_code == 202
        started = answer.json()
        assert answer.headers["location"] == f"{API}/runs/{started['id']}" == started["links"]["self"]
        assert answer.headers["retry-after"] == "2"
        assert (started["state"], started["trigger"], started["principal"]) == ("queued", "rest", "local:operator")

        here.work(started["id"])
        run = here.get(f"/runs/{started['id']}")
        assert (run["state"], run["settled"], run["inputs"]) == ("succeeded", True, {"part": "e", "count": 3})
        assert [(step["id"], step["state"]) for step in run["steps"]] == [("accounts", "finished")]
        assert run["bindings"] == {"crm": "crm"}
        assert here.get("/runs", state="succeeded")["items"][0] == {key: run[key] for key in started}

        (call,) = here.get(f"/runs/{run['id']}/calls")["items"]
        assert (call["tool"], call["outcome"]) == ("crm.find_accounts", "ok")
        whole = here.get(f"/runs/{run['id']}/calls/{call['seq']}")
        assert len(whole.pop("result")["items"]) == 3
        assert whole == call
        assert here.get("/ledger/verify", run=run["id"]) == {"ok": True, "runs": 1, "breaks": []}


def test_without_a_body_the_defaults_are_taken(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        answer = here.client.post(f"{API}/workflows/reading/runs")
        assert answer.status_code == 202
        assert here.get(f"/runs/{answer.json()['id']}")["inputs"] == {"part": "e", "count": 2}


def test_the_same_key_starts_one_run_even_when_it_is_sent_eight_times_at_once(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here, ThreadPoolExecutor(8) as pool:
        at_once = threading.Barrier(8)

        def post(_: int) -> tuple[str, str | None]:
            at_once.wait()
            answer = here.client.post(
                f"{API}/workflows/reading/runs", json={"inputs": {"count": 1}}, headers={"Idempotency-Key": "k-1"}
            )
            assert answer.status_code == 202, answer.text
            return answer.json()["id"], answer.headers.get("idempotent-replayed")

        answers = list(pool.map(post, range(8)))
        assert len({run_id for run_id, _ in answers}) == 1
        assert sorted(replayed or "first" for _, replayed in answers) == ["first", *["true"] * 7]
        assert len(here.get("/runs")["items"]) == 1

        other = here.client.post(
            f"{API}/workflows/reading/runs", json={"inputs": {"count": 2}}, headers={"Idempotency-Key": "k-1"}
        )
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")


def test_a_run_is_accepted_while_the_broker_is_down(tmp_path: Path) -> None:
    with rest_office(tmp_path, broker_url=f"redis://127.0.0.1:{free_port()}/0") as here:
        run_id = here.start("reading")
        ready = here.client.get("/readyz")
        assert (ready.status_code, ready.json()["broker"]) == (200, "does not answer")
        assert here.work(run_id).state == "succeeded"


def test_prefer_wait_answers_when_the_run_rests_and_not_later_than_asked(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here, ThreadPoolExecutor(1) as pool:

        def post(seconds: int) -> tuple[int, str, float]:
            began = time.monotonic()
            answer = here.client.post(f"{API}/workflows/writing/runs", headers={"Prefer": f"wait={seconds}"})
            assert answer.headers["preference-applied"] == f"wait={seconds}"
            return answer.status_code, answer.json()["state"], time.monotonic() - began

        status, state, took = post(1)
        assert (status, state) == (202, "queued")
        assert 1 <= took < 5

        waiting = pool.submit(post, 60)
        while not (queued := here.get("/runs", state="queued")["items"][:-1]):
            time.sleep(0.02)
        here.work(queued[0]["id"])
        status, state, took = waiting.result(timeout=20)
        assert (status, state) == (200, "waiting")
        assert took < 20


def test_pages_of_runs_lead_to_each_other_and_miss_none(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        started = [here.start("reading") for _ in range(5)]
        here.start("writing")
        found, path = [], f"{API}/runs?workflow=reading&state=queued&state=running&limit=2"
        while path:
            answer = here.client.get(path)
            found.append([run["id"] for run in answer.json()["items"]])
            path = answer.links.get("next", {}).get("url", "")
            assert bool(path) == (answer.json()["next_cursor"] is not None)
        assert [len(page) for page in found] == [2, 2, 1]
        assert [run_id for page in found for run_id in page] == started[::-1]


def test_entries_come_in_pages_in_the_order_of_the_chain(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        here.work(run_id)
        first = here.client.get(f"{API}/runs/{run_id}/entries", params={"limit": 3})
        rest = here.client.get(first.links["next"]["url"], params={"after": first.json()["next_after"], "limit": 200})
        entries = first.json()["items"] + rest.json()["items"]
        assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
        assert [after["prev_hash"] for after in entries[1:]] == [before["hash"] for before in entries[:-1]]
        assert rest.json()["next_after"] is None


def test_the_runs_of_a_loop_are_listed_below_their_parent_and_nowhere_else(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("each")
        here.work(run_id)
        children = here.get(f"/runs/{run_id}/children")["items"]
        assert children == here.get("/runs", parent=run_id)["items"]
        assert [child["parent"] for child in children] == [run_id, run_id]
        assert [run["id"] for run in here.get("/runs")["items"]] == [run_id]
        assert here.get(f"/runs/{run_id}")["children"] == {"waiting": 2}


def test_a_cancelled_run_stays_cancelled_and_an_ended_one_cannot_be(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("writing")
        for _ in range(2):
            answer = here.client.post(f"{API}/runs/{run_id}/cancel")
            assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        done = here.start("reading")
        here.work(done)
        answer = here.client.post(f"{API}/runs/{done}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "run_ended")


def test_a_failed_run_goes_on_when_it_is_resumed_and_a_good_one_is_left_alone(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        here.house.ledger.runs.end_idle(run_id, "failed", Failure("poison", "It broke off."), by="sweeper")
        assert here.get(f"/runs/{run_id}")["error"]["code"] == "poison"
        answer = here.client.post(f"{API}/runs/{run_id}/resume")
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        assert here.work(run_id).state == "succeeded"
        answer = here.client.post(f"{API}/runs/{run_id}/resume")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_resumable")


def test_a_run_is_replayed_from_its_ledger_and_retried_from_a_step(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        here.work(run_id)
        (replayed,) = here.client.post(f"{API}/runs/{run_id}/replay").json()
        assert (replayed["same"], replayed["at"], replayed["state"]) == (True, None, "succeeded")
        first = here.get(f"/runs/{run_id}")["steps"][0]["id"]
        answer = here.client.post(f"{API}/runs/{run_id}/retry", json={"step": first})
        assert answer.status_code == 202
        assert answer.json()["trigger"] == "retry"
        assert here.work(answer.headers["Location"].rpartition("/")[2]).state == "succeeded"
        answer = here.client.post(f"{API}/runs/{run_id}/retry", json={"step": "nothing"})
        assert (answer.status_code, answer.json()["code"]) == (409, "not_retryable")


def test_a_report_is_shown_without_scripts_saved_under_its_name_and_fetched_once(
    ledger_url: str, tmp_path: Path
) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        run_id = here.start("reporting")
        here.work(run_id)
        artifact = next(one for one in here.get(f"/runs/{run_id}/artifacts")["items"] if one["name"].endswith(".html"))
        assert here.get(f"/artifacts/{artifact['id']}") == artifact
        page = here.client.get(artifact["links"]["content"])
        assert "<title>Receivables" in page.text
        assert len(page.content) == artifact["size"]
        assert "sandbox" in page.headers["content-security-policy"]
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["content-disposition"] == f"inline; filename*=UTF-8''{artifact['name']}"
        saved = here.client.get(artifact["links"]["content"], params={"download": 1})
        assert saved.headers["content-disposition"].startswith("attachment; ")
        again = here.client.get(artifact["links"]["content"], headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_a_file_keeps_its_name_in_any_script(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        artifact_id = _artifact(here, 'отчёт "2026".xlsx', "application/octet-stream")
        answer = here.client.get(f"{API}/artifacts/{artifact_id}/content")
        name = "%D0%BE%D1%82%D1%87%D1%91%D1%82%20%222026%22.xlsx"
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"


def test_a_person_says_how_a_write_ended_that_nobody_could_tell_of(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        run_id, head = _claimed(here)
        entries = here.house.ledger.entries
        meant = {"tool": "crm.create_activity", "instance": "crm", "effect": "write"}
        entries.append(head, "tool.intended", "note", meant, payload={"arguments": {}})
        entries.append(head, "tool.unknown", "note", {**meant, "why": "no answer came"})
        with here.house.ledger.database.write() as connection:
            state = {"state": "needs_review", "owner": None, "lease_until": None}
            entries.append_in(connection, head, "run.state", body={"state": "needs_review"}, state=state)
        path = f"{API}/runs/{run_id}/settle"
        wrong = here.client.post(path, json={"call": "other", "done": True})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "not_resumable")
        wrong = here.client.post(path, json={"call": "note", "done": True, "result": {"id": "A1"}})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "result_unfit")
        assert "subject (string)" in wrong.json()["detail"]
        assert {"pointer": "#/result/subject", "detail": "Field required"} in wrong.json()["errors"]
        activity = {"id": "A1", "account_id": "C1", "kind": "note", "subject": "Called"}
        answer = here.client.post(path, json={"call": "note", "done": True, "result": activity})
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        settled = next(one for one in here.get(f"/runs/{run_id}/entries")["items"] if one["kind"] == "tool.settled")
        assert (settled["body"]["done"], settled["body"]["by"]) == (True, "local:operator")
        assert here.client.post(path, json={"call": "note", "done": True}).status_code == 409


def _artifact(here: RestOffice, name: str, media_type: str) -> str:
    """Let a run write a file."""
    _, head = _claimed(here)
    return str(here.house.ledger.artifacts.write(head, "report", name, media_type, b"x").data["artifact"])


def _claimed(here: RestOffice) -> tuple[str, Head]:
    """A run that this test works on, and its right to."""
    run_id = here.start("reading")
    claim = here.house.ledger.runs.claim(run_id, "tester", 60_000)
    assert claim is not None
    return run_id, Head(run_id, claim.fence, claim.run.head_seq, claim.run.head_hash, claim.claimed_at)
