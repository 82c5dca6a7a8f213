"""Schedules over REST: added once, shown with what comes next, forgotten unless a file keeps them."""

from __future__ import annotations

from pathlib import Path

from kontora_workflows.scheduling import add_schedule

from tests.rest_office import API, rest_office

NIGHTLY = {"workflow": "reading", "cron": "0 2 * * 1-5", "timezone": "Europe/Moscow", "inputs": {"count": "1"}}


def test_a_schedule_is_added_once_shown_and_forgotten(ledger_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, ledger_url) as here:
        first = here.client.post(f"{API}/schedules", json=NIGHTLY)
        assert first.status_code == 201
        again = here.client.post(f"{API}/schedules", json=NIGHTLY)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["location"] == first.headers["location"]
        assert here.get("/schedules")["items"] == [first.json()]

        whole = here.client.get(first.headers["location"]).json()
        assert (whole["origin"], whole["principal"]) == ("rest", "local:operator")
        assert [at[11:] for at in whole["next"]] == ["23:00:00.000Z"] * 5
        assert whole["next"][0] == whole["next_at"]
        assert whole["last_runs"] == []

        assert here.client.delete(first.headers["location"]).status_code == 204
        assert here.client.delete(first.headers["location"]).status_code == 404


def test_a_fired_schedule_shows_its_runs(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        path = here.client.post(f"{API}/schedules", json=NIGHTLY).headers["location"]
        schedules = here.house.ledger.schedules
        (schedule,) = schedules.all()
        schedules.advance(schedule, here.house.ledger.database.now() - 1)
        here.house.sweeper.sweep()
        (run,) = here.client.get(path).json()["last_runs"]
        assert (run["trigger"], run["schedule"]) == ("schedule", schedule.id)
        assert run["logical_at"] is not None


def test_what_a_workflow_file_asks_for_cannot_be_forgotten_here(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        house = here.house
        schedule, _ = add_schedule(
            house.ledger, house.workflow("reading"), "0 2 * * *", "UTC", {}, origin="file", principal="workflow file"
        )
        answer = here.client.delete(f"{API}/schedules/{schedule.id}")
        assert (answer.status_code, answer.json()["code"]) == (409, "kept_by_file")
