"""The same SELECT behind a connector, found by workers through an entry point like any plugin."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from kontora_connectors import Record, read
from kontora_connectors.sql import SqlConfig, SqlConnector

from bench.books import open_invoices


class OpenInvoice(Record):
    number: str
    amount: Decimal
    due: date


class OpenInvoices(Record):
    customer: int
    open_count: int
    invoices: list[OpenInvoice]


class Books(SqlConnector[SqlConfig], kind="bench-books"):
    @read
    def list_open_invoices(self, customer: int) -> OpenInvoices:
        """List the open invoices of a customer."""
        with self.reading() as connection:
            rows = open_invoices(connection, customer)
        invoices = [OpenInvoice(number=number, amount=amount, due=due) for number, amount, due in rows]
        return OpenInvoices(customer=customer, open_count=len(rows), invoices=invoices)
