"""The demo company is the same from the same seed, adds up, holds what it promises, and replaces nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors.demo import customers, invoices, products, schema
from kontora_connectors.demo.company import Summary, generate
from kontora_connectors.demo.erp import DemoErp, DemoErpConfig
from kontora_connectors.demo.notes import ORDERS
from kontora_connectors.demo.store import CompanyExists
from kontora_connectors.errors import Conflict, ConnectorError, Forbidden, Invalid, Unavailable
from sqlalchemy import create_engine, select, text

from tests.services import PostgresServer, free_port

TODAY = date(2026, 11, 23)
SMALL: dict[str, Any] = {"today": TODAY, "customers": 100, "invoices": 1000}

Rows = dict[str, list[Any]]


def rows(*urls: str) -> Rows:
    """Return every row of the tables of a company, by table, in an order that no database decides."""
    found: Rows = {}
    for url, metadata in zip(urls, (schema.erp, schema.crm), strict=True):
        engine = create_engine(url)
        with engine.connect() as connection:
            for table in metadata.sorted_tables:
                found[table.name] = sorted(connection.execute(select(table)).all(), key=str)
        engine.dispose()
    return found


def in_folder(folder: Path) -> tuple[str, str]:
    return f"sqlite:///{folder / 'erp.db'}", f"sqlite:///{folder / 'crm.db'}"


@dataclass
class Made:
    """A small company: where it is, what its maker said, and all its rows."""

    urls: tuple[str, str]
    summary: Summary
    rows: Rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    urls = in_folder(tmp_path_factory.mktemp("company"))
    summary = generate(*urls, **SMALL)
    return Made(urls, summary, rows(*urls))


def test_the_same_seed_and_day_give_the_same_rows(made: Made, tmp_path: Path) -> None:
    again = in_folder(tmp_path)
    assert generate(*again, **SMALL) == made.summary
    assert rows(*again) == made.rows


@pytest.mark.parametrize("other", [{"seed": 8}, {"today": TODAY - timedelta(days=1)}, {"invoices": 1001}], ids=str)
def test_another_seed_day_or_size_gives_another_company(made: Made, tmp_path: Path, other: dict[str, Any]) -> None:
    urls = in_folder(tmp_path)
    generate(*urls, **{**SMALL, **other})
    assert rows(*urls)["invoices"] != made.rows["invoices"]


def test_postgresql_holds_the_same_rows(made: Made, postgres: PostgresServer) -> None:
    with postgres.database() as erp, postgres.database() as crm:
        assert generate(erp, crm, **SMALL) == made.summary
        assert rows(erp, crm) == made.rows


def test_one_postgresql_database_can_hold_both(made: Made, postgres_url: str) -> None:
    generate(postgres_url, postgres_url, **SMALL)
    assert rows(postgres_url, postgres_url) == made.rows


def test_the_summary_counts_what_is_there(made: Made) -> None:
    said = made.summary
    names = ("companies", "customers", "products", "invoices", "payments", "opportunities", "activities")
    assert {name: getattr(said, name) for name in names} == {name: len(made.rows[name]) for name in names}
    assert said.lines == len(made.rows["invoice_lines"])
    assert (said.companies, said.customers, said.products, said.invoices, said.opportunities) == (
        2,
        100,
        800,
        1000,
        400,
    )
    assert said.credit_notes == sum(row.kind == "credit_note" for row in made.rows["invoices"]) > 0


def test_the_full_company_has_the_sizes_it_promises_and_is_aged_to_the_cent(tmp_path: Path) -> None:
    urls = in_folder(tmp_path)
    summary = generate(*urls, today=TODAY)
    assert (summary.customers, summary.invoices, summary.products, summary.opportunities) == (3000, 60_000, 800, 400)
    erp = DemoErp(DemoErpConfig.model_validate({"url": urls[0]}))
    ageing = erp.receivables_ageing(TODAY)
    erp.close()
    assert ageing.invoices > 1000
    assert sum(bucket.amount for bucket in ageing.buckets) == ageing.total


def test_there_are_two_entities_with_a_currency_each(made: Made) -> None:
    assert [(row.id, row.currency) for row in made.rows["companies"]] == [("DE01", "EUR"), ("RU01", "RUB")]
    currency = {row.id: row.currency for row in made.rows["companies"]}
    assert all(row.currency == currency[row.company_id] for row in made.rows["invoices"])
    assert Counter(row.company_id for row in made.rows["customers"]) == {"DE01": 60, "RU01": 40}


def test_names_are_latin_in_one_entity_and_cyrillic_in_the_other(made: Made) -> None:
    for row in made.rows["customers"]:
        cyrillic = any("а" <= letter <= "я" for letter in row.name.casefold())
        assert cyrillic == (row.company_id == "RU01"), row.name


def test_the_money_of_a_document_is_the_money_of_its_lines(made: Made) -> None:
    lines: dict[int, list[Any]] = {}
    for line in made.rows["invoice_lines"]:
        assert line.net_minor == line.quantity * line.unit_price_minor
        assert abs(line.net_minor * line.tax_rate_bp - line.tax_minor * 10_000) <= 5000
        lines.setdefault(line.invoice_id, []).append(line)
    for row in made.rows["invoices"]:
        own = lines[row.id]
        assert (row.net_minor, row.tax_minor) == (sum(x.net_minor for x in own), sum(x.tax_minor for x in own))
        assert row.gross_minor == row.net_minor + row.tax_minor
        assert (row.gross_minor < 0) == (row.kind == "credit_note")


def test_a_credit_note_takes_back_a_line_of_an_earlier_invoice(made: Made) -> None:
    by_id = {row.id: row for row in made.rows["invoices"]}
    notes = [row for row in made.rows["invoices"] if row.kind == "credit_note"]
    for note in notes:
        corrected = by_id[note.corrects_id]
        assert (corrected.customer_id, corrected.company_id) == (note.customer_id, note.company_id)
        assert corrected.issue_date <= note.issue_date
        assert -note.gross_minor <= corrected.gross_minor
    assert len({note.corrects_id for note in notes}) == len(notes)


def test_documents_are_of_the_last_two_years_and_of_every_status(made: Made) -> None:
    found = made.rows["invoices"]
    assert {row.status for row in found} == {"draft", "posted", "cancelled"}
    assert all(timedelta(0) <= TODAY - row.issue_date <= timedelta(days=730) for row in found)
    assert all((row.number is None) == (row.status == "draft") for row in found)
    numbers = [(row.company_id, "".join(row.number.split())) for row in found if row.number]
    assert len(set(numbers)) == len(numbers)


def paid(made: Made) -> Counter[int]:
    found: Counter[int] = Counter()
    for row in made.rows["payments"]:
        found[row.invoice_id] += row.amount_minor
    return found


def test_some_pay_in_part_and_some_dispute(made: Made) -> None:
    received = paid(made)
    posted = [row for row in made.rows["invoices"] if row.status == "posted" and row.kind == "invoice"]
    assert sum(0 < received[row.id] < row.gross_minor for row in posted) >= 10
    disputed = [row for row in posted if row.disputed]
    assert len(disputed) >= 2
    assert all(received[row.id] < row.gross_minor and row.dispute_reason for row in disputed)


def test_nothing_was_paid_on_what_was_never_posted(made: Made) -> None:
    not_posted = {row.id for row in made.rows["invoices"] if row.status != "posted"}
    assert not not_posted & {row.invoice_id for row in made.rows["payments"]}


def oddities(planned: list[customers.Customer], books: invoices.Books) -> dict[str, int]:
    home = {each.id: each.entity.id for each in planned}
    names = schema.invoices.columns.keys()
    found: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in books.invoices]
    payments: list[Any] = books.payments
    received: Counter[int] = Counter()
    for _, invoice_id, _, amount, _ in payments:
        received[invoice_id] += amount
    return {
        "due before it was issued": sum(one["due_date"] < one["issue_date"] for one in found),
        "booked in the other entity": sum(one["company_id"] != home[one["customer_id"]] for one in found),
        "paid more than once": sum(0 < one["gross_minor"] < received[one["id"]] for one in found),
        "blanks in the number": sum(bool(re.search(r"\s", one["number"] or "")) for one in found),
        "paid in the future": sum(day > TODAY.isoformat() for _, _, day, _, _ in payments),
    }


def test_every_oddity_is_there_whatever_the_seed() -> None:
    goods = products.plan(7)
    for seed in range(60):
        planned = customers.plan(seed, TODAY, 60)
        odd = oddities(planned, invoices.write(seed, TODAY, planned, goods, 600))
        assert set(odd.values()) == {1}, (seed, odd)


def test_names_are_folded_as_people_compare_them() -> None:
    assert schema.folded(" Straße\u00a0 7 ") == schema.folded("STRASSE 7")
    assert schema.folded("ООО «Ёлка»") == schema.folded("ооо  «ёлка»")


def test_notes_give_orders_to_their_reader_in_both_languages(made: Made) -> None:
    orders = {body for texts in ORDERS.values() for _, body in texts}
    found = [row for row in made.rows["activities"] if row.body in orders]
    assert len(found) == made.summary.notes_with_orders == len(orders) == 12
    assert {row.kind for row in found} == {"note"}


def test_whose_debts_grew_most_wrote_orders_and_can_be_found_in_the_crm(made: Made) -> None:
    orders = {body for texts in ORDERS.values() for _, body in texts}
    account_of = {row.erp_party_id: row.id for row in made.rows["accounts"]}
    with_orders = {row.account_id for row in made.rows["activities"] if row.body in orders}
    erp = DemoErp(DemoErpConfig.model_validate({"url": made.urls[0]}))
    for company in ("DE01", "RU01"):
        worst = [account_of[each.party_id] for each in erp.receivables_ageing(TODAY, company).worsened[:3]]
        assert with_orders & set(worst)
    erp.close()


def test_one_account_in_twenty_is_not_linked_to_the_erp(made: Made) -> None:
    accounts = made.rows["accounts"]
    assert len(accounts) == 100
    assert 1 <= sum(row.erp_party_id is None for row in accounts) <= 12
    assert {row.erp_party_id for row in accounts} - {None} <= {row.id for row in made.rows["customers"]}


def test_some_customers_were_entered_twice(made: Made) -> None:
    names = [row.name.casefold() for row in made.rows["customers"]]
    plain = Counter("".join(letter for letter in name if letter.isalnum()) for name in names)
    assert max(plain.values()) == 2


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Where a company may be put."""
    if request.param == "sqlite":
        yield in_folder(tmp_path)
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database() as erp, postgres.database() as crm:
        yield erp, crm


def test_a_company_is_replaced_only_if_that_is_said(made: Made, place: tuple[str, str]) -> None:
    generate(*place, **SMALL)
    with pytest.raises(CompanyExists) as refused:
        generate(*place, **SMALL, seed=8)
    assert "already" in refused.value.message
    assert rows(*place) == made.rows
    generate(*place, **SMALL, seed=8, replace=True)
    assert rows(*place)["customers"] != made.rows["customers"]


@pytest.mark.parametrize("side", [0, 1], ids=["erp", "crm"])
def test_what_is_not_a_demo_company_is_never_replaced(place: tuple[str, str], side: int) -> None:
    engine = create_engine(place[side])
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {('customers', 'accounts')[side]} (id INTEGER)"))
    with pytest.raises(Conflict) as refused:
        generate(*place, **SMALL, replace=True)
    assert not isinstance(refused.value, CompanyExists)
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT id FROM {('customers', 'accounts')[side]}")).all() == []
    engine.dispose()


def test_other_tables_of_a_postgresql_database_stay(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE runs AS SELECT 7 AS id"))
    for replace in (False, True):
        generate(postgres_url, postgres_url, **SMALL, replace=replace)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT id FROM runs")) == 7
    engine.dispose()


def test_a_company_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(Forbidden) as refused:
        generate(in_folder(tmp_path)[0], f"sqlite:///{tmp_path / 'a-file' / 'crm.db'}", **SMALL)
    assert "cannot be written" in refused.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


def test_missing_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    generate(*in_folder(tmp_path / "of" / "ours"), **SMALL)
    assert sorted(path.name for path in (tmp_path / "of" / "ours").iterdir()) == ["crm.db", "erp.db"]


@pytest.mark.parametrize(
    ("sizes", "field"),
    [({"customers": 59}, "customers"), ({"invoices": 599}, "invoices"), ({"customers": 1001}, "invoices")],
    ids=str,
)
def test_sizes_that_make_no_company_are_refused(tmp_path: Path, sizes: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        generate(*in_folder(tmp_path), **{**SMALL, **sizes})
    assert list(refused.value.fields) == [field]
    assert not list(tmp_path.iterdir())


def test_erp_and_crm_need_a_file_each_however_it_is_spelt(tmp_path: Path) -> None:
    erp = f"sqlite:///{tmp_path / 'one.db'}"
    with pytest.raises(Invalid) as refused:
        generate(erp, f"sqlite:///{tmp_path / 'x' / '..' / 'one.db'}", **SMALL)
    assert list(refused.value.fields) == ["crm_url"]


@pytest.mark.parametrize("url", ["erp.db", "sqlite://", "mysql://localhost/erp", "postgresql://localhost/erp"])
def test_a_url_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        generate(url, in_folder(tmp_path)[1], **SMALL)
    assert list(refused.value.fields) == ["url"]


def test_a_server_that_is_not_there_is_one_of_the_family_and_shows_no_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://kontora:very-secret@127.0.0.1:{free_port()}/erp"
    with pytest.raises(ConnectorError) as refused:
        generate(url, in_folder(tmp_path)[1], **SMALL)
    assert isinstance(refused.value, Unavailable)
    assert "very-secret" not in f"{refused.value.message} {refused.value.hint} {refused.value.detail}"
