"""Whatever a model says to the engine, an order is entered once and right; or not, and an error says why."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_workflows.engine.replay import replay
from kontora_workflows.ledger.run import Run
from kontora_workflows.tool_calls import tool_calls

from tests.order_desk import RIGHT, OrderDesk, order_desk

#: What is repaired, so that the model never hears of it, however often it does it.
REPAIRED = {
    "text_json_bare": "call",
    "text_json_fenced": "call",
    "text_tool_call_tag": "call",
    "text_xml_function": "call",
    "text_python_call": "call",
    "text_mistral_tag": "call",
    "text_llama_python_tag": "call",
    "text_prose_then_call": "call",
    "text_tool_code": "call",
    "text_openai_shape": "call",
    "text_list": "call",
    "text_react": "call",
    "text_harmony": "call",
    "text_twice": "call",
    "name_case": "name",
    "name_upper": "name",
    "name_prefixed": "name",
    "args_nested": "argument",
    "args_nested_parameters": "argument",
    "args_schema_echo": "argument",
    "args_number_comma": "argument",
    "args_number_currency": "argument",
    "args_number_grouped": "argument",
    "args_date_format": "argument",
    "args_enum_case": "argument",
    "args_enum_word": "argument",
    "args_null_optional": "argument",
    "args_key_case": "argument",
}
#: What needs no repair: the wire takes it, or it is part of every answer.
TAKEN = [
    "args_double_encoded",
    "args_number_text",
    "call_with_promise",
    "duplicate_in_one_turn",
    "duplicate_other_form",
    "think_leak",
    "think_half_leak",
]
#: What goes back to the model, or is asked for again.
SENT_BACK = [
    *("args_number_ambiguous", "args_amount_words", "args_date_ambiguous", "args_date_relative", "args_null_required"),
    *("args_none_word", "args_missing", "args_unknown", "args_empty", "args_not_json", "args_placeholder"),
    *("args_id_number", "name_hallucinated", "name_empty", "text_truncated_json", "text_unfinished_json"),
    *("text_example", "text_in_answer", "text_in_thoughts", "empty_content", "empty_after_tool", "thinking_only"),
    *("answer_cut", "refusal", "narrates", "narrates_ru", "mixed_language", "repeats_itself", "repeats_before_write"),
    *("loop_same_call", "loop_same_read", "call_after_final", "http_500_tool_parse", "load_only"),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrderDesk]:
    """One desk for all: these tests are about reading, not about ledgers."""
    with order_desk(f"sqlite:///{tmp_path_factory.mktemp('misread') / 'ledger.db'}") as opened:
        yield opened


def entered(here: OrderDesk, scenario: str, persistence: str) -> Run:
    """Let the order be entered, and the run be played again."""
    run = here.enter(scenario, persistence)
    assert run.state == "succeeded", run.error
    assert here.books.orders == [RIGHT]
    text = here.said(run)
    assert "SO-70001" in text
    assert "1250.5" in text
    assert [one.why for one in replay(here.ledger, here, AutogenRunner(), run.id)] == [None]
    return run


@pytest.mark.parametrize("scenario", [*REPAIRED, *TAKEN])
def test_what_is_repaired_is_repaired_however_often(here: OrderDesk, scenario: str) -> None:
    run = entered(here, scenario, "always")
    noted = here.entries(run, "model.repaired")
    whats = {repair["what"] for entry in noted for repair in entry.data["repairs"]}
    assert whats == ({REPAIRED[scenario]} if scenario in REPAIRED else set())


@pytest.mark.parametrize("scenario", SENT_BACK)
def test_what_goes_back_to_the_model_can_be_put_right_twice(here: OrderDesk, scenario: str) -> None:
    entered(here, scenario, "twice")


@pytest.mark.parametrize("scenario", ["text_truncated_json", "args_number_ambiguous", "loop_same_call", "refusal"])
def test_what_goes_back_once_costs_one_question_more(here: OrderDesk, scenario: str) -> None:
    run = entered(here, scenario, "once")
    assert len(here.entries(run, "model.answered")) == 4


@pytest.mark.parametrize("scenario", SENT_BACK)
def test_what_never_becomes_right_is_an_error_that_says_so(here: OrderDesk, scenario: str) -> None:
    run = here.enter(scenario, "always")
    assert run.state == "failed"
    error = run.error or {}
    assert (error["code"], bool(error["hint"])) == ("model_unsuitable", True)
    assert error["message"].startswith("Step work: The ")
    assert here.books.orders in ([], [RIGHT])
    assert here.server.models.asked[here.model] <= 10


def test_a_cut_off_answer_is_asked_for_with_more_room_until_one_is_taken(here: OrderDesk) -> None:
    run = entered(here, "text_truncated_json", "once")
    asked = [here.ledger.entries.payloads(run.id, [entry.seq])[entry.seq] for entry in here.entries(run, "model.asked")]
    assert "was cut off at its longest allowed length" in (asked[2] or "")
    assert "was cut off" not in (asked[3] or ""), "a correction is recorded once, where it was said"


def test_a_call_that_goes_back_is_in_the_ledger_as_denied(here: OrderDesk) -> None:
    run = entered(here, "args_number_ambiguous", "once")
    (denied,) = [one for one in tool_calls(here.ledger, run.id, results=True) if one.outcome == "denied"]
    assert (denied.tool, denied.arguments and denied.arguments["amount"]) == ("erp.create_order", "1.250")
    assert "'1.250' can be 1250.00 or 1.25. Write 1250.00 or 1.25" in (denied.error or {})["message"]


def test_a_repeated_write_is_answered_from_the_ledger(here: OrderDesk) -> None:
    run = entered(here, "loop_same_call", "twice")
    calls = tool_calls(here.ledger, run.id, results=True)
    assert [one.outcome for one in calls] == ["ok", "ok", "denied", "denied"]
    assert {(one.error or {}).get("code") for one in calls[2:]} == {"repeated"}
    told = here.ledger.entries.payloads(run.id, [here.entries(run, "model.asked")[3].seq])
    assert "You made this very call before" in str(told)
    assert "SO-70001" in str(told)


def test_repairs_are_recorded_once_with_what_was_before_and_after(here: OrderDesk) -> None:
    run = entered(here, "args_number_comma", "always")
    (entry,) = here.entries(run, "model.repaired")
    assert "1 250,50" not in entry.body, "values are stored apart, so that they can be erased"
    (repair,) = json.loads(here.ledger.entries.payloads(run.id, [entry.seq])[entry.seq] or "")["repairs"]
    assert (repair["where"], repair["before"], repair["after"]) == ("erp_create_order.amount", "1 250,50", "1250.50")
    assert repair["why"]
