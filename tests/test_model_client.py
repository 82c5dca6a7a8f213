"""The model client gets a whole answer or a typed error, whatever the server does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from kontora_agents.errors import (
    ModelError,
    ModelMissing,
    ModelMisspoke,
    ModelTimeout,
    ModelUnavailable,
    ModelUnsuitable,
)
from kontora_agents.model_http import Deadlines
from kontora_agents.model_server import ModelServer
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolCall, ToolSpec
from kontora_agents.wire_schema import flatten
from pydantic import BaseModel, Field

from tests.misbehaving_ollama import MisbehavingOllama, misbehaving_ollama

QUESTION = Message(role="user", content="What is due?")
PAYMENTS = ToolSpec(name="erp_payments", description="List payments", parameters={"type": "object", "properties": {}})


@pytest.fixture
def server() -> Iterator[MisbehavingOllama]:
    with misbehaving_ollama() as running:
        yield running


def ask(url: str, model: str, *, stream: bool = True, **request: Any) -> ModelAnswer:
    deadlines = Deadlines(connect=1, first_byte=2.0, total=4.0)

    async def asked() -> ModelAnswer:
        async with OllamaModel(url, deadlines=deadlines, stream=stream, pause=0.01) as client:
            return await client.answer(ModelRequest(**{"model": model, "messages": [QUESTION], **request}))

    return asyncio.run(asked())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["fine", "one-chunk", "thinks-aloud", "thinks-half-aloud", "resets-once"])
def test_an_answer_is_taken_whole_and_without_thoughts(server: MisbehavingOllama, model: str, stream: bool) -> None:
    answer = ask(server.url, model, stream=stream)
    assert (answer.text, answer.calls, answer.finish) == ("Nothing is due.", [], "stop")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.rehearsal) == (30, 4, False)
    assert server.last["stream"] is stream


def test_thoughts_are_kept_apart(server: MisbehavingOllama) -> None:
    assert ask(server.url, "thinks-aloud").thinking == "17 or 18?"


@pytest.mark.parametrize(
    ("model", "error", "said", "asked"),
    [
        ("lies-about-tools", ModelUnsuitable, "cannot call tools", 2),
        ("overfull", ModelUnsuitable, "does not fit into the context", 1),
        ("busy", ModelUnavailable, "busy", 3),
        ("fails", ModelUnavailable, "failed (500)", 2),
        ("resets", ModelUnavailable, "connection to the model server broke", 3),
        ("error-mid-stream", ModelUnavailable, "broke off its answer", 3),
        ("no-done", ModelMisspoke, "broke off before its end", 3),
        ("not-json", ModelMisspoke, "not JSON", 3),
        ("not-an-object", ModelMisspoke, "not an answer", 3),
        ("hangs", ModelTimeout, "sent nothing within 2 seconds", 1),
        ("drips", ModelTimeout, "was not done within 4 seconds", 1),
    ],
)
def test_what_is_not_an_answer_is_a_typed_error(
    server: MisbehavingOllama, model: str, error: type[ModelError], said: str, asked: int
) -> None:
    with pytest.raises(error) as raised:
        ask(server.url, model, tools=[PAYMENTS])
    assert said in raised.value.message
    assert "/srv" not in raised.value.message + raised.value.hint, "what the server says of itself stays in `detail`"
    assert server.asked["/api/chat", model] == asked


@pytest.mark.parametrize(
    ("model", "finish", "text", "thinking"),
    [
        ("empty", "stop", "", ""),
        ("only-thinks", "stop", "", "Let me see"),
        ("too-long", "length", "Nothing is", ""),
        ("no-tools", "unread", "Nothing is due.", ""),
        ("unreadable-call", "unread", "", ""),
    ],
)
def test_what_cannot_be_used_is_handed_over_for_what_it_is(
    server: MisbehavingOllama, model: str, finish: str, text: str, thinking: str
) -> None:
    answer = ask(server.url, model, tools=[PAYMENTS])
    assert (answer.finish, answer.text, answer.thinking, answer.calls) == (finish, text, thinking, [])
    assert server.asked["/api/chat", model] == 1, "who asked decides whether to ask again, and how"


def test_a_form_and_tools_never_go_in_one_request(server: MisbehavingOllama) -> None:
    ask(server.url, "no-tools", tools=[PAYMENTS])
    assert ("format" in server.last, "tools" in server.last) == (True, False)
    ask(server.url, "fine", tools=[PAYMENTS])
    assert ("format" in server.last, "tools" in server.last) == (False, True)


def test_arguments_that_are_no_object_are_a_problem_of_their_call(server: MisbehavingOllama) -> None:
    (call,) = ask(server.url, "unreadable-arguments", tools=[PAYMENTS]).calls
    assert (call.name, call.arguments) == ("f", {})
    assert call.problem == "f was not called: 'a: 1,' is no JSON object of arguments."


@pytest.mark.parametrize(("model", "asked"), [("busy-once", 2), ("fails-once", 2), ("resets-once", 2)])
def test_a_passing_failure_is_asked_again(server: MisbehavingOllama, model: str, asked: int) -> None:
    assert ask(server.url, model).text == "Nothing is due."
    assert server.asked["/api/chat", model] == asked


def test_a_missing_model_comes_with_what_to_type(server: MisbehavingOllama) -> None:
    with pytest.raises(ModelMissing) as raised:
        ask(server.url, "fime")
    assert "ollama pull fime" in raised.value.hint
    assert "fine:latest" in raised.value.hint


def test_nobody_listening_is_said_with_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ModelUnavailable) as raised:
            ask(url, "fine")
        assert url in raised.value.message
        assert "ollama serve" in raised.value.hint
        with pytest.raises(ModelUnavailable):
            ModelServer(url).version()
        with pytest.raises(ModelUnavailable):
            ModelServer(url).models()


def test_calls_get_our_own_ids_by_turn_and_position(server: MisbehavingOllama) -> None:
    before = [QUESTION, Message(role="assistant", content="Hm"), QUESTION]
    answer = ask(server.url, "calls", messages=before, tools=[PAYMENTS])
    assert [call.id for call in answer.calls] == ["call_1_0", "call_1_1", "call_1_2"]
    assert (answer.finish, answer.text) == ("calls", "Looking.")


def test_arguments_written_as_text_or_null_are_read(server: MisbehavingOllama) -> None:
    answer = ask(server.url, "arguments-as-text", tools=[PAYMENTS])
    assert [call.arguments for call in answer.calls] == [{"a": {"b": 1}}, {}, {"a": 1}, {}]


def test_an_amount_that_a_float_would_change_stays_text(server: MisbehavingOllama) -> None:
    call = ask(server.url, "exact-amounts", tools=[PAYMENTS]).calls[0]
    assert call.arguments == {"a": "12345678901234567.89", "b": 1250.5}


def test_the_conversation_goes_over_the_wire_whole(server: MisbehavingOllama) -> None:
    call = ToolCall(id="call_0_0", name="erp_payments", arguments={"party_id": "C1"})
    result = Message(role="tool", content="[]", name="erp_payments", call_id="call_0_0")
    ask(
        server.url,
        "fine",
        messages=[QUESTION, Message(role="assistant", calls=[call]), result],
        tools=[PAYMENTS],
        options={"seed": 7},
    )
    sent = server.last
    assert (sent["truncate"], sent["shift"]) == (False, False)
    assert sent["options"] == {"temperature": 0, "num_predict": 4096, "num_ctx": 8192, "seed": 7}
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"party_id": "C1"}
    assert sent["messages"][2] == {
        "role": "tool",
        "content": "[]",
        "tool_name": "erp_payments",
        "tool_call_id": "call_0_0",
    }


def test_a_long_prompt_gets_a_long_context(server: MisbehavingOllama) -> None:
    ask(server.url, "uncounted", messages=[Message(role="user", content="Кто должен? " * 3000)])
    assert server.last["options"]["num_ctx"] == 32768


def test_a_prompt_that_cannot_fit_is_not_sent(server: MisbehavingOllama) -> None:
    with pytest.raises(ModelUnsuitable, match="the model holds 512"):
        ask(server.url, "small", messages=[Message(role="user", content="word " * 2000)])
    assert server.asked["/api/chat", "small"] == 0


def test_a_cut_prompt_is_found_out_and_a_cached_one_is_not_taken_for_it(server: MisbehavingOllama) -> None:
    long = [Message(role="user", content="word " * 10_000)]
    with pytest.raises(ModelMisspoke, match="read 2051 tokens of a prompt of about"):
        ask(server.url, "cut-prompt", messages=long)
    assert ask(server.url, "cached-prompt", messages=long).text == "Nothing is due."


def test_one_client_serves_several_event_loops_and_many_questions_at_once(server: MisbehavingOllama) -> None:
    model = OllamaModel(server.url)

    async def several() -> list[ModelAnswer]:
        async with model:
            return await asyncio.gather(
                *(model.answer(ModelRequest(model="fine", messages=[QUESTION])) for _ in range(5))
            )

    answers = [answer for _ in range(2) for answer in asyncio.run(several())]
    assert [answer.text for answer in answers] == ["Nothing is due."] * 10


def test_prompts_never_take_the_way_over_a_proxy(server: MisbehavingOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert ask(server.url, "fine").text == "Nothing is due."
    assert ModelServer(server.url).version() == "0.33.0"
    assert ModelServer(server.url).models()


def test_a_server_tells_its_models_and_what_they_can_do(server: MisbehavingOllama) -> None:
    models = {model.name: model for model in ModelServer(server.url).models()}
    fine, plain = models["fine:latest"], models["no-tools:latest"]
    assert (fine.calls_tools, fine.context_length, fine.size, fine.parameter_size) == (True, 40960, 42, "7.6B")
    assert (plain.calls_tools, plain.rehearsal) == (False, False)


class Line(BaseModel):
    amount: Decimal
    unit: Literal["pcs", "kg"] = "pcs"


class Order(BaseModel):
    party: Annotated[str, Field(pattern="^C", description="the customer")]
    due: date | None = None
    lines: Annotated[list[Line], Field(min_length=1)]
    limit: Annotated[int, Field(ge=1, le=100)] = 20


def test_everything_a_schema_says_reaches_the_model() -> None:
    flat = flatten(Order.model_json_schema())
    assert flat["properties"] == {
        "party": {"type": "string", "description": "the customer (pattern ^C)"},
        "due": {"type": "string", "description": "(format date)"},
        "lines": {
            "type": "array",
            "description": "(at least 1 items)",
            "items": {
                "type": "object",
                "properties": {
                    "amount": {"type": ["number", "string"], "description": "a decimal number"},
                    "unit": {"type": "string", "enum": ["pcs", "kg"], "description": "(default pcs)"},
                },
                "required": ["amount"],
            },
        },
        "limit": {"type": "integer", "description": "(at least 1, at most 100, default 20)"},
    }
    assert flat["required"] == ["party", "lines"]


class Tree(BaseModel):
    name: str
    children: list[Tree] = Field(default_factory=list)


def test_a_type_that_holds_itself_comes_to_an_end() -> None:
    flat = flatten(Tree.model_json_schema())
    assert flat["properties"]["children"]["items"]["properties"]["name"] == {"type": "string"}
    assert "$ref" not in str(flat)


def test_a_model_is_loaded_before_anybody_asks_and_kept(server: MisbehavingOllama) -> None:
    async def warm() -> None:
        async with OllamaModel(server.url, keep_alive="30m") as client:
            await client.warm("fine")

    asyncio.run(warm())
    assert server.last["messages"] == []
    assert server.last["keep_alive"] == "30m"
    assert server.last["options"] == {"num_ctx": 8192}
