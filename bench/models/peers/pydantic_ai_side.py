"""pydantic-ai's `Agent` with its model for Ollama, or its model for OpenAI's chat; both speak `/v1`.

`python -m bench.models.peers.pydantic_ai_side` in an environment made from `pydantic_ai.txt`.
"""

import asyncio
from collections.abc import AsyncIterable
from functools import wraps
from importlib.metadata import version
from typing import Any

from pydantic_ai import Agent, ModelRetry, UsageLimits
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider

from bench.models.peers.tools import Tool, tools_of
from bench.models.side import Order, Refused, serve


def _telling(tool: Tool) -> Tool:
    """The same tool; what the ERP refuses is told to the model."""

    @wraps(tool)
    def told(*given: Any, **named: Any) -> str:
        try:
            return tool(*given, **named)
        except Refused as refused:
            raise ModelRetry(str(refused)) from refused

    return told


def _model(order: Order) -> OpenAIChatModel:
    url = f"{order.server}/v1"
    if order.protocol == "ollama":
        return OllamaModel(order.model, provider=OllamaProvider(base_url=url))
    return OpenAIChatModel(order.model, provider=OpenAIProvider(base_url=url, api_key="placeholder"))


async def _streamed(_: Any, events: AsyncIterable[Any]) -> None:
    async for _event in events:
        pass


async def _run(order: Order) -> str:
    agent = Agent(_model(order), instructions=order.instructions, tools=[_telling(tool) for tool in tools_of(order)])
    result = await agent.run(
        order.task,
        usage_limits=UsageLimits(request_limit=order.steps),
        event_stream_handler=_streamed if order.stream else None,
    )
    return result.output


if __name__ == "__main__":
    serve(
        lambda order: asyncio.run(_run(order)),
        {name: version(name) for name in ("pydantic-ai-slim", "openai")}
        | {"settings": "request_limit=12; refusals of the ERP are ModelRetry; ollama means OllamaModel on /v1"},
    )
