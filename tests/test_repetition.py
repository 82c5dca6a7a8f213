"""An answer that repeats itself is left while it is being said; true lists and tables are heard to their end."""

from __future__ import annotations

import asyncio
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.model_http import Deadlines
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.openai_model import OpenAIModel
from kontora_agents.reading.repetition import Repetition
from kontora_agents.reading.understanding import Task, understand
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import load_scenarios
from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer, serve
from kontora_agents.seams import Message, ModelAnswer, ModelRequest

HERE = Path(__file__).parent
SCENARIOS = HERE.parent / "bench" / "models" / "scenarios"
RESULTS = [
    '{"customer_id": "C-1042", "credit_limit": "20000.00"}',
    '{"order_id": "SO-51234", "total": "1250.50", "currency": "EUR"}',
]
SOON = Deadlines(connect=1.0, first_byte=5.0, total=10.0)
ANSWERS = [
    text
    for one in yaml.safe_load((HERE / "grounding_corpus.yaml").read_text("utf-8"))
    for text in one["answers"]
]  # fmt: skip


def heard(text: str, size: int = 7) -> int | None:
    """After how many characters a text is left; None if it is heard to its end."""
    repetition = Repetition()
    for start in range(0, len(text), size):
        repetition.hear(text[start : start + size])
        if repetition.found:
            return start + size
    return None


@pytest.mark.parametrize(
    "again",
    [
        " ",
        "\n",
        "x",
        "and so on ",
        "Заказ создан. ",
        "The order was created.\n",
        "| INV-1 | 10.00 |\n",
        "The order of Romashka was created, and nobody has asked for another one since. " * 6 + "\n\n",
        "----------------------------------------\nThe order was created.\n" * 9 + "That is all.\n",
    ],
)
def test_what_is_said_without_end_is_left_soon(again: str) -> None:
    begun = "The order SO-1 was created on 1 December 2026 for Romashka.\n"
    left = heard(begun + again * (50_000 // len(again)))
    assert left is not None
    assert left <= len(begun) + max(1500, 5 * len(again)) + 500


@given(
    again=st.text(min_size=1, max_size=1000),
    begun=st.text(max_size=3000),
    size=st.integers(1, 3000),
)
def test_any_text_without_end_is_left(again: str, begun: str, size: int) -> None:
    assert heard(begun + again * (20_000 // len(again)), size) is not None


def _long_answers() -> Iterator[str]:
    """Correct answers of up to 16,000 characters, as long as an answer may be."""
    chance = random.Random(11)
    for rows in (40, 150, 400):
        yield "| no | due | open |\n|---|---|---|\n" + "".join(
            f"| INV-{n:05} | 2026-11-{n % 30 + 1:02} | {chance.choice(['0.00', '10.00', '250.50'])} |\n"
            for n in range(rows)
        )
        yield "".join(f"{n}. Product {n}: nothing in stock, nothing on order\n" for n in range(1, rows))
        yield "".join(f"- Счёт {n}: просрочен, оплаты не было, долг не меняется\n" for n in range(1, rows))
        yield json.dumps([{"id": n, "open": "0.00", "blocked": False, "note": ""} for n in range(rows)], indent=2)
        yield "".join(f"{name}: paid.\n" for name in chance.choices(["Romashka", "Vasilek", "Iris"], k=rows))
        yield "".join(f"| {chance.choice('ABCD')} | 0 | 0 | 0 | 0 | 0 |\n" for _ in range(rows))
    yield "| a | b | c |\n" + "|---" * 120 + "|\n" + "| 0 | 0 | 0 |\n" * 60  # rows that really are the same
    yield "=" * 120 + "\nReport\n" + "-" * 400 + "\n" + " " * 400 + "Total: 1.00\n"
    yield "\n\n".join(chance.sample(ANSWERS, len(ANSWERS)))


def test_long_correct_answers_are_heard_to_their_end(record_property: Any) -> None:
    answers = [*ANSWERS, *_long_answers()]
    alarms = [text[:80] for text in answers if heard(text) is not None]
    record_property("answers", len(answers))
    record_property("false_alarms", len(alarms))
    assert max(map(len, answers)) > 15_000
    assert alarms == []


def test_only_the_end_of_what_was_heard_is_kept() -> None:
    chance = random.Random(3)
    pieces = [str(chance.random()) for _ in range(1000)]
    repetition = Repetition()
    tracemalloc.start()
    try:
        for _ in range(60):
            for piece in pieces:
                repetition.hear(piece)
            chance.shuffle(pieces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not repetition.found
    assert peak < 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[MisbehavingServer]:
    with serve(MisbehavingModels(load_scenarios(SCENARIOS.glob("*.yaml")))) as running:
        yield running


def ask(client: OllamaModel | OpenAIModel, model: str) -> ModelAnswer:
    results = [Message(role="tool", name="erp", call_id=f"call_{n}_0", content=text) for n, text in enumerate(RESULTS)]
    told = [Message(role="user", content="Enter it."), *results]
    request = ModelRequest(model=model, messages=told, options={"num_predict": 20_000})

    async def answer() -> ModelAnswer:
        async with client:
            return await client.answer(request)

    return asyncio.run(answer())


@pytest.mark.parametrize("protocol", ["ollama", "openai"])
@pytest.mark.parametrize("scenario", ["repeats_itself", "repeats_lines"])
def test_the_connection_is_closed_as_soon_as_an_answer_repeats_itself(
    server: MisbehavingServer, protocol: str, scenario: str
) -> None:
    model = f"{scenario}/always/{protocol}"
    client = (
        OllamaModel(server.url, deadlines=SOON)
        if protocol == "ollama"
        else OpenAIModel(f"{server.url}/v1", deadlines=SOON)
    )
    answer = ask(client, model)
    assert answer.finish == "endless"
    assert len(answer.text) < 4000
    assert answer.prompt_tokens > 0
    assert understand(answer, 0, Task({}, {})).fault == "endless"
    for _ in range(200):
        if server.left[model]:
            break
        server.closing.wait(0.01)
    assert (server.left[model], server.models.asked[model]) == (1, 1)
