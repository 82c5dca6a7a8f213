"""AutoGen's `AssistantAgent` with its Ollama client, or its OpenAI client on `/v1`.

`python -m bench.models.peers.autogen_side` in an environment made from `autogen.txt`.
"""

import asyncio
from importlib.metadata import version
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_core.models import ModelInfo
from autogen_ext.models.ollama import OllamaChatCompletionClient
from autogen_ext.models.openai import OpenAIChatCompletionClient

from bench.models.peers.tools import tools_of
from bench.models.side import Order, serve


def _client(order: Order) -> Any:
    # A model that AutoGen has no entry for needs this description.
    info = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)
    if order.protocol == "ollama":
        return OllamaChatCompletionClient(model=order.model, host=order.server, model_info=info)
    return OpenAIChatCompletionClient(
        model=order.model, base_url=f"{order.server}/v1", api_key="placeholder", model_info=info
    )


async def _run(order: Order) -> str:
    client = _client(order)
    agent = AssistantAgent(
        "clerk",
        model_client=client,
        tools=list(tools_of(order)),
        system_message=order.instructions,
        model_client_stream=order.stream,
        max_tool_iterations=order.steps,
    )
    try:
        result: TaskResult | None = None
        async for event in agent.run_stream(task=order.task):
            if isinstance(event, TaskResult):
                result = event
        assert result is not None
        return result.messages[-1].to_text()
    finally:
        await client.close()


if __name__ == "__main__":
    packages = ("autogen-agentchat", "autogen-ext", "ollama", "openai")
    serve(
        lambda order: asyncio.run(_run(order)),
        {name: version(name) for name in packages}
        | {"settings": "max_tool_iterations=12; model_info given, as models it does not know need it"},
    )
