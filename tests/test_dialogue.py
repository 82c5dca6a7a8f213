"""An agent's dialogue with its model: corrections stay where they were said, and the prompt only ever grows."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.definition import AgentDefinition
from kontora_agents.errors import ModelUnsuitable
from kontora_agents.runner import AgentOutcome
from kontora_agents.seams import ModelAnswer, ModelRequest, ToolAnswer, ToolCall, ToolSpec
from kontora_agents.task import render_task
from kontora_agents.tokens import ANSWER

from tests.memory_seams import Journal, MemorySeams

STOCK = ToolSpec(
    name="erp_stock",
    description="Stock of a product",
    parameters={"type": "object", "properties": {"product": {"type": "string"}}, "required": ["product"]},
)
PEOPLE = ToolSpec(name="erp_people", description="List people", parameters={"type": "object", "properties": {}})
LOOK = {"calls": [{"id": "x", "name": "erp_stock", "arguments": {"product": "A"}}]}
DONE = {"text": "There is enough of A in stock."}


class Repeating:
    """A model that says what it is given, one after another, and the last for ever."""

    def __init__(self, *said: dict[str, Any]) -> None:
        self.said = [ModelAnswer.model_validate({"model": "m", **one}) for one in said]
        self.asked: list[ModelRequest] = []

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        return self.said[min(len(self.asked), len(self.said)) - 1]

    async def aclose(self) -> None:
        """There is nothing to close."""


class Counting(MemorySeams):
    """Seams that say how often a call was made before."""

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        before = sum(one.arguments == call.arguments for one, _ in self.journal.called.values())
        answer = await super().call(turn, position, call)
        return answer.model_copy(update={"repeated": before})


def seams(journal: Journal | None = None) -> Counting:
    return Counting({"erp_stock": lambda product: {"stock": 3}, "erp_people": list}, journal)


def run(model: Repeating, door: MemorySeams, *, language: str = "en", **limits: int) -> AgentOutcome:
    agent = AgentDefinition.model_validate({"instructions": "Report.", "limits": limits, "grounding": "off"})
    task = render_task({"language": language})
    work = AutogenRunner().run(agent, "clerk", task, [STOCK, PEOPLE], door, model, "m", list)
    return asyncio.run(work)


def test_a_prompt_only_ever_grows() -> None:
    model = Repeating({"text": ""}, LOOK, {"text": "I'll look it up."}, LOOK, {"text": "", "thinking": "Hm"}, DONE)
    assert run(model, seams()).text == DONE["text"]
    for before, after in zip(model.asked, model.asked[1:], strict=False):
        assert after.messages[: len(before.messages)] == before.messages
        assert [message.role for message in after.messages].count("assistant") == model.asked.index(after)


def test_a_run_that_goes_on_is_corrected_in_the_same_way() -> None:
    printed = {"text": json.dumps(LOOK["calls"][0])}
    said: list[dict[str, Any]] = [{"text": ""}, LOOK, {"text": "I'll look it up."}, printed, DONE]
    first, door = Repeating(*said), seams()
    expected = run(first, door)
    again = Repeating({"text": "never asked"})
    second = seams(door.journal)
    assert run(again, second) == expected
    assert (again.asked, second.made) == ([], [])
    assert second.repairs == door.repairs
    assert [repair.what for repair in door.repairs[3]] == ["call"]


@pytest.mark.parametrize(("language", "word"), [("en", "You answered nothing"), ("ru", "Вы ничего не ответили")])
def test_a_correction_is_in_the_language_of_the_task(language: str, word: str) -> None:
    answer = {"text": "Товара A достаточно." if language == "ru" else DONE["text"]}
    model = Repeating({"text": ""}, answer)
    run(model, seams(), language=language)
    assert model.asked[1].messages[-1].content.startswith(word)
    assert model.asked[1].messages[-2].content == "…"


def test_another_language_does_not_become_right_by_being_spoken() -> None:
    model = Repeating({**LOOK, "text": "好的，我来查一下"}, {"text": f"{DONE['text']} 好的，我来查一下"}, DONE)
    assert run(model, seams()).text == DONE["text"]
    assert "in another language" in model.asked[2].messages[-1].content


def test_what_was_cut_off_is_asked_for_with_more_room_and_only_that() -> None:
    model = Repeating({"text": "There is", "finish": "length"}, LOOK, DONE)
    assert run(model, seams()).text == DONE["text"]
    assert [asked.options for asked in model.asked] == [{}, {"num_predict": 2 * ANSWER}, {}]


def test_words_without_end_are_not_said_back_to_the_model() -> None:
    model = Repeating({"text": "and so on " * 2000, "finish": "length"}, DONE)
    run(model, seams())
    assert model.asked[1].options == {}, "more room would only be filled"
    assert len(model.asked[1].messages[-2].content) < 600


def test_two_corrections_in_a_row_are_the_most_and_a_good_answer_ends_the_row() -> None:
    bad = {"text": "I'll look it up."}
    assert run(Repeating(bad, bad, LOOK, bad, bad, DONE), seams()).turns == 6
    with pytest.raises(
        ModelUnsuitable, match="announced a call in place of making it, also after 2 corrections"
    ) as raised:
        run(Repeating(LOOK, bad), seams())
    assert "kontora models" in raised.value.hint


def test_wrong_calls_in_a_row_are_an_error_too() -> None:
    wrong = {"calls": [{"id": "x", "name": "erp_stock", "arguments": {"product": "<product>"}}]}
    door = seams()
    with pytest.raises(ModelUnsuitable, match=r"cannot be made, also after 2 corrections. .* is a placeholder"):
        run(Repeating(wrong), door)
    assert [call.problem != "" for call, _ in door.journal.called.values()] == [True, True]
    assert run(Repeating(wrong, wrong, LOOK, DONE), seams()).tool_calls == 3


def test_a_right_call_beside_a_wrong_one_is_made() -> None:
    wrong = {"id": "y", "name": "erp_stock", "arguments": {}}
    door = seams()
    run(Repeating({"calls": [wrong, LOOK["calls"][0]]}, DONE), door)
    assert [answer.is_error for _, answer in door.journal.called.values()] == [True, False]


def test_a_tool_that_is_called_again_and_again_is_taken_away() -> None:
    model = Repeating(LOOK, LOOK, LOOK, LOOK, DONE)
    assert run(model, seams()).text == DONE["text"]
    assert [tool.name for tool in model.asked[3].tools] == ["erp_stock", "erp_people"]
    assert [tool.name for tool in model.asked[4].tools] == ["erp_people"]
    assert "same call again and again: erp_stock" in model.asked[4].messages[-1].content


def test_who_calls_what_was_taken_away_is_stopped() -> None:
    for again in (LOOK, {"text": json.dumps({"name": "erp_stock", "arguments": {"product": "A"}})}):
        with pytest.raises(ModelUnsuitable):
            run(Repeating(LOOK, LOOK, LOOK, LOOK, again), seams())


def test_without_a_turn_to_spare_there_is_an_error_and_no_empty_answer() -> None:
    with pytest.raises(ModelUnsuitable, match="was empty"):
        run(Repeating({"text": ""}), seams(), turns=1)


def test_what_was_not_taken_is_not_the_answer_of_the_agent() -> None:
    model = Repeating({**LOOK, "text": "Looking."}, {"text": "Sure! I'll look it up."}, LOOK)
    outcome = run(model, seams(), turns=3)
    assert (outcome.ended, outcome.text) == ("limit", "Looking.")
