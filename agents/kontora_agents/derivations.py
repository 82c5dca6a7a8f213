"""Figures that follow from what an agent was given: sums, differences, counts, shares and roundings of it.

A derivation is accepted only where a reader can follow it: over a whole list of the evidence, its groups or its first
rows, over the fields of one record, or over figures that the answer itself states beside it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property
from itertools import accumulate, combinations
from typing import Any, Literal, get_args

from kontora_agents.figures import Figure
from kontora_agents.task import parse_task

Derivation = Literal["sum", "difference", "count", "share", "rounding"]
DERIVATIONS: tuple[Derivation, ...] = get_args(Derivation)

#: Lists that are longer are not looked at for groups: a total of them is, and their length.
_LONGEST = 2000
#: Words after which a number is meant to be round.
_ABOUT = re.compile(
    r"(?:about|around|approximately|approx\.?|roughly|nearly|almost|some|over|more than|less than|under|up to|"
    r"около|примерно|приблизительно|порядка|почти|более|свыше|менее|до|≈|~)\s*(?:[€$£¥₽]\s*)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Stated:
    """A figure of an answer that the evidence holds, and the line it stands in."""

    place: int
    line: int
    number: Decimal


@dataclass
class _Table:
    """A list of records: its numbers by field, its words by field."""

    length: int
    numbers: dict[str, list[tuple[int, Decimal]]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))


class Derivations:
    """What may follow from some evidence. It is read when the first figure asks."""

    def __init__(self, evidence: Iterable[str], allowed: Collection[Derivation] = DERIVATIONS) -> None:
        self._evidence, self._allowed = list(evidence), frozenset(allowed)

    def explains(self, figure: Figure, text: str, stated: Sequence[Stated]) -> Derivation | None:
        """How a figure of `text` follows from the evidence, or from what the text states; None if it does not."""
        line = text.count("\n", 0, figure.start)
        beside = [one.number for one in stated if one.line == line]
        ways = {
            "count": lambda: self._is_count(figure),
            "sum": lambda: self._is_sum(figure, stated),
            "difference": lambda: self._is_difference(figure, beside),
            "share": lambda: self._is_share(figure, text, beside),
            "rounding": lambda: self._is_rounding(figure, text, [*self._known, *self._totals]),
        }
        return next((name for name in DERIVATIONS if name in self._allowed and ways[name]()), None)

    # --- ways ----------------------------------------------------------------------------------------------------

    def _is_count(self, figure: Figure) -> bool:
        return figure.plain is not None and figure.plain in self._counts

    def _is_sum(self, figure: Figure, stated: Sequence[Stated]) -> bool:
        before = [one.number for one in stated if one.place < figure.start]
        after = [one.number for one in stated if one.place > figure.start]
        runs = {*list(accumulate(reversed(before)))[1:], *list(accumulate(after))[1:]}
        return any(number in self._totals or number in runs for number in _numbers(figure))

    def _is_difference(self, figure: Figure, beside: Sequence[Decimal]) -> bool:
        numbers = {abs(number) for number in _numbers(figure)}
        groups = [beside, *self._records] if len(beside) > 1 else self._records
        return any(abs(a - b) in numbers for group in groups for a, b in combinations(group, 2))

    def _is_share(self, figure: Figure, text: str, beside: Sequence[Decimal]) -> bool:
        if not _is_percentage(text, figure):
            return False
        wholes = {*beside, *self._totals}
        pairs = [(part, whole) for part in beside for whole in wholes if whole]
        pairs += [(part, whole) for parts, whole in self._rows for part in parts if whole]
        fractions = [number * 100 for number in self._known if abs(number) <= 1]
        return any(
            _rounds_to(figure, number, shown)
            for shown in [_shown(figure, text)]
            for number in [*(part / whole * 100 for part, whole in pairs), *fractions]
        )

    def _is_rounding(self, figure: Figure, text: str, known: Iterable[Decimal]) -> bool:
        about = _ABOUT.search(text[max(0, figure.start - 24) : figure.start])
        if not (about or figure.scale > 1 or _is_percentage(text, figure)):
            return False
        shown = [_shown(figure, text)]
        if about:  # the zeros at the end may have been digits
            digits = re.sub(r"\D", "", text[figure.start : figure.end])
            shown += [shown[0].scaleb(zeros + 1) for zeros in range(len(digits) - max(2, len(digits.rstrip("0"))))]
        return any(_rounds_to(figure, number, last) for number in known for last in shown)

    # --- the evidence --------------------------------------------------------------------------------------------

    @cached_property
    def _documents(self) -> list[Any]:
        return [document for source in self._evidence for document in _parsed(source)]

    @cached_property
    def _tables(self) -> list[_Table]:
        return [_table(rows) for document in self._documents for rows in _lists(document)]

    @cached_property
    def _records(self) -> list[list[Decimal]]:
        """The numbers of each record, few enough to be compared with each other."""
        found = ([*_own_numbers(record)] for document in self._documents for record in _objects(document))
        return [numbers for numbers in found if 1 < len(numbers) <= 20]

    @cached_property
    def _known(self) -> set[Decimal]:
        return {number for document in self._documents for number in _all_numbers(document)}

    @cached_property
    def _counts(self) -> set[int]:
        found = {table.length for table in self._tables}
        for table in self._tables:
            for words in table.words.values():
                groups: dict[str, int] = defaultdict(int)
                for _, word in words:
                    groups[word] += 1
                found |= {*groups.values(), len(groups)}
        return found

    @cached_property
    def _totals(self) -> set[Decimal]:
        """Sums of whole columns, of their first rows, and of their groups; of one currency each."""
        return {total for table in self._tables for total in _totals_of(table)}

    @cached_property
    def _rows(self) -> list[tuple[list[Decimal], Decimal]]:
        """The numbers of each column, and their sum."""
        columns = ([number for _, number in column] for table in self._tables for column in table.numbers.values())
        return [(numbers, sum(numbers, Decimal())) for numbers in columns if 1 < len(numbers) <= _LONGEST]


def _totals_of(table: _Table) -> Iterator[Decimal]:
    currencies = {word for _, word in table.words.get("currency", ())}
    for column in table.numbers.values():
        numbers = [number for _, number in column]
        if len(numbers) < 2:
            continue
        if len(currencies) < 2:
            yield from list(accumulate(numbers))[1:10]
            yield sum(numbers, Decimal())
        if len(numbers) > _LONGEST:
            continue
        by_row = dict(column)
        for words in table.words.values():
            groups: dict[str, Decimal] = defaultdict(Decimal)
            for row, word in words:
                groups[word] += by_row.get(row, Decimal())
            yield from groups.values()


# --- numbers ---------------------------------------------------------------------------------------------------------


def _numbers(figure: Figure) -> list[Decimal]:
    sign = -1 if figure.negative else 1
    return [sign * reading[0] for reading in figure.readings if len(reading) == 1]


def _is_percentage(text: str, figure: Figure) -> bool:
    return bool(re.search(r"(?:%|percent|процент\w*)\s*$", text[figure.start : figure.end], re.IGNORECASE))


def _shown(figure: Figure, text: str) -> Decimal:
    """The last digit that a figure shows: 0.1 for `12.3`, 100 for `1.2 thousand`, 1 for `12`."""
    digits = re.findall(r"[\d.,]*\d", text[figure.start : figure.end])
    fraction = re.search(r"[.,](\d{1,2})$", digits[-1]) if digits else None
    return Decimal(figure.scale).scaleb(-len(fraction[1]) if fraction else 0)


def _rounds_to(figure: Figure, number: Decimal, shown: Decimal) -> bool:
    wanted = set(_numbers(figure)) | ({-value for value in _numbers(figure)} if not figure.negative else set())
    try:
        scaled = number / shown
        roundings = (scaled.quantize(Decimal(1), rounding) * shown for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN))
        return any(rounded in wanted for rounded in roundings if rounded)
    except InvalidOperation:
        return False


# --- reading the evidence --------------------------------------------------------------------------------------------


def _parsed(source: str) -> Iterator[Any]:
    for parse in (lambda text: json.loads(text, parse_float=str, parse_int=str), parse_task):
        try:
            yield parse(source)
        except (ValueError, RecursionError):
            continue
        return


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    return Decimal(text) if re.fullmatch(r"-?\d{1,20}(?:\.\d{1,10})?", text) else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in _inner(value):
        yield from _objects(inner)


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list) and value:
        yield value
    for inner in _inner(value):
        yield from _lists(inner)


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _own_numbers(record: dict[str, Any]) -> Iterator[Decimal]:
    for value in record.values():
        number = _number(value)
        if number is not None:
            yield number


def _all_numbers(value: Any) -> Iterator[Decimal]:
    number = _number(value)
    if number is not None:
        yield number
    for inner in _inner(value):
        yield from _all_numbers(inner)


def _table(rows: list[Any]) -> _Table:
    table = _Table(len(rows))
    for place, row in enumerate(rows):
        for name, value in (row if isinstance(row, dict) else {"": row}).items():
            number = _number(value)
            if number is not None:
                table.numbers[name].append((place, number))
            elif isinstance(value, str) and len(value) <= 100:
                table.words[name].append((place, value))
    return table
