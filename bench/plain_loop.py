"""The baseline: AutoGen and SQLAlchemy as their manuals show them, no ledger. `python -m bench.plain_loop`."""

from __future__ import annotations

import asyncio
import os
import time

from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import ModelInfo
from autogen_ext.models.ollama import OllamaChatCompletionClient

from bench.books import question
from bench.driver import Done, serve
from bench.model_server import MODEL
from bench.office import INSTRUCTIONS
from bench.plain_tool import list_open_invoices


class PlainLoop:
    """One model client per process; one agent per run, so that no run reads of another."""

    def __init__(self) -> None:
        info = ModelInfo(
            vision=False, function_calling=True, json_output=True, structured_output=True, family="unknown"
        )
        self._client = OllamaChatCompletionClient(model=MODEL, host=os.environ["BENCH_MODEL"], model_info=info)
        self._loop = asyncio.Runner()

    def work(self, runs: list[int]) -> list[Done]:
        return [Done(self._loop.run(self._run(run)), time.time()) for run in runs]

    async def _run(self, run: int) -> str:
        agent = AssistantAgent(
            "clerk",
            self._client,
            tools=[list_open_invoices],
            system_message=INSTRUCTIONS,
            max_tool_iterations=3,
        )
        result = await agent.run(task=question(run))
        return str(result.messages[-1].content)  # type: ignore[union-attr]

    def answers(self, tokens: list[str]) -> list[str]:
        return tokens


if __name__ == "__main__":
    serve(PlainLoop())
