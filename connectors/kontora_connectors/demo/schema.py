"""The tables of the demo company. Money is a whole number of minor units (cents, kopecks): exact in every database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text


def folded(name: str) -> str:
    """Return a name as the columns `name_folded` keep it: case and the number of blanks make no difference."""
    return " ".join(name.split()).casefold()


erp = MetaData()
crm = MetaData()

#: One row that says "our generator made this database". Without it nothing is ever replaced.
demo_erp = Table("demo_erp", erp, Column("made", Text, primary_key=True))
demo_crm = Table("demo_crm", crm, Column("made", Text, primary_key=True))

companies = Table(
    "companies",
    erp,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("country", Text, nullable=False),
)

customers = Table(
    "customers",
    erp,
    Column("id", Text, primary_key=True),
    Column("company_id", ForeignKey("companies.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("tax_id", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("payment_days", Integer, nullable=False),
    Column("on_hold", Boolean, nullable=False),
)

products = Table(
    "products",
    erp,
    Column("id", Text, primary_key=True),
    Column("sku", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False),  # SQLite folds the case of Latin letters only
    Column("unit", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
)

warehouses = Table(
    "warehouses",
    erp,
    Column("id", Text, primary_key=True),
    Column("company_id", ForeignKey("companies.id"), nullable=False),
    Column("name", Text, nullable=False),
)

stock = Table(
    "stock",
    erp,
    Column("product_id", ForeignKey("products.id"), primary_key=True),
    Column("warehouse_id", ForeignKey("warehouses.id"), primary_key=True),
    Column("on_hand", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
)

#: Invoices and credit notes; a credit note has negative amounts. `status`: draft | posted | cancelled.
invoices = Table(
    "invoices",
    erp,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("company_id", ForeignKey("companies.id"), nullable=False),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("number", Text),  # a draft has none
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("issue_date", Date, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("gross_minor", BigInteger, nullable=False),
    Column("disputed", Boolean, nullable=False),
    Column("dispute_reason", Text, nullable=False),
    Column("corrects_id", Integer),
    Index("invoices_of_customer", "customer_id", "company_id"),
)

invoice_lines = Table(
    "invoice_lines",
    erp,
    Column("invoice_id", ForeignKey("invoices.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("product_id", ForeignKey("products.id"), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_minor", BigInteger, nullable=False),
    Column("tax_rate_bp", Integer, nullable=False),  # basis points: 1900 is 19 %
    Column("net_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
)

payments = Table(
    "payments",
    erp,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("invoice_id", ForeignKey("invoices.id"), nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Index("payments_of_invoice", "invoice_id", "paid_on", "amount_minor"),
)

accounts = Table(
    "accounts",
    crm,
    Column("id", Text, primary_key=True),
    Column("erp_party_id", Text, index=True),  # nobody filled it in for some
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("desk", Text, nullable=False),
)

opportunities = Table(
    "opportunities",
    crm,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("probability", Integer, nullable=False),
    Column("close_date", Date, nullable=False),
)

activities = Table(
    "activities",
    crm,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", DateTime, nullable=False),  # UTC
    Column("due", Date),
    Column("done", Boolean, nullable=False),
    Column("idempotency_key", Text, unique=True),
)
