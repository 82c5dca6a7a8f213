"""When a schedule fires: five fields of cron in an IANA zone.

Daylight saving as in Debian's cron: a time that does not exist fires right after the gap, one that comes twice fires
once; see `cronsim`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from kontora_workflows.references import nearest

_FIELDS = "Five fields: minute, hour, day of month, month, day of week, as in `0 2 * * 1-5`"


class ScheduleInvalid(ValueError):
    """The cron expression or the time zone cannot be used; `hint` says what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}. {hint}")


def time_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone. Raises `ScheduleInvalid` with the nearest name."""
    known = available_timezones()
    if name not in known:
        by_city = {zone.rpartition("/")[2]: zone for zone in sorted(known)}
        near = nearest(name, known) or by_city.get(nearest(name.rpartition("/")[2], by_city) or "")
        hint = f"Did you mean `{near}`?" if near else "Write it as Europe/Moscow"
        raise ScheduleInvalid(f"There is no time zone `{name}`", hint)
    return ZoneInfo(name)


def next_fires(cron: str, timezone: str, after_ms: int, count: int = 1) -> list[int]:
    """The next logical times after an instant, in milliseconds since 1970 UTC. Raises `ScheduleInvalid`."""
    if len(cron.split()) != 5:
        raise ScheduleInvalid(f"`{cron}` has {len(cron.split())} fields", _FIELDS)
    start = datetime.fromtimestamp(after_ms / 1000, UTC).astimezone(time_zone(timezone))
    try:
        fires = CronSim(cron, start)
        return [int(next(fires).timestamp() * 1000) for _ in range(count)]
    except CronSimError as error:
        raise ScheduleInvalid(f"`{cron}` is not a time: {str(error).lower()}", _FIELDS) from None
    except StopIteration:
        raise ScheduleInvalid(f"`{cron}` never comes true", _FIELDS) from None


def logical_date(logical_ms: int, timezone: str) -> date:
    """The calendar day of a logical time in the schedule's zone: what `today` means in its runs."""
    return datetime.fromtimestamp(logical_ms / 1000, UTC).astimezone(time_zone(timezone)).date()
