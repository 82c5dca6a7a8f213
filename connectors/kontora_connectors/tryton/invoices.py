"""Open documents in the shared words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, select

from kontora_connectors.canonical import Invoice
from kontora_connectors.tryton.ledger import Document, OpenLine, own_moves
from kontora_connectors.tryton.tables import currency, invoice, line


def describe(connection: Connection, found: Sequence[Document], as_of: date, code: str, zero: Decimal) -> list[Invoice]:
    """Return documents as invoices, in the same order. `code` and `zero` are of the company's currency."""
    ids = [each.invoice for each in found if each.invoice is not None]
    query = (
        select(invoice, currency.c.code)
        .join_from(invoice, currency, currency.c.id == invoice.c.currency)
        .where(invoice.c.id.in_(ids))
    )
    rows = {row.id: row for row in connection.execute(query)}
    gross = _gross(connection, ids, zero)
    return [
        _unallocated(each, each.line, as_of, code, zero)
        if each.line
        else _invoice(each, rows[each.invoice], gross[each.party, each.invoice], as_of, code, zero)
        for each in found
    ]


def _gross(connection: Connection, ids: Sequence[int], zero: Decimal) -> dict[tuple[int, int | None], Decimal]:
    """Return what each party was to pay on each invoice in the company's currency: a reschedule adds nothing to it."""
    own = own_moves()
    query = (
        select(line.c.party, own.c.invoice, line.c.debit, line.c.credit)
        .join_from(own, line, and_(line.c.move == own.c.move, line.c.account == own.c.account))
        .where(own.c.invoice.in_(ids))
    )
    gross: dict[tuple[int, int | None], Decimal] = defaultdict(lambda: zero)
    for row in connection.execute(query):
        gross[row.party, row.invoice] += row.debit - row.credit
    return gross


def _invoice(each: Document, row: Any, gross: Decimal, as_of: date, code: str, zero: Decimal) -> Invoice:
    balance = each.balance + zero
    extra: dict[str, Any] = {}
    if len(each.parts) > 1:
        extra["instalments"] = [{"due_date": part.due.isoformat(), "balance": str(part.amount)} for part in each.parts]
    if row.code != code:
        extra["original"] = {"currency": row.code, "gross": str(row.total_amount_cache)}
    return Invoice(
        id=str(row.id),
        number=row.number or "",
        kind="invoice" if gross >= 0 else "credit_note",
        status="open" if balance == gross else "partly_paid",
        status_native=row.state,
        party_id=str(each.party),
        issue_date=row.invoice_date,
        due_date=each.due,
        currency=code,
        gross=gross,
        paid=gross - balance,
        balance=balance,
        days_overdue=max((as_of - each.due).days, 0),
        extra=extra,
    )


def _unallocated(each: Document, only: OpenLine, as_of: date, code: str, zero: Decimal) -> Invoice:
    return Invoice(
        id=f"line-{only.id}",
        number=only.number,
        kind="invoice" if only.amount > 0 else "credit_note",
        status="open",
        status_native="unallocated",
        party_id=str(each.party),
        issue_date=only.booked,
        due_date=only.due,
        currency=code,
        gross=only.amount + zero,
        paid=zero,
        balance=only.amount + zero,
        days_overdue=max((as_of - only.due).days, 0),
    )
