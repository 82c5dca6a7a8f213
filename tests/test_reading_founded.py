"""The values of a write come from the task, from a tool, or follow from these: others go back to the model."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.reading.founded import unfounded
from kontora_agents.reading.understanding import Task, understand
from kontora_agents.seams import ModelAnswer, ToolCall, ToolSpec
from pydantic import BaseModel, Field


class Line(BaseModel):
    """A position."""

    product_id: str
    pieces: int


class Order(BaseModel):
    """What the tool of these tests takes."""

    customer_id: str
    amount: Decimal
    currency: Literal["EUR", "USD", "RUB"] = "EUR"
    due_date: date | None = None
    note: str | None = None
    days: int = 14
    lines: list[Line] = Field(default_factory=list)


TOOL = ToolSpec(name="erp_create_order", description="", parameters=Order.model_json_schema(), writes=True)
TASK = (
    "Customer C-1042 ordered goods for 1 250,50 EUR on 2026-11-24; it is due within 14 days, at the latest in 2 months."
)
FOUND = (
    '{"customer_id": "C-1042", "credit_limit": "20000.00", "used": "3000.00", "product": "000471", "payment_days": 30}'
)
EVIDENCE = [TASK, FOUND]


def faults(**given: Any) -> list[str]:
    return unfounded(TOOL, given, EVIDENCE)


@pytest.mark.parametrize(
    "given_",
    [
        {"customer_id": "C-1042", "amount": "1250.50", "currency": "EUR", "due_date": "2026-11-24"},
        {"amount": "20000"},
        {"amount": "17000.00"},
        {"due_date": "2026-12-08"},
        {"due_date": "2026-12-24"},
        {"due_date": "2027-01-24"},
        {"note": "Goods as ordered on 24 November 2026"},
        {"days": 14},
        {"lines": [{"product_id": "000471", "pieces": 1}]},
    ],
)
def test_what_is_given_or_follows_may_be_written(given_: dict[str, Any]) -> None:
    assert faults(**given_) == []


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ({"customer_id": "C-1043"}, "customer_id: C-1043"),
        ({"customer_id": "С-1042"}, "customer_id: С-1042"),  # a Cyrillic letter
        ({"amount": "1205.50"}, "amount: 1205.50"),
        ({"amount": "12505"}, "amount: 12505"),
        ({"amount": "7"}, "amount: 7"),
        ({"currency": "USD"}, "currency: USD"),
        ({"due_date": "2026-11-25"}, "due_date: 2026-11-25"),
        ({"note": "With 12.5 % off, see OF-881"}, "note: 12.5 %, OF-881"),
        ({"days": 7}, "days: 7"),
        ({"lines": [{"product_id": "000472", "pieces": 3}]}, "lines.0.product_id: 000472"),
    ],
)
def test_what_is_given_nowhere_is_named(given_: dict[str, Any], shown: str) -> None:
    assert faults(**given_)[0].startswith(f"{shown} is neither in your task")


def test_small_numbers_may_be_given_in_words() -> None:
    lines = {"lines": [{"product_id": "000471", "pieces": 3}]}
    assert unfounded(TOOL, lines, [FOUND])
    assert unfounded(TOOL, lines, [FOUND, "Three chairs, please."]) == []
    assert unfounded(TOOL, lines, [FOUND, "Нужно три стула."]) == []


def test_where_no_currency_is_named_any_may_be_meant() -> None:
    assert unfounded(TOOL, {"currency": "USD"}, ["The amount is 17."]) == []
    assert unfounded(TOOL, {"currency": "RUB"}, ["Сумма 17 рублей."]) == []


def test_a_read_may_ask_for_anything_and_so_may_an_agent_whose_figures_nobody_checks() -> None:
    call = ToolCall(id="x", name=TOOL.name, arguments={"customer_id": "C-9", "amount": "9"})
    answer = ModelAnswer(model="m", calls=[call])

    def problem(tool: ToolSpec, evidence: list[str] | None) -> str:
        task = Task({tool.name: tool}, {tool.name: tool}, evidence=None if evidence is None else lambda: evidence)
        return understand(answer, 0, task).calls[0].problem

    assert "customer_id: C-9 is neither" in problem(TOOL, EVIDENCE)
    assert problem(TOOL, None) == problem(TOOL.model_copy(update={"writes": False}), EVIDENCE) == ""


@given(st.decimals(min_value=2, max_value=10**9, places=2), st.integers(0, 10**6))
def test_an_amount_that_was_given_is_founded_and_one_that_is_a_cent_more_is_not(amount: Decimal, days: int) -> None:
    told = [f"Pay {amount} EUR to S-77 by 2031-05-06."]
    assert unfounded(TOOL, {"amount": str(amount)}, told) == []
    assert unfounded(TOOL, {"amount": str(amount + Decimal("0.01"))}, told) != []
