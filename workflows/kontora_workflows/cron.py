"""When a cron expression comes true: five fields in an IANA zone.

Daylight saving as in Debian's cron. With fixed minutes and hours, a time that does not exist fires right after the gap,
one that comes twice fires the first time. With a `*` in front of either field, real time counts: nothing is made up in
the gap, and the hour that comes twice has its fires twice. See `cronsim`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from kontora_workflows.references import nearest

_FIELDS = "Five fields: minute, hour, day of month, month, day of week, as in `0 2 * * 1-5`"


class ScheduleInvalid(ValueError):
    """A schedule cannot be used as it is wanted; `hint` says what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}. {hint}")


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())  # takes 20 ms


def time_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone. Raises `ScheduleInvalid` with the nearest name."""
    if name not in _known():
        by_city = {zone.rpartition("/")[2]: zone for zone in sorted(_known())}
        near = nearest(name, _known()) or by_city.get(nearest(name.rpartition("/")[2], by_city) or "")
        hint = f"Did you mean `{near}`?" if near else "Write it as Europe/Moscow"
        raise ScheduleInvalid(f"There is no time zone `{name}`", hint)
    return ZoneInfo(name)


def check_days(first: date | None, last: date | None) -> None:
    """Raise `ScheduleInvalid` if a schedule would end before it begins."""
    if first is not None and last is not None and last < first:
        raise ScheduleInvalid(f"Its last day, {last}, is before its first, {first}", "Change the places of the two")


def fires(cron: str, timezone: str, after_ms: int) -> Iterator[int]:
    """Yield the instants after one at which `cron` comes true, in milliseconds since 1970 UTC.

    Raises `ScheduleInvalid` at the call. Ends when nothing comes true for 50 years.
    """
    if len(cron.split()) != 5:
        raise ScheduleInvalid(f"`{cron}` has {len(cron.split())} fields", _FIELDS)
    start = datetime.fromtimestamp(after_ms / 1000, UTC).astimezone(time_zone(timezone))
    try:
        found = CronSim(cron, start)
    except CronSimError as error:
        raise ScheduleInvalid(f"`{cron}` is not a time: {str(error).lower()}", _FIELDS) from None
    # Asked inside an hour that comes twice, `cronsim` also gives what was in the first of both.
    return (at for at in (int(one.timestamp() * 1000) for one in found) if at > after_ms)


def next_fires(cron: str, timezone: str, after_ms: int, count: int = 1) -> list[int]:
    """The next instants, at least one, in milliseconds since 1970 UTC. Raises `ScheduleInvalid`."""
    found = list(islice(fires(cron, timezone, after_ms), count))
    if not found:
        raise ScheduleInvalid(f"`{cron}` never comes true", _FIELDS)
    return found


def fires_until(cron: str, timezone: str, first_ms: int, until_ms: int, most: int) -> tuple[list[int], int]:
    """The logical times from `first_ms` (one itself) to `until_ms`, the last `most` of them, and the one after.

    Raises `ScheduleInvalid`.
    """
    found: deque[int] = deque(maxlen=most)
    for fire in fires(cron, timezone, first_ms - 1):
        if fire > until_ms:
            return list(found), fire
        found.append(fire)
    raise ScheduleInvalid(f"`{cron}` never comes true", _FIELDS)


def logical_date(logical_ms: int, timezone: str) -> date:
    """The calendar day of a logical time in the schedule's zone: what `today` means in its runs."""
    return datetime.fromtimestamp(logical_ms / 1000, UTC).astimezone(time_zone(timezone)).date()
