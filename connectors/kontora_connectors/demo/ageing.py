"""The ageing of open documents: the database adds up what each customer owes, here it is put in order.

`overdue` is what is past its due date, net of what the company owes: a credit note (due the day it is issued) and the
surplus on an invoice paid twice count with their minus sign as soon as their own due date has passed. It is `total`
less the bucket `current`, to the cent, and may be negative. Only debts have an age: `days_overdue` ignores credits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, select

from kontora_connectors.canonical import Ageing, Bucket, Company, Debtor
from kontora_connectors.demo.balances import open_documents
from kontora_connectors.demo.money import money
from kontora_connectors.demo.schema import customers

NAMES = get_args(Bucket.model_fields["name"].annotation)
#: Days past due at which one bucket ends and the next begins.
_LIMITS = (0, 30, 60, 90)


def ageing(
    connection: Connection, company: Company, as_of: date, min_amount: Decimal, compare_days: int, top: int
) -> Ageing:
    """Compute the ageing of a legal entity; the date of comparison is asked with the same statement."""
    compared_with = _earlier(as_of, compare_days)
    before = {row.party_id: _overdue(row) for row in connection.execute(per_customer(company.id, compared_with))}
    now = connection.execute(per_customer(company.id, as_of)).all()
    debtors = [_debtor(row, as_of, before.get(row.party_id, money(0))) for row in now]
    # Customers in credit stay in unless a minimum is asked for: the total is what the books say.
    debtors = [each for each in debtors if not min_amount or each.total >= min_amount]
    largest = sorted((each for each in debtors if each.total > 0), key=lambda each: (-each.total, each.party_id))
    worsened = sorted((each for each in debtors if each.change > 0), key=lambda each: (-each.change, each.party_id))
    buckets = _together(debtors)
    return Ageing(
        company=company,
        as_of=as_of,
        compared_with=compared_with,
        total=sum((each.total for each in debtors), money(0)),
        overdue=sum((each.overdue for each in debtors), money(0)),
        disputed=sum((each.disputed for each in debtors), money(0)),
        parties=len(debtors),
        invoices=sum(bucket.invoices for bucket in buckets),
        buckets=buckets,
        largest=largest[:top],
        worsened=worsened[:top],
    )


def _debtor(row: Row[Any], as_of: date, overdue_before: Decimal) -> Debtor:
    overdue = _overdue(row)
    return Debtor(
        party_id=row.party_id,
        name=row.name,
        total=money(row.total),
        overdue=overdue,
        disputed=money(row.disputed),
        buckets=[
            Bucket(name=name, amount=money(row._mapping[f"amount_{n}"]), invoices=row._mapping[f"count_{n}"])
            for n, name in enumerate(NAMES)
        ],
        days_overdue=(as_of - row.oldest).days if row.oldest else 0,
        overdue_before=overdue_before,
        change=overdue - overdue_before,
    )


def _overdue(row: Row[Any]) -> Decimal:
    return money(row.total - row.amount_0)


def _together(debtors: Sequence[Debtor]) -> list[Bucket]:
    """Add up each bucket over all debtors."""
    return [
        Bucket(
            name=name,
            amount=sum((each.buckets[n].amount for each in debtors), money(0)),
            invoices=sum(each.buckets[n].invoices for each in debtors),
        )
        for n, name in enumerate(NAMES)
    ]


def per_customer(company_id: str, as_of: date) -> Select[Any]:
    """Select a row for each customer with open documents: amounts in minor units, documents counted by bucket."""
    opened = open_documents(company_id, as_of).subquery("opened")
    buckets = list(_buckets(opened.c.due_date, as_of))
    amount, debt_due = opened.c.balance, and_(opened.c.balance > 0, opened.c.due_date < as_of)
    return (
        select(
            opened.c.customer_id.label("party_id"),
            customers.c.name,
            func.sum(amount).label("total"),
            func.sum(case((opened.c.disputed, amount), else_=0)).label("disputed"),
            func.min(case((debt_due, opened.c.due_date))).label("oldest"),
            *(func.sum(case((inside, amount), else_=0)).label(f"amount_{n}") for n, inside in enumerate(buckets)),
            *(func.sum(case((inside, 1), else_=0)).label(f"count_{n}") for n, inside in enumerate(buckets)),
        )
        .join_from(opened, customers, customers.c.id == opened.c.customer_id)
        .group_by(opened.c.customer_id, customers.c.name)
        .order_by(opened.c.customer_id)
    )


def _buckets(due: ColumnElement[date], as_of: date) -> Iterator[ColumnElement[bool]]:
    """Yield the condition of each bucket as a span of due dates: no database has to count days."""
    first = [_earlier(as_of, days) for days in _LIMITS]
    yield due >= first[0]
    yield from (and_(due >= begin, due < end) for end, begin in pairwise(first))
    yield due < first[-1]


def _earlier(day: date, days: int) -> date:
    """Return the day so many days before, or the first one there is."""
    return date.fromordinal(max(day.toordinal() - days, 1))
