"""Schedules: the right instant in the right zone, and one run per logical time however many sweepers look."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from kontora_workflows.cron import ScheduleInvalid, logical_date, next_fires
from kontora_workflows.loader import load_workflow
from kontora_workflows.sweeper import Sweeper

from tests.office import OneDoor, Pigeonhole, office

WORKFLOW = """
apiVersion: kontora/v1
name: notes
title: Notes
roles: {book: {kind: notebook}}
inputs: {as_of: {type: date, default: today}}
steps:
  - id: notes
    call: book.list_notes
    with: {about: "${{ inputs.as_of }}"}
"""


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_two_in_the_morning_in_moscow_is_eleven_in_the_evening_in_utc() -> None:
    fires = next_fires("0 2 * * 1-5", "Europe/Moscow", instant("2026-11-20T12:00:00+00:00"), 2)
    assert [datetime.fromtimestamp(at / 1000, UTC).isoformat() for at in fires] == [
        "2026-11-22T23:00:00+00:00",
        "2026-11-23T23:00:00+00:00",
    ]
    assert logical_date(fires[0], "Europe/Moscow") == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("cron", "timezone", "why"),
    [
        ("0 2 * *", "UTC", "[Ff]ive fields"),
        ("nonsense", "UTC", "[Ff]ive fields"),
        ("0 0 31 2 *", "UTC", "never comes true|is not a time"),
        ("0 2 * * *", "Europe/Moscva", "no time zone"),
        ("0 2 * * *", "", "no time zone"),
    ],
)
def test_a_schedule_that_cannot_fire_is_refused_in_words(cron: str, timezone: str, why: str) -> None:
    with pytest.raises(ScheduleInvalid, match=why):
        next_fires(cron, timezone, instant("2026-11-20T12:00:00+00:00"))


def test_the_sweeper_sends_what_the_broker_lost_and_ends_what_ran_out(ledger_url: str) -> None:
    workflow = load_workflow(WORKFLOW, source="test.yaml")
    with office(ledger_url) as here:
        run = here.start(WORKFLOW)
        hole = Pigeonhole()
        sweeper = Sweeper(here.ledger, OneDoor(here.notebook), hole, lambda _: workflow, resend_ms=0)
        sweeper.sweep()
        assert hole.ids == [run.id]

        # A worker that takes the run and dies, again and again, does not keep it for ever
        for _ in range(5):
            assert here.ledger.runs.claim(run.id, "doomed", -1) is not None
        sweeper.sweep()
        ended = here.ledger.runs.get(run.id)
        assert ended.state == "failed"
        assert ended.error is not None
        assert ended.error["code"] == "poison"
