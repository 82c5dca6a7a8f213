"""The tool of everybody who has no connectors: the one SELECT, its rows as JSON."""

from __future__ import annotations

import json
import os

from sqlalchemy import create_engine

from bench.books import open_invoices

engine = create_engine(os.environ["BENCH_BOOKS"])


def list_open_invoices(customer: int) -> str:
    """List the open invoices of a customer."""
    with engine.connect() as connection:
        rows = open_invoices(connection, customer)
    invoices = [{"number": number, "amount": str(amount), "due": due.isoformat()} for number, amount, due in rows]
    return json.dumps({"customer": customer, "open_count": len(rows), "invoices": invoices})
