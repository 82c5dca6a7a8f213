"""Whether the values of a call that writes come from what the agent was given: nobody books a guessed amount."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from kontora_agents.currencies import CODES, currencies_of
from kontora_agents.dates import find_dates
from kontora_agents.grounding import check
from kontora_agents.reading.schema import Schema, is_date, resolve
from kontora_agents.seams import ToolSpec

_WORDS = {
    **dict.fromkeys(("one", "a", "an", "один", "одна", "одну", "одно", "одного"), 1),
    **dict.fromkeys(("two", "both", "pair", "два", "две", "двух", "пара", "пару"), 2),
    **dict.fromkeys(("three", "три", "трёх", "трех"), 3),
    **dict.fromkeys(("four", "четыре", "четырёх", "четырех"), 4),
    **dict.fromkeys(("five", "пять", "пяти"), 5),
    **dict.fromkeys(("six", "шесть", "шести"), 6),
    **dict.fromkeys(("seven", "семь", "семи"), 7),
    **dict.fromkeys(("eight", "восемь", "восьми"), 8),
    **dict.fromkeys(("nine", "девять", "девяти"), 9),
    **dict.fromkeys(("ten", "десять", "десяти"), 10),
    **dict.fromkeys(("dozen", "twelve", "двенадцать", "двенадцати", "дюжина", "дюжину"), 12),
}
#: One word with a digit in it.
_ID = re.compile(r"\S*\d\S*")
_TERM = re.compile(
    r"(?<![\w.,])(\w+)[ \u00a0-](?:(?:calendar|full|календарн\w+|полн\w+)[ \u00a0])?"
    r"(?:(days?|дн\w*|день|сут\w*)|(weeks?|недел\w*)|(months?|месяц\w*))\b|\"[a-z_]*days[a-z_]*\": *\"?(\d+)",
    re.IGNORECASE,
)
_NEXT_DAY = re.compile(r"\btomorrow\b|\bзавтра\b", re.IGNORECASE)


def unfounded(spec: ToolSpec, arguments: dict[str, Any], evidence: Sequence[str]) -> list[str]:
    """What is to be said of each value that stands nowhere in the evidence and does not follow from it."""
    return [
        f"{where}: {shown} is neither in your task nor in what a tool gave you. Use what you were given, exactly; if "
        "it is missing, look it up or leave it out"
        for where, value, schema in _leaves(arguments, spec.parameters, spec.parameters.get("$defs", {}), "")
        if (shown := _unfounded(value, schema, evidence))
    ]


def _leaves(value: Any, schema: Schema, definitions: Schema, where: str) -> Iterator[tuple[str, Any, Schema]]:
    schema = resolve(schema, definitions)
    if isinstance(value, dict):
        for name, part in value.items():
            inner = schema.get("properties", {}).get(name) or {}
            yield from _leaves(part, inner, definitions, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _leaves(part, schema.get("items") or {}, definitions, f"{where}.{place}")
    elif value is not None and not isinstance(value, bool) and value != schema.get("default"):
        yield where, value, schema


def _unfounded(value: Any, schema: Schema, evidence: Sequence[str]) -> str:
    """The part of a value that is not founded; nothing if all of it is."""
    if isinstance(value, int | float):
        return "" if _is_founded_number(value, evidence) else str(value)
    text = str(value)
    if text in CODES:
        named = {code for one in evidence for code in currencies_of(one)}
        return text if named and text not in named else ""
    if is_date(text):
        return "" if _is_founded_day(text, evidence) else text
    if re.fullmatch(r"-?\d+(?:\.\d+)?", text) and not _is_id(schema):
        return "" if _is_founded_number(text, evidence) else text
    if _ID.fullmatch(text):
        word = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)
        return "" if any(word.search(one) for one in evidence) else text
    return ", ".join(dict.fromkeys(one.text for one in check(text, evidence)))


def _is_id(schema: Schema) -> bool:
    return schema.get("type") == "string"


def _is_founded_number(value: float | str, evidence: Sequence[str]) -> bool:
    """Whether a number is given, or follows; a small one may be given in words."""
    text = str(value)
    exact = text if "." in text or "e" in text else f"{text}.0"  # a plain small number would pass as a word
    if value in (0, 1) or not check(exact, evidence):
        return True
    small = {number for one in evidence for word in re.findall(r"\w+", one.casefold()) if (number := _WORDS.get(word))}
    return any(text in (str(number), f"{number}.0") for number in small)


def _is_founded_day(text: str, evidence: Sequence[str]) -> bool:
    """Whether a day is given, or lies a given number of days, weeks or months after one that is."""
    if not check(text, evidence):
        return True
    day = date.fromisoformat(text)
    known = {one for source in evidence for written in find_dates(source) for one in written.dates()}
    days, months = _terms(evidence)
    return any(
        (day - one).days in days
        or ((day.year - one.year) * 12 + day.month - one.month in months and abs(day.day - one.day) <= 3)
        for one in known
    )


def _terms(evidence: Sequence[str]) -> tuple[set[int], set[int]]:
    """Terms that the evidence names: in days, in months."""
    days, months = set[int](), set[int]()
    for source in evidence:
        days |= {1} if _NEXT_DAY.search(source) else set()
        for word, day, week, month, field in _TERM.findall(source):
            number = int(field) if field else int(word) if word.isdecimal() else _WORDS.get(word.casefold(), 0)
            if day or field:
                days.add(number)
            elif week:
                days.add(7 * number)
            elif month:
                months.add(number)
    return days - {0}, months - {0}
