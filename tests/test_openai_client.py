"""The client for OpenAI-compatible servers gets a whole answer or a typed error, whatever the server does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents import prompt_mode
from kontora_agents.errors import ModelError, ModelMissing, ModelMisspoke, ModelTimeout, ModelUnavailable
from kontora_agents.model_http import Deadlines
from kontora_agents.ollama_wire import Reply
from kontora_agents.openai_model import OpenAIModel
from kontora_agents.openai_wire import Events
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import load_scenarios
from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer, serve
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolCall, ToolSpec

SCENARIOS = Path(__file__).parent.parent / "bench" / "models" / "scenarios"
TOOL = ToolSpec(
    name="erp_create_order",
    description="Create an order.",
    parameters={"type": "object", "properties": {"amount": {"type": "string"}}, "required": ["amount"]},
)
READ = ToolSpec(name="erp_get_customer", description="Look a customer up.", parameters={"type": "object"})
SOON = Deadlines(connect=1.0, first_byte=1.5, total=4.0)


@pytest.fixture(scope="module")
def server() -> Iterator[MisbehavingServer]:
    with serve(MisbehavingModels(load_scenarios(SCENARIOS.glob("*.yaml")))) as running:
        yield running


def ask(url: str, model: str, *, stream: bool = True, tools: bool = True) -> ModelAnswer:
    """Ask for the write that the scenarios are about."""
    read = ToolCall(id="call_0_0", name="erp_get_customer", arguments={"customer_id": "C-1042"})
    messages = [
        Message(role="system", content="You enter orders."),
        Message(role="user", content="Enter it."),
        Message(role="assistant", calls=[read]),
        Message(role="tool", name="erp_get_customer", call_id="call_0_0", content='{"credit_limit": "1.00"}'),
    ]
    request = ModelRequest(model=model, messages=messages, tools=[TOOL, READ] if tools else [])

    async def answer() -> ModelAnswer:
        async with OpenAIModel(f"{url}/v1", deadlines=SOON, stream=stream, pause=0.01) as client:
            return await client.answer(request)

    return asyncio.run(answer())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["http_503", "reset_mid_stream", "error_mid_stream", "bad_ndjson"])
def test_what_passes_is_asked_again(server: MisbehavingServer, name: str, stream: bool) -> None:
    answer = ask(server.url, f"{name}/once/{stream}", stream=stream)
    (call,) = answer.calls
    assert (call.id, call.name, call.arguments["amount"]) == ("call_1_0", "erp_create_order", "1250.50")
    assert answer.rehearsal
    assert answer.prompt_tokens > 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("http_503", ModelUnavailable),
        ("http_500", ModelUnavailable),
        ("html_page", ModelMisspoke),
        ("reset_mid_stream", ModelUnavailable),
        ("hang", ModelTimeout),
        ("nobody", ModelMissing),
    ],
)
def test_what_does_not_pass_is_a_typed_error(
    server: MisbehavingServer, name: str, error: type[ModelError], stream: bool
) -> None:
    with pytest.raises(error) as failure:
        ask(server.url, f"{name}/always/{stream}", stream=stream)
    assert failure.value.hint or failure.value.detail or failure.value.message


@pytest.mark.parametrize("stream", [True, False])
def test_two_calls_of_one_answer_stay_two(server: MisbehavingServer, stream: bool) -> None:
    answer = ask(server.url, f"parallel_no_ids/once/{stream}", stream=stream)
    assert [(call.id, call.name) for call in answer.calls] == [
        ("call_1_0", "erp_create_order"),
        ("call_1_1", "get_customer"),
    ]


# --- servers with quirks ---------------------------------------------------------------------------------------------


@contextmanager
def answering(say: Callable[[dict[str, Any]], tuple[int, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server of one model `m` that answers chat requests with `say`; gives its address and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"data": [{"id": "m", "max_model_len": 8192}]})

        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.answer(*say(asked[-1]))

        def answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests look at what was asked."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
            thread.join()


def said(content: str) -> tuple[int, Any]:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return 200, {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}


def test_what_a_server_does_not_take_is_left_out_from_then_on() -> None:
    def say(request: dict[str, Any]) -> tuple[int, Any]:
        for name in ("stream_options", "max_tokens", "temperature"):
            if name in request:
                return 400, {"error": {"message": f"Unsupported parameter: '{name}' is not supported."}}
        return said("Done.")

    with answering(say) as (url, asked):
        assert ask(url, "m", tools=False).text == "Done."
        assert len(asked) == 4
        assert asked[-1]["max_completion_tokens"] == 4096


def test_tools_are_told_in_writing_where_a_server_takes_none() -> None:
    def say(request: dict[str, Any]) -> tuple[int, Any]:
        if "tools" in request:
            return 400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice'}}
        assert request["response_format"]["type"] == "json_schema"
        return said('{"tool": "erp_create_order", "arguments": {"amount": "1250.50"}}')

    with answering(say) as (url, asked):
        answer = ask(url, "m")
        assert [(call.name, call.arguments) for call in answer.calls] == [("erp_create_order", {"amount": "1250.50"})]
        told = asked[-1]["messages"]
        assert "erp_get_customer" in told[0]["content"]
        assert told[-1] == {"role": "user", "content": 'Result of erp_get_customer:\n{"credit_limit": "1.00"}'}


def test_a_prompt_that_a_server_has_cut_is_found_out() -> None:
    with answering(lambda _: said("Done.")) as (url, _):
        request = ModelRequest(model="m", messages=[Message(role="user", content="word " * 3000)])

        async def answer() -> ModelAnswer:
            async with OpenAIModel(f"{url}/v1", deadlines=SOON) as client:
                return await client.answer(request)

        with pytest.raises(ModelMisspoke, match="it cut the prompt"):
            asyncio.run(answer())


# --- in writing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Sure!",
        '{"tool": "erp_create_order"}',
        '{"tool": "erp_create_order", "arguments": "amount"}',
        '{"tool": "erp_create_order", "arguments": {}, "answer": "Done."}',
        '{"answer": ""}',
        "[]",
        "",
    ],
)
def test_what_is_not_of_the_form_is_not_taken_for_an_answer(text: str) -> None:
    answer = prompt_mode.read(ModelAnswer(model="m", text=text), 0)
    assert (answer.finish, answer.calls) == ("unread", [])


def test_a_call_in_writing_gets_an_id_of_ours_and_its_amount_is_not_rounded() -> None:
    text = '{"tool": "erp_create_order", "arguments": {"amount": 12345678901234567.89}}'
    (call,) = prompt_mode.read(ModelAnswer(model="m", text=text), 3).calls
    assert (call.id, call.arguments) == ("call_3_0", {"amount": "12345678901234567.89"})


# --- any bytes -------------------------------------------------------------------------------------------------------

LINES = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.sampled_from([b"data: [DONE]", b"data: {}", b": ping", b'data: {"choices": [{"delta": {"content": "x"}}]}']),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "choices",
                            "delta",
                            "message",
                            "tool_calls",
                            "function",
                            "arguments",
                            "name",
                            "index",
                            "content",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(lambda value: b"data: " + json.dumps(value).encode()),
    ),
    max_size=12,
)


@given(LINES, st.sampled_from([Events, Reply]))
def test_any_bytes_are_an_answer_or_a_typed_error(lines: list[bytes], reader: type[Events | Reply]) -> None:
    reply = reader(0)
    try:
        for line in lines:
            reply.take(line.removeprefix(b"data: ") if reader is Reply else line)
        answer = reply.finish()
    except ModelError:
        return
    assert [call.id for call in answer.calls] == [f"call_0_{position}" for position in range(len(answer.calls))]
