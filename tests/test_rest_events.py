"""Following a run: every entry once and in order, from any event on, until the run has ended."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.rest_events import Event, events
from tests.rest_office import API, RestOffice, rest_office


def followed(here: RestOffice, run_id: str, after: str = "") -> list[Event]:
    headers = {"Last-Event-ID": after} if after else {}
    with here.client.stream("GET", f"{API}/runs/{run_id}/events", headers=headers) as answer:
        return list(events(answer))


def test_a_stream_holds_every_entry_of_the_family_and_ends_with_the_run(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        run_id = here.start("each")
        here.work(run_id)
        for approval in here.get("/approvals", run=run_id)["items"]:
            here.house.ledger.approvals.decide(approval["id"], "rejected", by="boss")
        here.work(run_id)
        *found, end = followed(here, run_id)
        assert (end.name, end.data) == ("end", {"state": "succeeded"})
        assert [event.name for event in found] == [event.data["kind"] for event in found]

        family = [run_id, *(child["id"] for child in here.get(f"/runs/{run_id}/children")["items"])]
        for one in family:
            entries = here.get(f"/runs/{one}/entries", limit=200)["items"]
            taken = ("run", "seq", "at", "kind", "key", "body")
            assert [{key: event.data[key] for key in taken} for event in found if event.data["run"] == one] == [
                {key: entry[key] for key in taken} for entry in entries
            ]
        items = {event.data["item"] for event in found}
        assert len(items) == 3
        assert {event.data["run"] for event in found if event.data["item"] is None} == {run_id}


def test_a_stream_resumes_after_any_event_with_exactly_the_rest(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("each")
        here.work(run_id)
        here.client.post(f"{API}/runs/{run_id}/cancel")
        whole = followed(here, run_id)
        for position in range(0, len(whole) - 1, 5):
            rest = followed(here, run_id, whole[position].id)
            assert [(one.id, one.data) for one in rest] == [(one.id, one.data) for one in whole[position + 1 :]]
        by_query = here.client.get(f"{API}/runs/{run_id}/events", params={"after": whole[-2].id})
        assert by_query.text == 'retry: 3000\n\nevent: end\ndata: {"state":"cancelled"}\n\n'


def test_what_happens_is_seen_while_it_happens(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here, ThreadPoolExecutor(1) as pool:
        run_id = here.start("writing")
        with here.client.stream("GET", f"{API}/runs/{run_id}/events") as answer:
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["x-accel-buffering"] == "no"
            stream = events(answer)
            assert next(stream).name == "run.created"
            pool.submit(here.work, run_id).result()
            asked = next(event for event in stream if event.name == "approval.requested")
            here.house.ledger.approvals.decide(asked.data["body"]["approval"], "approved", by="boss")
            pool.submit(here.work, run_id).result()
            kinds = [event.name for event in stream]
        assert kinds.index("approval.decided") < kinds.index("tool.outcome") < kinds.index("end")


def test_a_silent_stream_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kontora_api.event_stream._HEARTBEAT_S", 0.3)
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        with here.client.stream("GET", f"{API}/runs/{run_id}/events") as answer:
            comments = (line for line in answer.iter_lines() if line.startswith(":"))
            assert [next(comments), next(comments)] == [": still here"] * 2


@pytest.mark.parametrize("cursor", ["soon", "-1", "1.2.3", "9" * 30, "1\x00"])
def test_an_id_that_no_stream_gave_is_refused(cursor: str, tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        answer = here.client.get(f"{API}/runs/{run_id}/events", params={"after": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")
        assert here.client.get(f"{API}/runs/run_nowhere/events").json()["code"] == "unknown_run"


def test_a_stream_outlives_its_database(postgres_url: str, tmp_path: Path) -> None:
    server, _, name = postgres_url.replace("+psycopg", "").rpartition("/")
    with rest_office(tmp_path, postgres_url) as here, psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        run_id = here.start("reading")
        with here.client.stream("GET", f"{API}/runs/{run_id}/events") as answer:
            stream = events(answer)
            assert next(stream).name == "run.created"
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            assert here.client.get(f"{API}/runs").json()["code"] == "ledger_unavailable"
            time.sleep(0.5)
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            here.work(run_id)
            *found, end = stream
        assert [event.data["seq"] for event in found] == list(range(2, len(found) + 2))
        assert end.data == {"state": "succeeded"}
