"""The ageing of the demo company, to the cent, against the same computed slowly from its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kontora_connectors.canonical import Ageing, Debtor
from kontora_connectors.demo.erp import DemoErp
from kontora_connectors.errors import NotFound

from tests.demo_place import TODAY, Books, Place, by_customer, cents

pytest_plugins = ["tests.demo_fixtures"]

#: Before the first invoice, on days of the past (the first of a year and a month's end among them), on the last day of
#: the books, when a payment dated in the future falls due, and long after.
DAYS = [
    date(2023, 1, 1),
    date(2025, 1, 1),
    date(2025, 12, 31),
    date(2026, 8, 31),
    TODAY - timedelta(days=30),
    TODAY,
    TODAY + timedelta(days=1),
    TODAY + timedelta(days=400),
]
LIMITS = {"current": 0, "1-30": 30, "31-60": 60, "61-90": 90, "90+": 10**6}


def slow_buckets(found: list[dict[str, Any]]) -> list[tuple[str, Decimal, int]]:
    spans = zip(LIMITS, [-(10**6), *LIMITS.values()], LIMITS.values(), strict=False)
    inside = {name: [one for one in found if low < one["days"] <= high] for name, low, high in spans}
    return [(name, cents(sum(one["balance"] for one in ones)), len(ones)) for name, ones in inside.items()]


def slow_overdue(found: list[dict[str, Any]]) -> Decimal:
    return cents(sum(one["balance"] for one in found if one["days"] > 0))


def said_buckets(of: Ageing | Debtor) -> list[tuple[str, Decimal, int]]:
    return [(bucket.name, bucket.amount, bucket.invoices) for bucket in of.buckets]


def check_debtor(said: Debtor, now: list[dict[str, Any]], before: list[dict[str, Any]], books: Books) -> None:
    assert said.name == books.customers[said.party_id]["name"]
    assert said.total == cents(sum(one["balance"] for one in now))
    assert said.overdue == slow_overdue(now)
    assert said.disputed == cents(sum(one["balance"] for one in now if one["disputed"]))
    assert said_buckets(said) == slow_buckets(now)
    assert said.days_overdue == max((one["days"] for one in now if one["balance"] > 0 and one["days"] > 0), default=0)
    assert said.overdue_before == slow_overdue(before)
    assert said.change == said.overdue - said.overdue_before


def check_ageing(erp: DemoErp, books: Books, day: date, company: str) -> None:
    said = erp.receivables_ageing(day, company, top=50)
    everything = books.open_at(day, company)
    now, before = by_customer(everything), by_customer(books.open_at(day - timedelta(days=30), company))
    assert (said.as_of, said.compared_with, said.company.id) == (day, day - timedelta(days=30), company)
    assert said.total == cents(sum(one["balance"] for one in everything))
    assert said.overdue == slow_overdue(everything)
    assert said.disputed == cents(sum(one["balance"] for one in everything if one["disputed"]))
    assert (said.parties, said.invoices) == (len(now), len(everything))
    assert said_buckets(said) == slow_buckets(everything)
    for debtor in said.largest + said.worsened:
        check_debtor(debtor, now[debtor.party_id], before.get(debtor.party_id, []), books)
    totals = {id_: cents(sum(one["balance"] for one in found)) for id_, found in now.items()}
    grown = {id_: slow_overdue(found) - slow_overdue(before.get(id_, [])) for id_, found in now.items()}
    assert [each.party_id for each in said.largest] == ranked(totals)
    assert [each.party_id for each in said.worsened] == ranked(grown)


def ranked(amounts: dict[str, Decimal]) -> list[str]:
    return sorted((id_ for id_ in amounts if amounts[id_] > 0), key=lambda id_: (-amounts[id_], id_))[:50]


@pytest.mark.parametrize("company", ["DE01", "RU01"])
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_ageing_is_what_the_documents_add_up_to(erp: DemoErp, books: Books, day: date, company: str) -> None:
    check_ageing(erp, books, day, company)


#: The first and the last day past due of each bucket.
EDGES = [
    (0, "current"),
    (1, "1-30"),
    (30, "1-30"),
    (31, "31-60"),
    (60, "31-60"),
    (61, "61-90"),
    (90, "61-90"),
    (91, "90+"),
]


@pytest.mark.parametrize(("days", "name"), EDGES)
def test_a_bucket_begins_and_ends_on_its_days(erp: DemoErp, books: Books, days: int, name: str) -> None:
    oldest = max(books.open_at(TODAY, "RU01"), key=lambda one: (one["days"], one["balance"]))
    day = date.fromisoformat(oldest["due_date"]) + timedelta(days=days)
    (then,) = [one for one in books.open_at(day, "RU01") if one["id"] == oldest["id"]]
    assert [bucket for bucket, _, number in slow_buckets([then]) if number] == [name]
    check_ageing(erp, books, day, "RU01")


def test_the_days_asked_show_every_kind_of_document(books: Books) -> None:
    found = [one for day in DAYS for company in ("DE01", "RU01") for one in books.open_at(day, company)]
    assert {one["kind"] for one in found} == {"invoice", "credit_note"}
    assert any(one["kind"] == "invoice" and one["balance"] < 0 for one in found)
    assert any(one["disputed"] for one in found)
    assert any(one["due_date"] < one["issue_date"] for one in found)
    assert any(books.customers[one["customer_id"]]["company_id"] != one["company_id"] for one in found)
    assert {name for name, _, number in slow_buckets(found) if number} == set(LIMITS)


@pytest.mark.parametrize("days", [1, 7, 90, 365])
def test_the_past_is_what_was_said_then(erp: DemoErp, days: int) -> None:
    now = erp.receivables_ageing(TODAY, compare_days=days, top=50)
    then = erp.receivables_ageing(now.compared_with, top=50)
    assert now.compared_with == TODAY - timedelta(days=days)
    known = {each.party_id: each.overdue for each in then.largest}
    both = [each for each in now.largest if each.party_id in known]
    assert both
    assert [each.overdue_before for each in both] == [known[each.party_id] for each in both]


def test_both_databases_give_the_same_answer_to_the_letter(on_sqlite: Place, on_postgresql: Place) -> None:
    answers = []
    for place in (on_sqlite, on_postgresql):
        erp = place.erp()
        asked = [erp.receivables_ageing(day, company, top=50) for day in DAYS for company in ("", "RU01")]
        answers.append([each.model_dump_json() for each in asked])
        erp.close()
    assert answers[0] == answers[1]


def test_amounts_have_two_places_even_when_nothing_is_owed(erp: DemoErp) -> None:
    nothing = erp.receivables_ageing(DAYS[0])
    assert (str(nothing.total), str(nothing.overdue), str(nothing.disputed)) == ("0.00", "0.00", "0.00")
    assert [str(bucket.amount) for bucket in nothing.buckets] == ["0.00"] * 5
    assert (nothing.parties, nothing.invoices, nothing.largest, nothing.worsened) == (0, 0, [], [])


def test_a_minimum_leaves_small_debtors_and_creditors_out_of_everything(erp: DemoErp) -> None:
    every = erp.receivables_ageing(TODAY, "DE01", top=50)
    least = every.largest[len(every.largest) // 2].total
    big = erp.receivables_ageing(TODAY, "DE01", least, top=50)
    kept = [each for each in every.largest if each.total >= least]
    assert 0 < len(kept) < every.parties
    assert (big.largest, big.parties) == (kept, len(kept))
    assert big.total == sum(each.total for each in kept) == sum(bucket.amount for bucket in big.buckets)
    assert big.overdue == sum(each.overdue for each in kept)
    assert {each.party_id for each in big.worsened} <= {each.party_id for each in kept}
    assert erp.receivables_ageing(TODAY, "DE01", Decimal(0), top=50) == every


def test_top_is_the_length_of_both_lists(erp: DemoErp) -> None:
    every, three = erp.receivables_ageing(TODAY, top=50), erp.receivables_ageing(TODAY, top=3)
    assert (three.largest, three.worsened) == (every.largest[:3], every.worsened[:3])
    assert (three.total, three.parties) == (every.total, every.parties)


def test_no_company_is_the_first_and_an_unknown_one_is_not_found(erp: DemoErp) -> None:
    first, second = erp.companies()
    assert (first.id, first.currency, second.id, second.currency) == ("DE01", "EUR", "RU01", "RUB")
    assert erp.receivables_ageing(TODAY) == erp.receivables_ageing(TODAY, first.id)
    party_id = erp.receivables_ageing(TODAY).largest[0].party_id
    calls: list[Callable[[], object]] = [
        lambda: erp.receivables_ageing(TODAY, "XX"),
        lambda: erp.open_invoices(party_id, TODAY, "XX"),
        lambda: erp.payments(party_id, TODAY, TODAY, "XX"),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="'XX'; there are: DE01, RU01"):
            call()


@pytest.mark.parametrize("day", [date.min, date.max], ids=str)
def test_the_ends_of_time_are_dates_like_others(erp: DemoErp, day: date) -> None:
    said = erp.receivables_ageing(day)
    assert said.total == sum(bucket.amount for bucket in said.buckets)
