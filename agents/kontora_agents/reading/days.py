"""A date as a model writes it, read where it is one day."""

from __future__ import annotations

import re
from datetime import date

from kontora_agents.dates import find_dates
from kontora_agents.reading.schema import is_date
from kontora_agents.reading.unclear import Unclear

_YEAR_FIRST = re.compile(r"([0-9]{4})([/.-])([0-9]{1,2})\2([0-9]{1,2})")
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?")


def read_day(text: str) -> str:
    """The day as `YYYY-MM-DD`. Raises `Unclear`."""
    text = text.strip()
    whole = [written for written in find_dates(text) if written.end - written.start == len(text)]
    found = {day.isoformat() for written in whole for day in written.dates()}
    if match := _YEAR_FIRST.fullmatch(text):
        found = {f"{match[1]}-{match[3]:0>2}-{match[4]:0>2}"}
    elif match := _MIDNIGHT.fullmatch(text):
        found = {match[1]}
    found = {day for day in found if is_date(day)}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise Unclear(f"{text!r} is not a date. Write it as YYYY-MM-DD")
    first, second = sorted(found)
    raise Unclear(f"{text!r} can be {_day(first)} or {_day(second)}. Write {first} or {second}")


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"
