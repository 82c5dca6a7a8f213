"""Calls printed as text are read in every shape in which models print them, and only where nothing else is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.reading.names import match
from kontora_agents.reading.text_calls import shows_a_call, text_calls
from kontora_agents.reading.understanding import Task, understand
from kontora_agents.seams import ModelAnswer, ToolSpec

NAMES = ["erp_create_order", "erp_get_customer"]
ARGUMENTS: dict[str, Any] = {"customer_id": "C-1042", "pieces": 3}
CALL = json.dumps({"name": "create_order", "arguments": ARGUMENTS})
PYTHON = "create_order(customer_id='C-1042', pieces=3)"
XML = (
    "<function=create_order>\n<parameter=customer_id>\nC-1042\n</parameter>\n<parameter=pieces>3</parameter></function>"
)

ORDER = {
    "type": "object",
    "properties": {"customer_id": {"type": "string"}, "pieces": {"type": "integer", "minimum": 1}},
    "required": ["customer_id"],
    "additionalProperties": False,
}
TOOLS = {name: ToolSpec(name=name, description="", parameters=ORDER) for name in NAMES}


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls that are made of an answer, as they are made."""
    understood = understand(ModelAnswer(model="m", text=text), 0, Task(TOOLS, TOOLS))
    return [(call.name, call.arguments) for call in understood.calls if not call.problem]


ONE = [("erp_create_order", ARGUMENTS)]


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        f"Sure!\n```json\n{CALL}\n```",
        f"```\n{CALL}\n```\n",
        json.dumps({"name": "create_order", "parameters": ARGUMENTS}),
        json.dumps({"tool": "erp_create_order", "arguments": ARGUMENTS}),
        json.dumps({"type": "function", "function": {"name": "create_order", "arguments": json.dumps(ARGUMENTS)}}),
        json.dumps({"tool_calls": [{"id": "x", "function": {"name": "create_order", "arguments": ARGUMENTS}}]}),
        f"<tool_call>\n{CALL}\n</tool_call>",
        f"<tool_call>{CALL}</tool_call><|im_end|>",
        f"<function_call>{CALL}</function_call>",
        f"<tool_calls>[{CALL}]</tool_calls>",
        XML,
        f"{XML}\n</tool_call>",
        f"<tool_call>\n{XML}\n</tool_call>",
        f"[{PYTHON}]",
        PYTHON,
        f"```tool_code\n{PYTHON}\n```",
        f"[TOOL_CALLS][{CALL}]",
        f"[TOOL_CALLS]create_order{json.dumps(ARGUMENTS)}",
        f"<|python_tag|>{CALL}<|eom_id|>",
        f"<|python_tag|>{PYTHON}",
        f"<function=create_order>{json.dumps(ARGUMENTS)}</function>",
        '<invoke name="create_order"><parameter name="customer_id">C-1042</parameter>'
        '<parameter name="pieces">3</parameter></invoke>',
        f"<|channel|>commentary to=functions.create_order <|constrain|>json<|message|>{json.dumps(ARGUMENTS)}<|call|>",
        f"Thought: I have to call it.\nAction: create_order\nAction Input: {json.dumps(ARGUMENTS)}",
        f"I will create the order now.\n\n{CALL}",
        f"I will create it: {CALL}",
        f"Сейчас создам заказ.\n{CALL}",
        CALL.replace("create_order", "functions.create_order"),
        CALL.replace("create_order", "CreateOrder"),
        CALL.replace("3", '"3"'),
    ],
)
def test_a_printed_call_is_made(text: str) -> None:
    assert calls(text) == ONE


@pytest.mark.parametrize("text", [f"{CALL}\n{CALL}", f"[{CALL}, {CALL}]", f"[{PYTHON}, {PYTHON}]", f"{XML}\n{XML}"])
def test_several_calls_are_made_where_the_rest_of_the_text_is_calls(text: str) -> None:
    assert calls(text) == ONE * 2


@pytest.mark.parametrize(
    "text",
    [
        f"For example:\n{CALL}",
        f"Например так: {CALL}",
        f"One could call it like this:\n> {CALL}\nShall I?",
        f"Do not call this: {CALL}",
        f'The note says: "{CALL}"',
        f"The format of a call is {CALL}",
        f"`{CALL}`",
        f"«{CALL}»",
        f"{CALL}\nThis creates the order.",
        f"```json\n{CALL}\n```\nThis creates the order.",
        f"```json\n{CALL}",
        f"```c\n{CALL}\n```",
        f"{CALL} or {CALL}",
        CALL[:-1],
        CALL[:-12],
        f"<tool_call>{CALL}",
        f"<tool_call>{CALL[:-2]}</tool_call>",
        XML.removesuffix("</function>"),
        f"[TOOL_CALLS][{CALL}",
        f"[{PYTHON}",
        f"<|channel|>analysis<|message|>{CALL}",
        f"Action: create_order\nAction Input: {json.dumps(ARGUMENTS)}\nObservation: created",
        "Action: create_order\nAction Input: C-1042",
        f'<invoke name="create_order">{CALL}</invoke>',
        "<create_order><customer_id>C-1042</customer_id><pieces>3</pieces></create_order>",
        "create_order<arg_key>customer_id</arg_key><arg_value>C-1042</arg_value>",
        f"functions.create_order:0<|tool_call_argument_begin|>{json.dumps(ARGUMENTS)}",
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>create_order\n{json.dumps(ARGUMENTS)}",
        json.dumps({"action": "create_order", "action_input": ARGUMENTS}),
        "name: create_order\narguments:\n  customer_id: C-1042",
        json.dumps(ARGUMENTS),
        f"I need the tool.\n\n{json.dumps(ARGUMENTS)}",
        f"```json\n{json.dumps(ARGUMENTS)}\n```",
        "customer_id='C-1042'",
        "customer_id: C-1042\npieces: 3",
        json.dumps(CALL),
        f"create_order\n{json.dumps(ARGUMENTS)}",
        "create_order:\n  customer_id: C-1042",
        "Tool: create_order\nArguments: customer_id = C-1042",
        "create_order('C-1042')",
        "create_order(customer_id=input())",
        "create_order(customer_id='C' + '1')",
        "create_order(**{'customer_id': 'C'})",
        f"print({PYTHON})",
        f"{PYTHON}.delete()",
        json.dumps({"x": {"name": "create_order", "arguments": ARGUMENTS}}),
        json.dumps({"name": "create_order", "arguments": ARGUMENTS, "note": "not yet"}),
        '{"name": "create_order", "arguments": {"customer_id": "C-1", "customer_id": "C-2"}}',
        '{"name": "create_order", "arguments": ["C-1042"]}',
        '{"name": "create_order"}',
        CALL.replace("create_order", "delete_order"),
    ],
)
def test_what_may_be_meant_otherwise_is_not_made_and_not_taken_for_an_answer(text: str) -> None:
    understood = understand(ModelAnswer(model="m", text=text), 0, Task(TOOLS, TOOLS))
    assert (understood.calls, understood.fault, understood.text) == ([], "shown", "")


@pytest.mark.parametrize("arguments", [{}, {"customer_id": "<id>"}, {"customer_id": "C", "pieces": 0}, {"x": 1}])
def test_a_printed_call_with_wrong_arguments_goes_back_like_any_other(arguments: dict[str, Any]) -> None:
    text = json.dumps({"name": "create_order", "arguments": arguments})
    (call,) = understand(ModelAnswer(model="m", text=text), 0, Task(TOOLS, TOOLS)).calls
    assert call.problem.startswith("erp_create_order was not called.")
    assert call.arguments == arguments


@pytest.mark.parametrize(
    "text",
    [
        "The order (3 pieces) was created [1].",
        '{"customer": "Nordwind", "name": "C-1042"}',
        "| a | b |\n|---|---|\n| (1) | {2} |",
        "erp_create_order was called once.",
        "Tool: none was needed.",
        "Next action: call Nordwind.",
    ],
)
def test_an_answer_that_shows_no_call_is_an_answer(text: str) -> None:
    assert understand(ModelAnswer(model="m", text=text), 0, Task(TOOLS, TOOLS)).text == text


def test_a_call_that_the_model_was_given_to_read_is_only_repeated() -> None:
    for given_ in (CALL, json.dumps({"note": CALL}), f"A stranger wrote:\n{CALL}\nand more."):
        task = Task(TOOLS, TOOLS, given=lambda told=given_: told)  # type: ignore[misc]  # the text is bound here
        assert understand(ModelAnswer(model="m", text=f"I will do it.\n{CALL}"), 0, task).fault == "shown"
        assert understand(ModelAnswer(model="m", text=f"```json\n{CALL}\n```<|im_end|>"), 0, task).fault == "shown"
        other = CALL.replace("C-1042", "C-1043")
        assert understand(ModelAnswer(model="m", text=other), 0, task).calls


def test_values_that_the_task_gives_under_the_same_names_make_no_quotation() -> None:
    task = Task(TOOLS, TOOLS, given=lambda: f"Work on this data:\n\n{json.dumps(ARGUMENTS)}")
    assert understand(ModelAnswer(model="m", text=CALL), 0, task).calls


def test_a_value_under_the_name_of_an_argument_is_an_answer_where_json_is_due() -> None:
    text = json.dumps({"customer_id": "C-1042"})
    told = Task(TOOLS, TOOLS, True, given=lambda: "Look it up and answer in JSON.")
    assert understand(ModelAnswer(model="m", text=text), 0, told).text == text
    assert understand(ModelAnswer(model="m", text=text), 0, Task(TOOLS, TOOLS, True)).fault == "shown"


def test_without_tools_nothing_is_a_call() -> None:
    assert understand(ModelAnswer(model="m", text=CALL), 0, Task({}, {})).text == CALL


def test_a_repair_says_what_was_read_out_of_a_text() -> None:
    understood = understand(ModelAnswer(model="m", text=f"I will do it.\n{CALL}"), 2, Task(TOOLS, TOOLS))
    (repair,) = understood.repairs
    assert (repair.what, repair.where) == ("call", "erp_create_order")
    assert (repair.before, repair.after) == (f"I will do it.\n{CALL}", {"name": ONE[0][0], "arguments": ARGUMENTS})
    assert (understood.text, understood.calls[0].id) == ("I will do it.", "call_2_0")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("erp_create_order", "erp_create_order"),
        ("erp.create_order", "erp_create_order"),
        ("ErpCreateOrder", "erp_create_order"),
        ("ERP_CREATE_ORDER", "erp_create_order"),
        ("createOrder", "erp_create_order"),
        ("functions.erp_create_order", "erp_create_order"),
        ("tool:create_order", "erp_create_order"),
        ("default_api.functions.create_order", "erp_create_order"),
        ("get_note", None),
        ("create", None),
        ("order", None),
        ("send_email", None),
        ("", None),
        ("_", None),
        ("functions.", None),
    ],
)
def test_a_name_is_matched_where_one_tool_can_be_meant(written: str, meant: str | None) -> None:
    assert match(written, ["erp_create_order", "erp_get_note", "crm_get_note"]) == meant


# --- whatever is written ---------------------------------------------------------------------------------------------

GIVEN = st.fixed_dictionaries(
    {"customer_id": st.text(min_size=1, max_size=8)}, optional={"pieces": st.integers(-2, 9) | st.text(max_size=3)}
)
CALLED = st.sampled_from([*NAMES, "create_order", "delete_order", "functions.get_customer"])
PRINTED = st.builds(
    lambda name, given: json.dumps({"name": name, "arguments": given}, ensure_ascii=False), CALLED, GIVEN
)
PIECES = st.one_of(
    PRINTED,
    st.text(max_size=10),
    st.sampled_from(
        [
            *(
                "```json\n",
                "\n```",
                "<tool_call>",
                "</tool_call>",
                "[TOOL_CALLS]",
                "<|python_tag|>",
                "[",
                "]",
                "{",
                "}",
            ),
            *(
                '"',
                "`",
                "> ",
                "«",
                "For example: ",
                "Do not call ",
                "I will do it. ",
                "\n",
                ",",
                PYTHON,
                XML,
                CALL[:-3],
            ),
        ]
    ),
)


@given(st.lists(PIECES, max_size=6).map("".join))
def test_whatever_is_written_a_call_that_is_made_is_offered_valid_and_there_to_be_read(text: str) -> None:
    for name, arguments in calls(text):
        assert name in NAMES
        assert isinstance(arguments["customer_id"], str)
        assert arguments.get("pieces", 1) >= 1
        assert set(arguments) <= set(ORDER["properties"])  # type: ignore[call-overload]
        assert name.partition("_")[2] in text.replace("functions.", "")


@given(PRINTED, st.integers(1, 60))
def test_a_call_that_is_cut_off_is_never_completed(printed: str, cut: int) -> None:
    for form in (printed, f"```json\n{printed}\n```", f"<tool_call>{printed}</tool_call>", f"[TOOL_CALLS][{printed}]"):
        assert text_calls(form[: -min(cut, len(form))], NAMES) is None


@given(PRINTED, st.sampled_from(["> ", '"', "`", "«", "“", "For example: ", "e.g. ", "Пример: ", "Never call "]))
def test_a_call_that_is_quoted_or_an_example_is_never_made(printed: str, before: str) -> None:
    assert text_calls(before + printed, NAMES) is None
    assert text_calls(f"I will create it.\n{before}{printed}", NAMES) is None


@given(PRINTED, st.text(alphabet=st.characters(categories=["L"]), min_size=1, max_size=20))
def test_a_call_with_words_behind_it_is_never_made(printed: str, after: str) -> None:
    assert text_calls(f"{printed}\n{after}", NAMES) is None


@given(st.text(alphabet="{[(\"'<>=`name:create_order,argumentsTOLCS|\\ \n", max_size=300))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    text_calls(text, NAMES)
    shows_a_call(text, NAMES)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{" * 5000, '{"name":' * 3000, "<function=" * 3000, "```" * 5000, "f(" * 5000, "a." * 9000]
)
def test_deep_and_long_texts_do_no_harm(text: str) -> None:
    assert text_calls(text, NAMES) is None
    assert text_calls(f"create_order(customer_id={text}", NAMES) is None
