"""Schedules over REST: added once, shown with what comes next, forgotten unless a file keeps them."""

from __future__ import annotations

from pathlib import Path

from kontora_workflows.ledger import Ledger, tables
from sqlalchemy import update

from tests.rest_office import API, READING, furnished, rest_office

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
        path = here.client.post(f"{API}/schedules", json={**NIGHTLY, "cron": "* * * * *"}).headers["location"]
        schedules = here.house.ledger.schedules
        (schedule,) = schedules.all()
        make_due(here.house.ledger, schedule.id)
        here.house.sweeper.sweep()
        (run,) = here.client.get(path).json()["last_runs"]
        assert (run["trigger"], run["schedule"]) == ("schedule", schedule.id)
        assert run["logical_at"] is not None


def test_what_a_workflow_file_holds_is_forgotten_once_no_file_holds_it(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        house, folder = here.house, here.house.settings.workflows
        file = folder / "nightly.yaml"
        text = READING.replace("name: reading", "name: nightly")
        file.write_text(text + 'schedules: [{cron: "0 2 * * *", timezone: UTC}]\n')
        house.keep_file_schedules()
        (schedule,) = house.ledger.schedules.all()

        def refused() -> str:
            answer = here.client.delete(f"{API}/schedules/{schedule.id}")
            assert (answer.status_code, answer.json()["code"]) == (409, "kept_by_file")
            return f"{answer.json()['detail']} {answer.json()['hint']}"

        assert f"It stands in {file}" in refused()
        file.write_text("steps: nonsense")
        assert "Mend that file" in refused()
        folder.rename(tmp_path / "elsewhere")
        assert "should the schedule go, make it, empty, and try again" in refused()
        folder.mkdir()
        assert here.client.delete(f"{API}/schedules/{schedule.id}").status_code == 204


def test_a_schedule_is_paused_resumed_fired_by_hand_and_made_up_for(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        policy = {"overlap": "allow", "jitter": "5m", "expect_within": "6h"}
        path = here.client.post(f"{API}/schedules", json={**NIGHTLY, "policy": policy}).headers["location"]
        paused = here.client.post(f"{path}/pause").json()
        assert (paused["enabled"], paused["paused_by"]) == (False, "local:operator")
        assert paused["policy"]["overlap"] == "allow"
        assert here.client.get(path).json()["next"] == []
        assert here.client.post(f"{path}/resume").json()["enabled"] is True

        whole = here.client.post(f"{path}/run-now").json()
        assert [fire["outcome"] for fire in whole["last_fires"]] == ["run"]
        when = {"first": "2026-11-02T00:00:00Z", "last": "2026-11-06T00:00:00Z"}
        assert here.client.post(f"{path}/backfill", json=when).json() == {"fires": 4, "started": 4}
        assert here.client.post(f"{path}/backfill", json=when).json() == {"fires": 4, "started": 0}
        years = {"first": "2000-01-01T00:00:00Z", "last": "2026-01-01T00:00:00Z"}
        answer = here.client.post(f"{path}/backfill", json=years)
        assert (answer.status_code, answer.json()["code"]) == (422, "too_many_fires")


def test_a_folder_of_workflows_that_is_not_there_takes_no_schedule_away(tmp_path: Path) -> None:
    house = furnished(tmp_path)
    folder, hidden = tmp_path / "workflows", tmp_path / "hidden"
    nightly = READING.replace("name: reading", "name: nightly\nschedules: [{cron: 0 2 * * *, timezone: UTC}]")
    (folder / "nightly.yaml").write_text(nightly, encoding="utf-8")
    house.keep_file_schedules()
    (schedule,) = house.ledger.schedules.all()
    folder.rename(hidden)
    house.keep_file_schedules()
    assert house.ledger.schedules.all() == [schedule]
    folder.mkdir()
    house.keep_file_schedules()
    assert house.ledger.schedules.all() == []
    house.close()


def make_due(ledger: Ledger, schedule_id: str) -> None:
    """Let the next fire of a schedule be a second ago."""
    with ledger.database.write() as connection:
        here = tables.schedules.c.id == schedule_id
        connection.execute(
            update(tables.schedules).where(here).values(next_at=ledger.database.now() // 60_000 * 60_000)
        )
