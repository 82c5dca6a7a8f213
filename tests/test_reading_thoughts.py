"""Thoughts are not shown as an answer, in whichever marks they are printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.reading.thoughts import without_thoughts


@pytest.mark.parametrize(
    "text",
    [
        "<think>hm</think>Yes.",
        "<THINK>hm</THINK>\nYes.",
        "< thinking >hm</ thinking >Yes.",
        "<thought>hm</thoughts>Yes.",
        "<reasoning>hm</reasoning>Yes.",
        "<seed:think>hm</seed:think>Yes.",
        "[THINK]hm[/THINK]Yes.",
        "◁think▷hm◁/think▷Yes.",
        "<|begin_of_thought|>hm<|end_of_thought|>Yes.",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
        "analysishmassistantfinalYes.",
        "<think>h</think>\nanalysismassistantfinalYes.",
        "hm</think>Yes.",
        "Yes.<think>hm",
    ],
)
def test_thoughts_are_taken_out(text: str) -> None:
    assert without_thoughts(text) == ("Yes.", "hm")


def test_what_stands_around_thoughts_is_kept_and_nested_ones_go_whole() -> None:
    assert without_thoughts("A <think>x</think> B")[0] == "A  B"
    assert without_thoughts("<think>a<think>b</think> c</think>Yes.") == ("Yes.", "ab c")
    assert without_thoughts("<think>only this") == ("", "only this")


@pytest.mark.parametrize("text", ["a < b and c > d", "[1] as thought", "I think> so", "analysis: 3 orders", "<b>x</b>"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_thoughts(text) == (text, "")


@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "a", " ", "<|end|>"])).map("".join))
def test_no_mark_is_left(text: str) -> None:
    said, _ = without_thoughts(text)
    assert not any(mark in said for mark in ("<think>", "</think>", "[THINK]", "[/THINK]"))
