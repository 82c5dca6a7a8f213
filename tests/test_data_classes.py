"""A value goes no further than its class allows: not to a model, not to a log, not anywhere if it is secret."""

from __future__ import annotations

from typing import Any

import pytest
from kontora_connectors import Label
from kontora_connectors.data_classes import HIGHEST, class_of, highest, may_hold, without_secrets

PII, CONFIDENTIAL, SECRET = (frozenset({label}) for label in (Label.PII, Label.CONFIDENTIAL, Label.SECRET))


@pytest.mark.parametrize(
    ("value", "labels", "right"),
    [
        ({"total": "5.00"}, {}, "internal"),
        ({"email": "a@example.org"}, {"email": PII}, "personal"),
        ({"email": None}, {"email": PII}, "internal"),
        ({"items": [{"tax_id": ""}, {"tax_id": "77"}]}, {"items[].tax_id": CONFIDENTIAL}, "confidential"),
        ([{"email": "a"}], {"[].email": PII}, "personal"),
        ({"items": []}, {"items[].email": PII}, "internal"),
        ({"by_id": {"1": {"email": "a"}}}, {"by_id[].email": PII}, "personal"),
        ([{"a": {"email": "x"}, "tax_id": "7"}], {"[].a.email": PII, "[].tax_id": CONFIDENTIAL}, "personal"),
        (None, {"email": PII}, "internal"),
    ],
)
def test_the_class_of_an_answer_is_that_of_what_it_holds(value: Any, labels: Any, right: str) -> None:
    assert class_of(value, labels) == right


def test_a_zone_holds_its_class_and_what_is_below() -> None:
    assert highest(["public", "personal", "internal"]) == "personal"
    assert highest([]) == "public"
    assert may_hold(HIGHEST["local"], "personal")
    assert may_hold(HIGHEST["private"], "confidential")
    assert not may_hold(HIGHEST["private"], "personal")
    assert may_hold(HIGHEST["external"], "public")
    assert not may_hold(HIGHEST["external"], "internal")


def test_what_is_secret_never_leaves_its_connector() -> None:
    value = {"name": "x", "token": "t", "items": [{"pin": "1", "id": 2}]}
    labels = {"token": SECRET, "items[].pin": SECRET, "missing.field": SECRET}
    assert without_secrets(value, labels) == {"name": "x", "token": None, "items": [{"pin": None, "id": 2}]}
    assert value["token"] == "t"
