"""Inputs of a run: one canonical form, and an answer for each one that is wrong."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from kontora_workflows.catalog import Catalog
from kontora_workflows.definition import Input, Workflow
from kontora_workflows.inputs import InputsInvalid, inputs_schema, resolve_inputs

TODAY = date(2026, 11, 24)


def workflow(**inputs: dict[str, Any]) -> Workflow:
    return Workflow.model_validate(
        {"name": "w", "title": "W", "inputs": inputs, "steps": [{"id": "a", "call": "erp.companies"}]}
    )


def read(type_: str, value: Any, **more: Any) -> Any:
    return resolve_inputs(workflow(x={"type": type_, **more}), {"x": value}, today=TODAY)["x"]


def refused(type_: str, value: Any, **more: Any) -> str:
    with pytest.raises(InputsInvalid) as error:
        read(type_, value, **more)
    assert [problem.pointer for problem in error.value.problems] == ["#/inputs/x"]
    return error.value.problems[0].message


@pytest.mark.parametrize(
    ("type_", "value", "found"),
    [
        ("string", "", ""),
        ("string", "Контора", "Контора"),
        ("integer", 5, 5),
        ("integer", "5", 5),
        ("integer", "-007", -7),
        ("decimal", "12.50", "12.5"),
        ("decimal", "100", "100"),
        ("decimal", 100, "100"),
        ("decimal", "+1000.000", "1000"),
        ("decimal", "-0.0", "0"),
        ("decimal", Decimal("1E+2"), "100"),
        ("boolean", True, True),
        ("boolean", "False", False),
        ("date", "2026-11-01", "2026-11-01"),
        ("date", " today ", "2026-11-24"),
        ("date", "yesterday", "2026-11-23"),
        ("date", date(2026, 2, 28), "2026-02-28"),
    ],
)
def test_a_value_with_one_reading_is_read(type_: str, value: Any, found: Any) -> None:
    assert read(type_, value) == found
    assert type(read(type_, value)) is type(found)


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        ("string", 5, "put it in quotes"),
        ("integer", "5.0", "a whole number is needed"),
        ("integer", True, "a whole number is needed"),
        ("integer", "٣", "a whole number is needed"),
        ("integer", 5.0, "a whole number is needed"),
        ("decimal", 12.5, "does not hold decimals exactly"),
        ("decimal", "1,5", "write a point and no spaces"),
        ("decimal", "1 000", "write a point and no spaces"),
        ("decimal", "1e3", "only digits and one point"),
        ("decimal", "NaN", "only digits and one point"),
        ("decimal", Decimal("NaN"), "a decimal is needed"),
        ("decimal", True, "a decimal is needed"),
        ("boolean", "yes", "true or false is needed"),
        ("boolean", 1, "true or false is needed"),
        ("date", "01.11.2026", "year-month-day"),
        ("date", "2026-02-30", "there is no such day"),
        ("date", 20261101, "year-month-day"),
        ("date", ["2026-11-01"], "year-month-day"),
    ],
)
def test_a_value_with_none_or_several_is_refused_and_told_why(type_: str, value: Any, said: str) -> None:
    assert said in refused(type_, value)


def test_a_choice_has_to_be_one_of_those_offered() -> None:
    assert read("string", "ru", enum=["en", "ru"]) == "ru"
    assert read("decimal", "1.0", enum=["1", "2"]) == "1"
    assert "one of english, russian. Did you mean 'russian'?" in refused(
        "string", "rusian", enum=["english", "russian"]
    )


def test_every_wrong_input_is_named_at_once() -> None:
    form = workflow(as_of={"type": "date"}, top={"type": "integer", "default": 3})
    with pytest.raises(InputsInvalid) as error:
        resolve_inputs(form, {"as_off": "2026-11-01", "top": "many", "a/b": 1}, today=TODAY)
    said = {problem.pointer: problem.message for problem in error.value.problems}
    assert set(said) == {"#/inputs/as_off", "#/inputs/a~1b", "#/inputs/as_of", "#/inputs/top"}
    assert "Did you mean 'as_of'?" in said["#/inputs/as_off"]
    assert "is required (date)" in said["#/inputs/as_of"]


def test_inputs_left_out_take_their_defaults() -> None:
    shipped = Catalog([]).get("receivables-ageing").workflow
    assert resolve_inputs(shipped, {}, today=TODAY) == {
        "as_of": "2026-11-24",
        "company": "",
        "min_amount": "0",
        "language": "en",
    }
    assert resolve_inputs(shipped, {"as_of": None}, today=TODAY)["as_of"] == "2026-11-24"


def test_the_schema_of_the_inputs_takes_what_the_reader_takes() -> None:
    form = workflow(
        as_of={"type": "date", "default": "today", "description": {"ru": "На дату"}},
        amount={"type": "decimal"},
        top={"type": "integer", "default": 3},
        deep={"type": "boolean", "default": False},
        language={"type": "string", "enum": ["en", "ru"], "default": "en"},
    )
    schema = inputs_schema(form)
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    assert schema["required"] == ["amount"]
    assert schema["properties"]["as_of"]["description"] == "На дату"
    for good in ({"amount": "1.50"}, {"amount": 5, "as_of": "2026-11-01", "deep": True, "language": "ru", "top": 1}):
        assert check.is_valid(good)
        assert resolve_inputs(form, good, today=TODAY)
    for bad in ({}, {"amount": 1.5}, {"amount": "x"}, {"amount": "1", "as_of": "1.1.2026"}, {"amount": "1", "z": 1}):
        assert not check.is_valid(bad)
        with pytest.raises(InputsInvalid):
            resolve_inputs(form, bad, today=TODAY)


def test_a_default_that_is_false_or_empty_is_a_default() -> None:
    assert Input(type="boolean", default=False).required is False
    assert Input(type="string", default="").required is False
    assert Input(type="string").required is True


@settings(max_examples=50, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_equal_amounts_have_one_form_and_lose_nothing(amount: Decimal) -> None:
    found = read("decimal", format(amount, "f"))
    assert Decimal(found) == amount
    assert read("decimal", found) == found
    assert read("decimal", format(amount, "f") + "00") == found
