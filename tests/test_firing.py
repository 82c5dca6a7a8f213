"""Schedules fire each logical time once, whoever fires; overlap, catch-up, jitter, pauses, alerts are as asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from kontora_api.workflow_documents import WholeSchedule
from kontora_workflows.cron import ScheduleInvalid
from kontora_workflows.definition import SchedulePolicy
from kontora_workflows.firing import Firing
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.run import Failure, NewRun
from kontora_workflows.ledger.schedules import Schedule
from kontora_workflows.loader import load_workflow
from kontora_workflows.scheduling import add_schedule, coming, keep_file_schedules, resume_schedule, times_between
from kontora_workflows.sweeper import Sweeper

from tests.office import Office, OneDoor, Pigeonhole, office
from tests.test_engine import HEAD

WORKFLOW = load_workflow(HEAD + "steps: [{id: people, call: book.people}]", source="test.yaml")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
def here(ledger_url: str) -> Iterator[Office]:
    with office(ledger_url) as opened:
        yield opened


def firing(here: Office) -> Firing:
    return Firing(here.ledger, OneDoor(here.notebook), lambda _: WORKFLOW)


def schedule(here: Office, cron: str = "0 * * * *", timezone: str = "UTC", **policy: object) -> Schedule:
    """A schedule that has been there for ever: its next fire is long past."""
    found, _ = add_schedule(
        here.ledger,
        WORKFLOW,
        cron,
        timezone,
        {},
        SchedulePolicy.model_validate(policy),
        origin="cli",
        principal="tester",
    )
    return found


def at(here: Office, found: Schedule, next_at: int) -> Schedule:
    return here.ledger.schedules.resume(here.ledger.schedules.pause(found.id, by="tester").id, next_at=next_at)


def hour_now(here: Office) -> int:
    return here.ledger.database.now() // HOUR * HOUR


def outcomes(here: Office, found: Schedule) -> list[tuple[int, str]]:
    return sorted((fire.logical_at, fire.outcome) for fire in here.ledger.fires.last(found.id, 1000))


def end_runs(here: Office, state: str = "succeeded") -> None:
    for run in here.ledger.runs.page(limit=500).items:
        if not run.ended:
            here.ledger.runs.end_idle(run.id, state, Failure("x", "It ended."), by="test")


# --- once, whoever fires ------------------------------------------------------------------------------------------

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Moscow")


def expected(timezone: str, hour: int, minute: int, first: datetime, last: datetime) -> list[int]:
    """The fires of a daily schedule, worked out by hand: a time that does not exist fires when the gap ends."""
    zone, found = ZoneInfo(timezone), []
    for day in range((last - first).days + 3):
        local = datetime.combine((first + timedelta(days=day - 1)).date(), datetime.min.time(), zone)
        wanted = local.replace(hour=hour, minute=minute)
        instant = wanted.astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) != wanted.replace(tzinfo=None):
            before = instant - timedelta(hours=3)
            steps = (before + timedelta(minutes=m) for m in range(360))
            instant = next(
                b for a, b in pairwise(steps) if a.astimezone(zone).utcoffset() != b.astimezone(zone).utcoffset()
            )
        if first < instant <= last:
            found.append(int(instant.timestamp() * 1000))
    return found


@pytest.mark.timeout(300)
def test_three_sweepers_race_over_a_year_and_each_fire_happens_once(here: Office) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=366)
    first, last = int(start.timestamp() * 1000), int(end.timestamp() * 1000)
    found = {
        zone: at(here, schedule(here, "30 2 * * *", zone, overlap="allow", catch_up="all", window="30d"), first)
        for zone in ZONES
    }
    clock, lock = iter(range(first, last + 1, DAY)), threading.Lock()

    def sweep() -> None:
        mine = firing(here)
        while True:
            with lock:
                now = next(clock, None)
            if now is None:
                return
            mine.fire(now)

    sweepers = [threading.Thread(target=sweep) for _ in range(3)]
    for sweeper in sweepers:
        sweeper.start()
    for sweeper in sweepers:
        sweeper.join()
    firing(here).fire(last)
    for zone, one in found.items():
        fires = outcomes(here, one)
        assert [fire for fire, _ in fires] == expected(zone, 2, 30, start, end)
        assert {outcome for _, outcome in fires} == {"run"}


def test_a_fire_that_was_started_is_not_started_again_after_a_crash(here: Office) -> None:
    found = at(here, schedule(here), hour_now(here))
    stale, now = here.ledger.schedules.get(found.id), here.ledger.database.now()
    late = firing(here)
    ready = late._ready(stale, now)
    assert ready is not None
    firing(here).fire(now)
    late._fire_together([ready])
    late._fire(ready)
    assert len(here.ledger.schedules.last_runs(found.id)) == 1


def test_today_is_the_day_of_the_logical_time_in_the_zone_of_the_schedule(here: Office) -> None:
    dated = load_workflow(
        HEAD + "inputs: {as_of: {type: date, default: today}}\nsteps: [{id: people, call: book.people}]", source="t"
    )
    found = at(
        here, schedule(here, "0 2 * * *", "Asia/Tokyo"), int(datetime(2026, 3, 1, 17, tzinfo=UTC).timestamp() * 1000)
    )
    now = int(datetime(2026, 3, 1, 17, 5, tzinfo=UTC).timestamp() * 1000)
    Firing(here.ledger, OneDoor(here.notebook), lambda _: dated).fire(now)
    (run,) = here.ledger.schedules.last_runs(found.id)
    assert run.inputs == {"as_of": "2026-03-02"}


# --- catch-up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("catch_up", "runs"), [("none", 1), ("latest", 1), ("all", 3)])
def test_missed_fires_are_made_up_for_as_asked(here: Office, catch_up: str, runs: int) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, overlap="allow", catch_up=catch_up, window="150m"), now - 4 * HOUR)
    firing(here).fire(now + 1000)
    assert sum(outcome == "run" for _, outcome in outcomes(here, found)) == runs
    assert len(outcomes(here, found)) == 5
    assert here.ledger.schedules.get(found.id).next_at == now + HOUR


def test_a_fire_that_is_missed_for_good_raises_one_alert(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, catch_up="none"), now - HOUR)
    for _ in range(2):
        firing(here).fire(now - HOUR + 5 * MINUTE)
    (alert,) = here.ledger.alerts.last()
    assert (alert.kind, alert.schedule_id) == ("missed", found.id)


# --- overlap ------------------------------------------------------------------------------------------------------


def test_while_a_run_is_open_the_next_fire_is_skipped(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, overlap="skip"), now)
    firing(here).fire(now)
    firing(here).fire(now + HOUR)
    end_runs(here)
    firing(here).fire(now + 2 * HOUR)
    assert [outcome for _, outcome in outcomes(here, found)] == ["run", "skipped", "run"]


def test_one_fire_waits_for_the_run_before_it(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, overlap="queue_one"), now)
    for hours in range(3):
        firing(here).fire(now + hours * HOUR)
    assert [outcome for _, outcome in outcomes(here, found)] == ["run", "queued", "skipped"]
    end_runs(here)
    firing(here).fire(now + 2 * HOUR)
    assert [outcome for _, outcome in outcomes(here, found)] == ["run", "run", "skipped"]
    assert len(here.ledger.schedules.last_runs(found.id)) == 2


def test_a_fire_that_waits_does_so_as_long_as_its_schedule_is_paused(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, overlap="queue_one", catch_up="all"), now - HOUR)
    firing(here).fire(now + 1000)
    here.ledger.schedules.pause(found.id, by="anna")
    end_runs(here)
    firing(here).fire(now + 2000)
    assert outcomes(here, found) == [(now - HOUR, "run"), (now, "queued")]
    resume_schedule(here.ledger, found.id)
    firing(here).fire(now + 3000)
    assert outcomes(here, found) == [(now - HOUR, "run"), (now, "run")]


def test_a_schedule_that_is_forgotten_while_a_fire_waits_keeps_nobody_from_their_work(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, overlap="queue_one", catch_up="all"), now - HOUR)
    firing(here).fire(now + 1000)
    here.ledger.schedules.remove(found.id)
    end_runs(here, "failed")
    firing(here).fire(now + 2000)
    (alert,) = here.ledger.alerts.last()
    assert (alert.kind, alert.workflow) == ("run_failed", "notes")


def test_a_fire_cancels_the_run_before_it(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, overlap="cancel_running"), now)
    firing(here).fire(now)
    firing(here).fire(now + HOUR)
    Sweeper(here.ledger, OneDoor(here.notebook), Pigeonhole(), lambda _: WORKFLOW).sweep()
    states = {run.logical_at: run.state for run in here.ledger.schedules.last_runs(found.id)}
    assert states == {now: "cancelled", now + HOUR: "queued"}


# --- the rest of the policy ---------------------------------------------------------------------------------------


def test_jitter_delays_the_run_and_not_the_fire(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, jitter="10m"), now)
    firing(here).fire(now)
    (run,) = here.ledger.schedules.last_runs(found.id)
    assert run.logical_at == now
    assert 0 <= run.due_at - run.created_at <= 10 * MINUTE


def test_a_schedule_fires_from_its_first_day_to_its_last(here: Office) -> None:
    today = date(2026, 3, 1)
    first = int(datetime(2026, 2, 27, tzinfo=UTC).timestamp() * 1000)
    policy = {"start": today, "end": today + timedelta(days=1), "catch_up": "all", "overlap": "allow"}
    found = at(here, schedule(here, "0 12 * * *", "UTC", **policy), first)
    for day in range(10):
        firing(here).fire(first + day * DAY)
    days = [datetime.fromtimestamp(fire / 1000, UTC).day for fire, _ in outcomes(here, found)]
    assert days == [1, 2]
    assert here.ledger.schedules.get(found.id).next_at is None


def test_a_paused_schedule_rests_and_makes_up_for_nothing(here: Office) -> None:
    found = at(here, schedule(here), hour_now(here))
    paused = here.ledger.schedules.pause(found.id, by="anna")
    assert (paused.enabled, paused.paused_by) == (False, "anna")
    firing(here).fire()
    assert outcomes(here, found) == []
    resumed = resume_schedule(here.ledger, found.id)
    assert (resumed.next_at or 0) > here.ledger.database.now()
    firing(here).fire()
    assert outcomes(here, found) == []


def test_a_fire_by_hand_and_a_backfill_never_repeat_a_fire(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, catch_up="none"), now - 3 * HOUR)
    firing(here).fire(now + 1000)
    times = [now - 3 * HOUR, now - 2 * HOUR, now - HOUR, now]
    assert firing(here).backfill(found, times) == 3
    assert firing(here).backfill(found, times) == 0
    end_runs(here)
    assert firing(here).run_now(found)
    assert len(here.ledger.schedules.last_runs(found.id)) == 5


def test_a_backfill_leaves_what_is_to_come_to_the_schedule(here: Office) -> None:
    found = schedule(here)
    now = hour_now(here) + MINUTE
    instant = datetime.fromtimestamp(now / 1000, UTC)
    times = times_between(found, instant - timedelta(hours=2), instant + timedelta(days=2), now)
    assert times == [now - MINUTE - HOUR, now - MINUTE]


def test_who_fires_by_hand_does_not_wait_for_the_jitter(here: Office) -> None:
    found = schedule(here, jitter="10h")
    assert firing(here).run_now(found)
    (run,) = here.ledger.schedules.last_runs(found.id)
    assert run.due_at == run.created_at


def test_what_comes_next_keeps_to_the_days_of_the_schedule_and_to_its_pause(here: Office) -> None:
    found = schedule(here, "0 2 * * *", start="2199-12-30", end="2199-12-31")
    assert len(coming(found, hour_now(here), 5)) == 2
    assert coming(here.ledger.schedules.pause(found.id, by="anna"), hour_now(here), 5) == []


def test_a_schedule_that_would_end_before_it_begins_is_refused(here: Office) -> None:
    with pytest.raises(ScheduleInvalid, match="2026-01-01, is before its first, 2027-01-01"):
        schedule(here, start="2027-01-01", end="2026-01-01")


def test_one_schedule_that_cannot_be_fired_keeps_no_other_from_firing(here: Office) -> None:
    now = hour_now(here)
    hurt, fine = at(here, schedule(here), now), at(here, schedule(here, "0 */1 * * *"), now)
    run = firing(here)._prepared(hurt, SchedulePolicy(), now)
    assert isinstance(run, NewRun)
    here.ledger.runs.create(run)  # its fire is not on record, so that there would be a second one
    firing(here).fire(now + 1000)
    assert (outcomes(here, hurt), outcomes(here, fine)) == ([], [(now, "run")])


# --- alerts -------------------------------------------------------------------------------------------------------


def test_a_workflow_that_is_gone_raises_an_alert_and_the_others_fire(here: Office) -> None:
    now = hour_now(here)
    gone = at(here, schedule(here, "0 * * * *"), now)
    fine = at(here, schedule(here, "0 */1 * * *"), now)

    def workflow_of(name: str) -> object:
        calls.append(name)
        if len(calls) == 1:
            raise LookupError("There is no workflow 'notes'.")
        return WORKFLOW

    calls: list[str] = []
    Firing(here.ledger, OneDoor(here.notebook), workflow_of).fire(now)  # type: ignore[arg-type]
    assert sorted(outcome for one in (gone, fine) for _, outcome in outcomes(here, one)) == ["failed", "run"]
    (alert,) = here.ledger.alerts.last()
    assert alert.kind == "not_started"
    assert "There is no workflow" in alert.message


@pytest.mark.parametrize("state", ["failed", "timed_out"])
def test_a_nightly_run_that_ends_badly_raises_one_alert(here: Office, state: str) -> None:
    now = hour_now(here)
    at(here, schedule(here), now)
    firing(here).fire(now)
    end_runs(here, state)
    for _ in range(2):
        firing(here).fire(now + MINUTE)
    (alert,) = here.ledger.alerts.last()
    assert alert.kind == "run_failed"
    assert str(alert.run_id) in alert.message


def test_a_run_that_is_not_there_in_the_morning_raises_one_alert(here: Office) -> None:
    now = hour_now(here)
    at(here, schedule(here, expect_within="30m"), now)
    firing(here).fire(now)
    firing(here).fire(now + 29 * MINUTE)
    assert here.ledger.alerts.last() == []
    for minutes in (31, 32):
        firing(here).fire(now + minutes * MINUTE)
    (alert,) = here.ledger.alerts.last()
    assert alert.kind == "never_came"


def test_a_fire_that_waits_for_the_run_before_it_for_too_long_raises_an_alert_of_its_own(here: Office) -> None:
    now = hour_now(here)
    found = at(here, schedule(here, expect_within="30m", overlap="queue_one"), now)
    firing(here).fire(now)
    firing(here).fire(now + HOUR)
    for minutes in (29, 31, 32):
        firing(here).fire(now + HOUR + minutes * MINUTE)
    queued, open_ = sorted(here.ledger.alerts.last(), key=lambda one: one.run_id is not None)
    assert (queued.kind, queued.logical_at, queued.workflow) == ("never_came", now + HOUR, "notes")
    assert queued.message == f"notes waits for the run before it: kontora schedules show {found.id}"
    assert open_.logical_at == now


# --- files --------------------------------------------------------------------------------------------------------


def test_a_policy_that_changes_in_a_file_changes_the_schedule_in_place(here: Office) -> None:
    text = (
        HEAD + "schedules: [{cron: '0 2 * * *', timezone: UTC, overlap: OVERLAP}]\nsteps: [{id: a, call: book.people}]"
    )
    for overlap in ("skip", "allow"):
        workflow = load_workflow(text.replace("OVERLAP", overlap), source="test.yaml")
        keep_file_schedules(here.ledger, [workflow], all_files=True)
        (one,) = here.ledger.schedules.all()
        assert one.policy["overlap"] == overlap
    keep_file_schedules(here.ledger, [], all_files=True)
    assert here.ledger.schedules.all() == []


def test_a_change_in_a_file_loses_no_fire_that_is_due(here: Office) -> None:
    text = HEAD + "schedules: [{cron: '0 * * * *', timezone: UTC, overlap: %s}]\nsteps: [{id: a, call: book.people}]"
    now = hour_now(here)
    for overlap in ("skip", "allow"):
        keep_file_schedules(here.ledger, [load_workflow(text % overlap, source="test.yaml")], all_files=True)
        (one,) = here.ledger.schedules.all()
        if overlap == "skip":
            at(here, one, now - HOUR)  # nobody was there
    assert one.next_at == now - HOUR
    firing(here).fire(now - MINUTE)
    assert outcomes(here, one) == [(now - HOUR, "run")]


def test_of_many_missed_fires_those_before_the_last_day_are_recorded(here: Office) -> None:
    now = hour_now(here)
    ended = datetime.fromtimestamp(now / 1000, UTC).date() - timedelta(days=3)
    found = at(here, schedule(here, "* * * * *", end=ended), now - 4 * DAY)
    firing(here).fire(now)
    after = int(datetime(ended.year, ended.month, ended.day, tzinfo=UTC).timestamp() * 1000) + DAY
    fires = outcomes(here, found)
    assert fires
    assert all(fire < after for fire, _ in fires)
    assert here.ledger.schedules.get(found.id).next_at is None


def test_a_schedule_whose_policy_cannot_be_followed_is_left_out_and_told_of_once(here: Office) -> None:
    good, hour = at(here, schedule(here, "0 * * * *"), hour_now(here)), hour_now(here)
    bad = at(here, schedule(here, "0 0-23 * * *", overlap="queue_one"), hour)
    with here.ledger.database.write() as connection:
        changed = tables.schedules.update().where(tables.schedules.c.id == bad.id)
        connection.execute(changed.values(policy='{"overlap":"sometimes"}'))
    for _ in range(2):
        firing(here).fire()
    assert outcomes(here, good) == [(hour, "run")]
    assert outcomes(here, bad) == []
    (alert,) = here.ledger.alerts.due()
    assert (alert.kind, alert.schedule_id) == ("not_started", bad.id)
    assert "overlap: Input should be" in alert.message
    whole = WholeSchedule.whole(here.ledger, bad.id)
    assert (whole.problem or "").startswith("Its policy cannot be followed (overlap: ")
    assert whole.next == []
    for refused in (resume_schedule, lambda ledger, id_: firing(here).run_now(ledger.schedules.get(id_))):
        with pytest.raises(ScheduleInvalid, match="kontora schedules add"):
            refused(here.ledger, bad.id)

    # Whoever adds it anew mends it.
    mended = schedule(here, "0 0-23 * * *")
    assert mended.id == bad.id
    firing(here).fire()
    assert outcomes(here, mended)
