"""What the connector for Tryton does by itself: no Tryton is needed for this."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kontora_connectors.errors import Invalid, Unavailable
from kontora_connectors.registry import interfaces_of, load
from kontora_connectors.tryton import Tryton, TrytonConfig
from kontora_connectors.tryton.ageing import bucket_of
from kontora_connectors.tryton.ledger import OpenLine, Part, documents, set_off
from sqlalchemy import create_engine, text

DAY = date(2026, 1, 1)


def line(
    id_: int, amount: str | Decimal, due: int = 0, owed_on: int | None = 1, paid_to: int | None = None
) -> OpenLine:
    return OpenLine(id_, 7, owed_on, paid_to, str(id_), DAY, DAY + timedelta(days=due), Decimal(amount))


def payment(id_: int, amount: str, paid_to: int | None = 1) -> OpenLine:
    return line(id_, amount, owed_on=None, paid_to=paid_to)


def part(amount: str, due: int) -> Part:
    return Part(DAY + timedelta(days=due), Decimal(amount))


def test_a_payment_takes_off_the_oldest_instalment_first() -> None:
    lines = [line(1, "50", due=60), line(2, "50", due=30), payment(3, "-70")]
    assert set_off(lines) == (part("30", 60),)


def test_a_refund_takes_off_a_credit_note() -> None:
    assert set_off([line(1, "-100", due=14), payment(2, "30")]) == (part("-70", 14),)


def test_more_paid_than_owed_is_what_the_company_owes() -> None:
    assert set_off([line(1, "100", due=30), payment(2, "-130")]) == (part("-30", 0),)


def test_what_comes_out_even_is_not_open() -> None:
    assert documents([line(1, "100"), payment(2, "-100")]) == []


def test_lines_of_no_invoice_stand_for_themselves() -> None:
    found = documents([payment(1, "-10", paid_to=None), payment(2, "-5", paid_to=None), line(3, "20")])
    assert sorted((each.invoice, each.balance) for each in found if each.invoice) == [(1, Decimal(20))]
    assert sorted(each.balance for each in found if each.line) == [Decimal(-10), Decimal(-5)]


def test_a_payment_of_an_invoice_that_is_not_in_the_books_yet_is_on_account() -> None:
    (only,) = documents([payment(1, "-10", paid_to=99)])
    assert (only.invoice, only.balance) == (None, Decimal(-10))


CENTS = st.integers(-10_000, 10_000).map(lambda cents: Decimal(cents) / 100)


@given(st.lists(st.tuples(CENTS, st.integers(-100, 100)), max_size=8))
def test_setting_off_keeps_the_sum_and_leaves_one_sign(amounts: list[tuple[Decimal, int]]) -> None:
    parts = set_off(line(number, amount, due) for number, (amount, due) in enumerate(amounts))
    assert sum(each.amount for each in parts) == sum(amount for amount, _ in amounts)
    assert len({each.amount > 0 for each in parts}) <= 1
    assert [each.due for each in parts] == sorted(each.due for each in parts)


def test_buckets_change_on_the_day_after() -> None:
    days = [-5, 0, 1, 30, 31, 60, 61, 90, 91, 400]
    found = [bucket_of(each) for each in days]
    assert found == ["current", "current", "1-30", "1-30", "31-60", "31-60", "61-90", "61-90", "90+", "90+"]


def test_the_kind_is_found_through_its_entry_point_and_provides_receivables() -> None:
    assert load("tryton") is Tryton
    assert interfaces_of(Tryton) == ["receivables"]
    assert {tool.effect for tool in Tryton.tools().values()} == {"read"}


def connect(path: Path) -> Tryton:
    return Tryton(TrytonConfig.model_validate({"url": f"sqlite:///{path}"}), instance="books")


def test_a_database_that_is_not_tryton_s_is_named_as_such(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE account_move (id INTEGER)"))
    engine.dispose()
    erp = connect(tmp_path / "other.db")
    with pytest.raises(Invalid, match="no table 'company_company': is it the right system and version"):
        erp.receivables_ageing(DAY)
    health = erp.check()
    erp.close()
    assert not health.ok
    assert "company_company" in health.detail


def test_a_database_that_is_not_there_is_unavailable_and_not_created(tmp_path: Path) -> None:
    erp = connect(tmp_path / "missing.db")
    with pytest.raises(Unavailable, match="missing"):
        erp.companies()
    assert not erp.check().ok
    erp.close()
    assert not list(tmp_path.iterdir())
