"""What was open on a company's receivable accounts at a date.

Tryton stores no residual. A line of the ledger is open until all lines that it was reconciled with are in the books;
an invoice owes what is open of its own lines (one per instalment) together with the payments put down to it.

A reconciliation counts from the latest date of the moves it ties together. The date that Tryton keeps with it also
takes in due dates, so that an invoice paid before it was due would look open until then. Both give the same total of a
customer at every date, because what is reconciled adds up to zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Numeric, and_, cast, func, literal_column, or_, select
from sqlalchemy.sql.selectable import Subquery

from kontora_connectors.tryton.tables import account, account_type, additional_move, invoice, line, move, payment_line


@dataclass(frozen=True)
class OpenLine:
    """A line of the ledger; `amount` is debit less credit in the company's currency.

    `owed_on` is the invoice whose debt the line is, `paid_to` the one it was put down to as a payment.
    """

    id: int
    party: int
    owed_on: int | None
    paid_to: int | None
    number: str
    booked: date
    due: date
    amount: Decimal


@dataclass(frozen=True)
class Part:
    """What is open of one instalment."""

    due: date
    amount: Decimal


@dataclass(frozen=True)
class Document:
    """What a party owes on one invoice, or on one line that belongs to none (a payment on account, an opening balance).

    All parts have the same sign. `line` is set if there is no invoice.
    """

    party: int
    invoice: int | None
    line: OpenLine | None
    parts: tuple[Part, ...]

    @property
    def balance(self) -> Decimal:
        """The sum of the parts; negative if the company owes it."""
        return sum((part.amount for part in self.parts), Decimal(0))

    @property
    def due(self) -> date:
        """When the oldest open part is due."""
        return self.parts[0].due


def receivable(company: int) -> tuple[FromClause, ColumnElement[bool]]:
    """Return the posted lines of a company's receivable accounts, as a join and a condition.

    An account may be receivable on one side only, as Tryton's aged balance reads it.
    """
    debit_type, credit_type = account_type.alias(), account_type.alias()
    joined = (
        line.join(move, move.c.id == line.c.move)
        .join(account, account.c.id == line.c.account)
        .join(account_type, account_type.c.id == account.c.type)
        .outerjoin(debit_type, debit_type.c.id == account.c.debit_type)
        .outerjoin(credit_type, credit_type.c.id == account.c.credit_type)
    )
    zero: ColumnElement[Any] = literal_column("0")
    sides = or_(
        account_type.c.receivable.is_(True),
        and_(debit_type.c.receivable.is_(True), cast(line.c.debit, Numeric) != zero),
        and_(credit_type.c.receivable.is_(True), cast(line.c.credit, Numeric) != zero),
    )
    return joined, and_(sides, account.c.company == company, move.c.state == "posted", line.c.party.is_not(None))


def own_moves() -> Subquery:
    """Return the moves of each invoice: its own, and those that rescheduled it."""
    first = select(invoice.c.id.label("invoice"), invoice.c.move, invoice.c.account).where(invoice.c.move.is_not(None))
    # A reschedule of several invoices at once is one move: its lines go to the first of them, whole.
    more = (
        select(func.min(invoice.c.id).label("invoice"), additional_move.c.move, invoice.c.account)
        .join_from(additional_move, invoice, invoice.c.id == additional_move.c.invoice)
        .group_by(additional_move.c.move, invoice.c.account)
    )
    return first.union_all(more).subquery("own_moves")


def open_lines(connection: Connection, company: int, as_of: date, party: int | None = None) -> list[OpenLine]:
    """Read the lines open at a date, by id."""
    joined, condition = receivable(company)
    own = own_moves()
    joined = joined.outerjoin(payment_line, payment_line.c.line == line.c.id).outerjoin(
        own, and_(own.c.move == line.c.move, own.c.account == line.c.account)
    )
    later, later_move = line.alias(), move.alias()
    settled_later = (
        select(later.c.reconciliation)
        .join_from(later, later_move, later_move.c.id == later.c.move)
        .where(later_move.c.date > as_of, later.c.reconciliation.is_not(None))
    )
    query = (
        select(
            line.c.id,
            line.c.party,
            own.c.invoice.label("owed_on"),
            payment_line.c.invoice.label("paid_to"),
            move.c.number,
            move.c.date,
            line.c.maturity_date,
            line.c.debit,
            line.c.credit,
        )
        .select_from(joined)
        .where(condition, move.c.date <= as_of)
        .where(or_(line.c.reconciliation.is_(None), line.c.reconciliation.in_(settled_later)))
        .order_by(line.c.id)
    )
    if party is not None:
        query = query.where(line.c.party == party)
    return [_open_line(row) for row in connection.execute(query)]


def _open_line(row: Any) -> OpenLine:
    due = row.maturity_date or row.date
    return OpenLine(
        row.id, row.party, row.owed_on, row.paid_to, row.number or "", row.date, due, row.debit - row.credit
    )


def documents(lines: Iterable[OpenLine]) -> list[Document]:
    """Put lines together to what is open per party and invoice; what comes out even is left out."""
    lines = list(lines)
    # A payment put down to an invoice that was not in the books yet is, until then, a payment on account.
    booked = {(each.party, each.owed_on) for each in lines if each.paid_to is None}
    groups: dict[tuple[int, int | None, int], list[OpenLine]] = defaultdict(list)
    for each in lines:
        invoice_id = each.owed_on if each.paid_to is None else each.paid_to
        if invoice_id is None or (each.party, invoice_id) not in booked:
            groups[each.party, None, each.id].append(each)
        else:
            groups[each.party, invoice_id, 0].append(each)
    found = [
        Document(party, invoice_id, members[0] if invoice_id is None else None, parts)
        for (party, invoice_id, _), members in groups.items()
        if (parts := set_off(members))
    ]
    return sorted(found, key=lambda each: (each.due, each.invoice or 0, each.line.id if each.line else 0))


def set_off(lines: Iterable[OpenLine]) -> tuple[Part, ...]:
    """Set payments off against the oldest instalment first (on a credit note: refunds against credits)."""
    ordered = sorted((each for each in lines if each.amount), key=lambda each: (each.due, each.id))
    total = sum((each.amount for each in ordered), Decimal(0))
    kept = [each for each in ordered if (each.amount > 0) == (total > 0)]
    sign = 1 if total > 0 else -1
    to_set_off = sum((abs(each.amount) for each in kept), Decimal(0)) - abs(total)
    parts = []
    for each in kept if total else ():
        used = min(to_set_off, abs(each.amount))
        to_set_off -= used
        if rest := abs(each.amount) - used:
            parts.append(Part(each.due, sign * rest))
    return tuple(parts)
