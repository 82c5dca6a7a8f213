"""The bench judges what was done, not what was said about it; and what a probe found is what agents are held to."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from kontora_agents.errors import ModelError, ModelUnsuitable
from kontora_agents.seams import Message, ModelRequest, ToolCall
from kontora_agents.trials import Probe
from kontora_agents.trials.bench import fault
from kontora_agents.trials.exercise import Exercise, exercises
from kontora_agents.trials.office import TOOLS, Office
from kontora_worker.house import House
from kontora_worker.settings import load_settings

from tests.model_shop import Model, model_shop

REMINDER = {
    "customer_id": "C-100", "invoice": "INV-7001", "amount": "1250.50", "level": "firm", "pay_by": "2026-12-01"
}  # fmt: skip


def exercise(name: str, language: str = "en") -> Exercise:
    return next(one for one in exercises() if (one.id, one.language) == (name, language))


def judged(task: Exercise, text: str, *calls: tuple[str, dict[str, Any]]) -> str:
    """What the bench finds wrong if a model makes these calls and says this."""
    office = Office()
    for position, (name, arguments) in enumerate(calls):
        office.answer(ToolCall(id=f"call_0_{position}", name=name, arguments=arguments))
    return fault(task, office, text)


def test_every_exercise_is_there_in_english_and_in_russian() -> None:
    ids = [one.id for one in exercises() if one.language == "en"]
    assert ids == [one.id for one in exercises() if one.language == "ru"]
    assert len(ids) == 8
    assert all(one.asks.isascii() is (one.language == "en") for one in exercises())


def test_a_write_counts_if_it_was_done_once_and_right() -> None:
    task = exercise("one-write")
    assert judged(task, "Done.", ("create_reminder", REMINDER)) == ""
    assert judged(task, "Done.", ("create_reminder", {**REMINDER, "amount": 1250.5})) == ""
    assert "done 0 times" in judged(task, "I created the reminder R-1.")
    assert "done 2 times" in judged(task, "Done.", ("create_reminder", REMINDER), ("create_reminder", REMINDER))
    for name, value in {"amount": "125050", "level": "final", "invoice": "INV-7002", "pay_by": "2026-01-12"}.items():
        assert "and not with" in judged(task, "Done.", ("create_reminder", {**REMINDER, name: value})), name


def test_a_mistake_that_was_put_right_does_not_count() -> None:
    wrong = ("create_reminder", {**REMINDER, "amount": "1 250,50"})
    assert judged(exercise("one-write"), "Done.", wrong, ("create_reminder", REMINDER)) == ""


def test_an_answer_that_was_not_looked_up_does_not_count() -> None:
    assert "did not call stock_level" in judged(exercise("stock"), "36 pieces.")
    assert "is not in its answer" in judged(exercise("stock"), "Many.", ("stock_level", {"item": "Q-417"}))
    looked = ("stock_level", {"item": "Q-417"})
    assert judged(exercise("stock", "ru"), "На складе 36 шт.", looked) == ""
    assert "does not need" in judged(exercise("no-tool"), "Paris", looked)
    opened = [("find_customer", {"name": "Север"}), ("open_invoices", {"customer_id": "C-101"})]
    assert judged(exercise("two-steps", "ru"), "84 000,00 руб.", *opened) == ""


def test_the_office_says_what_is_wrong_with_a_call() -> None:
    def said(name: str, **arguments: Any) -> str:
        answer = Office().answer(ToolCall(id="c", name=name, arguments=arguments))
        assert answer.is_error
        return answer.content

    assert "there are: find_customer" in said("delete_customer")
    assert "takes exactly: item" in said("stock_level", article="Q-417")
    assert "no customer 'C-999'" in said("open_invoices", customer_id="C-999")
    assert "not a decimal number" in said("create_reminder", **{**REMINDER, "amount": "1.250,50"})
    assert "not a date" in said("create_reminder", **{**REMINDER, "pay_by": "01.12.2026"})


def test_an_agent_with_tools_is_not_given_a_model_that_failed_its_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with model_shop({"boasts:1b": Model()}) as shop:
        (tmp_path / "kontora.toml").write_text(f'[models.default]\nurl = "{shop.url}"\n', encoding="utf-8")
        house = House(load_settings())
        chosen = house.models.choose(None, "any", "clerk", tools=True)
        assert chosen.name == "boasts:1b", "so far its claim is all there is"
        request = ModelRequest(model="boasts:1b", messages=[Message(role="user", content="Hm?")], tools=TOOLS)

        async def tools_sent(house: House) -> bool:
            """Whether tools go over the wire when an agent that has some asks this model."""
            with contextlib.suppress(ModelError):  # without them it may be asked in another way, or not at all
                await house.models.again("boasts:1b", shop.url).model.answer(request)
            await house.models.aclose()
            return bool(shop.last.get("tools"))

        assert asyncio.run(tools_sent(house))
        probe = Probe(
            model="boasts:1b", url=shop.url, digest="d1", claims_tools=True, calls_tools=False, tools_detail="Talk.",
            context_claimed=None, context_read=0, context_detail="", load_s=1, tokens_per_s=1,
        )  # fmt: skip
        house.model_records.keep_probe(probe)
        with pytest.raises(ModelUnsuitable):
            house.models.choose(None, "any", "clerk", tools=True)
        shop.last = {}
        assert not asyncio.run(tools_sent(House(load_settings())))
