"""Dates as people and systems write them, in English and Russian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "january jan январь января янв",
            "february feb февраль февраля фев",
            "march mar март марта мар",
            "april apr апрель апреля апр",
            "may май мая",
            "june jun июнь июня июн",
            "july jul июль июля июл",
            "august aug август августа авг",
            "september sep sept сентябрь сентября сен",
            "october oct октябрь октября окт",
            "november nov ноябрь ноября ноя",
            "december dec декабрь декабря дек",
        ),
        start=1,
    )
    for word in words.split()
}
# Also `в ноябре`, `к декабрю`: the stem of the long Russian names with any ending.
_STEMS = {word[:-1]: number for word, number in _MONTHS.items() if len(word) > 3 and word.endswith("ь")}
_FORMS = [*_MONTHS, *(f"{stem}[ьяюе]" for stem in _STEMS), "март[уе]", "август[уе]", "ма[юе]"]
_MONTH = "|".join(sorted(_FORMS, key=len, reverse=True))
_SPACE = "[ \u00a0\u202f]"
_PATTERN = re.compile(
    rf"""(?<![\w.,-])(?:
      (?P<y1>\d{{4}})-(?P<m1>\d{{2}})-(?P<d1>\d{{2}})(?=T\d|\b)
    | (?P<d2>\d{{1,2}})(?P<separator>[./])(?P<m2>\d{{1,2}})(?P=separator)(?P<y2>\d{{4}})
    | (?P<d3>\d{{1,2}})(?:st|nd|rd|th|-?го|-?е)?{_SPACE}(?:of{_SPACE})?(?P<n3>{_MONTH})\b\.?
        (?:,?{_SPACE}(?P<y3>\d{{4}}))?
    | (?P<n4>{_MONTH})\b\.?{_SPACE}(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?![\d.,]?\d)(?:,?{_SPACE}(?P<y4>\d{{4}}))?
    | (?P<n5>{_MONTH})\b\.?{_SPACE}(?P<y5>\d{{4}})
    )(?!\d)""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class WrittenDate:
    """A date found in a text. `readings` are (year, month, day); what was not written is None."""

    start: int
    end: int
    readings: tuple[tuple[int | None, int, int | None], ...]

    def among(self, known: set[date]) -> bool:
        """Whether one of the readings is a known date, as far as it was written."""
        return any(
            (year is None or year == day_known.year) and month == day_known.month and day in (None, day_known.day)
            for year, month, day in self.readings
            for day_known in known
        )

    def dates(self) -> Iterator[date]:
        """Yield the readings that are whole dates."""
        for year, month, day in self.readings:
            if year is not None and day is not None:
                yield date(year, month, day)


def find_dates(text: str) -> list[WrittenDate]:
    """Return every date in a text, in order. What cannot be a date (30 February) is not one."""
    found = []
    for match in _PATTERN.finditer(text):
        readings = tuple(reading for reading in _readings(match) if _possible(*reading))
        if readings:
            found.append(WrittenDate(match.start(), match.end(), readings))
    return found


def _readings(match: re.Match[str]) -> list[tuple[int | None, int, int | None]]:
    part = match.groupdict()
    if part["y1"]:
        return [(int(part["y1"]), int(part["m1"]), int(part["d1"]))]
    if part["y2"]:
        first, second, year = int(part["d2"]), int(part["m2"]), int(part["y2"])
        american = [(year, first, second)] if part["separator"] == "/" else []
        return [(year, second, first), *american]
    name = part["n3"] or part["n4"] or part["n5"]
    year_text = part["y3"] or part["y4"] or part["y5"]
    day = part["d3"] or part["d4"]
    return [(int(year_text) if year_text else None, _month(name), int(day) if day else None)]


def _month(name: str) -> int:
    word = name.casefold()
    if word in _MONTHS:
        return _MONTHS[word]
    return _STEMS.get(word[:-1]) or _MONTHS.get(word[:-1]) or _MONTHS["май"]


def _possible(year: int | None, month: int, day: int | None) -> bool:
    try:
        date(2000 if year is None else year, month, 1 if day is None else day)
    except ValueError:
        return False
    return True
