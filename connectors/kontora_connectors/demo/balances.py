"""What is open at a date, in SQL that SQLite and PostgreSQL read alike.

A document counts from its issue date on, if it is posted now: drafts and cancelled ones never do, because nobody kept
when they were cancelled. A payment counts from its own date on, so one dated in the future counts from then. A document
belongs to the legal entity that booked it, whosever customer it names.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Row, Select, and_, func, select

from kontora_connectors.canonical import Invoice
from kontora_connectors.demo.money import money
from kontora_connectors.demo.schema import invoices, payments


def open_documents(company_id: str, as_of: date) -> Select[Any]:
    """Select the invoices and credit notes that are not settled at a date, with their `balance` in minor units.

    A credit note has a negative balance, and so has an invoice that was paid more than once.
    """
    until_then = and_(payments.c.invoice_id == invoices.c.id, payments.c.paid_on <= as_of)
    balance = invoices.c.gross_minor - func.coalesce(func.sum(payments.c.amount_minor), 0)
    return (
        select(invoices, balance.label("balance"))
        .outerjoin_from(invoices, payments, until_then)
        .where(invoices.c.company_id == company_id, invoices.c.status == "posted", invoices.c.issue_date <= as_of)
        .group_by(invoices.c.id)
        .having(balance != 0)
    )


def without_blanks(number: str) -> str:
    """Return a number as it was meant: people type blanks into it, and paste no-break spaces."""
    return "".join(number.split())


def invoice(row: Row[Any], as_of: date) -> Invoice:
    """Return an open document in the shared words."""
    gross, balance = money(row.gross_minor), money(row.balance)
    number = without_blanks(row.number or "")
    extra = {
        "number_native": row.number if row.number != number else None,
        "dispute_reason": row.dispute_reason or None,
        "corrects": str(row.corrects_id) if row.corrects_id is not None else None,
    }
    return Invoice(
        id=str(row.id),
        number=number,
        kind=row.kind,
        status=_status(gross, balance),
        status_native=row.status,
        party_id=row.customer_id,
        issue_date=row.issue_date,
        due_date=row.due_date,
        currency=row.currency,
        gross=gross,
        paid=gross - balance,
        balance=balance,
        days_overdue=max((as_of - row.due_date).days, 0),
        disputed=row.disputed,
        extra={name: value for name, value in extra.items() if value is not None},
    )


def _status(gross: Decimal, balance: Decimal) -> Literal["open", "partly_paid", "paid"]:
    """An invoice that was paid more than once is paid, although its balance is not zero."""
    if balance == gross:
        return "open"
    return "partly_paid" if (balance > 0) == (gross > 0) else "paid"
