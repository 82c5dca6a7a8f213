"""Whether every figure, currency, date and record id of an answer comes from what the agent was given."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from kontora_agents.currencies import currencies_of, find_currencies
from kontora_agents.dates import find_dates
from kontora_agents.derivations import DERIVATIONS, Derivation, Derivations, Stated
from kontora_agents.figures import Figure, find_figures
from kontora_agents.seams import Value
from kontora_agents.task import parse_task

#: Whole numbers up to here are ordinary words (`three invoices`) unless they are amounts or shares.
_ORDINARY = 10
_NUMBERING = re.compile(r"^[ \t>#*_-]*\d{1,2}[.)](?=\s)", re.MULTILINE)
_TIME = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])")
# A record id mixes letters and digits (INV-2026-00123, C00042) or begins with a zero.
_ID = re.compile(
    r"""(?<![\w.,])(?:
        [^\W\d_]\w*(?:[-/_.:\#]\w+)*
      | \d+(?:[-/_]\w+)*[^\W\d]\w*
      | (?<!\d[ \u00a0\u202f])0\d+
    )(?!\w)""",
    re.VERBOSE,
)
#: As systems write numbers: no grouping, and no three digits after a point, which might be one.
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.(?:[0-9]{1,2}|[0-9]{4,}))?")
_DIGIT = re.compile(r"\d")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT_UNIT = re.compile(r"\d+(?:k|m|mln|bn|EUR|USD|RUB|st|nd|rd|th|го|й|х|е|я|ый|ти|ми)", re.IGNORECASE)


class Ungrounded(Value):
    """A figure, currency, date or id of an answer that nothing the agent was given holds, and its place."""

    start: int
    end: int
    text: str


def check(text: str, evidence: Iterable[str], derivations: Collection[Derivation] = DERIVATIONS) -> list[Ungrounded]:
    """Return what stands in `text` without standing in `evidence` (tool results as JSON, the task, other texts).

    What follows from it by one of the `derivations` may be said, too.
    """
    known, sources = _Known(), list(evidence)
    for source in sources:
        for leaf in _leaves(source):
            known.learn(leaf)
    derived = Derivations(sources, derivations)
    unknown = list(_unknown(text, known, derived))
    if unknown:
        known.read()
        unknown = list(_unknown(text, known, derived))
    found = sorted([*unknown, *_other_currencies(text, sources)])
    return [Ungrounded(start=start, end=end, text=text[start:end].strip()) for start, end in found]


@dataclass
class _Known:
    """What the evidence holds."""

    numbers: set[Decimal] = field(default_factory=set)
    dates: set[date] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    _unread: list[str] = field(default_factory=list)

    def learn(self, text: str) -> None:
        """Take a value; of one that is not a number or a date by itself only the words, until `read`."""
        if _DIGIT.search(text) and not self._learn_exact(text):
            self.texts.append(text.casefold())
            self._unread.append(text)

    def read(self) -> None:
        """Look for numbers, dates and times inside of texts: it is slow, and few answers speak of them."""
        for text in self._unread:
            rest = text
            for written in find_dates(text):
                self.dates.update(written.dates())
                rest = _blank(rest, written.start, written.end)
            for match in _TIME.finditer(rest):
                self.times.add(_clock(match[0]))
            for figure in find_figures(rest):
                for reading in figure.readings:
                    if len(reading) == 1:
                        self.numbers.add(-reading[0] if figure.negative else reading[0])
        self._unread = []

    def _learn_exact(self, text: str) -> bool:
        """Take what has one reading only, as most of a tool's result does, without looking for others."""
        if _PLAIN.fullmatch(text):
            self.numbers.add(Decimal(text))
            return True
        if _ISO_DATE.fullmatch(text):
            try:
                self.dates.add(date.fromisoformat(text))
            except ValueError:
                return False
            return True
        return False

    def holds(self, figure: Figure) -> bool:
        """Whether a number is known. Without a sign it may be a known negative; with one, only that."""
        plain = figure.plain
        if plain is not None and any(plain == known.year for known in self.dates):
            return True
        return any(all(self._has(number, figure.negative) for number in reading) for reading in figure.readings)

    def _has(self, number: Decimal, negative: bool) -> bool:
        return -number in self.numbers or (not negative and number in self.numbers)

    def names(self, word: str) -> bool:
        """Whether a record id stands in the evidence, as a whole word."""
        pattern = re.compile(rf"(?<!\w){re.escape(word.casefold())}(?!\w)")
        return any(pattern.search(text) for text in self.texts)


def _unknown(text: str, known: _Known, derivations: Derivations) -> Iterator[tuple[int, int]]:
    """Yield the places of what is not known: dates first, then times, ids and numbers in what is left."""
    whole = text
    for match in _NUMBERING.finditer(text):
        text = _blank(text, match.start(), match.end())
    for written in find_dates(text):
        if not written.among(known.dates):
            yield written.start, written.end
        text = _blank(text, written.start, written.end)
    for match in _TIME.finditer(text):
        if _clock(match[0]) not in known.times:
            yield match.span()
        text = _blank(text, *match.span())
    for match in _ID.finditer(text):
        digits = sum(character.isdigit() for character in match[0])
        if not digits or _AMOUNT_UNIT.fullmatch(match[0]):
            continue
        if digits > 1 and not known.names(match[0]):
            yield match.span()
        text = _blank(text, *match.span())
    figures = find_figures(text)
    stated = [_stated(figure, whole) for figure in figures if known.holds(figure)]
    for figure in figures:
        ordinary = figure.plain is not None and figure.plain <= _ORDINARY
        if not ordinary and not known.holds(figure) and not derivations.explains(figure, whole, stated):
            yield figure.start, figure.end


def _other_currencies(text: str, sources: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the places of currencies that no source names, if one names any."""
    found = find_currencies(text)
    known = {code for source in sources for code in currencies_of(source)} if found else set()
    return ((start, end) for start, end, code in found if known and code not in known)


def _stated(figure: Figure, text: str) -> Stated:
    number = figure.readings[0][0]
    return Stated(figure.start, text.count("\n", 0, figure.start), -number if figure.negative else number)


def _leaves(source: str) -> list[str]:
    """The texts and numbers of a JSON document or task message; any other text as it is."""
    for parse in (lambda text: json.loads(text, parse_float=str, parse_int=str), parse_task):
        try:
            return _scalars(parse(source))
        except (ValueError, RecursionError):
            continue
    return [source]


def _scalars(value: Any) -> list[str]:
    found, open_ = [], [value]
    while open_:
        one = open_.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            open_.extend(one.values())
        elif isinstance(one, list):
            open_.extend(one)
        elif isinstance(one, int | float) and not isinstance(one, bool):
            found.append(str(one))
    return found


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + "\n" * (end - start) + text[end:]


def _clock(text: str) -> str:
    return text.rjust(5, "0")[:5]
