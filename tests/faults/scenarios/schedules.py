"""F31, F32: several that fire, one of which dies; and nobody there when a fire was due, also where clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kontora_workflows.definition import SchedulePolicy
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.schedules import Schedule
from kontora_workflows.scheduling import add_schedule
from sqlalchemy import select, update

from tests.faults.scenarios import EMBEDDED, fault
from tests.faults.scene import Scene

#: Schedules that fire once, and minutes for which nobody was there to fire another one.
ORDERS, MINUTES = 10, 20
_MINUTE_MS = 60_000
#: What is due in Berlin where the clock skips an hour, and where it has one twice: worked out by hand.
_CHANGES = {
    "30 2 30 3 *": ("2025-03-30T01:00Z",),  # the time does not exist: right after the gap
    "*/30 1-3 30 3 *": ("2025-03-30T00:00Z", "2025-03-30T00:30Z", "2025-03-30T01:00Z", "2025-03-30T01:30Z"),
    "30 2 26 10 *": ("2025-10-26T00:30Z",),  # it comes twice: the first time
    "*/30 1-3 26 10 *": (
        *("2025-10-25T23:00Z", "2025-10-25T23:30Z", "2025-10-26T00:00Z", "2025-10-26T00:30Z"),
        *("2025-10-26T01:00Z", "2025-10-26T01:30Z", "2025-10-26T02:00Z", "2025-10-26T02:30Z"),
    ),
}


@fault("F31", "three that fire, and one of them dies in the middle of it", quick=EMBEDDED)
def three_that_fire(scene: Scene) -> None:
    once = [_schedule(scene, f"once{n}", "0 3 * * *", "order", window="26h") for n in range(ORDERS)]
    often = _schedule(scene, "often", "* * * * *", "read", catch_up="all")
    armed = scene.armed("schedule.fired.before", "kill", program="kontora_cli.main")
    for _ in range(3):
        scene.worker(**armed)
    scene.until(lambda: len(scene.system.house.ledger.workers.alive()) >= 3, "three workers have started")
    back = scene.system.house.ledger.database.now() - MINUTES * _MINUTE_MS
    for one in once:  # one or two fires, of which the last has a run
        _due(scene, one, back - 25 * 60 * _MINUTE_MS)
    _due(scene, often, back)
    scene.fired()
    scene.until(lambda: len(_fires(scene, often)) >= MINUTES, "every minute has fired")
    scene.rest()
    for one in once:
        _one_run(scene, one)
    _every_minute(scene, often)


@fault("F32", "nobody is there when it is time")
def nobody_there(scene: Scene) -> None:
    kinds = {kind: _schedule(scene, kind, "* * * * *", "read", catch_up=kind) for kind in ("all", "latest", "none")}
    back = scene.system.house.ledger.database.now() - MINUTES * _MINUTE_MS
    for one in kinds.values():
        _due(scene, one, back)
    changes = {
        cron: _schedule(scene, cron, cron, "read", catch_up="all", window="10000d", **_2025) for cron in _CHANGES
    }
    for one in changes.values():
        _due(scene, one, _instant("2025-01-01T00:00Z"))
    for _ in range(2):
        scene.worker()
    watched = [*kinds.values(), *changes.values()]
    scene.until(lambda: all(_fires(scene, one) for one in watched), "every schedule has fired")
    scene.rest()
    for cron, one in changes.items():
        _exactly(scene, one, [_instant(text) for text in _CHANGES[cron]])
    _every_minute(scene, kinds["all"])
    for kind in ("latest", "none"):
        _only_the_last(scene, kinds[kind])


# --- means -----------------------------------------------------------------------------------------------------------

_2025 = {"start": "2025-01-01", "end": "2025-12-31"}


def _schedule(scene: Scene, name: str, cron: str, job: str, **policy: Any) -> Schedule:
    """A schedule whose runs have the reference `SCENE-NAME`."""
    house = scene.system.house
    given = {"reference": _reference(scene, name)}
    wanted = SchedulePolicy.model_validate({"overlap": "allow", **policy})
    zone = "Europe/Berlin"
    return add_schedule(house.ledger, house.workflow(job), cron, zone, given, wanted, origin="cli", principal="tester")[
        0
    ]


def _reference(scene: Scene, name: str) -> str:
    return f"{scene.name}-{name.replace(' ', '_')}."


def _due(scene: Scene, schedule: Schedule, since: int) -> None:
    """Let it be as if nobody had fired it since an instant."""
    with scene.system.house.ledger.database.write("test") as connection:
        connection.execute(update(tables.schedules).where(tables.schedules.c.id == schedule.id).values(next_at=since))


def _instant(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC).timestamp() * 1000)


def _fires(scene: Scene, schedule: Schedule) -> dict[int, str]:
    """What became of each logical time, in order."""
    fires = tables.fires.c
    query = select(fires.logical_at, fires.outcome).where(fires.schedule_id == schedule.id).order_by(fires.logical_at)
    with scene.system.house.ledger.database.read() as connection:
        return {row.logical_at: row.outcome for row in connection.execute(query)}


def _runs(scene: Scene, schedule: Schedule) -> list[int]:
    """The logical times of the runs that there are."""
    runs = tables.runs.c
    query = select(runs.logical_at).where(runs.schedule_id == schedule.id).order_by(runs.logical_at)
    with scene.system.house.ledger.database.read() as connection:
        return list(connection.execute(query).scalars())


def _read(scene: Scene, schedule: Schedule) -> int:
    """How often the ERP was read for it."""
    reference = f"{schedule.inputs['reference']}/stock"
    return sum(event["what"] == "read" and event["reference"] == reference for event in scene.witness().erp)


def _one_run(scene: Scene, schedule: Schedule) -> None:
    booked, reference = scene.witness().booked(), schedule.inputs["reference"]
    for end in ("/book", "/agent"):
        scene.must(booked[reference + end] == 1, "I7", f"{reference}{end} was booked {booked[reference + end]} times")


def _exactly(scene: Scene, schedule: Schedule, times: list[int]) -> None:
    """It has a run for each of these logical times and no other, and the ERP has seen each of them."""
    found, seen = _runs(scene, schedule), _read(scene, schedule)
    scene.must(found == times, "I7", f"{schedule.cron} has runs for {found}, and {times} is right")
    scene.must(seen == len(times), "I7", f"{schedule.cron} was read for {seen} times, and {len(times)} is right")


def _every_minute(scene: Scene, schedule: Schedule) -> None:
    """Each minute has one run."""
    times = list(_fires(scene, schedule))
    scene.must(times == list(_minutes(times)), "I7", f"the logical times are {times}")
    scene.must(len(times) >= MINUTES, "I7", f"of {MINUTES} minutes {len(times)} have fired")
    _exactly(scene, schedule, times)


def _only_the_last(scene: Scene, schedule: Schedule) -> None:
    """Of the minutes that were missed the last one has a run, and so has every one that has come since."""
    fires = _fires(scene, schedule)
    times, outcomes = list(fires), list(fires.values())
    scene.must(times == list(_minutes(times)), "I7", f"the logical times are {times}")
    kept = outcomes.count("run")
    kind = schedule.policy["catch_up"]
    right = outcomes == ["missed"] * (len(outcomes) - kept) + ["run"] * kept and 1 <= kept <= len(times) - MINUTES + 2
    scene.must(right, "I7", f"catch-up {kind}: {outcomes}")
    _exactly(scene, schedule, times[-kept:])


def _minutes(times: list[int]) -> Iterator[int]:
    yield from range(times[0], times[-1] + 1, _MINUTE_MS)
