"""The books that both sides ask: a SQLite file, one indexed SELECT, and the number that only the tool can know."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Date,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    select,
)

CUSTOMERS = 500
_EACH = 100

invoices = Table(
    "invoices",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("customer", Integer, nullable=False),
    Column("number", String(20), nullable=False),
    Column("cents", Integer, nullable=False),
    Column("due", Date, nullable=False),
    Column("state", String(10), nullable=False),
)
Index("invoices_by_customer", invoices.c.customer, invoices.c.state, invoices.c.due)

_OPEN = (
    select(invoices.c.number, invoices.c.cents, invoices.c.due)
    .where(invoices.c.customer == bindparam("customer"), invoices.c.state == "open")
    .order_by(invoices.c.due, invoices.c.id)
    .limit(50)
)


def open_invoices(connection: Connection, customer: int) -> list[tuple[str, Decimal, date]]:
    """Number, amount and due date of a customer's open invoices: the one SELECT of a run."""
    rows = connection.execute(_OPEN, {"customer": customer})
    return [(row.number, Decimal(row.cents).scaleb(-2), row.due) for row in rows]


def customer_of(run: int) -> int:
    """The customer that run number `run` is about."""
    return run % CUSTOMERS + 1


def question(run: int) -> str:
    """What run number `run` asks."""
    return f"Which invoices are open for customer {customer_of(run)}?"


def is_right(run: int, answer: str) -> bool:
    """Whether an answer holds the number of rows, which stands in no prompt."""
    return f" {_open_count(customer_of(run))} open invoices" in answer


def _open_count(customer: int) -> int:
    return 11 + customer % 17


def write_books(path: Path) -> None:
    """Make the file: 50,000 invoices, 11 to 27 open ones per customer."""
    first = date(2026, 1, 1)
    rows = [
        {
            "customer": customer,
            "number": f"INV-{customer:03}-{number:03}",
            "cents": (customer * 7919 + number * 104_729) % 9_999_999,
            "due": first + timedelta(days=(customer + number) % 365),
            "state": "open" if number < _open_count(customer) else "settled",
        }
        for number in range(_EACH)
        for customer in range(1, CUSTOMERS + 1)
    ]
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        invoices.metadata.create_all(connection)
        connection.execute(invoices.insert(), rows)
    engine.dispose()
