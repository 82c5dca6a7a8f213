"""Documents, payments, customers, products and stock of the demo company's ERP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors.canonical import Invoice
from kontora_connectors.demo.company import generate
from kontora_connectors.demo.erp import DemoErp
from kontora_connectors.errors import NotFound
from sqlalchemy import create_engine, text

from tests.demo_place import TODAY, Books, by_customer, cents, in_folder

pytest_plugins = ["tests.demo_fixtures"]


@pytest.mark.parametrize("company", ["DE01", "RU01"])
def test_each_customer_s_open_documents_are_listed_oldest_due_date_first(
    erp: DemoErp, books: Books, company: str
) -> None:
    groups = by_customer(books.open_at(TODAY, company))
    for party_id in books.customers:
        expected = sorted(groups.get(party_id, []), key=lambda one: (one["due_date"], one["id"]))
        page = erp.open_invoices(party_id, TODAY, company, limit=100)
        assert [(each.id, each.balance) for each in page.items] == [
            (str(one["id"]), cents(one["balance"])) for one in expected
        ]
        assert not page.truncated


def every_open_document(erp: DemoErp, books: Books) -> list[tuple[Invoice, dict[str, Any]]]:
    rows = {str(one["id"]): one for one in books.invoices}
    pages = [erp.open_invoices(id_, TODAY, company, limit=100) for id_ in books.customers for company in ("", "RU01")]
    return [(each, rows[each.id]) for page in pages for each in page.items]


def test_an_open_document_is_what_the_books_hold(erp: DemoErp, books: Books) -> None:
    found = every_open_document(erp, books)
    assert len(found) > 50
    for each, row in found:
        assert (each.kind, each.status_native, each.party_id) == (row["kind"], "posted", row["customer_id"])
        assert (each.issue_date.isoformat(), each.due_date.isoformat()) == (row["issue_date"], row["due_date"])
        assert (each.gross, each.currency) == (cents(row["gross_minor"]), row["currency"])
        assert each.paid + each.balance == each.gross
        assert each.days_overdue == max((TODAY - each.due_date).days, 0)
        assert (each.disputed, each.extra.get("dispute_reason", "")) == (bool(row["disputed"]), row["dispute_reason"])
    assert {each.status for each, _ in found} == {"open", "partly_paid", "paid"}
    assert all((each.status == "paid") == (each.kind == "invoice" and each.balance < 0) for each, _ in found)
    assert any(each.kind == "credit_note" and each.extra["corrects"] for each, _ in found)


def test_a_credit_note_paid_back_in_part_is_partly_paid(tmp_path: Path) -> None:
    place = in_folder(tmp_path)
    generate(place.erp_url, place.crm_url, today=TODAY, customers=60, invoices=600)
    engine = create_engine(place.erp_url)
    with engine.begin() as connection:
        query = "SELECT id, customer_id, company_id FROM invoices i WHERE kind = 'credit_note' AND NOT EXISTS"
        note = connection.execute(text(f"{query} (SELECT 1 FROM payments WHERE invoice_id = i.id)")).first()
        assert note is not None
        connection.execute(text(f"INSERT INTO payments VALUES (99999, {note.id}, '{TODAY}', -101, 'refund')"))
    engine.dispose()
    erp = place.erp()
    page = erp.open_invoices(note.customer_id, TODAY, note.company_id, limit=100)
    erp.close()
    (found,) = [each for each in page.items if each.id == str(note.id)]
    assert (found.status, found.paid, found.balance < 0) == ("partly_paid", Decimal("-1.01"), True)


def test_numbers_have_no_blanks_and_what_was_typed_is_kept(erp: DemoErp, books: Books) -> None:
    typed = [one for one in books.invoices if one["number"] and "".join(one["number"].split()) != one["number"]]
    for one in typed:
        day = date.fromisoformat(one["issue_date"])
        page = erp.open_invoices(one["customer_id"], day, one["company_id"], limit=100)
        (found,) = [each for each in page.items if each.id == str(one["id"])]
        assert found.extra["number_native"] == one["number"]
        assert len(found.number) == len("RE-2026-000001")
    assert typed


def test_a_page_says_that_there_is_more(erp: DemoErp) -> None:
    party_id = erp.receivables_ageing(TODAY).largest[0].party_id
    every = erp.open_invoices(party_id, TODAY, limit=100)
    some = erp.open_invoices(party_id, TODAY, limit=2)
    assert len(every.items) > 2
    assert (some.items, some.truncated, every.truncated) == (every.items[:2], True, False)
    assert not erp.open_invoices(party_id, TODAY, limit=len(every.items)).truncated


def test_payments_are_listed_between_two_days_newest_first(erp: DemoErp, books: Books) -> None:
    owner = {one["id"]: one for one in books.invoices}
    since, until = date(2025, 6, 1), date(2026, 6, 30)
    for party_id in list(books.customers)[:40]:
        for company in ("DE01", "RU01"):
            expected = [
                (str(one["id"]), cents(one["amount_minor"]), one["paid_on"])
                for one in sorted(books.payments, key=lambda one: (one["paid_on"], one["id"]), reverse=True)
                if owner[one["invoice_id"]]["customer_id"] == party_id
                and owner[one["invoice_id"]]["company_id"] == company
                and since.isoformat() <= one["paid_on"] <= until.isoformat()
            ]
            page = erp.payments(party_id, since, until, company, limit=100)
            assert [(each.id, each.amount, each.date.isoformat()) for each in page.items] == expected
            assert {each.party_id for each in page.items} <= {party_id}


def test_money_paid_back_is_a_negative_payment(erp: DemoErp, books: Books) -> None:
    refund = next(one for one in books.payments if one["method"] == "refund")
    note = next(one for one in books.invoices if one["id"] == refund["invoice_id"])
    day = date.fromisoformat(refund["paid_on"])
    page = erp.payments(note["customer_id"], day, day, note["company_id"])
    (found,) = [each for each in page.items if each.id == str(refund["id"])]
    assert found.amount == cents(refund["amount_minor"]) < 0
    assert (found.invoice_numbers, found.currency) == ([note["number"]], note["currency"])


def test_a_customer_is_looked_up(erp: DemoErp, books: Books) -> None:
    for id_, row in books.customers.items():
        party = erp.get_party(id_)
        assert (party.id, party.name, party.country, party.email) == (id_, row["name"], row["country"], row["email"])
        assert party.on_hold == bool(row["on_hold"])
        assert party.tax_id == "".join(row["tax_id"].split())
    calls: list[Callable[[], object]] = [
        lambda: erp.get_party("C99999"),
        lambda: erp.open_invoices("C99999", TODAY),
        lambda: erp.payments("C99999", TODAY, TODAY),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="C99999"):
            call()


def test_products_are_found_by_a_part_of_the_name_in_either_script(erp: DemoErp) -> None:
    assert erp.list_products("кЛАПан", limit=100).items == erp.list_products("VALVE", limit=100).items
    found = erp.list_products("клапан").items
    assert len(found) == 20
    assert all("Клапан" in each.name and each.price and each.price > 0 and each.currency == "EUR" for each in found)
    assert erp.list_products(found[0].sku.lower()).items == found[:1]
    assert erp.list_products("100%").items == []
    everything = erp.list_products()
    assert (len(everything.items), everything.truncated) == (20, True)


def test_stock_is_what_lies_there_less_what_is_promised(erp: DemoErp) -> None:
    levels = [level for each in erp.list_products(limit=100).items for level in erp.stock_levels(each.id)]
    assert len(levels) == 400
    assert all(each.available == each.on_hand - each.reserved for each in levels)
    assert any(each.available < 0 for each in levels)
    with pytest.raises(NotFound, match="P9999"):
        erp.stock_levels("P9999")
