"""Invoices and credit notes over 24 months, line by line; net plus tax is gross, to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from kontora_connectors.demo.customers import ENTITIES, Customer, Entity
from kontora_connectors.demo.oddities import Oddity, blanked, scatter
from kontora_connectors.demo.payments import Paid, refund, settle, twice
from kontora_connectors.demo.products import Product
from kontora_connectors.demo.rows import Row, iso, workdays

#: Product, quantity, tax rate in basis points.
Line = tuple[Product, int, int]

MONTHS_24 = timedelta(days=730)
_DISPUTES = {
    "DE": (
        "goods damaged in transit",
        "short delivery",
        "price differs from the order",
        "invoice sent to the wrong site",
    ),
    "RU": ("брак", "недопоставка", "цена не соответствует договору", "нет подписанной накладной"),
}


@dataclass
class Books:
    """The rows of three tables, and how many documents of each kind they hold."""

    invoices: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    credit_notes: int = 0


def orders(rng: Random, customers: list[Customer], today: date, count: int) -> list[tuple[date, Customer]]:
    """Return who is invoiced on which day, in order of days.

    Whoever slumped has a standing order every week of the last quarter, so that what they stopped paying shows.
    """
    days = workdays(today - MONTHS_24, today)
    quarter = days[-65::5]
    standing = [(day, customer) for customer in customers if customer.slump is not None for day in quarter]
    weights = list(accumulate(customer.size for customer in customers))
    left = count - len(standing)
    drawn = zip(rng.choices(days, k=left), rng.choices(customers, cum_weights=weights, k=left), strict=True)
    return sorted([*standing, *drawn], key=lambda order: (order[0], order[1].id))


def write(seed: int, today: date, customers: list[Customer], products: list[Product], count: int) -> Books:
    """Write `count` documents with lines and payments."""
    rng = Random(f"{seed}:invoices")
    clerk = _Clerk(rng, today, products, scatter(rng, count))
    for place, (day, customer) in enumerate(orders(rng, customers, today, count)):
        clerk.enter(place, day, customer)
    return clerk.books


class _Clerk:
    """Enters one document after another."""

    def __init__(self, rng: Random, today: date, products: list[Product], odd: dict[int, Oddity]) -> None:
        self.rng = rng
        self.today = today
        self.products = products
        self.odd = odd
        self.books = Books()
        self._numbers: dict[tuple[str, int], int] = {}
        self._last: dict[str, tuple[int, Entity, Line]] = {}

    def enter(self, place: int, day: date, customer: Customer) -> None:
        """Enter an invoice, or now and then a credit note for the customer's last one."""
        last = self._last.get(customer.id)
        odd = self.odd.get(place)
        if odd is None and last is not None and customer.slump is None and self.rng.random() < 0.03:
            self._credit(place, day, customer, *last)
            return
        entity = customer.entity
        if odd is Oddity.WRONG_ENTITY:
            entity = next(other for other in ENTITIES if other is not entity)
        lines = list(self._lines(customer, entity, day))
        status = self._status(day, customer) if odd is None else "posted"
        back = odd is Oddity.DUE_BEFORE_ISSUE
        due = day + timedelta(days=-20 if back else customer.payment_days)
        net, tax = self._write_lines(place + 1, entity, lines)
        paid = self._paid(customer, day, due, net + tax, odd) if status == "posted" else []
        disputed = status == "posted" and sum(amount for _, amount, _ in paid) < net + tax and self.rng.random() < 0.06
        reason = self.rng.choice(_DISPUTES[entity.country]) if disputed else ""
        number = None if status == "draft" else self._number(entity, day, odd)
        self._write(place + 1, entity, customer, number, "invoice", status, day, due, net, tax, reason, None)
        self._write_payments(place + 1, paid)
        if status == "posted":
            self._last[customer.id] = (place + 1, entity, lines[0])

    def _credit(self, place: int, day: date, customer: Customer, invoice: int, entity: Entity, line: Line) -> None:
        product, quantity, rate = line
        net, tax = self._write_lines(place + 1, entity, [(product, -quantity, rate)])
        number = self._number(entity, day, None)
        self._write(place + 1, entity, customer, number, "credit_note", "posted", day, day, net, tax, "", invoice)
        self._write_payments(place + 1, refund(self.rng, day, net + tax, self.today))
        self.books.credit_notes += 1
        del self._last[customer.id]  # what was credited once is not credited again

    def _lines(self, customer: Customer, entity: Entity, day: date) -> Iterator[Line]:
        for product in self.rng.choices(self.products, k=self.rng.choice((1, 2, 2, 2, 3, 3, 3, 4))):
            yield product, self.rng.randint(1, 8) * customer.size, _rate(entity, customer, product, day)

    def _status(self, day: date, customer: Customer) -> str:
        if customer.slump is not None:
            return "posted"
        dice = self.rng.random()
        if (self.today - day).days <= 20 and dice < 0.15:
            return "draft"
        return "cancelled" if dice < 0.015 else "posted"

    def _number(self, entity: Entity, day: date, odd: Oddity | None) -> str:
        count = self._numbers[entity.id, day.year] = self._numbers.get((entity.id, day.year), 0) + 1
        number = f"{entity.series}-{day.year}-{count:06d}"
        return blanked(self.rng, number) if odd is Oddity.BLANKS else number

    def _paid(self, customer: Customer, day: date, due: date, gross: int, odd: Oddity | None) -> list[Paid]:
        if odd is Oddity.PAID_TOMORROW:
            return [(self.today + timedelta(days=self.rng.choice((1, 10, 365))), gross, "transfer")]
        paid = settle(self.rng, customer, day, max(day, due), gross, self.today)
        if odd is Oddity.PAID_TWICE:
            whole = sum(amount for _, amount, _ in paid) == gross
            return twice(paid if whole else [(self.today, gross, "transfer")], self.today)
        return paid

    def _write_lines(self, id: int, entity: Entity, lines: list[Line]) -> tuple[int, int]:
        net = tax = 0
        for position, (product, quantity, rate) in enumerate(lines, 1):
            price = product.prices[entity.currency]
            amount = price * quantity
            owed = _tax(amount, rate)
            self.books.lines.append((id, position, product.id, quantity, price, rate, amount, owed))
            net += amount
            tax += owed
        return net, tax

    def _write(
        self, id: int, entity: Entity, customer: Customer, number: str | None, kind: str, status: str,
        day: date, due: date, net: int, tax: int, reason: str, corrects: int | None,
    ) -> None:  # fmt: skip
        self.books.invoices.append((
            id, entity.id, customer.id, number, kind, status, iso(day), iso(due), entity.currency,
            net, tax, net + tax, bool(reason), reason, corrects,
        ))  # fmt: skip

    def _write_payments(self, id: int, paid: list[Paid]) -> None:
        for day, amount, method in paid:
            self.books.payments.append((len(self.books.payments) + 1, id, iso(day), amount, method))


def _tax(net: int, rate_bp: int) -> int:
    """Return the tax in minor units, half a unit rounded away from zero."""
    owed = (abs(net) * rate_bp + 5000) // 10000
    return owed if net >= 0 else -owed


def _rate(entity: Entity, customer: Customer, product: Product, day: date) -> int:
    """Return the rate in basis points; deliveries abroad bear none."""
    if customer.country != entity.country:
        return 0
    if entity.country == "RU":
        return 2000 if day.year < 2026 else 2200
    return 700 if product.reduced_tax else 1900
