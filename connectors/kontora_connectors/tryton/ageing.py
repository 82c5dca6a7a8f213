"""The ageing of open documents: who owes what, in buckets of days past due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from kontora_connectors.canonical import Bucket
from kontora_connectors.tryton.ledger import Document

BucketName = Literal["current", "1-30", "31-60", "61-90", "90+"]
NAMES: tuple[BucketName, ...] = get_args(BucketName)


def bucket_of(days: int) -> BucketName:
    """Return the bucket of something `days` past due (0 or less: not due yet)."""
    return NAMES[0] if days <= 0 else NAMES[min((days + 29) // 30, 4)]


@dataclass(frozen=True)
class Position:
    """The open documents of one or all parties at a date. `zero` carries the decimal places of the currency."""

    documents: Sequence[Document]
    as_of: date
    zero: Decimal

    def _amounts(self) -> Iterable[tuple[int, Decimal]]:
        return (((self.as_of - part.due).days, part.amount) for each in self.documents for part in each.parts)

    @property
    def total(self) -> Decimal:
        """Everything that is open."""
        return sum((amount for _, amount in self._amounts()), self.zero)

    @property
    def overdue(self) -> Decimal:
        """What is open and past due."""
        return sum((amount for days, amount in self._amounts() if days > 0), self.zero)

    @property
    def days_overdue(self) -> int:
        """Days the oldest debt is past due; credits do not count."""
        return max((days for days, amount in self._amounts() if days > 0 and amount > 0), default=0)

    def buckets(self) -> list[Bucket]:
        """Return all five buckets; a document open in two of them counts in both."""
        amounts: dict[str, Decimal] = dict.fromkeys(NAMES, self.zero)
        counts: dict[str, int] = dict.fromkeys(NAMES, 0)
        for each in self.documents:
            for part in each.parts:
                amounts[bucket_of((self.as_of - part.due).days)] += part.amount
            for name in {bucket_of((self.as_of - part.due).days) for part in each.parts}:
                counts[name] += 1
        return [Bucket(name=name, amount=amounts[name], invoices=counts[name]) for name in NAMES]


def by_party(documents: Iterable[Document], as_of: date, zero: Decimal) -> dict[int, Position]:
    """Return the position of each party that has open documents."""
    groups: dict[int, list[Document]] = defaultdict(list)
    for each in documents:
        groups[each.party].append(each)
    return {party: Position(members, as_of, zero) for party, members in groups.items()}
