"""A write is the same work although it is spelled otherwise, or something is added that may be left out."""

from __future__ import annotations

from typing import Any

import pytest
from kontora_agents.seams import ToolSpec
from kontora_connectors import Tool
from kontora_workflows.engine.calls import Outcome
from kontora_workflows.engine.repeats import Repeats

from tests.office import Notebook

ORDER: dict[str, Any] = {"customer": "C-1", "amount": "5.00", "due": "2026-12-01"}


def spec(*needed: str, writes: bool = True) -> ToolSpec:
    number = {"anyOf": [{"type": "number"}, {"type": "string"}]}
    known = {"customer": {"type": "string"}, "amount": number, "due": {"type": "string"}, "note": {"type": "string"}}
    parameters = {"type": "object", "properties": {**known, "phone": {"type": "string"}}, "required": list(needed)}
    return ToolSpec(name="erp_do", description="", parameters=parameters, writes=writes)


CREATE, UPDATE = spec("customer", "amount", "due"), spec("customer")
DONE = Outcome(7, "ok", {"id": "SO-1"})


def again(tool: ToolSpec, first: dict[str, Any], second: dict[str, Any], name: str = "add_note") -> bool:
    repeats, known = Repeats(), Notebook.tools()
    effect: Tool = known[name]
    repeats.learn(tool, effect, DONE, first)
    return repeats.before(tool, second) is DONE


@pytest.mark.parametrize(
    "further",
    [
        {},
        {"note": ""},
        {"note": None},
        {"note": "Please hurry."},
        {"amount": "5"},
        {"amount": 5},
        {"amount": "5.0000"},
        {"customer": " C-1 "},
    ],
)
def test_the_same_order_is_the_same_work(further: dict[str, Any]) -> None:
    assert again(CREATE, ORDER, {**ORDER, **further})
    assert again(CREATE, {**ORDER, **further}, ORDER)
    assert again(CREATE, {**ORDER, "note": "A"}, {**ORDER, **further})


@pytest.mark.parametrize("other", [{"amount": "5.01"}, {"customer": "C-2"}, {"due": "2026-12-02"}])
def test_another_value_of_what_is_needed_is_other_work(other: dict[str, Any]) -> None:
    assert not again(CREATE, ORDER, {**ORDER, **other})


def test_where_little_is_needed_a_further_value_is_further_work() -> None:
    phone, note = {"customer": "C-1", "phone": "1"}, {"customer": "C-1", "note": "A"}
    assert not again(UPDATE, phone, note)
    assert not again(UPDATE, phone, {**phone, **note})
    assert again(UPDATE, {**phone, **note}, phone)
    assert again(UPDATE, phone, {"customer": "C-1"})
    assert not again(spec(), {}, {"note": "A"})


def test_a_read_with_another_limit_is_another_read() -> None:
    read = spec("customer", "amount", "due", writes=False)
    assert again(read, ORDER, ORDER, "list_notes")
    assert not again(read, ORDER, {**ORDER, "note": "A"}, "list_notes")
