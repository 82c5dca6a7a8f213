"""Money received from parties and paid back to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, and_, exists, or_, select

from kontora_connectors.canonical import Payment
from kontora_connectors.tryton.ledger import own_moves, receivable
from kontora_connectors.tryton.tables import invoice, journal, line, move, payment_line

#: Types of journals that money moves through; `statement` comes with Tryton's module for bank statements.
MONEY_JOURNALS = ("cash", "statement")


@dataclass
class Receipt:
    """The lines of one move that settle what a party owes."""

    move: int
    party: int
    date: date
    journal: str
    amount: Decimal = Decimal(0)
    lines: list[int] = field(default_factory=list)


def between(connection: Connection, company: int, party: int, since: date, until: date) -> list[Receipt]:
    """Return a party's payments of some days, newest first.

    A payment is a move in a journal of money, or one put down to an invoice as a payment; never the move that made,
    cancelled or rescheduled an invoice.
    """
    joined, condition = receivable(company)
    own = own_moves()
    of_invoice = or_(exists().where(own.c.move == move.c.id), exists().where(invoice.c.cancel_move == move.c.id))
    put_down = exists().where(payment_line.c.line == line.c.id)
    query = (
        select(line.c.id, line.c.move, move.c.date, line.c.debit, line.c.credit, journal.c.name)
        .select_from(joined.join(journal, journal.c.id == move.c.journal))
        .where(condition, line.c.party == party, move.c.date.between(since, until))
        .where(~of_invoice, or_(journal.c.type.in_(MONEY_JOURNALS), put_down))
        .order_by(move.c.date.desc(), move.c.id.desc(), line.c.id)
    )
    receipts: dict[int, Receipt] = {}
    for row in connection.execute(query):
        receipt = receipts.setdefault(row.move, Receipt(row.move, party, row.date, row.name))
        receipt.amount += row.credit - row.debit
        receipt.lines.append(row.id)
    return list(receipts.values())


def describe(connection: Connection, receipts: Sequence[Receipt], code: str, zero: Decimal) -> list[Payment]:
    """Return payments in the shared words, in the same order."""
    numbers = _invoice_numbers(connection, [id_ for receipt in receipts for id_ in receipt.lines])
    return [
        Payment(
            id=str(receipt.move),
            party_id=str(receipt.party),
            date=receipt.date,
            amount=receipt.amount + zero,
            currency=code,
            method=receipt.journal,
            invoice_numbers=sorted({number for id_ in receipt.lines for number in numbers[id_]}),
        )
        for receipt in receipts
    ]


def _invoice_numbers(connection: Connection, lines: Sequence[int]) -> dict[int, set[str]]:
    """Return the invoices that lines were put down to or reconciled with."""
    own, other = own_moves(), line.alias()
    put_down = (
        select(payment_line.c.line, invoice.c.number)
        .join_from(payment_line, invoice, invoice.c.id == payment_line.c.invoice)
        .where(payment_line.c.line.in_(lines))
    )
    reconciled = (
        select(line.c.id.label("line"), invoice.c.number)
        .join_from(line, other, other.c.reconciliation == line.c.reconciliation)
        .join(own, and_(own.c.move == other.c.move, own.c.account == other.c.account))
        .join(invoice, invoice.c.id == own.c.invoice)
        .where(line.c.id.in_(lines))
    )
    numbers: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(put_down.union(reconciled)):
        if row.number:
            numbers[row.line].add(row.number)
    return numbers
