"""Makes the demo company: an ERP and a CRM database from a seed.

The same seed, day and sizes give the same rows, on every machine and in every database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import URL

from kontora_connectors.demo import accounts as crm_accounts
from kontora_connectors.demo import customers as erp_customers
from kontora_connectors.demo import invoices as erp_invoices
from kontora_connectors.demo import products as erp_products
from kontora_connectors.demo import schema, store
from kontora_connectors.demo.activities import activity_rows
from kontora_connectors.demo.notes import ORDERS
from kontora_connectors.errors import Invalid

#: The smallest company that still has somebody of every sort.
FEWEST_CUSTOMERS = 60
FEWEST_INVOICES = 600


@dataclass(frozen=True)
class Summary:
    """How much was made. `invoices` counts credit notes, drafts and cancelled ones too."""

    companies: int
    customers: int
    products: int
    invoices: int
    credit_notes: int
    lines: int
    payments: int
    opportunities: int
    activities: int
    notes_with_orders: int


def generate(
    erp_url: str,
    crm_url: str,
    *,
    today: date,
    seed: int = 7,
    invoices: int = 60_000,
    customers: int = 3_000,
    replace: bool = False,
) -> Summary:
    """Make both databases; they appear finished or not at all.

    A URL names a SQLite file (its folder is made) or PostgreSQL. `today` is the last day of the books.
    Raises `CompanyExists` if there is a demo company and `replace` is not said, `Conflict` if something else is
    there (it is never replaced), `Invalid` for a URL or size that makes no sense, and the rest of the error family.
    """
    erp, crm = store.parse(erp_url), store.parse(crm_url)
    _refuse(erp, crm, invoices, customers)
    store.vacant(erp, schema.erp, replace=replace)
    store.vacant(crm, schema.crm, replace=replace)
    made = f"seed {seed}, {today}, {customers} customers, {invoices} invoices"
    people = erp_customers.plan(seed, today, customers)
    goods = erp_products.plan(seed)
    books = erp_invoices.write(seed, today, people, goods, invoices)
    accounts = crm_accounts.plan(seed, people)
    happened = list(activity_rows(seed, today, accounts))
    erp_tables: store.Tables = [
        (schema.demo_erp, [(made,)]),
        (schema.companies, erp_customers.entity_rows()),
        (schema.customers, erp_customers.customer_rows(seed, people)),
        (schema.products, erp_products.product_rows(goods)),
        (schema.warehouses, erp_products.warehouse_rows()),
        (schema.stock, erp_products.stock_rows(seed, goods)),
        (schema.invoices, books.invoices),
        (schema.invoice_lines, books.lines),
        (schema.payments, books.payments),
    ]
    crm_tables: store.Tables = [
        (schema.demo_crm, [(made,)]),
        (schema.accounts, crm_accounts.account_rows(seed, accounts)),
        (schema.opportunities, crm_accounts.opportunity_rows(seed, today, accounts)),
        (schema.activities, happened),
    ]
    # Both are complete before either appears.
    with store.prepared(erp, schema.erp, erp_tables), store.prepared(crm, schema.crm, crm_tables):
        pass
    return Summary(
        companies=len(erp_customers.ENTITIES),
        customers=len(people),
        products=len(goods),
        invoices=len(books.invoices),
        credit_notes=books.credit_notes,
        lines=len(books.lines),
        payments=len(books.payments),
        opportunities=crm_accounts.OPPORTUNITIES,
        activities=len(happened),
        notes_with_orders=sum(map(len, ORDERS.values())),
    )


def _refuse(erp: URL, crm: URL, invoices: int, customers: int) -> None:
    """Raise `Invalid` for what cannot become a company."""
    fields = {}
    if customers < FEWEST_CUSTOMERS:
        fields["customers"] = f"at least {FEWEST_CUSTOMERS}"
    if invoices < max(FEWEST_INVOICES, customers):
        fields["invoices"] = f"at least {FEWEST_INVOICES}, and one for each customer"
    if store.same_file(erp, crm):
        fields["crm_url"] = "the ERP and the CRM need a file each"
    if fields:
        said = "; ".join(f"{name}: {why}" for name, why in fields.items())
        raise Invalid(f"No demo company can be made: {said}.", fields=fields)
