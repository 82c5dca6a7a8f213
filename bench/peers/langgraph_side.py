"""LangGraph's agent (`create_agent`) with its checkpoints in PostgreSQL. `python -m bench.peers.langgraph_side`.

Each step is stored before the next one begins: `durability="sync"`, the safest of its three settings.
"""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from uuid import uuid4

from langchain.agents import create_agent
from langchain_ollama import ChatOllama
from langgraph.checkpoint.postgres import PostgresSaver

from bench.books import question
from bench.driver import Done, serve
from bench.model_server import MODEL
from bench.office import INSTRUCTIONS
from bench.plain_tool import list_open_invoices


class LangGraph:
    """One agent per process; one thread per run, so that no run reads of another."""

    def __init__(self, saver: PostgresSaver) -> None:
        model = ChatOllama(model=MODEL, base_url=os.environ["BENCH_MODEL"])
        self._agent = create_agent(model, tools=[list_open_invoices], system_prompt=INSTRUCTIONS, checkpointer=saver)

    def work(self, runs: list[int]) -> list[Done]:
        return [Done(self._run(run), time.time()) for run in runs]

    def _run(self, run: int) -> str:
        given = {"messages": [{"role": "user", "content": question(run)}]}
        thread = {"configurable": {"thread_id": uuid4().hex}}
        return str(self._agent.invoke(given, thread, durability="sync")["messages"][-1].text)

    def answers(self, tokens: list[str]) -> list[str]:
        return tokens


if __name__ == "__main__":
    packages = ("langgraph", "langgraph-checkpoint-postgres", "langchain", "langchain-ollama", "psycopg")
    about = ", ".join(f"{name} {version(name)}" for name in packages)
    with PostgresSaver.from_conn_string(os.environ["BENCH_DATABASE"]) as opened:
        opened.setup()
        serve(LangGraph(opened), f"{about}; durability=sync, a thread per run")
