"""The door to the demo company's ERP: reads only, on SQLite or PostgreSQL.

What is wrong in the books is shown as it is booked, and always in the same way: an invoice that is due before it was
issued ages from its due date, one booked in the other legal entity is open there, in the other currency. Only blanks
are taken out of numbers, so that a number can be searched for; `extra` then holds it as it was typed.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, Row, func, or_, select

from kontora_connectors.canonical import Ageing, Company, Invoice, Page, Party, Payment, Product, StockLevel
from kontora_connectors.contract import Health, read
from kontora_connectors.demo.ageing import ageing
from kontora_connectors.demo.balances import invoice, open_documents, without_blanks
from kontora_connectors.demo.mark import marked
from kontora_connectors.demo.money import money
from kontora_connectors.demo.schema import (
    companies,
    customers,
    demo_erp,
    folded,
    invoices,
    payments,
    products,
    stock,
    warehouses,
)
from kontora_connectors.errors import NotFound
from kontora_connectors.interfaces import CompanyId, CompareDays, Limit, MinAmount, PartyId, Receivables, Top
from kontora_connectors.sql import SqlConfig, SqlConnector

ProductId = Annotated[str, Field(description="id of the product, as `list_products` lists it")]
ProductName = Annotated[str, Field(description="a part of the name or article number; empty: every product")]


class DemoErpConfig(SqlConfig):
    """How to reach the ERP database of a demo company."""


def _companies(connection: Connection, wanted: str = "") -> list[Company]:
    """Return the legal entity asked for, or all of them by id. Raises `NotFound`."""
    rows = connection.execute(select(companies).order_by(companies.c.id)).all()
    found = [Company(id=row.id, name=row.name, currency=row.currency) for row in rows if wanted in ("", row.id)]
    if not found:
        known = ", ".join(row.id for row in rows) or "none"
        raise NotFound(f"The ERP has no company with the id {wanted!r}; there are: {known}.")
    return found


def _known(connection: Connection, party_id: str) -> Row[Any]:
    """Return the row of a customer. Raises `NotFound`."""
    row = connection.execute(select(customers).where(customers.c.id == party_id)).one_or_none()
    if row is None:
        raise NotFound(f"The ERP has no customer with the id {party_id!r}.")
    return row


class DemoErp(SqlConnector[DemoErpConfig], Receivables, kind="demo-erp"):
    """Receivables, price list and stock of the demo company. Amounts are in the currency of the legal entity."""

    def check(self) -> Health:
        """Look for the mark of a demo company."""
        return marked(self, super().check(), demo_erp)

    def companies(self) -> list[Company]:
        """List the legal entities of this system."""
        with self.reading() as connection:
            return _companies(connection)

    def receivables_ageing(
        self,
        as_of: date,
        company: CompanyId = "",
        min_amount: MinAmount = Decimal(0),
        compare_days: CompareDays = 30,
        top: Top = 10,
    ) -> Ageing:
        """Compute open receivables by days past due, the largest debtors and those that worsened most.

        `overdue` is net of credit notes and surplus payments whose own due date has passed.
        """
        with self.reading() as connection:
            entity = _companies(connection, company)[0]
            return ageing(connection, entity, as_of, min_amount, compare_days, top)

    def open_invoices(
        self, party_id: PartyId, as_of: date, company: CompanyId = "", limit: Limit = 20
    ) -> Page[Invoice]:
        """List a customer's invoices and credit notes open at a date, oldest due date first.

        An invoice that was paid more than once is among them, with the status `paid` and a negative balance.
        """
        with self.reading() as connection:
            query = open_documents(_companies(connection, company)[0].id, as_of)
            query = query.where(invoices.c.customer_id == _known(connection, party_id).id)
            ordered = query.order_by(invoices.c.due_date, invoices.c.id).limit(limit + 1)
            rows = connection.execute(ordered).all()
        return Page(items=[invoice(row, as_of) for row in rows[:limit]], truncated=len(rows) > limit)

    def payments(
        self, party_id: PartyId, since: date, until: date, company: CompanyId = "", limit: Limit = 20
    ) -> Page[Payment]:
        """List payments of a customer between two dates (both included), newest first."""
        with self.reading() as connection:
            query = (
                select(payments, invoices.c.customer_id, invoices.c.currency, invoices.c.number)
                .join_from(payments, invoices, invoices.c.id == payments.c.invoice_id)
                .where(invoices.c.company_id == _companies(connection, company)[0].id)
                .where(invoices.c.customer_id == _known(connection, party_id).id)
                .where(payments.c.paid_on.between(since, until))
                .order_by(payments.c.paid_on.desc(), payments.c.id.desc())
                .limit(limit + 1)
            )
            rows = connection.execute(query).all()
        return Page(items=[_payment(row) for row in rows[:limit]], truncated=len(rows) > limit)

    def get_party(self, party_id: PartyId) -> Party:
        """Look up a customer."""
        with self.reading() as connection:
            row = _known(connection, party_id)
        return Party(
            id=row.id,
            name=row.name,
            tax_id=without_blanks(row.tax_id),
            country=row.country,
            email=row.email,
            phone=row.phone,
            on_hold=row.on_hold,
            extra={"company": row.company_id, "payment_days": row.payment_days},
        )

    @read
    def list_products(self, name: ProductName = "", limit: Limit = 20) -> Page[Product]:
        """List products of the price list, all or those with a part of a name or article number, by id."""
        wanted = folded(name)
        named = products.c.name_folded.contains(wanted, autoescape=True)
        numbered = func.lower(products.c.sku).contains(wanted, autoescape=True)
        query = select(products).where(or_(named, numbered)).order_by(products.c.id).limit(limit + 1)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return Page(items=[_product(row) for row in rows[:limit]], truncated=len(rows) > limit)

    @read
    def stock_levels(self, product_id: ProductId) -> list[StockLevel]:
        """List how much of a product lies in each warehouse; `available` is negative where too much is promised."""
        with self.reading() as connection:
            product = connection.execute(select(products).where(products.c.id == product_id)).one_or_none()
            if product is None:
                raise NotFound(f"The ERP has no product with the id {product_id!r}.")
            query = (
                select(stock, warehouses.c.name)
                .join_from(stock, warehouses, warehouses.c.id == stock.c.warehouse_id)
                .where(stock.c.product_id == product_id)
                .order_by(stock.c.warehouse_id)
            )
            return [_level(row, product) for row in connection.execute(query)]


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        id=str(row.id),
        party_id=row.customer_id,
        date=row.paid_on,
        amount=money(row.amount_minor),
        currency=row.currency,
        method=row.method,
        invoice_numbers=[without_blanks(row.number)] if row.number else [],
    )


def _product(row: Row[Any]) -> Product:
    return Product(
        id=row.id, sku=row.sku, name=row.name, unit=row.unit, price=money(row.price_minor), currency=row.currency
    )


def _level(row: Row[Any], product: Row[Any]) -> StockLevel:
    return StockLevel(
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        warehouse=row.name,
        unit=product.unit,
        on_hand=Decimal(row.on_hand),
        reserved=Decimal(row.reserved),
        available=Decimal(row.on_hand - row.reserved),
    )
