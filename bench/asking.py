"""What asking a model costs besides the model: our client beside bare HTTP. `python -m bench.asking`.

One question with one tool to the scripted server of the benchmark, which answers at once. The baseline is the same
request, posted with httpx and parsed with `json`. A turn of an agent is that question through the whole client: request
written, context planned, stream read, answer checked. CPU milliseconds of this process; medians over rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.ollama_wire import write_request
from kontora_agents.seams import Message, ModelRequest, ToolSpec

from bench.child import Child
from bench.model_server import MODEL
from bench.office import environment

_TOOL = ToolSpec(
    name="books_list_open_invoices",
    description="List the open invoices of a customer.",
    parameters={"type": "object", "properties": {"customer": {"type": "integer"}}, "required": ["customer"]},
)


def _request() -> ModelRequest:
    messages = [
        Message(role="system", content="You answer questions about the books of a company."),
        Message(role="user", content="How many open invoices has customer 17?"),
    ]
    return ModelRequest(model=MODEL, messages=messages, tools=[_TOOL])


async def _bare(url: str, *, stream: bool) -> Callable[[], Awaitable[Any]]:
    """The same bytes over httpx, and nothing else."""
    client = httpx.AsyncClient(base_url=url, trust_env=False)
    options = {"temperature": 0, "num_predict": 4096, "num_ctx": 8192}
    body = write_request(_request(), options, stream=stream, thinks=False)

    async def ask() -> Any:
        answer = await client.post("/api/chat", content=body, headers={"content-type": "application/json"})
        return [json.loads(line) for line in answer.text.splitlines() if line]

    return ask


async def _measured(ways: dict[str, Callable[[], Awaitable[Any]]], rounds: int, asks: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, ask in ways.items():
            started = time.process_time()
            for _ in range(asks):
                await ask()
            if number:  # the first round warms up
                found[name].append((time.process_time() - started) / asks * 1000)
    return found


async def _play(url: str, rounds: int, asks: int) -> dict[str, list[float]]:
    request = _request()
    async with OllamaModel(url) as streamed, OllamaModel(url, stream=False) as whole:
        ways = {
            "bare HTTP, in one piece": await _bare(url, stream=False),
            "bare HTTP, streamed": await _bare(url, stream=True),
            "Kontora, in one piece": lambda: whole.answer(request),
            "Kontora, streamed": lambda: streamed.answer(request),
        }
        return await _measured(ways, rounds, asks)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.asking", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--asks", type=int, default=200)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kontora-bench-")))
        server = stack.enter_context(Child("bench.model_server", environment(folder), folder / "model.log"))
        found = asyncio.run(_play(str(server.hear()["url"]), given.rounds, given.asks))
    for name, times in found.items():
        base = found["bare HTTP, streamed" if name.endswith("streamed") else "bare HTTP, in one piece"]
        ratio = median(mine / its for mine, its in zip(times, base, strict=True))
        print(f"{name:<26} {median(times):6.2f} ms CPU a question  {ratio:5.2f} x bare HTTP")
    return 0


if __name__ == "__main__":
    sys.exit(main())
