"""Every figure, date and id of an answer comes from what the agent was given, however it is written."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.grounding import check
from kontora_agents.task import render_task

EVIDENCE = [
    render_task(
        {
            "as_of": "2026-11-23",
            "customers": [
                {
                    "party_id": "C00042",
                    "name": "ООО «Ромашка-2000»",
                    "overdue": "1250.50",
                    "days_overdue": 47,
                    "buckets": [{"name": "61-90", "amount": "12345.00"}],
                }
            ],
        }
    ),
    json.dumps(
        {
            "items": [
                {"number": "INV-2026-00123", "gross": "1000000.00", "due_date": "2026-10-07"},
                {"number": "CN/2026/7", "balance": "-500.00", "at": "2026-11-01T10:30:00Z", "note": "платёж №17 ждёт"},
            ]
        }
    ),
    "Never answer about more than 400 customers.",
]

TRUE = [
    "Overdue 1,250.50 EUR since 7 October 2026 (47 days), invoice INV-2026-00123.",
    "Просрочено 1\u00a0250,50 € с 7 октября 2026 г., 47 дней; счёт INV-2026-00123, возврат −500,00 ₽.",
    "€1250.5 and EUR 1,250.50 and 1250,5 евро and 1'250.50 CHF",
    "1 million EUR, 1 000 000 руб., 1\u202f000\u202f000,00, 1 млн рублей, 1,000,000.00",
    "1. First of all\n2) Three customers, 2 invoices, within 5 days\n   - 12 345 EUR in the bucket of 61–90 days",
    "## 11. A heading\nin Q4 of 2026, B2B",
    "On 23.11.2026, 23/11/2026, November 23rd, 2026, 23 November, in October 2026, в октябре 2026, 7 окт. 2026",
    "Customer C00042, ООО «Ромашка-2000», credit note CN/2026/7 of 500 EUR, at 10:30",
    "Платёж №17. Не более 400 клиентов.",
    "The balance is -500.00 EUR (negative), i.e. 500.",
    "",
    "No figures at all.",
]
FALSE = [
    ("9,999.99 EUR", "9,999.99 EUR"),
    ("1 250,51 ₽", "1 250,51 ₽"),
    ("1.250 EUR", "1.250 EUR"),
    ("-1250.50 EUR", "-1250.50 EUR"),
    ("We are owed 5 EUR", "5 EUR"),
    ("€5", "€5"),
    ("up 5 %", "5 %"),
    ("15 тыс. руб.", "15 тыс. руб"),
    ("2 million", "2 million"),
    ("48 days", "48"),
    ("61–95 days", "95"),
    ("invoice INV-2026-00124", "INV-2026-00124"),
    ("customer C00043", "C00043"),
    ("customer 000042", "000042"),
    ("24.11.2026", "24.11.2026"),
    ("8 октября", "8 октября"),
    ("in October 2025", "October 2025"),
    ("since 2025", "2025"),
    ("at 11:30", "11:30"),
    ("31.02.2026", "31.02"),
]


@pytest.mark.parametrize("text", TRUE)
def test_what_was_given_may_be_said(text: str) -> None:
    assert check(text, EVIDENCE) == []


@pytest.mark.parametrize(("text", "found"), FALSE)
def test_what_was_not_given_is_found(text: str, found: str) -> None:
    first = check(text, EVIDENCE)[0]
    assert first.text == found
    assert text[first.start : first.end].strip() == found


def test_without_evidence_every_figure_is_found() -> None:
    text = "Overdue 1,250.50 EUR since 7 October 2026, invoice INV-2026-00123, 47 days."
    assert [one.text for one in check(text, [])] == ["1,250.50 EUR", "7 October 2026", "INV-2026-00123", "47"]


amounts = st.decimals(Decimal("0.01"), Decimal("99999999.99"), places=2)
writings = st.sampled_from(["{:,.2f} EUR", "€{:,.2f}", "{:.2f}", "RUB {:,.2f}"])


def russian(text: str) -> str:
    return text.replace(",", "\u00a0").replace(".", ",")


@given(amounts, writings)
def test_an_amount_is_known_again_in_english_and_russian(amount: Decimal, writing: str) -> None:
    evidence = [json.dumps({"balance": str(amount)})]
    text = writing.format(amount)
    assert check(f"They owe {text}.", evidence) == []
    assert check(f"Долг: {russian(text)}.", evidence) == []


@given(amounts, amounts, writings)
def test_another_amount_is_never_taken_for_it(amount: Decimal, other: Decimal, writing: str) -> None:
    evidence = [json.dumps({"balance": str(amount)})]
    text = writing.format(other)
    assert (check(f"They owe {text} now", evidence) == []) == (amount == other)


@given(st.dates(date(1990, 1, 1), date(2090, 12, 31)))
def test_a_date_is_known_again_as_people_write_it(day: date) -> None:
    evidence = [json.dumps({"due": day.isoformat()})]
    for text in (f"{day:%d.%m.%Y}", f"{day.day} {day:%B} {day.year}", f"{day:%B} {day.day}, {day.year}"):
        assert check(f"It was due on {text}.", evidence) == []


@given(st.text(max_size=200))
def test_any_text_can_be_checked(text: str) -> None:
    for found in check(text, []):
        assert text[found.start : found.end].strip() == found.text


def test_a_currency_that_nobody_named_is_found_like_a_figure() -> None:
    def questioned(text: str, *evidence: str) -> list[str]:
        return [found.text for found in check(text, evidence)]

    total = '{"total": "1250.50", "currency": "EUR"}'
    assert questioned("The total is 1250.50 EUR, or €1,250.50, or 1 250,50 евро.", total) == []
    assert questioned("The total is 1250.50 USD.", total) == ["USD"]
    assert questioned("The total is $1250.50.", total) == ["$"]
    assert questioned("Итого 1250,50 рублей.", total) == ["рублей"]
    assert questioned("Итого 1250,50 рублей.", "Сумма 1250,50 руб.") == []
    assert questioned("The total is 1250.50 EUR.", '{"total": "1250.50"}') == [], "it may be known to everybody"
