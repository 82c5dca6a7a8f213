"""Who pays what and when, by the customer's habit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from kontora_connectors.demo.customers import Customer

#: Day of payment, minor units, method.
Paid = tuple[date, int, str]


def settle(rng: Random, customer: Customer, issued: date, due: date, gross: int, today: date) -> list[Paid]:
    """Return the payments of an invoice made until `today`."""
    if customer.slumped_on is not None and due >= customer.slumped_on:
        return _token(rng, due, gross, today)
    habit = customer.habit
    if rng.randrange(1000) < habit.never:
        return []
    day = max(issued, due + timedelta(days=rng.randint(habit.earliest, habit.latest)))
    return [paid for paid in _parts(rng, day, gross) if paid[0] <= today]


def _parts(rng: Random, day: date, gross: int) -> Iterator[Paid]:
    method = rng.choice(("transfer", "transfer", "transfer", "direct debit"))
    if rng.random() >= 0.10:
        yield (day, gross, method)
        return
    first = gross * rng.randint(30, 70) // 100
    yield (day, first, method)
    if rng.random() < 0.85:
        yield (day + timedelta(days=rng.randint(15, 60)), gross - first, method)


def _token(rng: Random, due: date, gross: int, today: date) -> list[Paid]:
    """Return the sign of good will of somebody who has no money: now and then a tenth."""
    day = due + timedelta(days=rng.randint(3, 12))
    return [(day, gross // 10, "transfer")] if day <= today and rng.random() < 0.12 else []


def refund(rng: Random, issued: date, gross: int, today: date) -> list[Paid]:
    """Return the money given back for a credit note; many stay open until the customer asks."""
    day = issued + timedelta(days=rng.randint(3, 25))
    return [(day, gross, "refund")] if rng.random() < 0.6 and day <= today else []


def twice(paid: list[Paid], today: date) -> list[Paid]:
    """Return the payments with the last one entered once more, two days later."""
    again = [(min(today, day + timedelta(days=2)), amount, method) for day, amount, method in paid[-1:]]
    return paid + again
