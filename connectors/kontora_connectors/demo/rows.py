"""A row as the loader takes it: plain values in the order of the table's columns, dates as ISO text."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

Row = tuple[str | int | bool | None, ...]


@cache
def iso(day: date) -> str:
    """Return the day as text; the same few hundred days come up some hundred thousand times."""
    return day.isoformat()


@cache
def workdays(first: date, last: date) -> list[date]:
    """Return Monday to Friday from `first` to `last`, both included."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]
