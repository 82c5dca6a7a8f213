"""Arguments are repaired where there is one reading; what has more or none goes back to the model."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from kontora_agents.reading.arguments import Reading, read_arguments
from kontora_agents.reading.identity import identity
from kontora_agents.reading.schema import fits
from kontora_agents.reading.values import is_plain
from kontora_agents.seams import ToolSpec
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Line(BaseModel):
    """A position of an order."""

    item: str
    pieces: int = Field(ge=1)


class Order(BaseModel):
    """What the tool of these tests takes."""

    model_config = ConfigDict(extra="forbid")

    customer_id: str
    amount: Decimal
    currency: Literal["EUR", "USD", "RUB"]
    due_date: date
    note: str | None = None
    discount: float = 0.0
    priority: Literal["low", "very_high"] | None = None
    urgent: bool = False
    days: int = 14
    tags: list[str] = Field(default_factory=list)
    lines: list[Line] = Field(default_factory=list)


TOOL = ToolSpec(name="erp_create_order", description="Create an order.", parameters=Order.model_json_schema())
GOOD = {"customer_id": "C-1042", "amount": "1250.50", "currency": "EUR", "due_date": "2026-12-01"}


def read(**given: Any) -> Reading:
    return read_arguments(TOOL, {**GOOD, **given})


@pytest.mark.parametrize(
    ("argument", "written", "meant"),
    [
        ("amount", "1 250,50", "1250.50"),
        ("amount", "1\u00a0250,50", "1250.50"),
        ("amount", "1,250.50", "1250.50"),
        ("amount", "1.250,50", "1250.50"),
        ("amount", "1250,50", "1250.50"),
        ("amount", "1250.50 EUR", "1250.50"),
        ("amount", "€1,250.50", "1250.50"),
        ("amount", "1 250,50 евро", "1250.50"),
        ("amount", "1,250,000", "1250000"),
        ("amount", "0,125", "0.125"),
        ("amount", " 1250.50 ", "1250.50"),
        ("discount", "2.5", 2.5),
        ("discount", "3", 3),
        ("days", "30", 30),
        ("days", "30.0", 30),
        ("due_date", "01.12.2026", "2026-12-01"),
        ("due_date", "13/12/2026", "2026-12-13"),
        ("due_date", "02/02/2026", "2026-02-02"),
        ("due_date", "2026/12/01", "2026-12-01"),
        ("due_date", "2026-12-1", "2026-12-01"),
        ("due_date", "1 December 2026", "2026-12-01"),
        ("due_date", "1 декабря 2026", "2026-12-01"),
        ("due_date", "2026-12-01T00:00:00Z", "2026-12-01"),
        ("currency", "eur", "EUR"),
        ("currency", "Euro", "EUR"),
        ("currency", "₽", "RUB"),
        ("priority", "Very High", "very_high"),
        ("urgent", "True", True),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("lines", '[{"item": "Q", "pieces": "2"}]', [{"item": "Q", "pieces": 2}]),
        ("lines", [{"item": "Q", "pieces": "2"}], [{"item": "Q", "pieces": 2}]),
        ("lines", {"item": "Q", "pieces": "2"}, [{"item": "Q", "pieces": 2}]),
        ("lines", [{"item": ["Q"], "pieces": [2]}], [{"item": "Q", "pieces": 2}]),
        ("tags", "urgent", ["urgent"]),
        ("tags", "INV/2026/00012", ["INV/2026/00012"]),
        ("tags", [["urgent"]], ["urgent"]),
        ("customer_id", ["C-7"], "C-7"),
        ("note", ["Call first, then write."], "Call first, then write."),
        ("amount", ["1 250,50"], "1250.50"),
        ("currency", ["eur"], "EUR"),
        ("due_date", ["01.12.2026"], "2026-12-01"),
        ("days", [30], 30),
        ("urgent", [True], True),
    ],
)
def test_what_has_one_reading_is_read(argument: str, written: Any, meant: Any) -> None:
    reading = read(**{argument: written})
    assert (reading.arguments[argument], reading.problems) == (meant, [])
    assert type(reading.arguments[argument]) is type(meant)
    assert [repair.after for repair in reading.repairs][-1:] == [reading.repairs[-1].after]
    assert reading.repairs[0].where.startswith(f"erp_create_order.{argument}")


@pytest.mark.parametrize(
    ("argument", "written", "told"),
    [
        ("amount", "1.250", "'1.250' can be 1250.00 or 1.25. Write 1250.00 or 1.25"),
        ("amount", "1,250", "'1,250' can be 1250.00 or 1.25"),
        ("amount", "1.250 EUR", "can be 1250.00 or 1.25"),
        ("amount", "-1.250", "can be -1.25 or -1250.00"),
        ("discount", "1.250", "can be 1250.00 or 1.25"),
        ("amount", "1250.50 USD", "names a currency"),
        ("amount", "1250.50 XYZ", "not a number"),
        ("amount", "about a thousand", "not a number"),
        ("amount", "1.2 million", "not a number"),
        ("amount", "12 %", "not a number"),
        ("days", "2.5", "not a whole number"),
        ("lines", [{"item": "Q", "pieces": "0"}], 'lines.0.pieces: "0" is not a whole number (minimum 1)'),
        ("due_date", "01/12/2026", "can be 12 January 2026 or 1 December 2026. Write 2026-01-12 or 2026-12-01"),
        ("due_date", "next week", "not a date. Write it as YYYY-MM-DD"),
        ("due_date", "20261201", "not a date"),
        ("due_date", "30.02.2026", "not a date"),
        ("due_date", "2026-12-01T10:30:00", "not a date"),
        ("currency", "GBP", "not one of EUR, USD, RUB"),
        ("currency", "", "not one of"),
        ("customer_id", "<customer_id>", "a placeholder"),
        ("customer_id", "{{customer_id}}", "a placeholder"),
        ("customer_id", "YOUR_CUSTOMER_ID", "a placeholder"),
        ("customer_id", "string", "a placeholder"),
        ("customer_id", 1042, "1042 is not a string"),
        ("customer_id", None, "needs a value: it is a string"),
        ("due_date", "None", "needs a value: it is a date as YYYY-MM-DD"),
        ("priority_level", "high", "no argument of this tool"),
        ("lines", [{"item": "Q"}], "lines.0.pieces is missing: it is a whole number (minimum 1)"),
        ("tags", "a, b", "not a list"),
        ("tags", "a b", "not a list"),
        ("tags", "[a]", "a placeholder"),
        ("tags", "", "not a list"),
        ("tags", 7, "7 is not a string"),
        ("lines", {"item": "Q"}, "lines.0.pieces is missing"),
        ("customer_id", ["C-7", "C-8"], "not a string"),
        ("customer_id", [], "not a string"),
        ("customer_id", [["C-7"]], "not a string"),
        ("customer_id", [1042], "1042 is not a string"),
        ("customer_id", ["<customer_id>"], "a placeholder"),
        ("amount", ["1.250"], "can be 1250.00 or 1.25"),
        ("days", [None], "not a whole number"),
    ],
)
def test_what_has_no_one_reading_goes_back(argument: str, written: Any, told: str) -> None:
    given = {**GOOD, argument: written}
    reading = read_arguments(TOOL, given)
    assert reading.arguments is given, "nothing of it is changed"
    assert reading.repairs == []
    assert told in " ".join(reading.problems)


@pytest.mark.parametrize(
    "note",
    ["Ваш заказ готов", "Your order is ready", "<b>urgent</b> call", "Note: see [1]", "xx", "n/a", "-", "[x] done"],
)
def test_ordinary_words_are_no_placeholder(note: str) -> None:
    assert read(note=note).problems == read(customer_id=note).problems == []


@pytest.mark.parametrize(
    "written", ["Ваш номер клиента", "укажите дату", "your_customer_id", "[customer id]", "${id}", "XXXX", "TBD"]
)
def test_what_holds_the_place_of_a_value_is_one(written: str) -> None:
    assert "placeholder" in read(note=written).problems[0]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    reading = read_arguments(TOOL, {"amount": "1.250", "currency": "XXX"})
    assert [problem.split()[0] for problem in reading.problems] == ["amount:", "currency:", "customer_id", "due_date"]


@pytest.mark.parametrize(
    "given",
    [
        {"arguments": GOOD},
        {"parameters": GOOD},
        {"name": "erp_create_order", "arguments": GOOD},
        {"arguments": '{"customer_id": "C-1042", "amount": "1250.50", "currency": "EUR", "due_date": "2026-12-01"}'},
        {name: {"type": "string", "value": value} for name, value in GOOD.items()},
        {"customerId": "C-1042", "amount": "1250.50", "Currency": "EUR", "due-date": "2026-12-01"},
        {**GOOD, "note": "None"},
        {**GOOD, "discount": None},
        {**GOOD, "priority_level": None, "comment": ""},
    ],
)
def test_what_stands_around_arguments_is_taken_off(given: dict[str, Any]) -> None:
    reading = read_arguments(TOOL, given)
    assert (reading.arguments, reading.problems) == (GOOD, [])
    assert reading.repairs
    assert read_arguments(TOOL, reading.arguments).repairs == []


@pytest.mark.parametrize(
    "given",
    [
        {"arguments": GOOD, "amount": "1"},
        {"name": "erp_delete", "arguments": GOOD},
        {"arguments": GOOD, "parameters": GOOD},
        {**GOOD, "customerId": "C-7"},
        {**{name: {"type": "string", "value": value} for name, value in GOOD.items()}, "amount": "1"},
    ],
)
def test_what_stands_beside_other_things_is_not_taken_off(given: dict[str, Any]) -> None:
    reading = read_arguments(TOOL, given)
    assert reading.problems
    assert reading.arguments is given


def test_a_tool_without_arguments_may_be_given_nothing_in_any_spelling() -> None:
    tool = ToolSpec(
        name="f", description="", parameters={"type": "object", "properties": {}, "additionalProperties": False}
    )
    assert read_arguments(tool, {}).problems == []
    assert read_arguments(tool, {"arguments": {}}).arguments == {}
    assert read_arguments(tool, {"x": None}).arguments == {}
    assert read_arguments(tool, {"x": 1}).problems


def test_the_same_call_is_known_in_another_spelling() -> None:
    same: list[dict[str, Any]] = [
        GOOD,
        {**GOOD, "amount": 1250.5},
        {**GOOD, "amount": "1250.5", "note": None, "days": 14},
    ]
    assert len({identity(TOOL, one) for one in same}) == 1
    others = [{**GOOD, "amount": "1250.51"}, {**GOOD, "customer_id": "C-1043"}, {**GOOD, "note": "x"}]
    assert len({identity(TOOL, one) for one in [GOOD, *others]}) == 4


# --- whatever is given -----------------------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"-?[0-9]{1,4}([.,  ][0-9]{1,3}){0,2}( EUR| USD|€)?", fullmatch=True),
    st.from_regex(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}", fullmatch=True),
    st.sampled_from(
        ["None", "null", "<id>", "string", "eur", "Euro", "true", "[]", "{}", '["a"]', "2026-12-01", "very high"]
    ),
)
PARTS = st.sampled_from(["type", "value", "item", "pieces", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9999, 9999) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PARTS, inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
NAMES = st.sampled_from([*Order.model_fields, "customerId", "arguments", "parameters", "name", "other"])
RIGHT = st.fixed_dictionaries(
    {
        "customer_id": st.from_regex(r"C-[0-9]{4}", fullmatch=True),
        "amount": st.decimals(-(10**6), 10**6, places=2).map(str) | st.integers(-999, 999),
        "currency": st.sampled_from(["EUR", "USD", "RUB"]),
        "due_date": st.dates().map(date.isoformat),
    },
    optional={
        "note": st.none() | st.sampled_from(["", "call first", "ждёт звонка", "1.250", "n/a"]),
        "discount": st.floats(-100, 100) | st.integers(0, 9),
        "priority": st.none() | st.sampled_from(["low", "very_high"]),
        "urgent": st.booleans(),
        "days": st.integers(0, 99),
        "tags": st.lists(st.sampled_from(["a", "б"]), max_size=2),
        "lines": st.lists(st.builds(lambda n: {"item": "Q", "pieces": n}, st.integers(1, 9)), max_size=2),
    },
)
#: Right arguments of which some are something else, and arguments of any kind.
ANYTHING = st.one_of(
    st.builds(lambda right, other: {**right, **other}, RIGHT, st.dictionaries(NAMES, VALUES, max_size=2)),
    st.dictionaries(NAMES, VALUES, max_size=6),
)


@given(RIGHT)
def test_what_was_right_is_not_changed(given: dict[str, Any]) -> None:
    before = deepcopy(given)
    reading = read_arguments(TOOL, given)
    assert reading.arguments is given
    assert given == before
    assert (reading.repairs, reading.problems) == ([], [])


@given(ANYTHING)
def test_what_was_read_is_taken_by_the_tool_and_is_not_read_otherwise_again(given: dict[str, Any]) -> None:
    before = deepcopy(given)
    reading = read_arguments(TOOL, given)
    assert given == before, "what was given stays as it was"
    if reading.problems:
        assert reading.arguments is given
        return
    event("read")
    Order.model_validate(reading.arguments)
    again = read_arguments(TOOL, reading.arguments)
    assert again.arguments is reading.arguments
    assert (again.repairs, again.problems) == ([], [])
    assert bool(reading.repairs) == (reading.arguments is not given)


@given(ANYTHING)
def test_what_is_seen_at_a_glance_is_taken_by_the_tool(given: dict[str, Any]) -> None:
    if is_plain(given, TOOL.parameters):
        Order.model_validate(given)


@given(st.dictionaries(st.sampled_from(["customer_id", "amount", "currency", "due_date", "note"]), VALUES, max_size=5))
def test_an_amount_is_never_another_than_one_that_was_written(given: dict[str, Any]) -> None:
    amount = read_arguments(TOOL, {**GOOD, **given}).arguments["amount"]
    written = given.get("amount", GOOD["amount"])
    digits = [re.sub(r"\D", "", str(one)).lstrip("0") for one in (amount, written)]
    assert digits[0] == digits[1], "no digit comes or goes"


@given(VALUES, st.sampled_from(list(Order.model_fields)))
def test_a_value_fits_exactly_where_json_schema_says_so(value: Any, name: str) -> None:
    parameters = Order.model_json_schema()
    schema = parameters["properties"][name]
    oracle = jsonschema.Draft202012Validator(
        {**schema, "$defs": parameters["$defs"]}, format_checker=jsonschema.FormatChecker(["date"])
    )
    assert fits(value, schema, parameters["$defs"]) == oracle.is_valid(value)


def test_the_tool_of_these_tests_is_as_strict_as_it_looks() -> None:
    with pytest.raises(ValidationError):
        Order.model_validate({**GOOD, "other": 1})
