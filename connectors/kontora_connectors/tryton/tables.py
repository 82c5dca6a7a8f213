"""The part of Tryton's schema that is read here; the same on SQLite and PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Column, Date, Dialect, Integer, MetaData, Numeric, String, Table
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData()


class Amount(TypeDecorator[Decimal]):
    """A NUMERIC as an exact `Decimal`.

    PostgreSQL gives decimals. On SQLite Tryton keeps the digits of a decimal as bytes, so a SUM or a comparison there
    would go through floats: amounts are added up in Python, and compared only after a cast.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Take what SQLite's driver gives as it is."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Numeric())

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the exact decimal of a stored number."""
        if value is None or isinstance(value, Decimal):
            return value
        return Decimal(value.decode() if isinstance(value, bytes) else str(value))


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(name, metadata, Column("id", Integer, primary_key=True), *columns)


def _links(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer) for name in names]


company = _table("company_company", *_links("party", "currency"))
currency = _table("currency_currency", Column("code", String), Column("digits", Integer))
country = _table("country_country", Column("code", String))
party = _table(
    "party_party", Column("name", String), Column("code", String), Column("active", Boolean), *_links("replaced_by")
)
address = _table("party_address", *_links("party", "country", "sequence"), Column("active", Boolean))
contact = _table(
    "party_contact_mechanism",
    *_links("party", "sequence"),
    Column("type", String),
    Column("value", String),
    Column("active", Boolean),
)
identifier = _table(
    "party_identifier",
    *_links("party", "sequence"),
    Column("type", String),
    Column("code", String),
    Column("active", Boolean),
)
account = _table("account_account", *_links("company", "type", "debit_type", "credit_type"))
account_type = _table("account_account_type", Column("receivable", Boolean))
journal = _table("account_journal", Column("name", String), Column("type", String))
move = _table(
    "account_move",
    *_links("company", "journal"),
    Column("number", String),
    Column("date", Date),
    Column("state", String),
)
line = _table(
    "account_move_line",
    *_links("move", "account", "party", "reconciliation"),
    Column("debit", Amount),
    Column("credit", Amount),
    Column("maturity_date", Date),
)
invoice = _table(
    "account_invoice",
    *_links("account", "company", "currency", "move", "cancel_move", "party", "party_tax_identifier"),
    Column("number", String),
    Column("type", String),
    Column("state", String),
    Column("invoice_date", Date),
    Column("total_amount_cache", Amount),
)
payment_line = _table("account_invoice-account_move_line", *_links("invoice", "line"))
additional_move = _table("account_invoice-additional-account_move", *_links("invoice", "move"))
