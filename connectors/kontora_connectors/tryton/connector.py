"""The door to Tryton 8.2 on PostgreSQL or SQLite: reads only, by SQL.

The total of a customer is exact at every date, and so are its buckets with these words added: a past date is told from
the books as they are today, so what was backdated, deleted or unreconciled since then counts as it is now, and a
reconciliation counts from the latest date of its moves, whenever it was made. While an invoice of several instalments
is paid in part, the oldest one counts as paid. Moves that are not posted are never in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, Select, select

from kontora_connectors.canonical import Ageing, Company, Debtor, Invoice, Page, Party, Payment
from kontora_connectors.contract import Health
from kontora_connectors.errors import ConnectorError, NotFound
from kontora_connectors.interfaces import CompanyId, Limit, PartyId, Receivables
from kontora_connectors.sql import SqlConfig, SqlConnector
from kontora_connectors.tryton import invoices, parties, payments
from kontora_connectors.tryton.ageing import Position, by_party
from kontora_connectors.tryton.ledger import documents, open_lines
from kontora_connectors.tryton.tables import company, currency, party


class TrytonConfig(SqlConfig):
    """How to reach Tryton's database; give it a role that may only SELECT."""


@dataclass(frozen=True)
class Books:
    """A company, and a zero with the decimal places of its currency."""

    id: int
    company: Company
    zero: Decimal


def _books(connection: Connection, wanted: str = "") -> list[Books]:
    """Return the company asked for, or all of them by id. Raises `NotFound`."""
    query: Select[Any] = (
        select(company.c.id, party.c.name, currency.c.code, currency.c.digits)
        .join_from(company, party, party.c.id == company.c.party)
        .join(currency, currency.c.id == company.c.currency)
        .order_by(company.c.id)
    )
    found = [
        Books(row.id, Company(id=str(row.id), name=row.name or "", currency=row.code), Decimal((0, (0,), -row.digits)))
        for row in connection.execute(query)
        if wanted in ("", str(row.id))
    ]
    if not found:
        raise NotFound(f"Tryton has no company with the id {wanted!r}." if wanted else "Tryton has no company yet.")
    return found


class Tryton(SqlConnector[TrytonConfig], Receivables, kind="tryton"):
    """Receivables of Tryton's companies. Amounts are in the currency of the company."""

    def check(self) -> Health:
        """Look for Tryton's companies."""
        health = super().check()
        if health.ok:
            try:
                self.companies()
            except ConnectorError as error:
                return Health(ok=False, detail=f"{error.message} {error.hint}".strip())
        return health

    def companies(self) -> list[Company]:
        """List the legal entities of this system."""
        with self.reading() as connection:
            return [books.company for books in _books(connection)]

    def receivables_ageing(
        self,
        as_of: date,
        company: CompanyId = "",
        min_amount: Annotated[Decimal, Field(ge=0, description="leave out debtors who owe less in total")] = Decimal(0),
        compare_days: Annotated[int, Field(ge=1, le=365, description="compare with this many days earlier")] = 30,
        top: Annotated[int, Field(ge=1, le=50, description="length of `largest` and `worsened`")] = 10,
    ) -> Ageing:
        """Compute open receivables by days past due, the largest debtors and those that worsened most."""
        before_date = as_of - timedelta(days=compare_days)
        with self.reading() as connection:
            books = _books(connection, company)[0]
            now = by_party(documents(open_lines(connection, books.id, as_of)), as_of, books.zero)
            # Customers in credit stay in unless a minimum is asked for: the total is what the ledger says.
            now = {id_: position for id_, position in now.items() if not min_amount or position.total >= min_amount}
            before = by_party(documents(open_lines(connection, books.id, before_date)), before_date, books.zero)
            names = parties.names(connection, now)
        debtors = [_debtor(id_, names[id_], now[id_], before.get(id_), books.zero) for id_ in sorted(now)]
        return _ageing(books, now, debtors, as_of, before_date, top)

    def open_invoices(
        self, party_id: PartyId, as_of: date, company: CompanyId = "", limit: Limit = 20
    ) -> Page[Invoice]:
        """List a customer's invoices and credit notes open at a date, oldest due date first.

        Payments on account and opening balances are among them, with the `status_native` `unallocated`.
        """
        with self.reading() as connection:
            books = _books(connection, company)[0]
            id_ = parties.known(connection, party_id)
            found = documents(open_lines(connection, books.id, as_of, id_))
            page = invoices.describe(connection, found[:limit], as_of, books.company.currency, books.zero)
        return Page(items=page, truncated=len(found) > limit)

    def payments(
        self, party_id: PartyId, since: date, until: date, company: CompanyId = "", limit: Limit = 20
    ) -> Page[Payment]:
        """List payments of a customer between two dates (both included), newest first."""
        with self.reading() as connection:
            books = _books(connection, company)[0]
            id_ = parties.known(connection, party_id)
            found = payments.between(connection, books.id, id_, since, until)
            page = payments.describe(connection, found[:limit], books.company.currency, books.zero)
        return Page(items=page, truncated=len(found) > limit)

    def get_party(self, party_id: PartyId) -> Party:
        """Look up a customer."""
        with self.reading() as connection:
            return parties.read(connection, party_id)


def _debtor(party_id: int, name: str, now: Position, before: Position | None, zero: Decimal) -> Debtor:
    overdue, overdue_before = now.overdue, before.overdue if before else zero
    return Debtor(
        party_id=str(party_id),
        name=name,
        total=now.total,
        overdue=overdue,
        disputed=zero,  # Tryton has no word for a disputed invoice
        buckets=now.buckets(),
        days_overdue=now.days_overdue,
        overdue_before=overdue_before,
        change=overdue - overdue_before,
    )


def _ageing(
    books: Books, now: dict[int, Position], debtors: Sequence[Debtor], as_of: date, compared_with: date, top: int
) -> Ageing:
    everything = Position([each for position in now.values() for each in position.documents], as_of, books.zero)
    largest = sorted((each for each in debtors if each.total > 0), key=lambda each: (-each.total, int(each.party_id)))
    worsened = sorted(
        (each for each in debtors if each.change > 0), key=lambda each: (-each.change, int(each.party_id))
    )
    return Ageing(
        company=books.company,
        as_of=as_of,
        compared_with=compared_with,
        total=everything.total,
        overdue=everything.overdue,
        disputed=books.zero,
        parties=len(debtors),
        invoices=len(everything.documents),
        buckets=everything.buckets(),
        largest=largest[:top],
        worsened=worsened[:top],
    )
