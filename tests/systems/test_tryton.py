"""The connector reads Tryton's database; Tryton, asked through its own API, must say the same to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors.canonical import Bucket, Invoice
from kontora_connectors.errors import Forbidden, NotFound
from kontora_connectors.tryton import Tryton, TrytonConfig
from kontora_connectors.tryton.tables import metadata
from sqlalchemy import create_engine, make_url, select, text

from tests.services import PostgresServer
from tests.systems.tryton_system import days_asked, what_tryton_says

pytestmark = [pytest.mark.systems, pytest.mark.timeout(900)]

END = date(2026, 9, 30)
#: Days on which Tryton was not asked while the books were kept; on some of them odd entries are under way.
PAST = (
    date(2026, 1, 31),
    date(2026, 2, 28),
    date(2026, 4, 10),
    date(2026, 5, 20),
    date(2026, 6, 15),
    date(2026, 8, 31),
)


def connect(url: str) -> Tryton:
    return Tryton(TrytonConfig.model_validate({"url": url}), instance="books")


@pytest.fixture(scope="module")
def copied_url(tryton_url: str, postgres: PostgresServer) -> Iterator[str]:
    """The same books in PostgreSQL: the tables that the connector reads, in the types that Tryton gives them there."""
    source = create_engine(tryton_url)
    with postgres.database() as url:
        target = create_engine(url)
        metadata.create_all(target)
        with source.connect() as reading, target.begin() as writing:
            for table in metadata.tables.values():
                if rows := [dict(row._mapping) for row in reading.execute(select(table))]:
                    writing.execute(table.insert(), rows)
        source.dispose()
        target.dispose()
        yield url


@pytest.fixture(params=["tryton_url", "copied_url"], ids=["sqlite", "postgresql"])
def erp(request: pytest.FixtureRequest) -> Iterator[Tryton]:
    connector = connect(request.getfixturevalue(request.param))
    yield connector
    connector.close()


def amounts(buckets: list[Bucket]) -> dict[str, Decimal]:
    return {each.name: each.amount for each in buckets}


def decimals(said: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in said.items()}


def open_now(erp: Tryton, party_id: str, as_of: date) -> list[Invoice]:
    page = erp.open_invoices(party_id, as_of, limit=100)
    assert not page.truncated
    return page.items


def everybody(erp: Tryton, said: dict[str, Any], as_of: date) -> dict[str, dict[str, Decimal]]:
    """What each customer that Tryton knows of owes, per bucket, from the open documents and their instalments."""
    found = {}
    for id_ in said["customers"]:
        buckets = dict.fromkeys(("current", "1-30", "31-60", "61-90", "90+"), Decimal(0))
        for invoice in open_now(erp, id_, as_of):
            whole = [{"due_date": invoice.due_date.isoformat(), "balance": str(invoice.balance)}]
            for part in invoice.extra.get("instalments", whole):
                days = (as_of - date.fromisoformat(part["due_date"])).days
                limits = {"90+": 91, "61-90": 61, "31-60": 31, "1-30": 1, "current": -9999}
                buckets[next(name for name, first in limits.items() if days >= first)] += Decimal(part["balance"])
        found[id_] = buckets
    return found


def test_the_books_are_worth_reading(tryton_url: str) -> None:
    said = what_tryton_says(tryton_url, END)
    engine = create_engine(tryton_url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT state, count(*) AS n FROM account_invoice WHERE type = 'out' GROUP BY 1")
        )
        count = {row.state: row.n for row in rows}
    engine.dispose()
    assert count["posted"] + count["paid"] >= 40
    assert count["paid"] >= 10
    assert (count["cancelled"], count["draft"], count["validated"]) == (3, 1, 1)
    assert days_asked(tryton_url)[-1] == END
    assert len(said["customers"]) >= 12
    assert sum(not customer["only_debits"] for customer in said["customers"].values()) >= 5


def test_totals_per_bucket_are_tryton_s_on_every_day_it_was_asked(erp: Tryton, tryton_url: str) -> None:
    for day in days_asked(tryton_url):
        customers = what_tryton_says(tryton_url, day)["customers"].values()
        ageing = erp.receivables_ageing(day)
        for bucket in ageing.buckets:
            assert bucket.amount == sum(Decimal(each["buckets"][bucket.name]) for each in customers), (day, bucket.name)
        assert ageing.total == sum(Decimal(each["balance"]) for each in customers)
        assert ageing.overdue == ageing.total - amounts(ageing.buckets)["current"]


def test_each_customer_owes_in_each_bucket_what_tryton_says(erp: Tryton, tryton_url: str) -> None:
    for day in days_asked(tryton_url):
        said = what_tryton_says(tryton_url, day)
        ours = everybody(erp, said, day)
        assert ours == {id_: decimals(each["buckets"]) for id_, each in said["customers"].items()}, day
        for debtor in erp.receivables_ageing(day, top=50).largest:
            assert (debtor.name, debtor.total) == (
                said["customers"][debtor.party_id]["name"],
                Decimal(said["customers"][debtor.party_id]["balance"]),
            )
            assert amounts(debtor.buckets) == ours[debtor.party_id]


def test_each_invoice_owes_what_tryton_says(erp: Tryton, tryton_url: str) -> None:
    for day in days_asked(tryton_url):
        said = what_tryton_says(tryton_url, day)
        ours = {each.id: each for id_ in said["customers"] for each in open_now(erp, id_, day)}
        on_account = {id_ for id_, each in ours.items() if each.status_native == "unallocated"}
        assert set(ours) - on_account == set(said["invoices"]), day
        for id_, theirs in said["invoices"].items():
            assert (ours[id_].number, ours[id_].party_id) == (theirs["number"], theirs["party"])
            if theirs["currency"] == "EUR":  # what is owed in dollars Tryton says in dollars
                assert ours[id_].balance == Decimal(theirs["amount_to_pay"]), (day, theirs["number"])


def test_a_past_date_shows_what_was_owed_then(erp: Tryton, tryton_url: str) -> None:
    for day in PAST:
        customers = what_tryton_says(tryton_url, day)["customers"]
        ours = everybody(erp, {"customers": customers}, day)
        assert {id_: sum(each.values()) for id_, each in ours.items()} == {
            id_: Decimal(each["balance"]) for id_, each in customers.items()
        }, day
        for id_, each in customers.items():
            if each["only_debits"]:
                assert ours[id_] == decimals(each["aged"]), (day, each["name"])


def test_the_report_of_the_present_does_not_change_the_past(erp: Tryton) -> None:
    now, then = erp.receivables_ageing(END, top=50), erp.receivables_ageing(date(2026, 8, 31), top=50)
    assert now.compared_with == then.as_of
    before = {each.party_id: each.overdue for each in then.largest}
    for debtor in now.largest + now.worsened:
        assert debtor.overdue_before == before.get(debtor.party_id, debtor.overdue_before)
        assert debtor.change == debtor.overdue - debtor.overdue_before
    assert [each.change for each in now.worsened] == sorted((each.change for each in now.worsened), reverse=True)
    assert [each.total for each in now.largest] == sorted((each.total for each in now.largest), reverse=True)
    assert now == erp.receivables_ageing(END, top=50)


def test_a_minimum_leaves_small_debtors_out_of_everything(erp: Tryton) -> None:
    every, big = erp.receivables_ageing(END, top=50), erp.receivables_ageing(END, min_amount=Decimal(5000), top=50)
    kept = [each for each in every.largest if each.total >= 5000]
    assert 0 < len(kept) < every.parties
    assert (big.largest, big.parties) == (kept, len(kept))
    assert big.total == sum(each.total for each in kept) == sum(each.amount for each in big.buckets)


def test_drafts_and_what_was_bought_are_not_owed(erp: Tryton, tryton_url: str) -> None:
    customers = what_tryton_says(tryton_url, END)["customers"]
    gross = [each.gross for id_ in customers for each in open_now(erp, id_, END)]
    assert max(gross) < 90_000
    assert Decimal("-432.10") not in gross


@pytest.fixture
def ids(tryton_url: str) -> dict[str, str]:
    """Tryton's ids of those who owe something, by name."""
    return {each["name"]: id_ for id_, each in what_tryton_says(tryton_url, END)["customers"].items()}


def test_money_paid_too_much_stays_on_account(erp: Tryton, ids: dict[str, str]) -> None:
    party_id = ids["Ølgaard Shipping A/S"]
    (credit,) = [each for each in open_now(erp, party_id, END) if each.kind == "credit_note"]
    assert (credit.status_native, credit.balance, credit.due_date) == (
        "unallocated",
        Decimal("-50.00"),
        date(2026, 3, 25),
    )
    payment = next(each for each in erp.payments(party_id, date(2026, 3, 25), date(2026, 3, 25)).items)
    assert (payment.amount, payment.currency, len(payment.invoice_numbers)) == (Decimal("355.05"), "EUR", 1)


def test_money_on_account_counts_for_an_invoice_only_when_there_is_one(erp: Tryton, ids: dict[str, str]) -> None:
    party_id = ids["ЗАТ «Київські млини»"]
    before = [each for each in open_now(erp, party_id, date(2026, 4, 20)) if each.balance < 0]
    assert [(each.status_native, each.balance) for each in before] == [("unallocated", Decimal("-80.00"))]
    after = [each for each in open_now(erp, party_id, date(2026, 4, 21)) if each.gross == Decimal("510.10")]
    assert [(each.status, each.paid, each.balance) for each in after] == [
        ("partly_paid", Decimal("80.00"), Decimal("430.10"))
    ]


def test_a_refund_is_a_negative_payment_of_a_credit_note(erp: Tryton, ids: dict[str, str]) -> None:
    party_id = ids["Northgate Supplies Ltd"]
    (note,) = [each for each in open_now(erp, party_id, END) if each.kind == "credit_note"]
    assert (note.gross, note.paid, note.balance) == (Decimal("-400.00"), Decimal("-150.00"), Decimal("-250.00"))
    (refund,) = erp.payments(party_id, date(2026, 4, 20), date(2026, 4, 20)).items
    assert (refund.amount, refund.invoice_numbers) == (Decimal("-150.00"), [note.number])


def test_a_rescheduled_invoice_is_owed_in_its_new_instalments(erp: Tryton, ids: dict[str, str]) -> None:
    party_id = ids["Cortijo del Sur S.L."]
    (before,) = [each for each in open_now(erp, party_id, date(2026, 5, 19)) if each.gross == Decimal("1234.56")]
    (after,) = [each for each in open_now(erp, party_id, date(2026, 5, 20)) if each.gross == Decimal("1234.56")]
    assert (before.due_date, before.extra, before.days_overdue) == (date(2026, 4, 15), {}, 34)
    assert [part["due_date"] for part in after.extra["instalments"]] == ["2026-06-30", "2026-07-30", "2026-08-30"]
    assert (after.balance, after.status, after.days_overdue) == (Decimal("1234.56"), "open", 0)


def test_a_debt_in_another_currency_is_told_in_the_company_s(erp: Tryton, ids: dict[str, str]) -> None:
    party_id = ids["Delaware Pine Trading LLC"]
    paid, unpaid = sorted(open_now(erp, party_id, END), key=lambda each: each.status, reverse=True)
    assert {each.currency for each in (paid, unpaid)} == {"EUR"}
    assert paid.extra["original"] == {"currency": "USD", "gross": "2000.01"}
    assert (unpaid.balance, paid.status) == (Decimal("909.09"), "partly_paid")


def test_lists_are_cut_at_the_limit_and_say_so(erp: Tryton, ids: dict[str, str]) -> None:
    party_id = next(id_ for id_ in ids.values() if len(open_now(erp, id_, END)) > 2)
    page = erp.open_invoices(party_id, END, limit=1)
    assert page.truncated
    assert page.items == open_now(erp, party_id, END)[:1]
    dues = [each.due_date for each in open_now(erp, party_id, END)]
    assert dues == sorted(dues)
    every = erp.payments(party_id, date(2026, 1, 1), END, limit=100)
    assert [each.date for each in every.items] == sorted((each.date for each in every.items), reverse=True)


def test_a_customer_is_known_with_name_and_address(erp: Tryton, ids: dict[str, str]) -> None:
    party = erp.get_party(ids["Bäckerei Morgenrot GmbH"])
    assert (party.tax_id, party.email, party.phone) == ("BE0897290877", "office0@example.com", "+49305550000")
    assert erp.get_party(ids["АО «Северный ветер»"]).name == "АО «Северный ветер»"


def test_the_company_is_found_by_its_id_or_as_the_first_one(erp: Tryton) -> None:
    (company,) = erp.companies()
    assert (company.name, company.currency) == ("Kontor Nordwind GmbH", "EUR")
    assert erp.receivables_ageing(END, company=company.id) == erp.receivables_ageing(END)
    assert erp.check().ok


@pytest.mark.parametrize("wrong", ["0", "999999", "x", "", "99999999999999999999", "１"])
def test_what_does_not_exist_is_not_found(erp: Tryton, wrong: str) -> None:
    with pytest.raises(NotFound, match="no party with the id"):
        erp.get_party(wrong)
    with pytest.raises(NotFound, match="no party with the id"):
        erp.open_invoices(wrong, END)
    with pytest.raises(NotFound, match="no party with the id"):
        erp.payments(wrong, END, END)
    if wrong:
        with pytest.raises(NotFound, match="no company with the id"):
            erp.receivables_ageing(END, company=wrong)


def test_reading_changes_nothing(erp: Tryton, tryton_url: str) -> None:
    path = Path(make_url(tryton_url).database or "")
    before = path.read_bytes()
    erp.receivables_ageing(END)
    assert path.read_bytes() == before
    with pytest.raises(Forbidden), erp.reading() as connection:
        connection.execute(text("UPDATE account_invoice SET state = 'paid'"))
