"""pydantic-ai's `Agent` as a durable workflow of DBOS on PostgreSQL. `python -m bench.peers.pydantic_ai_side`.

What the model said is a step, by the capability that pydantic-ai has for it; the tool is made one, as its manual says.
"""

from __future__ import annotations

import asyncio
import os
import time
from importlib.metadata import version

from dbos import DBOS
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.providers.ollama import OllamaProvider

from bench.books import question
from bench.driver import Done, serve
from bench.model_server import MODEL
from bench.office import INSTRUCTIONS
from bench.plain_tool import list_open_invoices

DBOS(
    config={
        "name": "bench",
        "system_database_url": os.environ["BENCH_DATABASE"],
        "executor_id": str(os.getpid()),
        "application_version": "1",
        "log_level": "ERROR",
        "run_admin_server": False,
    }
)
agent = Agent(
    OllamaModel(MODEL, provider=OllamaProvider(base_url=f"{os.environ['BENCH_MODEL']}/v1")),
    name="clerk",
    instructions=INSTRUCTIONS,
    tools=[DBOS.step()(list_open_invoices)],
    capabilities=[DBOSDurability()],
)


@DBOS.workflow(name="run")
async def work(run: int) -> str:
    """Do one run."""
    return (await agent.run(question(run))).output


class PydanticAi:
    """One event loop per process; one workflow per run."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()

    def work(self, runs: list[int]) -> list[Done]:
        return [Done(self._loop.run(work(run)), time.time()) for run in runs]

    def answers(self, tokens: list[str]) -> list[str]:
        return tokens


def about() -> str:
    """Versions and settings."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("pydantic-ai-slim", "dbos", "openai", "psycopg"))
    return f"{versions}; DBOSDurability, the tool as a step, no admin server"


if __name__ == "__main__":
    DBOS.launch()
    serve(PydanticAi(), about())
    DBOS.destroy()
