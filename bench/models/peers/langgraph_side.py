"""LangGraph's agent (`create_agent`) with `langchain-ollama`, or `langchain-openai` on `/v1`.

`python -m bench.models.peers.langgraph_side` in an environment made from `langgraph.txt`.
"""

from importlib.metadata import version
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import wrap_tool_call
from langchain.messages import ToolMessage
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from bench.models.peers.tools import tools_of
from bench.models.side import Order, Refused, serve


@wrap_tool_call
def _refusals(request: Any, handler: Any) -> Any:
    """Tell the model what the ERP refuses; without this it would end the run."""
    try:
        return handler(request)
    except Refused as refused:
        return ToolMessage(content=str(refused), tool_call_id=request.tool_call["id"], status="error")


def _model(order: Order) -> Any:
    if order.protocol == "ollama":
        return ChatOllama(model=order.model, base_url=order.server)
    return ChatOpenAI(model=order.model, base_url=f"{order.server}/v1", api_key="placeholder", streaming=order.stream)


def _run(order: Order) -> str:
    agent = create_agent(
        _model(order), tools=list(tools_of(order)), system_prompt=order.instructions, middleware=[_refusals]
    )
    given = {"messages": [{"role": "user", "content": order.task}]}
    config = {"recursion_limit": 2 * order.steps + 1}  # a turn is a step of the model and one of its tools
    if not order.stream:
        return str(agent.invoke(given, config)["messages"][-1].text)
    state: dict[str, Any] = {}
    for mode, part in agent.stream(given, config, stream_mode=["messages", "values"]):
        if mode == "values":
            state = part
    return str(state["messages"][-1].text)


if __name__ == "__main__":
    packages = ("langgraph", "langchain", "langchain-ollama", "langchain-openai", "ollama", "openai")
    serve(
        _run,
        {name: version(name) for name in packages}
        | {"settings": "recursion_limit=25; a middleware tells the model what the ERP refuses"},
    )
