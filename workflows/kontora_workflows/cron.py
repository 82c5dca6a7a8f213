"""When a schedule fires: five fields of cron in an IANA zone.

Daylight saving as in Debian's cron: a time that does not exist fires right after the gap, one that comes twice fires
once; see `cronsim`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError


class ScheduleInvalid(ValueError):
    """The cron expression or the time zone cannot be used; the message says what would be right."""


def next_fires(cron: str, timezone: str, after_ms: int, count: int = 1) -> list[int]:
    """The next logical times after an instant, in milliseconds since 1970 UTC. Raises `ScheduleInvalid`."""
    zone = zone_of(timezone)
    start = datetime.fromtimestamp(after_ms / 1000, UTC).astimezone(zone)
    try:
        fires = CronSim(cron, start)
        found = [int(next(fires).timestamp() * 1000) for _ in range(count)]
    except CronSimError as error:
        raise ScheduleInvalid(
            f"The cron expression {cron!r} cannot be read: {error}. Write five fields: minute hour day month weekday, "
            'e.g. "0 2 * * 1-5" for 02:00 from Monday to Friday.'
        ) from None
    except StopIteration:
        raise ScheduleInvalid(f"The cron expression {cron!r} never fires: there is no such date.") from None
    return found


def zone_of(timezone: str) -> ZoneInfo:
    """The IANA zone. Raises `ScheduleInvalid`."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleInvalid(
            f"There is no time zone {timezone!r}. Use an IANA name such as Europe/Moscow or UTC."
        ) from None


def logical_date(logical_ms: int, timezone: str) -> date:
    """The calendar day of a logical time in the schedule's zone: what `today` means in its runs."""
    return datetime.fromtimestamp(logical_ms / 1000, UTC).astimezone(zone_of(timezone)).date()
