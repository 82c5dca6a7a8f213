"""An agent that should have written something and has not: what it says in place of it is no answer."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from kontora_agents.reading.understanding import Task, understand
from kontora_agents.seams import ModelAnswer, ToolSpec

GIVEN: dict[str, Any] = {"type": "object", "properties": {"customer_id": {"type": "string"}}}
TOOLS = {
    "erp_get_customer": ToolSpec(name="erp_get_customer", description="", parameters=GIVEN),
    "erp_create_order": ToolSpec(name="erp_create_order", description="", parameters=GIVEN, writes=True),
}
ASKED = "Customer C-1042 has ordered goods for 1250.50 EUR. Create the sales order."


def fault(text: str, wrote: Literal["done", "failed", "nothing", "unknown"] = "nothing", given: str = ASKED) -> Any:
    task = Task(TOOLS, TOOLS, True, None, lambda: given, ASKED, wrote)
    return understand(ModelAnswer(model="m", text=text), 0, task).fault


@pytest.mark.parametrize(
    "text",
    [
        "The order for customer C-1042 over 1250.50 EUR was created.",
        "I have created the order.",
        "I've successfully booked it.",
        "Order created for C-1042.",
        "The request was processed.",
        "The order will be created shortly.",
        '{"status": "success"}',
        "Done.",
        "Done.<|im_end|>\n",
        "All done!",
        "OK, sure.",
        "Готово.",
        "Заказ создан, сумма 1250,50 EUR.",
        "Я оформил заказ.",
        "Успешно.",
    ],
)
def test_nothing_is_written_by_saying_so(text: str) -> None:
    assert fault(text) == fault(text, "failed") == "undone"
    assert fault(text, "done") is None
    assert fault(text, "unknown") is None


@pytest.mark.parametrize(
    "text",
    [
        "Which currency should the order have?",
        "The customer is known. Is the amount net or gross?",
        "Customer C-1042 has ordered goods for 1250.50 EUR.",
        '{"customer_id": "C-1042", "total": "1250.50"}',
    ],
)
def test_who_only_asks_or_repeats_has_not_answered_while_nothing_was_tried(text: str) -> None:
    assert fault(text) == "undone"
    assert fault(text, "failed") is None
    assert fault(text, "done") is None


def test_a_record_may_be_the_answer_where_json_was_asked_for() -> None:
    assert fault('{"customer_id": "C-1042"}', given="Answer in JSON.") is None


@pytest.mark.parametrize("text", ["Shall I create the order?", "I found it. Would you like me to create the order?"])
def test_leave_is_not_asked_for(text: str) -> None:
    assert fault(text) == "narrated"


@pytest.mark.parametrize(
    "text",
    [
        "Unfortunately, I am unable to create the order.",
        "I'm sorry, I can't process this. Please contact your administrator.",
    ],
)
def test_a_refusal_without_a_reason_is_none_to_accept(text: str) -> None:
    assert fault(text) == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "Nothing was written. Order SO-17 was created on 3 May 2026.",
        "Ничего не записано. Заказ SO-17 создан 3 мая 2026.",
        "No order was created: the customer is blocked.",
        "The order was not created, because the customer is blocked.",
        "I cannot create the order: customer C-1042 is blocked.",
        "I am unable to create the order. Customer C-1042 is blocked.",
        "Заказ не создан: клиент заблокирован.",
        "The customer owes 1250.50 EUR since May.",
        "The order must be created by hand in the branch.",
        "Nordwind: 3 open invoices, the oldest is due since May.",
    ],
)
def test_who_says_plainly_that_nothing_was_done_or_claims_nothing_is_believed(text: str) -> None:
    assert fault(text) is None
