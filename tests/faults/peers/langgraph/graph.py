"""The job as a graph of LangGraph: two calls, then model and tools in turn. Every node is tried again with pauses.

The checkpointer writes each step to PostgreSQL before the next one begins (`durability="sync"`, the safest of three).
"""

import os

import job
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import RetryPolicy


class Order(MessagesState):
    """What a thread holds."""

    reference: str


@tool
def stock(reference: str) -> dict:
    """Say what is on hand for a reference."""
    return job.stock(reference)


@tool
def book(reference: str, text: str) -> dict:
    """Book a record."""
    return job.book(reference, text, "lookup")


tools = [stock, book]
model = ChatOllama(
    model=os.environ["MODEL_NAME"], base_url=os.environ["MODEL_URL"], client_kwargs={"timeout": job.MODEL_S}
).bind_tools(tools)


def look(state):
    """Read the stock."""
    job.stock(f"{state['reference']}/stock")


def write(state):
    """Book the first record, and say what the model is to do."""
    job.book(f"{state['reference']}/book", "ink", "native_key")
    return {"messages": [job.task(state["reference"])]}


def ask(state):
    """Ask the model for its next turn."""
    return {"messages": [model.invoke(state["messages"])]}


def built(checkpointer):
    """Return the graph."""
    again = RetryPolicy(initial_interval=1.0, backoff_factor=2.0, max_attempts=job.RETRIES + 1, retry_on=job.TROUBLE)
    graph = StateGraph(Order)
    for name, node in (("look", look), ("write", write), ("ask", ask)):
        graph.add_node(name, node, retry_policy=again)
    graph.add_node("tools", ToolNode(tools, handle_tool_errors=False), retry_policy=again)
    graph.add_edge(START, "look")
    graph.add_edge("look", "write")
    graph.add_edge("write", "ask")
    graph.add_conditional_edges("ask", tools_condition, {"tools": "tools", END: END})
    graph.add_edge("tools", "ask")
    return graph.compile(checkpointer=checkpointer)
