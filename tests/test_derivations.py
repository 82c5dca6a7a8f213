"""What follows from what an agent was given may be said; nothing else may. Measured on a corpus of correct answers."""

from __future__ import annotations

import json
import random
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.figures import find_figures
from kontora_agents.grounding import check

_CORPUS = yaml.safe_load((Path(__file__).parent / "grounding_corpus.yaml").read_text("utf-8"))
ANSWERS = [(json.dumps(one["evidence"], ensure_ascii=False), text) for one in _CORPUS for text in one["answers"]]
#: Of answers that are correct, so many may be questioned.
FALSE_ALARMS = 0.0
#: Of amounts with a digit changed, so many may pass: another true figure may have come out.
MISSED = 0.02


def test_correct_answers_are_not_questioned(record_property: Any) -> None:
    alarms = [(text, [one.text for one in found]) for evidence, text in ANSWERS if (found := check(text, [evidence]))]
    record_property("answers", len(ANSWERS))
    record_property("false_alarms", len(alarms))
    assert len(alarms) / len(ANSWERS) <= FALSE_ALARMS, alarms


def test_amounts_with_a_digit_changed_are_found(record_property: Any) -> None:
    chance, passed, tried = random.Random(7), [], 0
    for evidence, text in ANSWERS:
        for wrong in _mutants(text, chance):
            tried += 1
            passed += [wrong] if not check(wrong, [evidence]) else []
    record_property("mutants", tried)
    record_property("passed", len(passed))
    assert tried > 200
    assert len(passed) / tried <= MISSED, passed


def _mutants(text: str, chance: random.Random) -> list[str]:
    """The text with one digit of one amount changed, three times for each amount."""
    found = []
    for figure in find_figures(text):
        digits = [place for place in range(figure.start, figure.end) if text[place].isdigit()]
        if (
            len(digits) < 3
            or re.search(r"\w-?$", text[: figure.start])
            or (figure.plain is not None and 1900 < figure.plain < 2100)
        ):
            continue
        for place in chance.sample(digits, 3):
            other = chance.choice([digit for digit in "123456789" if digit != text[place]])
            found.append(text[:place] + other + text[place + 1 :])
    return found


EVIDENCE = json.dumps(
    {
        "rows": [
            {"name": "a", "kind": "x", "amount": "100.10", "paid": "40.00"},
            {"name": "b", "kind": "x", "amount": "250.00", "paid": "0.00"},
            {"name": "c", "kind": "y", "amount": "1000.00", "paid": "999.99"},
        ]
    }
)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("In all 1,350.10 EUR.", ["sum"]),
        ("Kind x: 350.10 EUR.", ["sum"]),
        ("250.00 EUR + 1,000.00 EUR make 1,250.00 EUR.", ["sum"]),
        ("60.10 EUR are left of it.", ["difference"]),
        ("1,000.00 less 100.10 are 899.90 EUR.", ["difference"]),
        ("18.5 % of it, 250.00 EUR", ["share"]),
        ("about 1.4 thousand EUR", ["rounding"]),
        ("около 100 EUR", ["rounding"]),
    ],
)
def test_only_what_is_declared_may_be_derived(text: str, allowed: list[Any]) -> None:
    assert check(text, [EVIDENCE], allowed) == []
    assert check(text, [EVIDENCE], [])


@pytest.mark.parametrize(
    "text",
    [
        "In all 1,350.11 EUR.",
        "In all 1,350.00 EUR.",  # money is not rounded in silence
        "1.5 thousand EUR",
        "about 110 EUR",
        "18.6 % of it, 250.00 EUR",
        "1,000.00 EUR.\n899.90 EUR.",  # a difference of what does not stand beside it
        "-1,350.10 EUR",
        "There are 17 accounts.",
    ],
)
def test_what_does_not_follow_is_found(text: str) -> None:
    assert check(text, [EVIDENCE])


def test_amounts_of_different_currencies_are_not_added_up() -> None:
    rows = [{"currency": "EUR", "amount": "10.00"}, {"currency": "USD", "amount": "20.00"}]
    more = [{"currency": "EUR", "amount": "5.00"}]
    evidence = [json.dumps({"rows": rows + more})]
    assert check("35.00 in all", evidence)
    assert check("15.00 EUR in all", evidence) == []


def test_rows_and_groups_may_be_counted() -> None:
    evidence = [json.dumps([{"state": "open" if row % 4 else "closed"} for row in range(60)])]
    text = "60 rows, 45 of them open, 15 closed."
    assert check(text, evidence) == []
    assert [one.text for one in check(text, evidence, ["sum"])] == ["60", "45", "15"]
    assert check("46 of them are open", evidence)


amounts = st.lists(st.decimals(Decimal("0.01"), Decimal("999999.99"), places=2), min_size=2, max_size=30)


@given(amounts)
def test_its_own_sums_are_accepted_and_others_are_not(numbers: list[Decimal]) -> None:
    evidence = [json.dumps([{"amount": str(number)} for number in numbers])]
    total = sum(numbers, Decimal())
    assert check(f"{total:,.2f} EUR", evidence) == []
    wrong = total + Decimal("1000000.01")
    assert [one.text for one in check(f"{wrong:,.2f} EUR", evidence)] == [f"{wrong:,.2f} EUR"]


@given(st.text(max_size=300))
def test_any_evidence_can_be_read(text: str) -> None:
    for found in check("In all 1,350.10 EUR, 17 % of 5,000.", [text]):
        assert found.text in "1,350.10 EUR, 17 %, 5,000"
