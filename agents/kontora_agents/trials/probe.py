"""What a model does when it is tried: one real tool call, a prompt longer than the usual window, its speed."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Protocol

from pydantic import Field

from kontora_agents.errors import ModelMisspoke, ModelUnsuitable
from kontora_agents.model import ModelInfo
from kontora_agents.model_server import Loaded
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolSpec, Value

_ITEM, _WORD = "Q-417", "heron-58"
_STOCK = ToolSpec(
    name="stock_level",
    description="Say how many pieces of an item are in stock",
    parameters={
        "type": "object",
        "properties": {"item": {"type": "string", "description": "number of the item"}},
        "required": ["item"],
    },
)
#: Lines of the long prompt: some 6,000 tokens, because many servers cut at 4,096 unless told otherwise.
_LINES = 400
_LONG = 6000


class Probe(Value):
    """What came of it. `digest` names the weights it is about: it says nothing about others of the same name."""

    model: str
    url: str
    digest: str = ""
    at: str = Field("", description="when, RFC 3339")
    server: str = Field("", description="version of the Ollama server; empty: an OpenAI-compatible one")
    claims_tools: bool | None = Field(
        description="whether the server says that it can call tools; None: it does not say"
    )
    calls_tools: bool = Field(description="whether it did by itself, not told of them in writing")
    tools_detail: str
    context_claimed: int | None = Field(description="tokens it can hold, as its server says")
    context_read: int = Field(description="tokens of a long prompt that were read; 0: not tried, or it failed")
    context_detail: str
    load_s: float = Field(description="seconds of the first answer, in which the model is loaded")
    tokens_per_s: float = Field(description="tokens of an answer per second, reading the question included")
    loaded: Loaded | None = Field(None, description="where its server had it in memory, if it says so")


class Tried(Protocol):
    """A client of a server whose models can be tried."""

    async def show(self, name: str) -> ModelInfo:
        """What the server says about a model."""
        ...

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask once."""
        ...

    def writes(self, name: str) -> bool:
        """Whether a model is told of its tools in writing, because its server takes none."""
        ...


async def probe(client: Tried, url: str, name: str) -> Probe:
    """Try a model. Raises `ModelError` if it cannot be asked at all."""
    info = await client.show(name)
    load_s, _ = await _timed(client.answer(_ask(name, "Answer with one word: ready")))
    seconds, answer = await _timed(client.answer(_ask(name, "Write the numbers from 1 to 60, separated by commas.")))
    calls, tools_detail = await _calls(client, name, info)
    read, context_detail = await _reads(client, name, info)
    return Probe(
        model=name,
        url=url,
        claims_tools=info.calls_tools if info.capabilities else None,
        calls_tools=calls,
        tools_detail=tools_detail,
        context_claimed=info.context_length,
        context_read=read,
        context_detail=context_detail,
        load_s=round(load_s, 2),
        tokens_per_s=round(answer.completion_tokens / max(seconds, 0.001), 1),
    )


def _ask(name: str, text: str, *tools: ToolSpec) -> ModelRequest:
    return ModelRequest(model=name, messages=[Message(role="user", content=text)], tools=list(tools))


async def _timed(asked: Awaitable[ModelAnswer]) -> tuple[float, ModelAnswer]:
    started = time.monotonic()
    answer = await asked
    return time.monotonic() - started, answer


async def _calls(client: Tried, name: str, info: ModelInfo) -> tuple[bool, str]:
    """Ask for one call, and say whether it came with the right argument."""
    if info.capabilities and not info.calls_tools:
        return False, "Its server says that it cannot."
    question = f"How many pieces of the item {_ITEM} are in stock? Use the tool."
    try:
        answer = await client.answer(_ask(name, question, _STOCK))
    except (ModelUnsuitable, ModelMisspoke) as error:
        return False, error.message
    if not answer.calls:
        return False, f"It wrote this instead of a call: {answer.text[:80]!r}"
    call = answer.calls[0]
    if call.name != _STOCK.name or str(call.arguments.get("item", "")).strip() != _ITEM:
        return False, f"It called {call.name} with {call.arguments}, not {_STOCK.name} with {_ITEM}."
    if client.writes(name):
        return False, "Its server takes no tools; told of them in writing, it asked for the right call."
    return True, "One call, with the right argument."


async def _reads(client: Tried, name: str, info: ModelInfo) -> tuple[int, str]:
    """Hand over a long prompt whose first line holds the answer, and say how much of it was read."""
    if info.context_length is not None and info.context_length < _LONG * 1.5:
        return 0, f"Not tried: the model holds {info.context_length:,} tokens."
    lines = [f"The word of the day is {_WORD}.", *(f"Shelf {n} holds {n * 7} boxes." for n in range(_LINES))]
    try:
        answer = await client.answer(_ask(name, "\n".join([*lines, "What is the word of the day?"])))
    except (ModelUnsuitable, ModelMisspoke) as error:
        return 0, error.message
    if _WORD not in answer.text:
        return answer.prompt_tokens, f"It did not know what the first line said: {answer.text[:80]!r}"
    return answer.prompt_tokens, "It knew what the first line of the long prompt said."
